//! Errors on their way to Python: `relaypass/errors.py` has a class for every code.

use std::error::Error as StdError;

use pyo3::prelude::*;
use relaypass::surface::Thrown;

use crate::answer::{record, RateLimitRecord};
use crate::released::{lock, Raised};

pub(crate) type Exception = Py<PyAny>;

relaypass::error_record!(record, Exception, raised_in);

/// What the caller's own store raised, if that led to the error. It is here once.
pub(crate) fn raised_in(error: &(dyn StdError + 'static)) -> Option<Exception> {
    let raised: &Raised = Thrown::among_causes_of(error)?;
    lock(raised).take()?.into_inner()
}
