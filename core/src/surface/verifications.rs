//! The arguments of durable verifications and of passes bought ahead, and their calls.

use super::call::Call;
use crate::claim::ClaimType;
use crate::client::{rules, Client, MOST_PASSES};
use crate::described::{described, Plain, Rule};
use crate::error::{Error, Result};
use crate::verification::{Completion, StartVerification, Verification, VerificationId};

described! {
    /// The arguments of `verifications.start`.
    pub struct StartArguments {
        /// What is asked.
        pub claim_type: String,
        /// [`StartVerification::reference`].
        pub reference: Option<String>,
    }
}

impl StartArguments {
    /// Checks the arguments.
    ///
    /// # Errors
    /// `invalid_argument`, and what to change.
    pub fn parse(self) -> Result<StartVerification> {
        let parse = || {
            let request = StartVerification::new(ClaimType::parse(self.claim_type)?);
            match self.reference {
                None => Ok(request),
                Some(reference) => request.reference(reference),
            }
        };
        parse().map_err(|error: Error| error.in_operation(Self::NAME))
    }
}

impl Call for StartArguments {
    const NAME: &'static str = "verifications.start";
    type Answer = Verification;

    async fn run(self, client: &Client, seconds: Option<f64>) -> Result<Verification> {
        let request = self.parse()?;
        let verifications = client.verifications().within_seconds(seconds)?;
        verifications.start(request).await
    }
}

described! {
    /// The arguments of `verifications.complete`.
    pub struct CompleteArguments {
        /// Which verification.
        pub id: String,
        /// Whether another pass may be billed.
        pub reissue: Option<bool> => Rule::ANY.by_default(Plain::Flag(false)),
    }
}

impl Call for CompleteArguments {
    const NAME: &'static str = "verifications.complete";
    type Answer = Completion;

    async fn run(self, client: &Client, seconds: Option<f64>) -> Result<Completion> {
        let id = VerificationId::parse(self.id)?;
        let verifications = client.verifications().within_seconds(seconds)?;
        verifications
            .complete(&id, self.reissue == Some(true))
            .await
    }
}

described! {
    /// The arguments of `verifications.get`.
    pub struct GetArguments {
        /// Which verification.
        pub id: String,
    }
}

impl Call for GetArguments {
    const NAME: &'static str = "verifications.get";
    type Answer = Verification;

    async fn run(self, client: &Client, seconds: Option<f64>) -> Result<Verification> {
        let id = VerificationId::parse(self.id)?;
        let verifications = client.verifications().within_seconds(seconds)?;
        verifications.get(&id).await
    }
}

described! {
    /// The arguments of `verifications.forget`.
    pub struct ForgetArguments {
        /// Which verification.
        pub id: String,
    }
}

impl Call for ForgetArguments {
    const NAME: &'static str = "verifications.forget";
    type Answer = ();

    async fn run(self, client: &Client, seconds: Option<f64>) -> Result<()> {
        let id = VerificationId::parse(self.id)?;
        let verifications = client.verifications().within_seconds(seconds)?;
        verifications.forget(&id).await
    }
}

described! {
    /// The arguments of `verifications.recover`: none.
    pub struct RecoverArguments {}
}

impl Call for RecoverArguments {
    const NAME: &'static str = "verifications.recover";
    type Answer = u64;

    async fn run(self, client: &Client, seconds: Option<f64>) -> Result<u64> {
        let verifications = client.verifications().within_seconds(seconds)?;
        verifications.recover().await
    }
}

described! {
    /// The arguments of `passes.prefetch`.
    pub struct PrefetchArguments {
        /// What the passes are for.
        pub claim_type: String,
        /// How many to buy.
        pub count: i64 => rules::PREFETCH,
    }
}

impl Call for PrefetchArguments {
    const NAME: &'static str = "passes.prefetch";
    type Answer = u32;

    async fn run(self, client: &Client, seconds: Option<f64>) -> Result<u32> {
        let claim_type = ClaimType::parse(self.claim_type)?;
        // A number that is no count becomes one that is refused, in its turn.
        let count = u32::try_from(self.count).unwrap_or(MOST_PASSES + 1);
        let passes = client.passes().within_seconds(seconds)?;
        passes.prefetch(&claim_type, count).await
    }
}

described! {
    /// The arguments of `passes.count`.
    pub struct CountArguments {
        /// What the passes are for.
        pub claim_type: String,
    }
}

impl Call for CountArguments {
    const NAME: &'static str = "passes.count";
    type Answer = u32;

    async fn run(self, client: &Client, seconds: Option<f64>) -> Result<u32> {
        let claim_type = ClaimType::parse(self.claim_type)?;
        let passes = client.passes().within_seconds(seconds)?;
        passes.count(&claim_type).await
    }
}
