//! The one runtime of a process in which other languages call.

use std::future::Future;
use std::sync::OnceLock;
use std::{io, thread};

use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

/// So many threads work at most, whatever the machine: nearly all of the work is waiting.
pub const MOST_THREADS: usize = 4;

/// How they are named.
pub(super) const THREAD_NAME: &str = "relaypass";

/// Starts a runtime, whose threads are named. To be called when it is first needed.
///
/// # Errors
/// When the operating system has no threads or descriptors left.
pub fn runtime() -> io::Result<Runtime> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread()
        .worker_threads(cores.min(MOST_THREADS))
        .thread_name(THREAD_NAME)
        .enable_all()
        .build()
}

/// The runtime of a process that does not fork: the first call starts it. It is never dropped: what
/// is at work when the process ends, ends with it, as after a crash.
pub fn shared_runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| runtime().expect("the operating system has threads and descriptors left"))
}

/// Runs work on the shared runtime; dropping the future that waits for it ends the work.
pub(super) async fn spawned<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    let task = shared_runtime().spawn(work);
    let _end = AbortOnDrop(task.abort_handle());
    match task.await {
        Ok(value) => value,
        Err(stopped) => match stopped.try_into_panic() {
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
