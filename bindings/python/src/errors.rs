//! Errors on their way to Python: `relaypass/errors.py` has a class for every code.

use std::error::Error as StdError;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use relaypass::surface::causes;
use relaypass::{Error, IdempotencyKey, RateLimit};

use crate::released::Raised;

/// What the exception for an error is made from: the arguments of `from_native` in `errors.py`.
pub(crate) fn members<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyDict>> {
    let unopened = error.unopened_claim();
    let members = PyDict::new(py);
    members.set_item("code", error.code())?;
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
    members.set_item("causes", causes_of_python(py, error)?)?;
    Ok(members)
}

/// What led to an error, the nearest first.
pub(crate) fn causes_of_python<'py>(
    py: Python<'py>,
    error: &(dyn StdError + 'static),
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    causes(error)
        .map(|cause| cause_of_python(py, cause))
        .collect()
}

/// An exception of the caller's store as it was raised; anything else in words.
fn cause_of_python<'py>(
    py: Python<'py>,
    cause: &(dyn StdError + 'static),
) -> PyResult<Bound<'py, PyAny>> {
    let raised = cause
        .downcast_ref::<Raised>()
        .and_then(|raised| raised.take(py));
    match raised {
        Some(exception) => Ok(exception),
        None => Ok(cause.to_string().into_pyobject(py)?.into_any()),
    }
}

pub(crate) type RateLimitTuple = (u64, u64, u64);

pub(crate) fn rate_limit(limit: &RateLimit) -> RateLimitTuple {
    (limit.limit, limit.remaining, limit.reset_seconds)
}
