//! The three steps, stateless: the same names as the official SDKs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::form::{may_be_the_form, refused_twice};
use super::steps::{Challenge, Create, RelayBoundChallenge};
use super::{EncryptionForm, Environment, Inner};
use crate::claim::{Claim, ClaimType, DecryptionKeys, EncryptionKey, KeyForm};
use crate::credential::{check_visible, RelaySecret};
use crate::error::{Error, ResponseInfo, Result};
use crate::http::{now_ms, run, IdentifiedLane};
use crate::outcome::Budget;
use crate::pass::{Challenge as DecodedChallenge, PendingPass, PrivacyPassToken, TokenKey};
use crate::secret::{os_random, IdempotencyKey, Secret};
use crate::wire::ChallengeAnswer;

/// How long a call with all its retries takes at most.
const LONGEST_CALL: Duration = Duration::from_secs(30);

/// With less time than this left, or the fourth part of a call that is given little, nothing is
/// sent any more.
const FLOOR: Duration = Duration::from_secs(1);

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

/// What [`Relays::create`] needs.
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

/// What [`Relays::issue_privacy_pass`] binds the pass to.
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

/// What [`Relays::generate_claim`] needs.
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

/// The three steps of a [`Client`](super::Client).
///
/// They keep nothing: what they return is the caller's to store. Every call may be made from any
/// process. Dropping the future cancels the call; what was sent stays sent.
#[derive(Clone, Copy)]
pub struct Relays<'a> {
    pub(crate) inner: &'a Arc<Inner>,
    pub(crate) limit: Option<Duration>,
}

impl<'a> Relays<'a> {
    pub(super) fn new(inner: &'a Arc<Inner>) -> Self {
        Self { inner, limit: None }
    }

    /// Limits the whole call, retries included, to this time.
    pub fn within(self, limit: Duration) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// Step 1: creates a relay. Costs nothing, names nobody.
    ///
    /// If Persona refuses the request with the key in the one form, it is made once more with the key in
    /// the other, unless the form is said ([`EncryptionForm`]). If she refuses both, in different words,
    /// the error's `details` have both.
    ///
    /// # Errors
    /// `invalid_argument` when Persona refuses the claim type or the key, `unprocessable`,
    /// `rate_limited`, `server_error`, `timeout`, `network`, `protocol`.
    ///
    /// Source: Persona, "Create a Relay".
    pub async fn create(&self, request: CreateRelay) -> Result<Relay> {
        let budget = self.inner.budget(self.limit);
        let _call = (self.inner.lifecycle.begin_call())
            .map_err(|error| error.in_operation("relays.create"))?;
        self.inner.create_relay(request, &budget).await
    }
}

impl Inner {
    /// Step 1, within `budget`.
    pub(super) async fn create_relay(
        &self,
        request: CreateRelay,
        budget: &Budget,
    ) -> Result<Relay> {
        let began = Instant::now();
        let own_keys = self.decryption_key.as_ref();
        let own_key = || own_keys.map(DecryptionKeys::encryption_key);
        let encryption_key = request.encryption_key.as_ref().or_else(own_key);
        let exchange = |form| Create {
            inner: self,
            claim_type: &request.claim_type,
            encryption_key,
            form,
        };
        let wanted = request.encryption_form.unwrap_or(self.encryption_form);
        let (first, other) = wanted.tries(&self.accepted);
        let created = match (run(&exchange(first), budget).await, other) {
            (Err(refused), Some(other)) if may_be_the_form(&refused) => {
                let left = Budget {
                    total: budget.total.saturating_sub(began.elapsed()),
                    ..*budget
                };
                match left.next_attempt(Duration::ZERO) {
                    // What she says is more than that there is no time to ask again.
                    None => Err(refused),
                    Some(_) => match run(&exchange(other), &left).await {
                        // It was not the form, then, or not the form alone.
                        Err(again) if may_be_the_form(&again) => {
                            Err(refused_twice(refused, &again))
                        }
                        created => created.map(|created| (other, created)),
                    },
                }
            }
            (created, _) => created.map(|created| (first, created)),
        };
        let (form, (answer, info)) =
            created.map_err(|error| error.in_operation("relays.create"))?;
        if encryption_key.is_some() || form != first {
            self.accepted.note(form);
        }
        Ok(Relay {
            relay_token: answer.relay_token,
            relay_secret: answer.relay_secret,
            relay_session_access_token: answer.relay_session_access_token,
            encryption_form: encryption_key.map(|_| form),
            info,
        })
    }

    /// The lane of the call that names us.
    pub(crate) fn signing_lane(&self) -> Result<&IdentifiedLane> {
        self.identified.as_ref().ok_or_else(|| {
            Error::invalid_argument("This client has no API key, and only a key can buy a pass.")
        })
    }

    /// Step 2a: fetches a challenge and blinds a fresh nonce for it.
    pub(crate) async fn blind_message(
        &self,
        request: &IssuePrivacyPass,
        budget: &Budget,
    ) -> Result<PendingPass> {
        const OPERATION: &str = "relays.issue_privacy_pass";
        let answered = match request {
            IssuePrivacyPass::ClaimType(claim_type) => {
                let exchange = Challenge {
                    inner: self,
                    claim_type,
                };
                run(&exchange, budget).await
            }
            IssuePrivacyPass::Relay {
                relay_token,
                relay_secret,
            } => {
                let exchange = RelayBoundChallenge {
                    inner: self,
                    relay_token,
                    relay_secret,
                };
                run(&exchange, budget).await
            }
        };
        let (answer, info) = answered.map_err(|error| error.in_operation(OPERATION))?;
        blind(&answer).map_err(|error| error.with_response(info).in_operation(OPERATION))
    }

    /// How long a call with all its retries takes, unless the caller says otherwise.
    pub(super) fn longest_call(&self) -> Duration {
        LONGEST_CALL.max(self.timeout)
    }

    /// What one call may take; `limit` is the caller's.
    pub(crate) fn budget(&self, limit: Option<Duration>) -> Budget {
        let whole = limit.unwrap_or_else(|| self.longest_call());
        Budget {
            retries: self.retries,
            attempt: self.timeout,
            total: whole,
            floor: FLOOR.min(self.timeout / 2).min(whole / 4),
        }
    }

    pub(super) fn is_sandbox(&self) -> bool {
        self.environment == Environment::Sandbox
    }
}

fn blind(answer: &ChallengeAnswer) -> Result<PendingPass> {
    let refused =
        |what: String| Error::protocol(format!("Persona's challenge is no good: {what}."));
    let challenge =
        DecodedChallenge::decode(&answer.challenge).map_err(|bad| refused(bad.0.into()))?;
    if challenge.expires_at_ms() <= now_ms() {
        return Err(refused(
            "it has expired (is this machine's clock right?)".into(),
        ));
    }
    let token_key = TokenKey::decode(&answer.token_key, &answer.token_key_id)
        .map_err(|bad| refused(bad.0.into()))?;
    PendingPass::blind(challenge, token_key, &mut os_random()).map_err(|bad| refused(bad.0.into()))
}
