//! The core's error as a record; `node/src/errors.ts` makes the class of it.

use napi::Either;
use napi_derive::napi;
use relaypass::surface::Thrown;

use crate::answer::{record, RateLimitRecord};

relaypass::error_record!(record, ThrownValue, thrown_in);

/// A value of JavaScript in a box: `null` and `undefined` can be thrown too.
#[napi(object, object_from_js = false)]
pub struct ThrownValue {
    /// Becomes the value itself again, and is released, where the failure is handed over.
    #[napi(ts_type = "unknown")]
    pub value: napi::Error,
}

/// A result, or why there is none: the field `code` tells it from every result.
pub type Outcome<T> = Either<T, ErrorRecord>;

/// Turns a result of the core into a record.
pub fn outcome<T, R: From<T>>(result: relaypass::Result<T>) -> Outcome<R> {
    match result {
        Ok(value) => Either::A(value.into()),
        Err(error) => Either::B((&error).into()),
    }
}

/// What the caller's own store threw, if that led to the error: a reference to the very object.
pub fn thrown_in(error: &(dyn std::error::Error + 'static)) -> Option<ThrownValue> {
    let thrown: &napi::Error = Thrown::among_causes_of(error)?;
    let value = thrown.try_clone().ok()?;
    Some(ThrownValue { value })
}
