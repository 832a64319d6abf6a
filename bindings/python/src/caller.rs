//! In whose name Python code that is not ours is called.
//!
//! A `Caller` of `relaypass/callbacks.py` has the context variables and the event loop or hub of
//! whoever made a call. The call's task holds it, and so does what it left to be done: a method of
//! a store to be called, an event to be told.

use std::future::Future;
use std::mem;
use std::sync::Arc;

use pyo3::prelude::*;

use crate::per_process::Process;

tokio::task_local! {
    /// Who made the call that is under way in this task.
    static CALLER: Arc<Caller>;
}

/// Held by Rust. Whoever holds it last must be inside Python: so whoever starts a call holds it
/// until the call's task has ended.
pub(crate) struct Caller {
    process: Process,
    object: Option<Py<PyAny>>,
}

impl Caller {
    pub(crate) fn new(object: Py<PyAny>) -> Arc<Self> {
        Arc::new(Self {
            process: Process::current(),
            object: Some(object),
        })
    }

    /// Who made the call that is under way in this task; nobody in the background.
    pub(crate) fn of_this_task() -> Option<Arc<Self>> {
        CALLER.try_with(Arc::clone).ok()
    }

    pub(crate) fn object(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.object.as_ref().map(|object| object.clone_ref(py))
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if self.process != Process::current() {
            // In a forked child it is a copy of the parent's.
            mem::forget(self.object.take());
        }
    }
}

/// Does the work of a call in the name of its caller.
pub(crate) async fn called_by<T>(caller: Option<Arc<Caller>>, work: impl Future<Output = T>) -> T {
    match caller {
        Some(caller) => CALLER.scope(caller, work).await,
        None => work.await,
    }
}
