//! Durable verifications, and passes bought ahead.

use relaypass::arguments::StartArguments;
use relaypass::{ClaimType, VerificationId};

use crate::call::{drive, CallContext};
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
        context: CallContext,
    ) -> Result<VerificationRecord, CallError> {
        let arguments = StartArguments {
            claim_type,
            reference,
        };
        let (client, timeout) = (self.client.clone(), context.timeout_seconds);
        drive(context, async move {
            let request = arguments.parse()?;
            let verifications = client.verifications().within_seconds(timeout)?;
            verifications.start(request).await
        })
        .await
    }

    /// See `relaypass::Verifications::complete`.
    pub async fn complete_verification(
        &self,
        id: String,
        reissue: bool,
        context: CallContext,
    ) -> Result<CompletionRecord, CallError> {
        let (client, timeout) = (self.client.clone(), context.timeout_seconds);
        drive(context, async move {
            let id = VerificationId::parse(id)?;
            let verifications = client.verifications().within_seconds(timeout)?;
            verifications.complete(&id, reissue).await
        })
        .await
    }

    /// See `relaypass::Verifications::get`.
    pub async fn get_verification(
        &self,
        id: String,
        context: CallContext,
    ) -> Result<VerificationRecord, CallError> {
        let (client, timeout) = (self.client.clone(), context.timeout_seconds);
        drive(context, async move {
            let id = VerificationId::parse(id)?;
            let verifications = client.verifications().within_seconds(timeout)?;
            verifications.get(&id).await
        })
        .await
    }

    /// See `relaypass::Verifications::forget`.
    pub async fn forget_verification(
        &self,
        id: String,
        context: CallContext,
    ) -> Result<(), CallError> {
        let (client, timeout) = (self.client.clone(), context.timeout_seconds);
        drive(context, async move {
            let id = VerificationId::parse(id)?;
            let verifications = client.verifications().within_seconds(timeout)?;
            verifications.forget(&id).await
        })
        .await
    }

    /// See `relaypass::Verifications::recover`.
    pub async fn recover_verifications(&self, context: CallContext) -> Result<u64, CallError> {
        let (client, timeout) = (self.client.clone(), context.timeout_seconds);
        drive(context, async move {
            let verifications = client.verifications().within_seconds(timeout)?;
            verifications.recover().await
        })
        .await
    }

    /// See `relaypass::Passes::prefetch`.
    pub async fn prefetch_passes(
        &self,
        claim_type: String,
        count: i64,
        context: CallContext,
    ) -> Result<u32, CallError> {
        // A number outside the range stays outside the range: below 0 as far as above it.
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let (client, timeout) = (self.client.clone(), context.timeout_seconds);
        drive(context, async move {
            let claim_type = ClaimType::parse(claim_type)?;
            let passes = client.passes().within_seconds(timeout)?;
            passes.prefetch(&claim_type, count).await
        })
        .await
    }

    /// See `relaypass::Passes::count`.
    pub async fn count_passes(
        &self,
        claim_type: String,
        context: CallContext,
    ) -> Result<u32, CallError> {
        let (client, timeout) = (self.client.clone(), context.timeout_seconds);
        drive(context, async move {
            let claim_type = ClaimType::parse(claim_type)?;
            let passes = client.passes().within_seconds(timeout)?;
            passes.count(&claim_type).await
        })
        .await
    }
}
