//! How a call is driven, and cancelled by the number that its package knows it by.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use relaypass::store::BoxFuture;
use relaypass::surface::{Cancel, Driven, BACKGROUND};

use crate::errors::CallError;

/// What a call with its retries may take, in seconds, if there is a limit. It crosses over as a
/// plain number: whatever else does so in a buffer costs Kotlin more than the rest of the call.
#[derive(Clone, Copy)]
pub struct Timeout(pub(crate) Option<f64>);

// NaN is the one number that no duration is.
uniffi::custom_type!(Timeout, f64, {
    try_lift: |seconds| Ok(Self((!seconds.is_nan()).then_some(seconds))),
    lower: |timeout| timeout.0.unwrap_or(f64::NAN),
});

/// The calls that can be cancelled, by their numbers.
pub(crate) fn open_calls() -> MutexGuard<'static, HashMap<u64, Cancel>> {
    static OPEN: OnceLock<Mutex<HashMap<u64, Cancel>>> = OnceLock::new();
    let open = OPEN.get_or_init(Mutex::default);
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a call known before it begins, so that cancelling it is not lost from now on. The call
/// must follow. Otherwise it is known from its first poll to its end.
#[uniffi::export]
pub fn announce_call(number: u64) {
    open_calls().entry(number).or_default();
}

/// Drops the call's future, and with it its connection. One that is not known is over.
#[uniffi::export]
pub fn cancel_call(number: u64) {
    if let Some(cancel) = open_calls().get(&number) {
        cancel.cancel();
    }
}

/// A call that can be cancelled until this is dropped.
struct Open(u64);

impl Open {
    fn call(number: u64) -> (Self, Cancel) {
        let cancel = open_calls().entry(number).or_default().clone();
        (Self(number), cancel)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        open_calls().remove(&self.0);
    }
}

/// Drives the call that its package knows by this number. [`BACKGROUND`]: by none, and only
/// dropping it cancels it.
pub(crate) async fn drive<T: Send + 'static, R: From<T>>(
    number: u64,
    is_long: bool,
    call: BoxFuture<'static, relaypass::Result<T>>,
) -> Result<R, CallError> {
    let (_open, cancel) = (number != BACKGROUND).then(|| Open::call(number)).unzip();
    let driven = Driven {
        number,
        cancel,
        is_long,
        call,
    };
    match driven.drive().await {
        Some(outcome) => Ok(outcome?.into()),
        None => Err(CallError::Cancelled),
    }
}
