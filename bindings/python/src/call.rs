//! A call that is prepared and not yet made.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::answer::Answer;
use crate::engine::Engine;
use crate::{asyncio, errors};

/// What is left to do of a call.
pub(crate) type Work = Pin<Box<dyn Future<Output = relaypass::Result<Answer>> + Send>>;

/// A prepared call: `call.wait()` makes it in this thread, `await call` in asyncio.
#[pyclass(frozen, module = "relaypass._native")]
pub(crate) struct Call {
    work: Mutex<Option<Work>>,
}

impl Call {
    pub(crate) fn new(
        work: impl Future<Output = relaypass::Result<Answer>> + Send + 'static,
    ) -> Self {
        Self {
            work: Mutex::new(Some(Box::pin(work))),
        }
    }

    fn take(&self) -> PyResult<Work> {
        self.work
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .ok_or_else(|| PyRuntimeError::new_err("this call was made already"))
    }
}

#[pymethods]
impl Call {
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let work = self.take()?;
        Engine::of_this_process()?
            .wait(py, work)?
            .map_err(|error| errors::exception(py, &error))?
            .into_pyobject(py)
    }

    fn __await__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        asyncio::start(py, self.take()?)?.call_method0("__await__")
    }
}
