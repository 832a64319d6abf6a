//! In whose name Python code that is not ours is called.
//!
//! A `Caller` of `relaypass/callbacks.py` has the context variables and the event loop or hub of
//! whoever made a call. The call's task holds it, and so does what it left to be done: a method of
//! a store to be called, an event to be told.

use std::sync::Arc;

use pyo3::prelude::*;
use relaypass::store::BoxFuture;

use crate::per_process::OfProcess;

tokio::task_local! {
    /// Who made the call that is under way in this task.
    static CALLER: Caller;
}

/// Held by Rust. Whoever holds it last must be inside Python: so whoever starts a call holds it
/// until the call's task has ended.
#[derive(Clone)]
pub(crate) struct Caller(Arc<OfProcess<Py<PyAny>>>);

impl Caller {
    pub(crate) fn new(object: Py<PyAny>) -> Self {
        Self(Arc::new(OfProcess::new(object)))
    }

    /// Who made the call that is under way in this task; nobody in the background.
    pub(crate) fn of_this_task() -> Option<Self> {
        CALLER.try_with(Self::clone).ok()
    }

    pub(crate) fn object(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.0.get().map(|object| object.clone_ref(py))
    }
}

/// Does the work of a call in the name of its caller.
pub(crate) fn called_by<T: 'static>(
    caller: Option<Caller>,
    work: BoxFuture<'static, T>,
) -> BoxFuture<'static, T> {
    match caller {
        Some(caller) => Box::pin(CALLER.scope(caller, work)),
        None => work,
    }
}
