//! The three steps as calls.

use tokio::task::spawn_blocking;

use super::calls::{Call, ClaimArguments, CreateArguments, IssueArguments};
use super::caught::{caught_now, mistake};
use crate::claim::{ClaimType, EncryptionKey};
use crate::client::{
    parse_keys, Client, CreateRelay, EncryptionForm, GenerateClaim, GeneratedClaim,
    IssuePrivacyPass, PrivacyPass, Relay, RelayToken,
};
use crate::credential::RelaySecret;
use crate::error::{Error, Result};
use crate::secret::IdempotencyKey;

impl CreateArguments {
    /// Checks the arguments.
    ///
    /// # Errors
    /// `invalid_argument`, and what to change.
    pub fn parse(self) -> Result<CreateRelay> {
        Ok(CreateRelay {
            claim_type: ClaimType::parse(self.claim_type)?,
            encryption_key: self
                .encryption_key
                .map(|key| EncryptionKey::parse(&key))
                .transpose()?,
            encryption_form: None,
        })
    }
}

impl Call for CreateArguments {
    const NAME: &'static str = "relays.create";
    const IS_LONG: bool = true;
    type Answer = Relay;

    async fn make(self, client: &Client, seconds: Option<f64>) -> Result<Relay> {
        let request = self.parse()?;
        let relays = client.relays().within_seconds(seconds)?;
        relays.create(request).await
    }
}

impl IssueArguments {
    /// Checks the arguments: a claim type, or a relay's token and secret.
    ///
    /// # Errors
    /// `invalid_argument`, and what to change.
    pub fn parse(self) -> Result<IssuePrivacyPass> {
        match (self.claim_type, self.relay_token, self.relay_secret) {
            (Some(claim_type), None, None) => {
                Ok(IssuePrivacyPass::ClaimType(ClaimType::parse(claim_type)?))
            }
            (None, Some(relay_token), Some(relay_secret)) => Ok(IssuePrivacyPass::Relay {
                relay_token: RelayToken::parse(relay_token)?,
                relay_secret: RelaySecret::parse(relay_secret.expose().as_str())?,
            }),
            _ => Err(Error::invalid_argument(
                "A pass is issued either for a claim type, or for a relay by its token and its \
                 secret; give one or the other.",
            )),
        }
    }
}

impl Call for IssueArguments {
    const NAME: &'static str = "relays.issue_privacy_pass";
    const IS_LONG: bool = true;
    type Answer = PrivacyPass;

    async fn make(self, client: &Client, seconds: Option<f64>) -> Result<PrivacyPass> {
        let request = self.parse()?;
        let relays = client.relays().within_seconds(seconds)?;
        relays.issue_privacy_pass(request).await
    }
}

impl ClaimArguments {
    /// Checks the arguments.
    ///
    /// # Errors
    /// `invalid_argument`, and what to change.
    pub fn parse(self) -> Result<GenerateClaim> {
        Ok(GenerateClaim {
            relay_token: RelayToken::parse(self.relay_token)?,
            relay_secret: RelaySecret::parse(self.relay_secret.expose().as_str())?,
            privacy_pass_token: self.privacy_pass_token,
            claim_type: self.claim_type.map(ClaimType::parse).transpose()?,
            decryption_key: self.decryption_key.as_deref().map(parse_keys).transpose()?,
            idempotency_key: self
                .idempotency_key
                .map(|key| IdempotencyKey::parse(key.expose().as_str()))
                .transpose()?,
            encryption_form: self
                .encryption_form
                .as_deref()
                .map(EncryptionForm::parse)
                .transpose()?,
        })
    }
}

impl ClaimArguments {
    /// As [`ClaimArguments::parse`]. Reading a private key means checking it, which takes as long as
    /// using it: that is done where it blocks nobody.
    async fn parse_apart(self) -> Result<GenerateClaim> {
        if self.decryption_key.is_none() {
            return self.parse();
        }
        let parsing = spawn_blocking(move || caught_now(|| self.parse()));
        parsing.await.unwrap_or_else(|_| Err(mistake()))
    }
}

impl Call for ClaimArguments {
    const NAME: &'static str = "relays.generate_claim";
    const IS_LONG: bool = true;
    type Answer = GeneratedClaim;

    async fn make(self, client: &Client, seconds: Option<f64>) -> Result<GeneratedClaim> {
        let request = self.parse_apart().await?;
        let relays = client.relays().within_seconds(seconds)?;
        relays.generate_claim(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_pass_is_for_a_claim_type_or_for_a_relay() {
        let text = |given: bool| given.then(|| "text".to_owned());
        for bits in 0..8 {
            let [claim_type, relay_token, relay_secret] = [1, 2, 4].map(|bit| bits & bit != 0);
            let parsed = IssueArguments {
                claim_type: text(claim_type),
                relay_token: text(relay_token),
                relay_secret: text(relay_secret).map(Secret::new),
            }
            .parse();
            assert_eq!(parsed.is_ok(), bits == 1 || bits == 6, "{bits}");
        }
    }
}
