//! What came of a call. `relaypass/outcomes.py` opens it: an answer is returned, an error raised.
//!
//! Python's part is there for two reasons. An exception of ours is made by Python code, and a
//! daemon thread that runs any while the interpreter ends is killed in it (see [`crate::exit`]):
//! below it there must be no frame of Rust. And what asyncio holds is printed in its debug log, so
//! it holds this, whose repr tells nothing.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use relaypass::{Error, ErrorKind};

use crate::answer::Answer;
use crate::errors;

/// An answer or an error, unseen.
#[pyclass(frozen, module = "relaypass._native")]
pub(crate) struct Outcome {
    /// `None`: the call was aborted, or it panicked.
    result: Option<relaypass::Result<Answer>>,
}

impl Outcome {
    pub(crate) fn new(result: relaypass::Result<Answer>) -> Self {
        Self {
            result: Some(result),
        }
    }

    /// Of a call that ended without a result.
    pub(crate) const fn none() -> Self {
        Self { result: None }
    }
}

#[pymethods]
impl Outcome {
    /// The members of the error, if it is one.
    fn failure<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        match &self.result {
            Some(Err(error)) => errors::members(py, error).map(Some),
            _ => Ok(None),
        }
    }

    /// The answer. To be asked for when there is no failure.
    fn answer<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.result {
            Some(Ok(answer)) => answer.into_pyobject(py),
            _ => Err(PyRuntimeError::new_err(
                "relaypass failed inside; this is a mistake of ours, please report it",
            )),
        }
    }
}

/// A failure of every kind there is, for the test that must not forget one.
#[pyfunction(name = "_example_failures")]
pub(crate) fn example_failures(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    PyList::new(
        py,
        ErrorKind::ALL.map(|kind| Outcome::new(Err(Error::example(kind)))),
    )
}
