//! What a client holds until it is closed.

use std::sync::{Arc, PoisonError};

use crate::sync::{Mutex, MutexGuard};

/// Something that can be let go of, by one for all who share this.
pub(crate) struct Releasable<T: ?Sized>(Mutex<Option<Arc<T>>>);

impl<T: ?Sized> Releasable<T> {
    pub(crate) fn new(held: Arc<T>) -> Self {
        Self(Mutex::new(Some(held)))
    }

    /// It, unless it was let go of.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        self.slot().clone()
    }

    /// Lets go of it.
    pub(crate) fn release(&self) -> Option<Arc<T>> {
        self.slot().take()
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<T>>> {
        // One assignment is all that happens to it: it is whole even after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, relaypass_loom))]
mod models {
    use super::*;
    use crate::sync::{play, spawn};

    #[test]
    fn it_is_let_go_of_once_and_given_to_nobody_afterwards() {
        play(|| {
            let releasable = Arc::new(Releasable::new(Arc::new("held")));
            let releasing = [(); 2].map(|()| {
                let releasable = releasable.clone();
                spawn(move || {
                    let released = releasable.release();
                    assert!(releasable.get().is_none());
                    released
                })
            });
            let held = releasable.get();
            assert!(held.is_none_or(|held| *held == "held"));
            let released = releasing.map(|thread| thread.join().unwrap());
            assert_eq!(released.iter().flatten().count(), 1);
        });
    }
}
