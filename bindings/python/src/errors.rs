//! Errors on their way to Python: `relaypass/errors.py` has a class for every code.

use std::error::Error as StdError;
use std::iter;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use relaypass::{Error, ErrorKind, IdempotencyKey};

use crate::answer::rate_limit;

/// The exception for an error.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    match make(py, error) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failed) => failed,
    }
}

fn make<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let unopened = error.unopened_claim();
    let causes: Vec<String> = causes(error).map(ToString::to_string).collect();
    let members = PyDict::new(py);
    members.set_item("message", error.to_string())?;
    members.set_item("operation", error.operation())?;
    members.set_item("retryable", error.retryable())?;
    members.set_item("status", error.status())?;
    members.set_item("title", error.title())?;
    members.set_item("details", error.details())?;
    members.set_item("meta_json", error.meta().map(ToString::to_string))?;
    members.set_item("request_id", error.request_id())?;
    members.set_item("rate_limit", error.rate_limit().map(rate_limit))?;
    members.set_item(
        "claim_payload",
        unopened.map(|claim| claim.claim_payload.expose()),
    )?;
    members.set_item(
        "token_consumed",
        unopened.and_then(|claim| claim.token_consumed),
    )?;
    let key = error.idempotency_key();
    members.set_item("idempotency_key", key.map(IdempotencyKey::expose))?;
    members.set_item("causes", causes)?;
    py.import("relaypass.errors")?
        .getattr("from_native")?
        .call((error.code(),), Some(&members))
}

fn causes(error: &Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    iter::successors(error.source(), |cause: &&(dyn StdError + 'static)| {
        (*cause).source()
    })
}

/// An exception of every kind there is, for the test that must not forget one.
#[pyfunction(name = "_example_errors")]
pub(crate) fn example_errors(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let exceptions = ErrorKind::ALL
        .into_iter()
        .map(|kind| exception(py, &Error::example(kind)).into_value(py));
    PyList::new(py, exceptions)
}
