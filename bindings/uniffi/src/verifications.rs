//! Durable verifications, and passes bought ahead.

use relaypass::arguments::StartArguments;
use relaypass::{ClaimType, VerificationId};

use crate::call::{drive, drive_apart, Timeout};
use crate::client::NativeClient;
use crate::errors::CallError;
use crate::results::{CompletionRecord, VerificationRecord};

#[uniffi::export]
impl NativeClient {
    /// See `relaypass::Verifications::start`.
    pub async fn start_verification(
        &self,
        claim_type: String,
        reference: Option<String>,
        number: u64,
        timeout: Timeout,
    ) -> Result<VerificationRecord, CallError> {
        let arguments = StartArguments {
            claim_type,
            reference,
        };
        let client = self.client.clone();
        drive_apart(number, async move {
            let request = arguments.parse()?;
            let verifications = client.verifications().within_seconds(timeout.0)?;
            verifications.start(request).await
        })
        .await
    }

    /// See `relaypass::Verifications::complete`.
    pub async fn complete_verification(
        &self,
        id: String,
        reissue: bool,
        number: u64,
        timeout: Timeout,
    ) -> Result<CompletionRecord, CallError> {
        let client = self.client.clone();
        drive_apart(number, async move {
            let id = VerificationId::parse(id)?;
            let verifications = client.verifications().within_seconds(timeout.0)?;
            verifications.complete(&id, reissue).await
        })
        .await
    }

    /// See `relaypass::Verifications::get`.
    pub async fn get_verification(
        &self,
        id: String,
        number: u64,
        timeout: Timeout,
    ) -> Result<VerificationRecord, CallError> {
        let client = self.client.clone();
        drive(number, async move {
            let id = VerificationId::parse(id)?;
            let verifications = client.verifications().within_seconds(timeout.0)?;
            verifications.get(&id).await
        })
        .await
    }

    /// See `relaypass::Verifications::forget`.
    pub async fn forget_verification(
        &self,
        id: String,
        number: u64,
        timeout: Timeout,
    ) -> Result<(), CallError> {
        let client = self.client.clone();
        drive_apart(number, async move {
            let id = VerificationId::parse(id)?;
            let verifications = client.verifications().within_seconds(timeout.0)?;
            verifications.forget(&id).await
        })
        .await
    }

    /// See `relaypass::Verifications::recover`.
    pub async fn recover_verifications(
        &self,
        number: u64,
        timeout: Timeout,
    ) -> Result<u64, CallError> {
        let client = self.client.clone();
        drive_apart(number, async move {
            let verifications = client.verifications().within_seconds(timeout.0)?;
            verifications.recover().await
        })
        .await
    }

    /// See `relaypass::Passes::prefetch`.
    pub async fn prefetch_passes(
        &self,
        claim_type: String,
        count: i64,
        number: u64,
        timeout: Timeout,
    ) -> Result<u32, CallError> {
        // A number outside the range stays outside the range: below 0 as far as above it.
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let client = self.client.clone();
        drive_apart(number, async move {
            let claim_type = ClaimType::parse(claim_type)?;
            let passes = client.passes().within_seconds(timeout.0)?;
            passes.prefetch(&claim_type, count).await
        })
        .await
    }

    /// See `relaypass::Passes::count`.
    pub async fn count_passes(
        &self,
        claim_type: String,
        number: u64,
        timeout: Timeout,
    ) -> Result<u32, CallError> {
        let client = self.client.clone();
        drive(number, async move {
            let claim_type = ClaimType::parse(claim_type)?;
            let passes = client.passes().within_seconds(timeout.0)?;
            passes.count(&claim_type).await
        })
        .await
    }
}
