//! The one runtime of a process in which other languages call.

use std::{io, thread};

use tokio::runtime::{Builder, Runtime};

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
