//! The client and its three steps.

use std::sync::Arc;

use relaypass::arguments::{
    ClaimArguments, ClientArguments, CloseArguments, CreateArguments, IssueArguments, StoreArgument,
};
use relaypass::Secret;

use crate::call::{drive, Timeout};
use crate::errors::CallError;
use crate::events::{listener, HostListener};
use crate::results::{GeneratedClaimRecord, PrivacyPassRecord, RelayRecord};
use crate::store::{HostStore, StoreAdapter};

/// See `relaypass::arguments::ClientArguments`.
#[derive(uniffi::Record)]
pub struct ClientOptions {
    pub api_key: Option<String>,
    pub base_url: Option<String>,
    pub environment: Option<String>,
    pub timeout_seconds: Option<f64>,
    pub retries: Option<i64>,
    pub ca_pem: Option<String>,
    pub anonymous_proxy: Option<String>,
    pub identified_proxy: Option<String>,
    pub decryption_key: Option<String>,
    pub store_url: Option<String>,
    pub store: Option<Arc<dyn HostStore>>,
    pub store_timeout_seconds: Option<f64>,
    pub seal_keys: Vec<Vec<u8>>,
    pub pass_binding: Option<String>,
    pub pass_pool: Option<i64>,
    pub background: Option<bool>,
    pub on_event: Option<Arc<dyn HostListener>>,
}

impl From<ClientOptions> for ClientArguments {
    fn from(options: ClientOptions) -> Self {
        let by_url = options.store_url.map(Secret::new).map(StoreArgument::Url);
        let object = options
            .store
            .map(|store| StoreArgument::Object(Arc::new(StoreAdapter(store))));
        Self {
            api_key: options.api_key.map(Secret::new),
            base_url: options.base_url,
            environment: options.environment,
            timeout_seconds: options.timeout_seconds,
            retries: options.retries,
            ca_pem: options.ca_pem,
            anonymous_proxy: options.anonymous_proxy.map(Secret::new),
            identified_proxy: options.identified_proxy.map(Secret::new),
            decryption_key: options.decryption_key.map(Secret::new),
            store: object.or(by_url),
            store_timeout_seconds: options.store_timeout_seconds,
            seal_keys: options.seal_keys.into_iter().map(Secret::new).collect(),
            pass_binding: options.pass_binding,
            pass_pool: options.pass_pool,
            background: options.background,
            on_event: options.on_event.map(listener),
        }
    }
}

/// See `relaypass::Client`.
#[derive(uniffi::Object)]
pub struct NativeClient {
    pub(crate) client: relaypass::Client,
}

#[uniffi::export]
impl NativeClient {
    /// Makes a client. Nothing is sent.
    #[uniffi::constructor]
    pub fn open(options: ClientOptions) -> Result<Arc<Self>, CallError> {
        let client = ClientArguments::from(options).parse()?.build()?;
        Ok(Arc::new(Self { client }))
    }

    /// `production` or `sandbox`.
    pub fn environment(&self) -> String {
        self.client.environment().as_str().to_owned()
    }

    /// Step 1.
    pub async fn create(
        &self,
        claim_type: String,
        encryption_key: Option<String>,
        number: u64,
        timeout: Timeout,
    ) -> Result<RelayRecord, CallError> {
        let arguments = CreateArguments {
            claim_type,
            encryption_key,
        };
        let client = self.client.clone();
        drive(number, async move {
            let request = arguments.parse()?;
            let relays = client.relays().within_seconds(timeout.0)?;
            relays.create(request).await
        })
        .await
    }

    /// Step 2.
    pub async fn issue_privacy_pass(
        &self,
        claim_type: Option<String>,
        relay_token: Option<String>,
        relay_secret: Option<String>,
        number: u64,
        timeout: Timeout,
    ) -> Result<PrivacyPassRecord, CallError> {
        let arguments = IssueArguments {
            claim_type,
            relay_token,
            relay_secret: relay_secret.map(Secret::new),
        };
        let client = self.client.clone();
        drive(number, async move {
            let request = arguments.parse()?;
            let relays = client.relays().within_seconds(timeout.0)?;
            relays.issue_privacy_pass(request).await
        })
        .await
    }

    /// Step 3.
    pub async fn generate_claim(
        &self,
        redemption: Redemption,
        number: u64,
        timeout: Timeout,
    ) -> Result<GeneratedClaimRecord, CallError> {
        let arguments = ClaimArguments::from(redemption);
        let client = self.client.clone();
        drive(number, async move {
            let request = arguments.parse()?;
            let relays = client.relays().within_seconds(timeout.0)?;
            relays.generate_claim(request).await
        })
        .await
    }

    /// See `relaypass::Client::close`. Returns `true`.
    pub async fn close_client(
        &self,
        is_called_back: bool,
        number: u64,
        timeout: Timeout,
    ) -> Result<bool, CallError> {
        let arguments = CloseArguments {
            timeout_seconds: timeout.0,
            is_called_back,
        };
        let client = self.client.clone();
        drive(number, async move {
            arguments.parse()?.make(&client).await.map(|()| true)
        })
        .await
    }

    /// A call that does nothing: what crossing over and back costs.
    pub async fn noop(&self, number: u64, timeout: Timeout) -> Result<bool, CallError> {
        let client = self.client.clone();
        drive(number, async move {
            let relays = client.relays().within_seconds(timeout.0);
            relays.map(|_| true)
        })
        .await
    }
}

/// See `relaypass::arguments::ClaimArguments`.
#[derive(uniffi::Record)]
pub struct Redemption {
    pub relay_token: String,
    pub relay_secret: String,
    pub privacy_pass_token: String,
    pub claim_type: Option<String>,
    pub decryption_key: Option<String>,
    pub idempotency_key: Option<String>,
}

impl From<Redemption> for ClaimArguments {
    fn from(redemption: Redemption) -> Self {
        Self {
            relay_token: redemption.relay_token,
            relay_secret: Secret::new(redemption.relay_secret),
            privacy_pass_token: Secret::new(redemption.privacy_pass_token),
            claim_type: redemption.claim_type,
            decryption_key: redemption.decryption_key.map(Secret::new),
            idempotency_key: redemption.idempotency_key.map(Secret::new),
        }
    }
}
