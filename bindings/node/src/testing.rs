//! The store suite, on a store in JavaScript.

use std::sync::Arc;

use napi::bindgen_prelude::{Promise, PromiseRaw};
use napi::threadsafe_function::ThreadsafeFunction;
use napi::{Either, Env, Status};
use napi_derive::napi;
use relaypass::store::conformance::{self, Reopen};
use relaypass::store::{Store, StoreError};
use relaypass::surface::{caught, Thrown};

use crate::answer::record;
use crate::errors::{thrown_among_causes_of, ThrownValue};
use crate::store::HostStore;

/// Gives another handle on the same data.
type HostReopen = ThreadsafeFunction<(), Promise<HostStore>, (), Status, false, true>;

relaypass::check_records!(record, ThrownValue);

/// See `relaypass::store::conformance::check`. Promises a report, or the rule that is broken.
#[napi(catch_unwind)]
pub fn check_store(
    env: &Env,
    store: HostStore,
    reopen: Option<HostReopen>,
) -> napi::Result<PromiseRaw<'_, Either<ReportRecord, ViolationRecord>>> {
    let reopen = reopen.map(opener);
    let check = Box::pin(async move { Ok(conformance::check(Arc::new(store), reopen).await) });
    env.spawn_future(async move {
        let checked = caught(check).await;
        let checked = checked.map_err(|mistake| napi::Error::from_reason(mistake.to_string()))?;
        Ok(match checked {
            Ok(report) => Either::A(ReportRecord::from(&report)),
            Err(violation) => {
                let thrown = thrown_among_causes_of(&violation);
                Either::B(ViolationRecord::new(&violation, thrown))
            }
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
