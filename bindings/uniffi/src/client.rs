//! The client and its calls.

use std::sync::Arc;

use relaypass::surface::{
    Call, ClaimArguments, ClientArguments, CloseArguments, CompleteArguments, CountArguments,
    CreateArguments, ForgetArguments, GetArguments, IntoPlain, IssueArguments, PrefetchArguments,
    RecoverArguments, StartArguments,
};

use crate::answer::{
    CompletionRecord, GeneratedClaimRecord, PrivacyPassRecord, RelayRecord, VerificationRecord,
};
use crate::arguments::{ClientOptions, Redemption};
use crate::call::{drive, drive_apart, Timeout};
use crate::errors::CallError;

/// See `relaypass::Client`.
#[derive(uniffi::Object)]
pub struct NativeClient {
    client: relaypass::Client,
}

impl NativeClient {
    async fn run<C: Call, R: From<C::Answer>>(
        &self,
        arguments: C,
        number: u64,
        timeout: Timeout,
    ) -> Result<R, CallError> {
        let client = self.client.clone();
        drive(
            number,
            async move { arguments.run(&client, timeout.0).await },
        )
        .await
    }

    /// As [`drive_apart`].
    async fn run_apart<C: Call, R: From<C::Answer>>(
        &self,
        arguments: C,
        number: u64,
        timeout: Timeout,
    ) -> Result<R, CallError> {
        let client = self.client.clone();
        drive_apart(
            number,
            async move { arguments.run(&client, timeout.0).await },
        )
        .await
    }
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
        self.run(
            CreateArguments {
                claim_type,
                encryption_key,
            },
            number,
            timeout,
        )
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
        self.run(
            IssueArguments {
                claim_type,
                relay_token,
                relay_secret: relay_secret.map(String::into_plain),
            },
            number,
            timeout,
        )
        .await
    }

    /// Step 3.
    pub async fn generate_claim(
        &self,
        redemption: Redemption,
        number: u64,
        timeout: Timeout,
    ) -> Result<GeneratedClaimRecord, CallError> {
        self.run(ClaimArguments::from(redemption), number, timeout)
            .await
    }

    /// See `relaypass::Verifications::start`.
    pub async fn start_verification(
        &self,
        claim_type: String,
        reference: Option<String>,
        number: u64,
        timeout: Timeout,
    ) -> Result<VerificationRecord, CallError> {
        self.run_apart(
            StartArguments {
                claim_type,
                reference,
            },
            number,
            timeout,
        )
        .await
    }

    /// See `relaypass::Verifications::complete`.
    pub async fn complete_verification(
        &self,
        id: String,
        reissue: Option<bool>,
        number: u64,
        timeout: Timeout,
    ) -> Result<CompletionRecord, CallError> {
        self.run_apart(CompleteArguments { id, reissue }, number, timeout)
            .await
    }

    /// See `relaypass::Verifications::get`.
    pub async fn get_verification(
        &self,
        id: String,
        number: u64,
        timeout: Timeout,
    ) -> Result<VerificationRecord, CallError> {
        self.run(GetArguments { id }, number, timeout).await
    }

    /// See `relaypass::Verifications::forget`.
    pub async fn forget_verification(
        &self,
        id: String,
        number: u64,
        timeout: Timeout,
    ) -> Result<(), CallError> {
        self.run_apart(ForgetArguments { id }, number, timeout)
            .await
    }

    /// See `relaypass::Verifications::recover`.
    pub async fn recover_verifications(
        &self,
        number: u64,
        timeout: Timeout,
    ) -> Result<u64, CallError> {
        self.run_apart(RecoverArguments {}, number, timeout).await
    }

    /// See `relaypass::Passes::prefetch`.
    pub async fn prefetch_passes(
        &self,
        claim_type: String,
        count: i64,
        number: u64,
        timeout: Timeout,
    ) -> Result<u32, CallError> {
        self.run_apart(PrefetchArguments { claim_type, count }, number, timeout)
            .await
    }

    /// See `relaypass::Passes::count`.
    pub async fn count_passes(
        &self,
        claim_type: String,
        number: u64,
        timeout: Timeout,
    ) -> Result<u32, CallError> {
        self.run(CountArguments { claim_type }, number, timeout)
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
