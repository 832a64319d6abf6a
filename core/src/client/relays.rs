//! The three steps, stateless: the same names as the official SDKs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::blinding::{refused, KnownKey};
use super::form::{may_be_the_form, refused_twice};
use super::steps::{Challenge, Create, RelayBoundChallenge};
use super::{CreateRelay, Environment, Inner, IssuePrivacyPass, Relay};
use crate::claim::DecryptionKeys;
use crate::error::{Error, Result};
use crate::http::{now_ms, run, IdentifiedLane, Way};
use crate::outcome::Budget;
use crate::pass::{Challenge as DecodedChallenge, PendingPass};
use crate::wire::ChallengeAnswer;

/// How long a call with all its retries takes at most.
const LONGEST_CALL: Duration = Duration::from_secs(30);

/// With less time than this left, or the fourth part of a call that is given little, nothing is
/// sent any more.
const FLOOR: Duration = Duration::from_secs(1);

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
    /// the other, unless the form is said ([`EncryptionForm`](super::EncryptionForm)). If she refuses both, in different words,
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
        self.inner.create_relay(request, Way::Drawn, &budget).await
    }
}

impl Inner {
    /// Step 1, within `budget`.
    pub(super) async fn create_relay(
        &self,
        request: CreateRelay,
        way: Way,
        budget: &Budget,
    ) -> Result<Relay> {
        let began = Instant::now();
        let lane = self.anonymous.by(way);
        let own_keys = self.decryption_key.as_ref();
        let own_key = || own_keys.map(DecryptionKeys::encryption_key);
        let encryption_key = request.encryption_key.as_ref().or_else(own_key);
        let exchange = |form| Create {
            inner: self,
            lane,
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

    /// Step 2a: fetches a challenge and blinds a fresh nonce for it. `way`: that of the relay that the request names, or
    /// is made beside; none: this client's for that relay, or for what is signed at once.
    pub(crate) async fn blind_message(
        &self,
        request: &IssuePrivacyPass,
        way: Option<Way>,
        budget: &Budget,
    ) -> Result<PendingPass> {
        const OPERATION: &str = "relays.issue_privacy_pass";
        let answered = match request {
            IssuePrivacyPass::ClaimType(claim_type) => {
                let exchange = Challenge {
                    inner: self,
                    lane: self.anonymous.by(way.unwrap_or(Way::BeforeSignature)),
                    claim_type,
                };
                run(&exchange, budget).await
            }
            IssuePrivacyPass::Relay {
                relay_token,
                relay_secret,
            } => {
                let by_token = || self.anonymous.of_relay(relay_token.as_str());
                let exchange = RelayBoundChallenge {
                    lane: self.anonymous.by(way.unwrap_or_else(by_token)),
                    relay_token,
                    relay_secret,
                };
                run(&exchange, budget).await
            }
        };
        let (answer, info) = answered.map_err(|error| error.in_operation(OPERATION))?;
        let blinded = self.blind(&answer).await;
        blinded.map_err(|error| error.with_response(info).in_operation(OPERATION))
    }

    /// Blinds a fresh nonce for a challenge.
    pub(super) async fn blind(&self, answer: &ChallengeAnswer) -> Result<PendingPass> {
        let (challenge, key) = self.decode(answer)?;
        key.blind(challenge).await
    }

    /// Reads a challenge and its key.
    pub(super) fn decode(
        &self,
        answer: &ChallengeAnswer,
    ) -> Result<(DecodedChallenge, Arc<KnownKey>)> {
        let challenge =
            DecodedChallenge::decode(&answer.challenge).map_err(|bad| refused(bad.0))?;
        if challenge.expires_at_ms() <= now_ms() {
            return Err(refused("it has expired (is this machine's clock right?)"));
        }
        let key = (self
            .token_keys
            .decode(&answer.token_key, &answer.token_key_id))
        .map_err(|bad| refused(bad.0))?;
        Ok((challenge, key))
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
