//! Durable verifications, and passes bought ahead.

use napi::Env;
use napi_derive::napi;
use relaypass::arguments::StartArguments;
use relaypass::{ClaimType, VerificationId};

use crate::cancel::{promise_in_scope, CancelToken, Promised};
use crate::client::Client;
use crate::results::{Completion, Verification};

#[napi]
impl Client {
    /// See `relaypass::Verifications::start`.
    #[napi(catch_unwind)]
    pub fn start_verification<'env>(
        &self,
        env: &'env Env,
        claim_type: String,
        reference: Option<String>,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
        scope: u32,
    ) -> napi::Result<Promised<'env, Verification>> {
        let arguments = StartArguments {
            claim_type,
            reference,
        };
        let client = self.core().clone();
        promise_in_scope(env, token, scope, async move {
            let request = arguments.parse()?;
            client
                .verifications()
                .within_seconds(timeout_seconds)?
                .start(request)
                .await
        })
    }

    /// See `relaypass::Verifications::complete`.
    #[napi(catch_unwind)]
    pub fn complete_verification<'env>(
        &self,
        env: &'env Env,
        id: String,
        reissue: bool,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
        scope: u32,
    ) -> napi::Result<Promised<'env, Completion>> {
        let client = self.core().clone();
        promise_in_scope(env, token, scope, async move {
            let id = VerificationId::parse(id)?;
            client
                .verifications()
                .within_seconds(timeout_seconds)?
                .complete(&id, reissue)
                .await
        })
    }

    /// See `relaypass::Verifications::get`.
    #[napi(catch_unwind)]
    pub fn get_verification<'env>(
        &self,
        env: &'env Env,
        id: String,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
        scope: u32,
    ) -> napi::Result<Promised<'env, Verification>> {
        let client = self.core().clone();
        promise_in_scope(env, token, scope, async move {
            let id = VerificationId::parse(id)?;
            client
                .verifications()
                .within_seconds(timeout_seconds)?
                .get(&id)
                .await
        })
    }

    /// See `relaypass::Verifications::forget`. Promises `true`.
    #[napi(catch_unwind)]
    pub fn forget_verification<'env>(
        &self,
        env: &'env Env,
        id: String,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
        scope: u32,
    ) -> napi::Result<Promised<'env, bool>> {
        let client = self.core().clone();
        promise_in_scope(env, token, scope, async move {
            let id = VerificationId::parse(id)?;
            client
                .verifications()
                .within_seconds(timeout_seconds)?
                .forget(&id)
                .await
                .map(|()| true)
        })
    }

    /// See `relaypass::Verifications::recover`.
    #[napi(catch_unwind)]
    pub fn recover_verifications<'env>(
        &self,
        env: &'env Env,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
        scope: u32,
    ) -> napi::Result<Promised<'env, f64>> {
        let client = self.core().clone();
        promise_in_scope(env, token, scope, async move {
            client
                .verifications()
                .within_seconds(timeout_seconds)?
                .recover()
                .await
                .map(|driven| driven as f64)
        })
    }

    /// See `relaypass::Passes::prefetch`.
    #[napi(catch_unwind)]
    pub fn prefetch_passes<'env>(
        &self,
        env: &'env Env,
        claim_type: String,
        count: f64,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
        scope: u32,
    ) -> napi::Result<Promised<'env, u32>> {
        // A number outside the range stays outside the range: below 0 as far as above it.
        let count = u32::try_from(count as i64).unwrap_or(u32::MAX);
        let client = self.core().clone();
        promise_in_scope(env, token, scope, async move {
            let claim_type = ClaimType::parse(claim_type)?;
            client
                .passes()
                .within_seconds(timeout_seconds)?
                .prefetch(&claim_type, count)
                .await
        })
    }

    /// See `relaypass::Passes::count`.
    #[napi(catch_unwind)]
    pub fn count_passes<'env>(
        &self,
        env: &'env Env,
        claim_type: String,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
        scope: u32,
    ) -> napi::Result<Promised<'env, u32>> {
        let client = self.core().clone();
        promise_in_scope(env, token, scope, async move {
            let claim_type = ClaimType::parse(claim_type)?;
            client
                .passes()
                .within_seconds(timeout_seconds)?
                .count(&claim_type)
                .await
        })
    }
}
