//! The core's error as a record; `node/src/errors.ts` makes the class of it.

use std::fmt;

use napi::Either;
use napi_derive::napi;
use relaypass::surface::causes;
use relaypass::{Error, ErrorKind};

use crate::answer::{record, RateLimitRecord};

relaypass::error_record!(record, ThrownValue);

/// A value of JavaScript in a box: `null` and `undefined` can be thrown too.
#[napi(object, object_from_js = false)]
pub struct ThrownValue {
    /// Becomes the value itself again, and is released, where the failure is handed over.
    pub value: napi::Error,
}

/// A result, or why there is none: the field `code` tells it from every result.
pub type Outcome<T> = Either<T, ErrorRecord>;

/// Turns a result of the core into a record.
pub fn outcome<T, R: From<T>>(result: relaypass::Result<T>) -> Outcome<R> {
    match result {
        Ok(value) => Either::A(value.into()),
        Err(error) => Either::B(error.into()),
    }
}

impl From<Error> for ErrorRecord {
    fn from(error: Error) -> Self {
        Self::new(&error, ThrownValue::among_causes_of(&error))
    }
}

impl ThrownValue {
    /// What the caller's own store threw, if that led to the error.
    pub fn among_causes_of(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let Thrown(thrown) = causes(error).find_map(|cause| cause.downcast_ref())?;
        let value = thrown.try_clone().ok()?;
        Some(Self { value })
    }
}

/// What a store threw: a reference to the very object. What it says may hold anything, so it shows
/// in no text of ours.
pub struct Thrown(pub napi::Error);

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error of the store's own")
    }
}

impl fmt::Debug for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Thrown")
    }
}

impl std::error::Error for Thrown {}

/// One error of every kind, for the test that walks them all.
#[napi(catch_unwind)]
pub fn example_errors() -> Vec<ErrorRecord> {
    let examples = ErrorKind::ALL.into_iter().map(Error::example);
    examples.map(ErrorRecord::from).collect()
}
