//! A call that is prepared and not yet made.

use std::future::Future;
use std::sync::Mutex;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use relaypass::surface::caught;

use crate::answer::{Answer, ToPython, Work};
use crate::asyncio::{self, WhenDone};
use crate::caller::{called_by, Caller};
use crate::outcome::Outcome;
use crate::released::lock;
use crate::runtime::{away, wait};

/// A prepared call: `call.wait()` makes it in this thread, `call.start(…)` for asyncio.
#[pyclass(frozen, module = "relaypass._native")]
pub(crate) struct Call(Mutex<Option<Work>>);

impl Call {
    pub(crate) fn new<R: ToPython + 'static>(
        work: impl Future<Output = relaypass::Result<R>> + Send + 'static,
    ) -> Self {
        // A call's future is large, and each layer around it would move it on the caller's stack.
        let work = Box::pin(work);
        let work = async move { caught(work).await.map(|answer| Box::new(answer) as Answer) };
        Self(Mutex::new(Some(Box::pin(work))))
    }

    fn take(&self) -> PyResult<Work> {
        let work = lock(&self.0).take();
        work.ok_or_else(|| PyRuntimeError::new_err("this call was made already"))
    }
}

#[pymethods]
impl Call {
    /// Makes the call in this thread. A store is called in the name of `caller`.
    #[pyo3(signature = (caller=None))]
    fn wait(&self, py: Python<'_>, caller: Option<Py<PyAny>>) -> PyResult<Outcome> {
        let caller = caller.map(Caller::new);
        let work = called_by(caller.clone(), self.take()?);
        wait(py, work).map(|result| Outcome(Some(result)))
    }

    /// Makes the call; when it ends, another thread calls `call_soon_threadsafe(settle, outcome)`.
    /// What is returned aborts the call when it is called.
    #[pyo3(signature = (call_soon_threadsafe, settle, caller=None))]
    fn start(
        &self,
        call_soon_threadsafe: Py<PyAny>,
        settle: Py<PyAny>,
        caller: Option<Py<PyAny>>,
    ) -> PyResult<WhenDone> {
        let caller = caller.map(Caller::new);
        asyncio::start(self.take()?, caller, call_soon_threadsafe, settle)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(work) = lock(&self.0).take() {
            // It was never made, and its client may end with it: see there.
            Python::attach(|py| away(py, || drop(work)));
        }
    }
}
