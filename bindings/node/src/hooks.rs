//! What only tests need. No package that people install has it.

use napi::Env;
use napi_derive::napi;
use relaypass::{Error, ErrorKind};

use crate::answer::Nothing;
use crate::call::{promise, CancelToken, Promised, Way};
use crate::errors::ErrorRecord;

/// One error of every kind, for the test that walks them all.
#[napi(catch_unwind)]
pub fn example_errors() -> Vec<ErrorRecord> {
    let examples = ErrorKind::ALL.iter().copied().map(Error::example);
    examples.map(|error| (&error).into()).collect()
}

/// A call that panics with a secret.
#[napi(catch_unwind)]
pub fn panic<'env>(
    env: &'env Env,
    token: Option<&CancelToken>,
) -> napi::Result<Promised<'env, Nothing>> {
    let panics = async { panic!("canary") };
    promise::<(), _>(env, Way::AT_ONCE.cancelled_by(token), panics)
}

/// A call that ends on the runtime, with an answer that panics with a secret on its way.
#[napi(catch_unwind)]
pub fn panic_when_answered<'env>(
    env: &'env Env,
    token: Option<&CancelToken>,
) -> napi::Result<Promised<'env, Nothing>> {
    let way = Way::AT_LENGTH.cancelled_by(token);
    promise::<Unanswerable, _>(env, way, async { Ok(Unanswerable) })
}

struct Unanswerable;

impl From<Unanswerable> for Nothing {
    fn from(_: Unanswerable) -> Self {
        panic!("canary")
    }
}
