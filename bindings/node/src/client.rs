//! The client and its three steps.

use std::sync::Arc;

use napi::{Either, Env};
use napi_derive::napi;
use relaypass::arguments::{
    ClaimArguments, ClientArguments, CloseArguments, CreateArguments, IssueArguments, StoreArgument,
};
use relaypass::Secret;

use crate::cancel::{promise, promise_in_scope, CancelToken, Promised};
use crate::errors::Outcome;
use crate::events::{listener, Tell};
use crate::results::{GeneratedClaim, PrivacyPass, Relay};
use crate::store::{Bytes, HostStore};

/// See `relaypass::arguments::ClientArguments`.
#[napi(object, object_to_js = false)]
pub struct ClientOptions {
    pub api_key: Option<String>,
    pub base_url: Option<String>,
    pub environment: Option<String>,
    pub timeout_seconds: Option<f64>,
    pub retries: Option<f64>,
    pub ca_pem: Option<String>,
    pub anonymous_proxy: Option<String>,
    pub identified_proxy: Option<String>,
    pub decryption_key: Option<String>,
    pub store_url: Option<String>,
    pub store: Option<HostStore>,
    pub store_timeout_seconds: Option<f64>,
    pub seal_keys: Vec<Bytes>,
    pub pass_binding: Option<String>,
    pub pass_pool: Option<f64>,
    pub background: Option<bool>,
    pub on_event: Option<Tell>,
}

impl From<ClientOptions> for ClientArguments {
    fn from(options: ClientOptions) -> Self {
        let by_url = options.store_url.map(Secret::new).map(StoreArgument::Url);
        let object = options
            .store
            .map(|store| StoreArgument::Object(Arc::new(store)));
        let seal_keys = options.seal_keys.into_iter();
        Self {
            api_key: options.api_key.map(Secret::new),
            base_url: options.base_url,
            environment: options.environment,
            timeout_seconds: options.timeout_seconds,
            // `as` saturates: a number outside the range stays outside the range.
            retries: options.retries.map(|retries| retries as i64),
            ca_pem: options.ca_pem,
            anonymous_proxy: options.anonymous_proxy.map(Secret::new),
            identified_proxy: options.identified_proxy.map(Secret::new),
            decryption_key: options.decryption_key.map(Secret::new),
            store: object.or(by_url),
            store_timeout_seconds: options.store_timeout_seconds,
            seal_keys: seal_keys.map(|Bytes(key)| Secret::new(key)).collect(),
            pass_binding: options.pass_binding,
            pass_pool: options.pass_pool.map(|target| target as i64),
            background: options.background,
            on_event: options.on_event.map(listener),
        }
    }
}

/// See `relaypass::Client`.
#[napi]
pub struct Client {
    client: relaypass::Client,
}

impl From<relaypass::Client> for Client {
    fn from(client: relaypass::Client) -> Self {
        Self { client }
    }
}

impl Client {
    pub(crate) fn core(&self) -> &relaypass::Client {
        &self.client
    }
}

/// Makes a client. Nothing is sent.
#[napi(catch_unwind)]
pub fn open_client(options: ClientOptions) -> Outcome<Client> {
    let arguments = ClientArguments::from(options);
    match arguments.parse().and_then(|builder| builder.build()) {
        Ok(client) => Either::A(client.into()),
        Err(error) => Either::B(error.into()),
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
    ) -> napi::Result<Promised<'env, Relay>> {
        let arguments = CreateArguments {
            claim_type,
            encryption_key,
        };
        let client = self.client.clone();
        promise_in_scope(env, token, scope, async move {
            let request = arguments.parse()?;
            client
                .relays()
                .within_seconds(timeout_seconds)?
                .create(request)
                .await
        })
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
    ) -> napi::Result<Promised<'env, PrivacyPass>> {
        let arguments = IssueArguments {
            claim_type,
            relay_token,
            relay_secret: relay_secret.map(Secret::new),
        };
        let client = self.client.clone();
        promise_in_scope(env, token, scope, async move {
            let request = arguments.parse()?;
            client
                .relays()
                .within_seconds(timeout_seconds)?
                .issue_privacy_pass(request)
                .await
        })
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
    ) -> napi::Result<Promised<'env, GeneratedClaim>> {
        let arguments = ClaimArguments {
            relay_token,
            relay_secret: Secret::new(relay_secret),
            privacy_pass_token: Secret::new(privacy_pass_token),
            claim_type,
            decryption_key: decryption_key.map(Secret::new),
            idempotency_key: idempotency_key.map(Secret::new),
        };
        let client = self.client.clone();
        promise_in_scope(env, token, scope, async move {
            let request = arguments.parse()?;
            client
                .relays()
                .within_seconds(timeout_seconds)?
                .generate_claim(request)
                .await
        })
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
