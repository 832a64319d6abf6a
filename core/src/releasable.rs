//! What a client holds until it is closed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
