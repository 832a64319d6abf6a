//! The store suite, on a store in JavaScript.

use std::sync::Arc;

use napi::bindgen_prelude::{Promise, PromiseRaw};
use napi::threadsafe_function::ThreadsafeFunction;
use napi::{Either, Env, Status};
use napi_derive::napi;
use relaypass::store::conformance::{self, Reopen};
use relaypass::store::{Store, StoreError};

use crate::errors::{Thrown, ThrownValue};
use crate::store::HostStore;

/// Gives another handle on the same data.
type HostReopen = ThreadsafeFunction<(), Promise<HostStore>, (), Status, false, true>;

/// See `relaypass::store::conformance::check`. Promises a report, or the rule that is broken.
#[napi(catch_unwind)]
pub fn check_store(
    env: &Env,
    store: HostStore,
    reopen: Option<HostReopen>,
) -> napi::Result<PromiseRaw<'_, Either<Report, Violation>>> {
    let reopen = reopen.map(opener);
    env.spawn_future(async move {
        Ok(match conformance::check(Arc::new(store), reopen).await {
            Ok(report) => Either::A(report.into()),
            Err(violation) => Either::B(violation.into()),
        })
    })
}

fn opener(reopen: HostReopen) -> Reopen {
    let reopen = Arc::new(reopen);
    Box::new(move || {
        let reopen = Arc::clone(&reopen);
        Box::pin(async move {
            let opened = async { reopen.call_async_catch(()).await?.await };
            let store: Arc<dyn Store> = Arc::new(opened.await.map_err(|error| {
                StoreError::caused_by("reopen failed; the cause is what it threw.", Thrown(error))
            })?);
            Ok(store)
        })
    })
}

/// See `relaypass::store::conformance::Report`.
#[napi(object, object_from_js = false)]
pub struct Report {
    pub passed: Vec<&'static str>,
    pub skipped: Vec<&'static str>,
}

impl From<conformance::Report> for Report {
    fn from(report: conformance::Report) -> Self {
        Self {
            passed: report.passed,
            skipped: report.skipped,
        }
    }
}

/// See `relaypass::store::conformance::Violation`. The field `rule` tells it from a report.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Violation {
    pub message: String,
    pub rule: &'static str,
    pub found: String,
    pub thrown: Option<ThrownValue>,
}

impl From<conformance::Violation> for Violation {
    fn from(violation: conformance::Violation) -> Self {
        Self {
            message: violation.to_string(),
            rule: violation.rule(),
            found: violation.found().to_owned(),
            thrown: ThrownValue::among_causes_of(&violation),
        }
    }
}
