//! Python objects that Rust holds for a while, and how they are let go.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use crate::inbox::errands;
use crate::per_process::Process;

/// What a store's method raised, on its way back to the caller. It is here once.
pub(crate) type Raised = Mutex<Option<Released>>;

/// A Python object that a thread of Python's lets go of, wherever Rust drops it: what is behind it
/// may run code that is not ours.
pub(crate) struct Released {
    process: Process,
    object: Option<Py<PyAny>>,
}

impl Released {
    pub(crate) fn new(object: Py<PyAny>) -> Self {
        Self {
            process: Process::current(),
            object: Some(object),
        }
    }

    pub(crate) fn into_inner(mut self) -> Option<Py<PyAny>> {
        self.object.take()
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else {
            return;
        };
        if self.process == Process::current() {
            errands().put(Box::new(|_| Ok(object)));
        } else {
            // In a forked child it is a copy of the parent's.
            mem::forget(object);
        }
    }
}

/// A mutex that is held for a moment only, and never inside a panic that matters.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
