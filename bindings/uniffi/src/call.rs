//! How a call is driven, cancelled, and known to what it calls back.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use relaypass::surface::caught;
use tokio::sync::Notify;

use crate::errors::CallError;
use crate::runtime::{runtime, spawn};

/// What a call with its retries may take, in seconds, if there is a limit. It crosses over as a plain
/// number: whatever else does so in a buffer costs Kotlin more than the rest of the call.
#[derive(Clone, Copy)]
pub struct Timeout(pub(crate) Option<f64>);

// NaN is the one number that no duration is.
uniffi::custom_type!(Timeout, f64, {
    try_lift: |seconds| Ok(Self((!seconds.is_nan()).then_some(seconds))),
    lower: |timeout| timeout.0.unwrap_or(f64::NAN),
});

/// The calls that can be cancelled, by their numbers.
pub(crate) fn open_calls() -> MutexGuard<'static, HashMap<u64, Arc<Notify>>> {
    static OPEN: OnceLock<Mutex<HashMap<u64, Arc<Notify>>>> = OnceLock::new();
    let open = OPEN.get_or_init(Mutex::default);
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a call known before it begins, so that cancelling it is not lost from now on. The call must
/// follow. Otherwise it is known from its first poll to its end.
#[uniffi::export]
pub fn announce_call(number: u64) {
    open_calls().entry(number).or_default();
}

/// Drops the call's future, and with it its connection. One that is not known is over.
#[uniffi::export]
pub fn cancel_call(number: u64) {
    if let Some(cancelled) = open_calls().get(&number) {
        // Holds one permit: cancelling before the call begins to wait is not lost.
        cancelled.notify_one();
    }
}

/// A call that can be cancelled until this is dropped.
struct Open(u64);

impl Open {
    fn call(number: u64) -> (Self, Arc<Notify>) {
        let cancelled = Arc::clone(open_calls().entry(number).or_default());
        (Self(number), cancelled)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        open_calls().remove(&self.0);
    }
}

/// Something to do where it may block.
type Deferred = Box<dyn FnOnce() + Send>;

tokio::task_local! {
    static NUMBER: u64;
    /// What waits for a thread of the runtime, while a call is polled on its caller's.
    static DEFERRED: RefCell<Vec<Deferred>>;
}

/// The number of the call that is being driven here; 0 in the background.
pub(crate) fn current_call() -> u64 {
    NUMBER.try_with(|number| *number).unwrap_or(0)
}

/// Does what may block, even on a call of the same client: on a thread of the runtime, and before
/// the call ends. What else waits for that thread moves to another.
///
/// Not on the thread of the caller: it may be the very one that is waited for.
pub(crate) fn blocking(work: impl FnOnce() + Send + 'static) {
    if DEFERRED.try_with(|_| ()).is_ok() {
        DEFERRED.with(|deferred| deferred.borrow_mut().push(Box::new(work)));
    } else {
        tokio::task::block_in_place(work);
    }
}

/// Drives the call that its package knows by this number, never 0: what calls back names it.
///
/// It runs on the caller's thread until it waits for the first time, then on the runtime. One that
/// need not wait wakes no thread.
///
/// An outcome that is there is given even if the call was cancelled meanwhile: it may have cost
/// money.
pub(crate) async fn drive<T, R>(
    number: u64,
    call: impl Future<Output = relaypass::Result<T>> + Send + 'static,
) -> Result<R, CallError>
where
    T: Send + 'static,
    R: From<T>,
{
    let (_open, work) = cancellable(number, call);
    outcome(begin(Box::pin(work)).await)
}

/// As [`drive`], on the runtime from the start: for calls that tell events, which come before what
/// they tell of, and for those that may have much to do before they first wait.
pub(crate) async fn drive_apart<T, R>(
    number: u64,
    call: impl Future<Output = relaypass::Result<T>> + Send + 'static,
) -> Result<R, CallError>
where
    T: Send + 'static,
    R: From<T>,
{
    let (_open, work) = cancellable(number, call);
    outcome(spawn(work).await)
}

/// The call, until it is cancelled.
fn cancellable<T>(
    number: u64,
    call: impl Future<Output = relaypass::Result<T>> + Send + 'static,
) -> (
    Open,
    impl Future<Output = Option<relaypass::Result<T>>> + Send + 'static,
)
where
    T: Send + 'static,
{
    let (open, cancelled) = Open::call(number);
    // A call's future is large, and the stack of a caller's thread may be small.
    let call = caught(Box::pin(call));
    let work = NUMBER.scope(number, async move {
        tokio::select! {
            biased;
            result = call => Some(result),
            () = cancelled.notified() => None,
        }
    });
    (open, work)
}

fn outcome<T, R: From<T>>(outcome: Option<relaypass::Result<T>>) -> Result<R, CallError> {
    match outcome {
        Some(Ok(value)) => Ok(R::from(value)),
        Some(Err(error)) => Err(error.into()),
        None => Err(CallError::Cancelled),
    }
}

/// Polls work once here, and leaves what remains of it to the runtime.
async fn begin<T: Send + 'static>(work: Pin<Box<impl Future<Output = T> + Send + 'static>>) -> T {
    let (begun, deferred) = poll_here(work);
    match begun {
        Begun::Over(value) if deferred.is_empty() => value,
        begun => {
            spawn(async move {
                for work in deferred {
                    tokio::task::block_in_place(work);
                }
                match begun {
                    Begun::Over(value) => value,
                    Begun::Waits(work) => work.await,
                }
            })
            .await
        }
    }
}

enum Begun<T, F> {
    Over(T),
    Waits(Pin<Box<F>>),
}

/// Nobody is woken by what happens between this poll and the next: the runtime polls again anyway.
fn poll_here<T, F: Future<Output = T>>(work: Pin<Box<F>>) -> (Begun<T, F>, Vec<Deferred>) {
    let _runtime = runtime().enter();
    // Dropped before the guard is, also by a panic, which uniffi makes an internal error of.
    let mut work = work;
    DEFERRED.sync_scope(RefCell::default(), || {
        let poll = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let begun = match poll {
            Poll::Ready(value) => Begun::Over(value),
            Poll::Pending => Begun::Waits(work),
        };
        (begun, DEFERRED.with(RefCell::take))
    })
}
