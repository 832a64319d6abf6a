//! The core's error as a record; `node/src/errors.ts` makes the class of it.

use std::error::Error as _;

use napi::Either;
use napi_derive::napi;
use relaypass::{Error, ErrorKind};

use crate::results::RateLimit;
use crate::store::Thrown;

/// A call that failed. The field `code` tells it from every result.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Failure {
    pub code: &'static str,
    pub operation: &'static str,
    pub message: String,
    pub retryable: bool,
    pub status: Option<u16>,
    pub title: Option<String>,
    pub details: Option<String>,
    /// Persona's `meta` object as JSON.
    pub meta: Option<String>,
    pub request_id: Option<String>,
    pub rate_limit: Option<RateLimit>,
    /// What the caller's own store threw, if that led to it.
    pub thrown: Option<ThrownValue>,
    /// What else led to it, the nearest cause first.
    pub causes: Vec<String>,
    /// The claim that arrived and could not be opened.
    pub claim_payload: Option<String>,
    pub token_consumed: Option<bool>,
    /// The key to ask for a redemption's stored answer with.
    pub idempotency_key: Option<String>,
}

/// A value of JavaScript in a box: `null` and `undefined` can be thrown too.
#[napi(object, object_from_js = false)]
pub struct ThrownValue {
    /// Becomes the value itself again, and is released, where the failure is handed over.
    pub value: napi::Error,
}

/// A result, or why there is none.
pub type Outcome<T> = Either<T, Failure>;

/// Turns a result of the core into a record.
pub fn outcome<T, R: From<T>>(result: relaypass::Result<T>) -> Outcome<R> {
    match result {
        Ok(value) => Either::A(value.into()),
        Err(error) => Either::B(error.into()),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let unopened = error.unopened_claim();
        Self {
            code: error.code(),
            operation: error.operation(),
            message: error.to_string(),
            retryable: error.retryable(),
            status: error.status(),
            title: error.title().map(str::to_owned),
            details: error.details().map(str::to_owned),
            meta: error.meta().map(ToString::to_string),
            request_id: error.request_id().map(str::to_owned),
            rate_limit: error.rate_limit().cloned().map(RateLimit::from),
            thrown: ThrownValue::among(error.source()),
            causes: chain(error.source()).map(ToString::to_string).collect(),
            claim_payload: unopened.map(|claim| claim.claim_payload.expose().clone()),
            token_consumed: unopened.and_then(|claim| claim.token_consumed),
            idempotency_key: error.idempotency_key().map(|key| key.expose().to_owned()),
        }
    }
}

impl ThrownValue {
    /// What was thrown, if it is among these causes.
    pub fn among(nearest: Option<Cause<'_>>) -> Option<Self> {
        let thrown = chain(nearest).find_map(|cause| cause.downcast_ref::<Thrown>())?;
        let value = thrown.value().ok()?;
        Some(Self { value })
    }
}

type Cause<'a> = &'a (dyn std::error::Error + 'static);

fn chain(nearest: Option<Cause<'_>>) -> impl Iterator<Item = Cause<'_>> {
    std::iter::successors(nearest, |&cause| cause.source())
}

/// One error of every kind, for the test that walks them all.
#[napi(catch_unwind)]
pub fn example_errors() -> Vec<Failure> {
    ErrorKind::ALL
        .into_iter()
        .map(|kind| Error::example(kind).into())
        .collect()
}
