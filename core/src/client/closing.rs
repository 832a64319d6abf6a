//! How a client ends: no new calls, then what is under way, then the background, then the store and
//! the connections.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tokio_util::task::TaskTracker;

use super::{parse_seconds, Client, Inner};
use crate::callback::{called, is_called};
use crate::error::{Error, ErrorKind, Result};
use crate::events::Listener;

/// How long a close whose time is up waits for work that was told to break off, and for a database
/// that lets go of a file: moments, unless something hangs.
const GRACE: Duration = Duration::from_secs(1);

/// What is under way in a client, and whether it may still begin.
#[derive(Default)]
pub(crate) struct Lifecycle {
    /// No call begins any more.
    closing: CancellationToken,
    /// The time is up: what nobody waits for breaks off.
    cut: CancellationToken,
    calls: TaskTracker,
    /// What goes on although nobody waits for it.
    tasks: TaskTracker,
    /// That of the client that this one was derived from: it waits for us, and we end with it.
    base: Option<Arc<Lifecycle>>,
}

/// Something that is under way until this is dropped, in a client and in those it was derived from.
pub(crate) struct UnderWay {
    _here: TaskTrackerToken,
    _in_base: Option<Box<UnderWay>>,
}

impl Lifecycle {
    /// That of a client which ends with this one, or before it.
    pub(super) fn derive(self: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self {
            closing: self.closing.child_token(),
            cut: self.cut.child_token(),
            base: Some(Arc::clone(self)),
            ..Self::default()
        })
    }

    /// Begins a call. It is under way until what is returned is dropped.
    ///
    /// # Errors
    /// `closed` when the client is closed, or about to be.
    pub(crate) fn begin_call(&self) -> Result<UnderWay> {
        // First the token: a close that this check does not see waits for the call.
        let call = self.under_way(&|lifecycle| &lifecycle.calls);
        if self.is_closing() {
            return Err(Error::new(
                ErrorKind::Closed,
                "The client is closed, and nothing was sent: make a new one.",
            ));
        }
        Ok(call)
    }

    /// Begins work that goes on although nobody waits for it, until the time of a close is up.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let task = self.under_way(&|lifecycle| &lifecycle.tasks);
        let cut = self.cut.clone();
        tokio::spawn(async move {
            let _task = task;
            tokio::select! {
                biased;
                () = cut.cancelled() => {}
                () = work => {}
            }
        })
    }

    /// Sleeps. True if the client is closed meanwhile: then it returns at once.
    pub(crate) async fn sleep(&self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.closing.cancelled() => true,
            () = sleep(time) => false,
        }
    }

    /// No call begins any more.
    pub(crate) fn begin_close(&self) {
        self.closing.cancel();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    fn under_way(&self, tracker: &dyn Fn(&Self) -> &TaskTracker) -> UnderWay {
        UnderWay {
            _here: tracker(self).token(),
            _in_base: (self.base.as_ref()).map(|base| Box::new(base.under_way(tracker))),
        }
    }

    /// Waits for calls first: they may begin tasks.
    async fn wait(&self) {
        self.calls.close();
        self.tasks.close();
        self.calls.wait().await;
        self.tasks.wait().await;
    }
}

impl Client {
    /// Closes the client, in order: from now on every new call fails with `closed`; calls under way,
    /// purchases of [`Verifications::start`](crate::Verifications::start) that have begun, and the work in the
    /// background come to their end, for `limit` at most, by default the time of one call (30
    /// seconds, or the client's timeout if that is longer); then the client lets go of its
    /// connections, its listener and its store. A store that is built in and that nobody else holds
    /// is closed; one of the caller's is not called any more.
    ///
    /// When the time is up, work that nobody waits for breaks off, as in a crash: nothing is lost,
    /// and `complete` or `recover` of another client goes on with it. A call under way is not broken
    /// off; if it still needs the store, it fails with `store`.
    ///
    /// It may be called again, and by several at the same time. A client made by
    /// [`Client::on_behalf_of`] closes by itself, and leaves this one open; it is closed with this
    /// one.
    ///
    /// From within a method of a store or a listener, it begins to close and returns at once: the
    /// call that waits for the method could not end otherwise.
    ///
    /// # Errors
    /// `timeout`: something was still under way when the time was up. The client is closed.
    ///
    /// # Example
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> relaypass::Result<()> {
    /// use std::time::Duration;
    ///
    /// let client = relaypass::Client::builder().build()?;
    /// client.close(Some(Duration::from_secs(5))).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close(&self, limit: Option<Duration>) -> Result<()> {
        let limit = limit.unwrap_or_else(|| self.inner.longest_call());
        self.begin_close();
        if is_called() {
            let client = self.clone();
            tokio::spawn(async move { client.inner.end(limit).await });
            return Ok(());
        }
        self.inner.end(limit).await
    }

    /// The first step of [`Client::close`] alone: every new call fails with `closed`.
    pub fn begin_close(&self) {
        self.inner.lifecycle.begin_close();
    }
}

impl Inner {
    async fn end(&self, limit: Duration) -> Result<()> {
        let lifecycle = &self.lifecycle;
        let was_cut = lifecycle.cut.is_cancelled();
        let ended = timeout(limit, lifecycle.wait()).await;
        if ended.is_err() {
            lifecycle.cut.cancel();
            let _ = timeout(GRACE, lifecycle.tasks.wait()).await;
        }
        if lifecycle.base.is_none() {
            self.token_keys.clear();
            self.release_store().await;
            if ended.is_ok() {
                // What outlives the close still needs these.
                self.anonymous.release();
                self.identified_route.release();
                self.listener.iter().for_each(Listener::release);
            }
        }
        if ended.is_ok() && (was_cut || !lifecycle.cut.is_cancelled()) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Timeout,
            "The client is closed, but calls or purchases were still under way when the time was up. \
             Nothing is lost: complete or recover of another client goes on with what is stored.",
        )
        .in_operation("close"))
    }

    /// Closing a file may block, and code that is not ours may run when its last reference goes.
    async fn release_store(&self) {
        let store = self
            .store_options
            .as_ref()
            .and_then(|options| options.store.release());
        if let Some(store) = store {
            let released = tokio::task::spawn_blocking(move || drop(store));
            let _ = timeout(GRACE, released).await;
        }
    }
}

/// The arguments of `close`, as other languages have them.
pub struct CloseArguments {
    /// Seconds: the limit of [`Client::close`].
    pub timeout_seconds: Option<f64>,
    /// Whether a method of a store or a listener closes the client.
    pub is_called_back: bool,
}

impl CloseArguments {
    /// Checks the time, and closes the client.
    ///
    /// # Errors
    /// `invalid_argument` for a number that is no time, and `timeout`.
    pub async fn run(self, client: Client) -> Result<()> {
        self.parse()?.make(&client).await
    }

    /// Checks the time.
    ///
    /// # Errors
    /// `invalid_argument` for a number that is no time.
    pub fn parse(self) -> Result<Close> {
        let limit = self.timeout_seconds.map(parse_seconds).transpose();
        Ok(Close {
            limit: limit.map_err(|error| error.in_operation("close"))?,
            is_called_back: self.is_called_back,
        })
    }
}

/// A close that is about to be made.
pub struct Close {
    limit: Option<Duration>,
    is_called_back: bool,
}

impl Close {
    /// Closes the client: [`Client::close`].
    ///
    /// # Errors
    /// `timeout`.
    pub async fn make(self, client: &Client) -> Result<()> {
        let close = client.close(self.limit);
        match self.is_called_back {
            true => called(close).await,
            false => close.await,
        }
    }
}

#[cfg(test)]
mod tests;
