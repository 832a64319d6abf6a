//! The three steps as calls.

use super::call::Call;
use crate::client::{
    ClaimArguments, Client, CreateArguments, GeneratedClaim, IssueArguments, PrivacyPass, Relay,
};
use crate::error::Result;

impl Call for CreateArguments {
    const NAME: &'static str = "relays.create";
    type Answer = Relay;

    async fn run(self, client: &Client, seconds: Option<f64>) -> Result<Relay> {
        let request = self.parse()?;
        let relays = client.relays().within_seconds(seconds)?;
        relays.create(request).await
    }
}

impl Call for IssueArguments {
    const NAME: &'static str = "relays.issue_privacy_pass";
    type Answer = PrivacyPass;

    async fn run(self, client: &Client, seconds: Option<f64>) -> Result<PrivacyPass> {
        let request = self.parse()?;
        let relays = client.relays().within_seconds(seconds)?;
        relays.issue_privacy_pass(request).await
    }
}

impl Call for ClaimArguments {
    const NAME: &'static str = "relays.generate_claim";
    type Answer = GeneratedClaim;

    async fn run(self, client: &Client, seconds: Option<f64>) -> Result<GeneratedClaim> {
        let request = self.parse()?;
        let relays = client.relays().within_seconds(seconds)?;
        relays.generate_claim(request).await
    }
}
