//! What came of a call. `relaypass/outcomes.py` opens it: an answer is returned, an error raised.
//!
//! Python's part is there for two reasons. An exception of ours is made by Python code, and a
//! daemon thread that runs any while the interpreter ends is killed in it (see [`crate::exit`]):
//! below it there must be no frame of Rust. And what asyncio holds is printed in its debug log, so
//! it holds this, whose repr tells nothing.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::answer::{Answer, ToPython};
use crate::errors::ErrorRecord;

/// An answer or an error, unseen.
/// `None`: the call was aborted.
#[pyclass(frozen, module = "relaypass._native")]
pub(crate) struct Outcome(pub(crate) Option<relaypass::Result<Answer>>);

impl Outcome {
    pub(crate) fn new(result: relaypass::Result<impl ToPython + 'static>) -> Self {
        Self(Some(result.map(|answer| Box::new(answer) as Answer)))
    }
}

#[pymethods]
impl Outcome {
    /// The members of the error, if it is one.
    fn failure<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(Err(error)) = &self.0 else {
            return Ok(None);
        };
        (&ErrorRecord::from(error)).into_pyobject(py).map(Some)
    }

    /// The answer. To be asked for when there is no failure.
    fn answer<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.0 {
            Some(Ok(answer)) => answer.to_python(py),
            _ => Err(PyRuntimeError::new_err(
                "this call was aborted, and brought no answer",
            )),
        }
    }
}
