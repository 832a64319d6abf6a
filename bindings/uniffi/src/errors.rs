//! The core's error as a record; the packages make exceptions of it.

use std::error::Error as _;
use std::fmt;

use relaypass::{Error, ErrorKind};

use crate::results::RateLimitRecord;
use crate::store::Thrown;

/// Why a call brought no result.
#[derive(uniffi::Error)]
pub enum CallError {
    /// The core says why.
    Failed { failure: Box<Failure> },
    /// Its handle was told to cancel.
    Cancelled,
}

/// See `relaypass::Error`.
#[derive(uniffi::Record)]
pub struct Failure {
    pub code: String,
    pub operation: String,
    /// What to show: one line, and no secret.
    pub text: String,
    pub retryable: bool,
    pub status: Option<u16>,
    pub title: Option<String>,
    pub details: Option<String>,
    /// Persona's `meta` object as JSON.
    pub meta: Option<String>,
    pub request_id: Option<String>,
    pub rate_limit: Option<RateLimitRecord>,
    /// The number under which the package keeps what the caller's own store threw, if that led to
    /// it.
    pub thrown: Option<u64>,
    /// What else led to it, the nearest cause first.
    pub causes: Vec<String>,
    /// The claim that arrived and could not be opened.
    pub claim_payload: Option<String>,
    pub token_consumed: Option<bool>,
    /// The key to ask for a redemption's stored answer with.
    pub idempotency_key: Option<String>,
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Failed {
            failure: Box::new(error.into()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let unopened = error.unopened_claim();
        Self {
            code: error.code().to_owned(),
            operation: error.operation().to_owned(),
            text: error.to_string(),
            retryable: error.retryable(),
            status: error.status(),
            title: error.title().map(str::to_owned),
            details: error.details().map(str::to_owned),
            meta: error.meta().map(ToString::to_string),
            request_id: error.request_id().map(str::to_owned),
            rate_limit: error.rate_limit().cloned().map(RateLimitRecord::from),
            thrown: thrown_among(error.source()),
            causes: chain(error.source()).map(ToString::to_string).collect(),
            claim_payload: unopened.map(|claim| claim.claim_payload.expose().clone()),
            token_consumed: unopened.and_then(|claim| claim.token_consumed),
            idempotency_key: error.idempotency_key().map(|key| key.expose().to_owned()),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed { failure } => &failure.text,
            Self::Cancelled => "cancelled",
        })
    }
}

/// It holds secrets, and shows none.
impl fmt::Debug for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

type Cause<'a> = &'a (dyn std::error::Error + 'static);

/// The number of what a store threw, if it is among these causes.
pub(crate) fn thrown_among(nearest: Option<Cause<'_>>) -> Option<u64> {
    chain(nearest).find_map(|cause| cause.downcast_ref().map(|Thrown(number)| *number))
}

fn chain(nearest: Option<Cause<'_>>) -> impl Iterator<Item = Cause<'_>> {
    std::iter::successors(nearest, |&cause| cause.source())
}

/// One failure of every kind, for the tests that walk them all.
#[uniffi::export]
pub fn example_failures() -> Vec<Failure> {
    ErrorKind::ALL
        .into_iter()
        .map(|kind| Error::example(kind).into())
        .collect()
}
