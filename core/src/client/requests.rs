//! What the three steps take, and what they return.

use super::EncryptionForm;
use crate::claim::{Claim, ClaimType, DecryptionKeys, EncryptionKey, KeyForm};
use crate::credential::{check_visible, RelaySecret};
use crate::error::{Error, ResponseInfo, Result};
use crate::pass::PrivacyPassToken;
use crate::secret::{IdempotencyKey, Secret};

/// The name of a relay. Not a secret, but known to few.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayToken(String);

impl RelayToken {
    /// Checks the form: 1 to 512 visible ASCII characters, and no step up a path. Anything else,
    /// slashes included, travels encoded as one segment of the path.
    ///
    /// # Errors
    /// `invalid_argument` otherwise.
    pub fn parse(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        check_visible(&text, "the relay token", 512)?;
        if text == "." || text == ".." {
            return Err(Error::invalid_argument(
                "The relay token cannot be \".\" or \"..\": in a URL these are steps, not names.",
            ));
        }
        Ok(Self(text))
    }

    /// The token's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What [`Relays::create`](crate::Relays::create) needs.
#[derive(Clone, Debug)]
pub struct CreateRelay {
    /// What is asked about the person.
    pub claim_type: ClaimType,
    /// The key to encrypt the claim with; by default that of the client's decryption key, if it has
    /// one.
    pub encryption_key: Option<EncryptionKey>,
    /// In which form the key is sent; by default the client's ([`EncryptionForm`]).
    pub encryption_form: Option<EncryptionForm>,
}

impl CreateRelay {
    /// A relay for this claim type, with the client's own encryption key.
    pub fn new(claim_type: ClaimType) -> Self {
        Self {
            claim_type,
            encryption_key: None,
            encryption_form: None,
        }
    }
}

/// A relay session. It lives 30 minutes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Relay {
    /// Names the relay in later calls.
    pub relay_token: RelayToken,
    /// Redeems the claim. Persona returns it this once; it stays on the server.
    pub relay_secret: RelaySecret,
    /// A JWT for the visitor's browser, and the only part that may go there.
    pub relay_session_access_token: Secret<String>,
    /// In which form Persona took the encryption key, and so how the claim comes back. None: without
    /// encryption.
    pub encryption_form: Option<KeyForm>,
    /// `Request-Id` and rate limit.
    pub info: ResponseInfo,
}

/// What [`Relays::issue_privacy_pass`](crate::Relays::issue_privacy_pass) binds the pass to.
#[derive(Clone, Debug)]
pub enum IssuePrivacyPass {
    /// Every relay of this claim type and this environment: the current generation.
    ClaimType(ClaimType),
    /// This one relay: the first generation.
    Relay {
        /// The relay's token.
        relay_token: RelayToken,
        /// The relay's secret.
        relay_secret: RelaySecret,
    },
}

/// A pass, paid for and not yet redeemed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PrivacyPass {
    /// The pass itself.
    pub privacy_pass_token: PrivacyPassToken,
    /// `Request-Id` and rate limit of the call that was billed.
    pub info: ResponseInfo,
}

/// What [`Relays::generate_claim`](crate::Relays::generate_claim) needs.
#[derive(Clone, Debug)]
pub struct GenerateClaim {
    /// The relay's token.
    pub relay_token: RelayToken,
    /// The relay's secret.
    pub relay_secret: RelaySecret,
    /// The pass to redeem, as text.
    pub privacy_pass_token: Secret<String>,
    /// What was asked: a claim of another type is refused. None accepts any.
    pub claim_type: Option<ClaimType>,
    /// The keys to open the claim with; by default the client's.
    pub decryption_key: Option<DecryptionKeys>,
    /// Names this redemption: best made by the caller ([`IdempotencyKey::random`]), and stored beside
    /// the relay before the call; or [`Error::idempotency_key`]. Left out, the call makes one of its
    /// own. For one relay and pass only.
    ///
    /// The same key asks for the same answer for 24 hours, after a lost answer, a cancellation or a
    /// crash. The call goes out under this key alone, and "not finished yet" ends it. After
    /// `permission_denied` without an `idempotency_key` make a new one: Persona keeps that answer
    /// too. An error with an `idempotency_key`, whatever its kind, asks to be repeated with that key.
    /// It is as secret as the pass.
    pub idempotency_key: Option<IdempotencyKey>,
    /// In which form the claim has to come: that of the relay ([`Relay::encryption_form`]), kept beside
    /// it. A claim in another form is a `claim_mismatch`, with keys or without. None: with keys the
    /// client's own form, without them any.
    pub encryption_form: Option<EncryptionForm>,
}

impl GenerateClaim {
    /// Redeems a pass for a relay's claim, with the client's own decryption key.
    pub fn new(
        relay_token: RelayToken,
        relay_secret: RelaySecret,
        privacy_pass_token: impl Into<PassText>,
    ) -> Self {
        Self {
            relay_token,
            relay_secret,
            privacy_pass_token: privacy_pass_token.into().0,
            claim_type: None,
            decryption_key: None,
            idempotency_key: None,
            encryption_form: None,
        }
    }
}

/// A pass on its way into a call: as issued, or as text from where it was stored.
pub struct PassText(Secret<String>);

impl From<PrivacyPassToken> for PassText {
    fn from(pass: PrivacyPassToken) -> Self {
        Self(Secret::new(pass.expose().to_owned()))
    }
}

impl From<Secret<String>> for PassText {
    fn from(text: Secret<String>) -> Self {
        Self(text)
    }
}

impl From<String> for PassText {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

/// Persona's answer about the person.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GeneratedClaim {
    /// The payload as Persona sent it: JSON, base64 of a ciphertext, or a compact JWE.
    pub claim_payload: Secret<String>,
    /// `true`: the pass is spent. `false`: the claim did not pass, and the pass can be used again.
    pub token_consumed: bool,
    /// The claim, opened. `None` when it is encrypted and no decryption key is set.
    pub claim: Option<Claim>,
    /// `Request-Id` and rate limit.
    pub info: ResponseInfo,
}
