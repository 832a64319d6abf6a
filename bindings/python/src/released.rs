//! Python objects that Rust holds for a while, and how they are let go.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use crate::errands::errands;
use crate::per_process::OfProcess;

/// What a store's method raised, on its way back to the caller. It is here once.
pub(crate) type Raised = Mutex<Option<Released>>;

/// A Python object that a thread of Python's lets go of, wherever Rust drops it: what is behind it
/// may run code that is not ours.
pub(crate) struct Released(OfProcess<Held>);

impl Released {
    pub(crate) fn new(object: Py<PyAny>) -> Self {
        Self(OfProcess::new(Held(Some(object))))
    }

    pub(crate) fn into_inner(mut self) -> Option<Py<PyAny>> {
        self.0.get_mut()?.0.take()
    }
}

struct Held(Option<Py<PyAny>>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            errands().put(Box::new(|_| Ok(object)));
        }
    }
}

/// A mutex that is held for a moment only, and never inside a panic that matters.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
