//! How a call is driven, and how JavaScript takes it back: an `AbortSignal` cannot reach a future by
//! itself.

use std::future::Future;
use std::sync::Arc;

use napi::bindgen_prelude::{PromiseRaw, ToNapiValue};
use napi::Env;
use napi_derive::napi;
use relaypass::surface::caught;
use relaypass::Result;
use tokio::sync::Notify;

use crate::errors::{outcome, Outcome};

/// Cancels the one call that it was given to.
#[napi]
pub struct CancelToken {
    // Holds one permit: cancelling before the call begins to wait is not lost.
    cancelled: Arc<Notify>,
}

#[napi]
impl CancelToken {
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "it is made by JavaScript only")]
    pub fn new() -> Self {
        Self {
            cancelled: Arc::new(Notify::new()),
        }
    }

    /// Drops the call's future, and with it its connection.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.cancelled.notify_one();
    }
}

tokio::task_local! {
    static SCOPE: u32;
}

/// The call that is being driven here, by the number which `node/src/scope.ts` gave it; none in the
/// background. What calls back into JavaScript names it, so that the callback runs where the caller
/// was (`AsyncLocalStorage`).
pub fn current_scope() -> Option<u32> {
    SCOPE.try_with(|scope| *scope).ok()
}

/// [`promise`] for a call that may call back into JavaScript.
pub fn promise_in_scope<'env, T: Send + 'static, R: From<T> + Answered>(
    env: &'env Env,
    token: Option<&CancelToken>,
    scope: u32,
    call: impl Future<Output = Result<T>> + Send + 'static,
) -> napi::Result<Promised<'env, R>> {
    promise(env, token, SCOPE.scope(scope, call))
}

/// What JavaScript can be given.
pub trait Answered: ToNapiValue + Send + 'static {}

impl<R: ToNapiValue + Send + 'static> Answered for R {}

/// What a call comes to: its outcome, or `null` if it was cancelled first.
pub type Promised<'env, R> = PromiseRaw<'env, Option<Outcome<R>>>;

/// Runs a call of the core and promises its outcome.
///
/// An outcome that is there is given even if the call was cancelled meanwhile: it may have cost
/// money.
pub fn promise<'env, T: Send + 'static, R: From<T> + Answered>(
    env: &'env Env,
    token: Option<&CancelToken>,
    call: impl Future<Output = Result<T>> + Send + 'static,
) -> napi::Result<Promised<'env, R>> {
    let token = token.map(|token| Arc::clone(&token.cancelled));
    // A call's future is large, and each layer around it would move it on the caller's stack.
    let call = caught(Box::pin(call));
    env.spawn_future(async move {
        let Some(cancelled) = token else {
            return Ok(Some(outcome(call.await)));
        };
        tokio::select! {
            biased;
            result = call => Ok(Some(outcome(result))),
            () = cancelled.notified() => Ok(None),
        }
    })
}
