//! The one runtime of a process in which other languages call.

use std::future::Future;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};
use std::{io, thread};

use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

use crate::error::{Error, ErrorKind, Result};

/// So many workers at most, whatever the machine: nearly all of the work is waiting. What blocks has
/// threads of its own beside them, which come and go.
const MOST_WORKERS: usize = 4;

/// How all of them are named.
pub(super) const THREAD_NAME: &str = "relaypass";

/// Starts a runtime, whose threads are named. To be called when it is first needed.
///
/// # Errors
/// `internal`, when the operating system has no threads or descriptors left.
pub fn runtime() -> Result<Runtime> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let build = || {
        Builder::new_multi_thread()
            .worker_threads(cores.min(MOST_WORKERS))
            .thread_name(THREAD_NAME)
            .enable_all()
            .build()
    };
    // Where it is refused its first thread, tokio panics.
    let built = catch_unwind(build).unwrap_or_else(|_| {
        let limits = "the system gives it none (ulimit -u, the container's limit of pids)";
        Err(io::Error::other(limits))
    });
    built.map_err(|error| no_threads(&error))
}

/// Says why nothing works: nothing was done.
pub fn no_threads(error: &io::Error) -> Error {
    let text = format!("relaypass cannot start its threads: {error}");
    Error::new(ErrorKind::Internal, text)
}

/// The runtime of a process that does not fork: the first call starts it. It is never dropped: what
/// is at work when the process ends, ends with it, as after a crash.
///
/// # Errors
/// `internal`, when the operating system has no threads or descriptors left. The next call tries anew.
pub(super) fn shared_runtime() -> Result<&'static Runtime> {
    static RUNTIME: Mutex<Option<&'static Runtime>> = Mutex::new(None);
    kept(&RUNTIME, runtime)
}

fn kept(
    shared: &Mutex<Option<&'static Runtime>>,
    start: impl FnOnce() -> Result<Runtime>,
) -> Result<&'static Runtime> {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = *shared {
        return Ok(runtime);
    }
    Ok(*shared.insert(Box::leak(Box::new(start()?))))
}

/// Runs work on a runtime; dropping the future that waits for it ends the work.
pub(super) async fn spawned<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    let task = runtime.spawn(work);
    let _end = AbortOnDrop(task.abort_handle());
    match task.await {
        Ok(value) => value,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_start_is_an_error_and_tried_anew_and_what_started_stays() {
        let shared = Mutex::new(None);
        let refused = kept(&shared, || {
            Err(no_threads(&io::Error::other("no descriptors")))
        });
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), "internal");
        let text = "relaypass cannot start its threads: no descriptors";
        assert!(refused.to_string().contains(text), "{refused}");
        let started = kept(&shared, runtime).unwrap();
        let again = kept(&shared, || unreachable!("it is there")).unwrap();
        assert!(std::ptr::eq(started, again));
    }
}
