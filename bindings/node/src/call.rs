//! How a call is driven, and how JavaScript takes it back: an `AbortSignal` cannot reach a future
//! by itself.

use std::future::Future;

use napi::bindgen_prelude::{retain_current_module_for_unload_safety, PromiseRaw, ToNapiValue};
use napi::{Env, JsDeferred, JsValue};
use napi_derive::napi;
use relaypass::surface::{mistake, Begun, Cancel, Driven, BACKGROUND};
use relaypass::Result;

use crate::errors::{outcome, Outcome};

/// Cancels the one call that it was given to.
#[napi]
pub struct CancelToken(Cancel);

#[napi]
impl CancelToken {
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "it is made by JavaScript only")]
    pub fn new() -> Self {
        Self(Cancel::default())
    }

    /// Drops the call's future, and with it its connection.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// The call that is being driven here, by the number which `node/src/scope.ts` gave it; none in the
/// background. What calls back into JavaScript names it, so that the callback runs where the caller
/// was (`AsyncLocalStorage`).
pub fn current_scope() -> Option<u32> {
    let scope = relaypass::surface::current_call();
    (scope != BACKGROUND).then_some(scope as u32)
}

/// What a call comes to: its outcome, or `null` if it was cancelled first.
pub type Promised<'env, R> = PromiseRaw<'env, Option<Outcome<R>>>;

/// How a call is made.
pub struct Way<'a> {
    pub token: Option<&'a CancelToken>,
    /// `BACKGROUND` for a call that calls nothing back.
    pub scope: u32,
    pub is_long: bool,
}

impl<'a> Way<'a> {
    /// To its end, without calling back, beginning on this thread.
    pub const AT_ONCE: Self = Self {
        token: None,
        scope: BACKGROUND as u32,
        is_long: false,
    };
    /// The same, but on the runtime.
    pub const AT_LENGTH: Self = Self {
        is_long: true,
        ..Self::AT_ONCE
    };

    /// What tests call takes its token by itself; a method of the client has it in its arguments.
    #[cfg(feature = "test-hooks")]
    pub fn cancelled_by(self, token: Option<&'a CancelToken>) -> Self {
        Self { token, ..self }
    }
}

/// Runs a call of the core and promises its outcome. One that need not wait wakes no thread.
pub fn promise<'env, T: Send + 'static, R: From<T> + ToNapiValue + Send + 'static>(
    env: &'env Env,
    way: Way<'_>,
    call: impl Future<Output = Result<T>> + Send + 'static,
) -> napi::Result<Promised<'env, R>> {
    // The runtime's threads outlive a worker thread that loaded the addon alone.
    retain_current_module_for_unload_safety();
    let driven = Driven {
        number: way.scope.into(),
        cancel: way.token.map(|token| token.0.clone()),
        is_long: way.is_long,
        call: Box::pin(call),
    };
    match driven.begin() {
        Begun::Over(ended) => PromiseRaw::resolve(env, ended.map(outcome)),
        Begun::Waits(runtime, work) => {
            let (deferred, promise) = env.create_deferred()?;
            let promise = PromiseRaw::new(env.raw(), promise.raw());
            let unsettled = Unsettled::<R>(Some(deferred));
            runtime.spawn(async move {
                let ended = work.await.map(outcome);
                unsettled.settle(ended);
            });
            Ok(promise)
        }
    }
}

/// A promise that is settled in any case: napi's own would wait for ever if a panic dropped it.
struct Unsettled<R: ToNapiValue + Send + 'static>(Option<Deferred<R>>);

type Deferred<R> = JsDeferred<Option<Outcome<R>>, Resolver<R>>;
type Resolver<R> = Box<dyn FnOnce(Env) -> napi::Result<Option<Outcome<R>>>>;

impl<R: ToNapiValue + Send + 'static> Unsettled<R> {
    /// A thread that is ending hears nothing any more.
    fn settle(mut self, ended: Option<Outcome<R>>) {
        if let Some(deferred) = self.0.take() {
            deferred.resolve(Box::new(move |_| Ok(ended)));
        }
    }
}

impl<R: ToNapiValue + Send + 'static> Drop for Unsettled<R> {
    fn drop(&mut self) {
        if let Some(deferred) = self.0.take() {
            let failed = Outcome::B((&mistake()).into());
            deferred.resolve(Box::new(move |_| Ok(Some(failed))));
        }
    }
}
