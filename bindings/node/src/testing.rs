//! The store suite, on a store in JavaScript.

use napi::bindgen_prelude::Promise;
use napi::threadsafe_function::ThreadsafeFunction;
use napi::{Env, Status};
use napi_derive::napi;
use relaypass::surface::{self, store_threw};

use crate::answer::record;
use crate::call::{promise, Promised, Way};
use crate::errors::{thrown_in, ThrownValue};
use crate::store::HostStore;

/// Gives another handle on the same data.
type HostReopen = ThreadsafeFunction<(), Promise<HostStore>, (), Status, false, true>;

relaypass::check_records!(record, ThrownValue, thrown_in);

/// See `relaypass::store::conformance::check`.
#[napi(catch_unwind)]
pub fn check_store(
    env: &Env,
    store: HostStore,
    reopen: Option<HostReopen>,
) -> napi::Result<Promised<'_, CheckRecord>> {
    let check = surface::check_store(store, reopen, |reopen| async move {
        let opened = async { reopen.call_async_catch(()).await?.await };
        opened.await.map_err(|error| store_threw("reopen", error))
    });
    promise(env, Way::AT_LENGTH, check)
}
