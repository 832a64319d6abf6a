//! How a call is driven, cancelled, and known to what it calls back.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::errors::CallError;

/// Cancels the one call that it was given to.
#[derive(uniffi::Object)]
pub struct CancelHandle {
    // Holds one permit: cancelling before the call begins to wait is not lost.
    cancelled: Notify,
}

#[uniffi::export]
impl CancelHandle {
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            cancelled: Notify::new(),
        })
    }

    /// Drops the call's future, and with it its connection.
    pub fn cancel(&self) {
        self.cancelled.notify_one();
    }
}

/// What a package gives along with each call.
#[derive(uniffi::Record)]
pub struct CallContext {
    /// The number that the package knows the call by: what calls back names it. Never 0.
    pub number: u64,
    /// What the call with its retries may take.
    pub timeout_seconds: Option<f64>,
    pub cancel: Arc<CancelHandle>,
}

tokio::task_local! {
    static NUMBER: u64;
}

/// The number of the call that is being driven here; 0 in the background.
pub(crate) fn current_call() -> u64 {
    NUMBER.try_with(|number| *number).unwrap_or(0)
}

/// Drives a call of the core on the runtime.
///
/// An outcome that is there is given even if the call was cancelled meanwhile: it may have cost
/// money.
pub(crate) async fn drive<T, R>(
    context: CallContext,
    call: impl Future<Output = relaypass::Result<T>> + Send + 'static,
) -> Result<R, CallError>
where
    T: Send + 'static,
    R: From<T>,
{
    let CallContext { number, cancel, .. } = context;
    let outcome = spawn(NUMBER.scope(number, async move {
        tokio::select! {
            biased;
            result = call => Some(result),
            () = cancel.cancelled.notified() => None,
        }
    }));
    match outcome.await {
        Some(Ok(value)) => Ok(R::from(value)),
        Some(Err(error)) => Err(error.into()),
        None => Err(CallError::Cancelled),
    }
}

/// Runs work on the runtime; dropping the future that waits for it ends the work.
pub(crate) async fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let task = runtime().spawn(work);
    let _end = AbortOnDrop(task.abort_handle());
    match task.await {
        Ok(value) => value,
        Err(stopped) => match stopped.try_into_panic() {
            // uniffi makes an internal error of it, on the caller's side.
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => unreachable!("only dropping this future aborts the task"),
        },
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The runtime of this process. It is never dropped: what is at work when the process ends, ends
/// with it, as after a crash.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("relaypass")
            .build()
            .expect("the operating system has threads and descriptors left")
    })
}
