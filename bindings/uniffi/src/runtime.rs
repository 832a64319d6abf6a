//! The runtime that drives the calls, and work on it.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

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
        relaypass::surface::runtime()
            .expect("the operating system has threads and descriptors left")
    })
}
