//! The client and its calls.

use napi::{Either, Env};
use napi_derive::napi;
use relaypass::surface::{
    Call, ClaimArguments, ClientArguments, CloseArguments, CompleteArguments, CountArguments,
    CreateArguments, ForgetArguments, GetArguments, IntoPlain, IssueArguments, PrefetchArguments,
    RecoverArguments, StartArguments,
};

use crate::answer::{
    CompletionRecord, GeneratedClaimRecord, PrivacyPassRecord, RelayRecord, VerificationRecord,
};
use crate::arguments::ClientOptions;
use crate::call::{promise, promise_in_scope, Answered, CancelToken, Promised};
use crate::errors::Outcome;

/// See `relaypass::Client`.
#[napi]
pub struct Client {
    client: relaypass::Client,
}

/// Makes a client. Nothing is sent.
#[napi(catch_unwind)]
pub fn open_client(options: ClientOptions) -> Outcome<Client> {
    let arguments = ClientArguments::from(options);
    match arguments.parse().and_then(|builder| builder.build()) {
        Ok(client) => Either::A(Client { client }),
        Err(error) => Either::B(error.into()),
    }
}

impl Client {
    fn run<'env, C: Call, R: Answered>(
        &self,
        env: &'env Env,
        arguments: C,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
        scope: u32,
        lift: fn(C::Answer) -> R,
    ) -> napi::Result<Promised<'env, R>> {
        let client = self.client.clone();
        promise_in_scope(env, token, scope, async move {
            arguments.run(&client, timeout_seconds).await.map(lift)
        })
    }
}

#[napi]
impl Client {
    /// `production` or `sandbox`.
    #[napi(getter, catch_unwind)]
    pub fn environment(&self) -> &'static str {
        self.client.environment().as_str()
    }

    /// Step 1.
    #[napi(catch_unwind)]
    pub fn create<'env>(
        &self,
        env: &'env Env,
        claim_type: String,
        encryption_key: Option<String>,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
        scope: u32,
    ) -> napi::Result<Promised<'env, RelayRecord>> {
        let arguments = CreateArguments {
            claim_type,
            encryption_key,
        };
        self.run(
            env,
            arguments,
            timeout_seconds,
            token,
            scope,
            RelayRecord::from,
        )
    }

    /// Step 2.
    #[napi(catch_unwind)]
    #[allow(
        clippy::too_many_arguments,
        reason = "an object would cost more to read"
    )]
    pub fn issue_privacy_pass<'env>(
        &self,
        env: &'env Env,
        claim_type: Option<String>,
        relay_token: Option<String>,
        relay_secret: Option<String>,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
        scope: u32,
    ) -> napi::Result<Promised<'env, PrivacyPassRecord>> {
        let arguments = IssueArguments {
            claim_type,
            relay_token,
            relay_secret: relay_secret.map(String::into_plain),
        };
        self.run(
            env,
            arguments,
            timeout_seconds,
            token,
            scope,
            PrivacyPassRecord::from,
        )
    }

    /// Step 3.
    #[napi(catch_unwind)]
    #[allow(
        clippy::too_many_arguments,
        reason = "an object would cost more to read"
    )]
    pub fn generate_claim<'env>(
        &self,
        env: &'env Env,
        relay_token: String,
        relay_secret: String,
        privacy_pass_token: String,
        claim_type: Option<String>,
        decryption_key: Option<String>,
        idempotency_key: Option<String>,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
        scope: u32,
    ) -> napi::Result<Promised<'env, GeneratedClaimRecord>> {
        let arguments = ClaimArguments {
            relay_token,
            relay_secret: relay_secret.into_plain(),
            privacy_pass_token: privacy_pass_token.into_plain(),
            claim_type,
            decryption_key: decryption_key.map(String::into_plain),
            idempotency_key: idempotency_key.map(String::into_plain),
        };
        self.run(
            env,
            arguments,
            timeout_seconds,
            token,
            scope,
            GeneratedClaimRecord::from,
        )
    }

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
    ) -> napi::Result<Promised<'env, VerificationRecord>> {
        let arguments = StartArguments {
            claim_type,
            reference,
        };
        self.run(
            env,
            arguments,
            timeout_seconds,
            token,
            scope,
            VerificationRecord::from,
        )
    }

    /// See `relaypass::Verifications::complete`.
    #[napi(catch_unwind)]
    pub fn complete_verification<'env>(
        &self,
        env: &'env Env,
        id: String,
        reissue: Option<bool>,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
        scope: u32,
    ) -> napi::Result<Promised<'env, CompletionRecord>> {
        let arguments = CompleteArguments { id, reissue };
        self.run(
            env,
            arguments,
            timeout_seconds,
            token,
            scope,
            CompletionRecord::from,
        )
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
    ) -> napi::Result<Promised<'env, VerificationRecord>> {
        let arguments = GetArguments { id };
        self.run(
            env,
            arguments,
            timeout_seconds,
            token,
            scope,
            VerificationRecord::from,
        )
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
        let arguments = ForgetArguments { id };
        self.run(env, arguments, timeout_seconds, token, scope, |()| true)
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
        let arguments = RecoverArguments {};
        self.run(env, arguments, timeout_seconds, token, scope, |driven| {
            driven as f64
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
        let arguments = PrefetchArguments {
            claim_type,
            count: count.into_plain(),
        };
        self.run(env, arguments, timeout_seconds, token, scope, |bought| {
            bought
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
        let arguments = CountArguments { claim_type };
        self.run(env, arguments, timeout_seconds, token, scope, |ready| ready)
    }

    /// See `relaypass::Client::close`. Promises `true`.
    #[napi(catch_unwind)]
    pub fn close<'env>(
        &self,
        env: &'env Env,
        timeout_seconds: Option<f64>,
        is_called_back: bool,
    ) -> napi::Result<Promised<'env, bool>> {
        let arguments = CloseArguments {
            timeout_seconds,
            is_called_back,
        };
        let client = self.client.clone();
        promise(env, None, async move {
            arguments.parse()?.make(&client).await.map(|()| true)
        })
    }

    /// A call that does nothing: what crossing over and back costs.
    #[napi(catch_unwind)]
    pub fn noop<'env>(
        &self,
        env: &'env Env,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
    ) -> napi::Result<Promised<'env, bool>> {
        let client = self.client.clone();
        promise(env, token, async move {
            client
                .relays()
                .within_seconds(timeout_seconds)
                .map(|_| true)
        })
    }
}
