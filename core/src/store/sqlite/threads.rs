//! Work on a thread that may block.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::store::StoreError;
use crate::sync::Mutex;

/// Does `work` on a thread that may block, and waits for it. Once begun it ends, even if nobody
/// waits for it any more; if it has not begun by then, it never does, and lets go of what it holds:
/// where the system has no thread left, it may stand in a queue for as long as the process lives.
///
/// # Errors
/// Those of the work; and when there is no thread, or the work panics.
pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let slot = Slot(Arc::new(Mutex::new(Some(work))));
    let queued = Slot(Arc::clone(&slot.0));
    let task = begin(move || queued.take().map(|work| work()))?;
    match task.await {
        Ok(ended) => ended.expect("only this function, which waits, takes it out earlier"),
        Err(cause) => Err(StoreError::caused_by(BROKEN_OFF, cause)),
    }
}

/// Has `work` done on a thread that may block.
///
/// # Errors
/// When there is no thread, or no runtime.
pub(super) fn begin<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, StoreError> {
    let Ok(runtime) = Handle::try_current() else {
        return Err(StoreError::new(
            "The SQLite store must be used within a tokio runtime.",
        ));
    };
    // Where there is not a single thread, tokio panics.
    let spawned = catch_unwind(AssertUnwindSafe(|| runtime.spawn_blocking(work)));
    spawned.map_err(|_| {
        StoreError::new(
            "The system has no thread left for the SQLite store: raise the limit of processes \
             (ulimit -u, the container's limit of pids).",
        )
    })
}

pub(super) const BROKEN_OFF: &str = "The work on the SQLite file was broken off.";

/// Work that has not begun, until this is dropped.
struct Slot<W>(Arc<Mutex<Option<W>>>);

impl<W> Slot<W> {
    fn take(&self) -> Option<W> {
        let mut work = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work.take()
    }
}

impl<W> Drop for Slot<W> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(all(test, relaypass_loom))]
mod models {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;
    use crate::sync::{play, spawn};

    struct Work {
        begun: Arc<AtomicUsize>,
        gone: Arc<AtomicUsize>,
    }

    impl Drop for Work {
        fn drop(&mut self) {
            self.gone.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn what_nobody_waits_for_has_begun_by_then_or_never_does() {
        play(|| {
            let (begun, gone) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
            let work = Work {
                begun: begun.clone(),
                gone: gone.clone(),
            };
            let slot = Slot(Arc::new(Mutex::new(Some(work))));
            let queued = Slot(Arc::clone(&slot.0));
            let thread = spawn(move || {
                if let Some(work) = queued.take() {
                    work.begun.fetch_add(1, SeqCst);
                }
            });
            let place = Arc::clone(&slot.0);
            drop(slot);
            assert!(place.lock().unwrap().is_none(), "nobody takes it any more");
            let was_gone = gone.load(SeqCst) == 1;
            thread.join().unwrap();
            assert_eq!(gone.load(SeqCst), 1);
            assert!(was_gone || begun.load(SeqCst) == 1);
        });
    }
}
