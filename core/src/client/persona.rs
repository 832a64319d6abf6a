//! Persona as the durable flow sees it: the free calls whole, the two that are at stake one attempt
//! at a time, because what is decided in between must be stored first.

use std::time::Duration;

use tokio::time::Instant;

use super::opening::open_apart;
use super::steps::{Redeem, Sign};
use super::{CreateRelay, Inner, IssuePrivacyPass, Relay, RelayToken};
use crate::claim::{is_encrypted, Claim, ClaimType, Envelope, KeyForm};
use crate::credential::RelaySecret;
use crate::error::{Error, ErrorKind, ResponseInfo, Result};
use crate::future::BoxFuture;
use crate::http::{ask_once, Attempt, Connection, Way};
use crate::outcome::Budget;
use crate::pass::{PendingPass, PrivacyPassToken};
use crate::privacy::CommonHour;
use crate::privacy::{Fetched, Sighting};
use crate::records::StoredSecret;
use crate::secret::IdempotencyKey;

/// A question about a relay.
pub(crate) struct Question<'a> {
    pub(crate) relay_token: &'a StoredSecret,
    pub(crate) relay_secret: &'a StoredSecret,
    pub(crate) pass: &'a StoredSecret,
    pub(crate) key: IdempotencyKey,
    /// Keys of earlier questions.
    pub(crate) earlier_keys: Vec<IdempotencyKey>,
    /// The relay's way out; none: this client's for it.
    pub(crate) way: Option<Way>,
}

/// What one attempt is given.
#[derive(Clone, Copy)]
pub(crate) struct AttemptOptions {
    pub(crate) connection: Connection,
    /// None: there is no time left, and nothing is sent.
    pub(crate) timeout: Option<Duration>,
}

/// What one attempt at a call that is at stake came to.
pub(crate) type AttemptResult<T> = std::result::Result<(T, ResponseInfo), Box<Attempt>>;

/// The calls.
pub(crate) trait Persona: Send + Sync {
    /// Whether passes can be bought.
    ///
    /// # Errors
    /// `invalid_argument` without an API key.
    fn check_can_issue(&self) -> Result<()>;

    fn create<'a>(
        &'a self,
        claim_type: &'a ClaimType,
        way: Way,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<Relay>>;

    /// Fetches a challenge and blinds a message for it: the state to finalize with, see
    /// `PendingPass::save`. `way`: that of the relay that it is bound to, or fetched beside; none: this client's for
    /// that relay, or for what is signed at once.
    fn blind<'a>(
        &'a self,
        bound_to: &'a IssuePrivacyPass,
        way: Option<Way>,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<StoredSecret>>;

    /// Fetches the challenge that passes of a strict pool are bought for, on a connection of its own, and
    /// holds it against what others were given. That is remembered for as long as the passes of this hour are used,
    /// if it is what the hour gives; without an hour, whatever it is. Beside it, what Persona's clock says now, if
    /// her answer tells.
    ///
    /// # Errors
    /// `privacy_refused` if it could be a mark; `store`.
    fn fetch<'a>(
        &'a self,
        claim_type: &'a ClaimType,
        hour: Option<CommonHour>,
        way: Way,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<(Fetched, Option<u64>)>>;

    /// Blinds a message for a challenge that was fetched: as [`Persona::blind`] returns it.
    fn blind_for<'a>(&'a self, fetched: &'a Fetched) -> BoxFuture<'a, Result<StoredSecret>>;

    /// Holds what was fetched against what all were given, and takes no longer than `left`. Whether at least two
    /// fetches show it.
    ///
    /// # Errors
    /// Those of [`Persona::fetch`].
    fn check_common<'a>(
        &'a self,
        claim_type: &'a ClaimType,
        seen: &'a Sighting,
        left: Duration,
    ) -> BoxFuture<'a, Result<bool>>;

    /// One attempt to have a message signed; the pass, verified.
    fn sign<'a>(
        &'a self,
        blinded: &'a StoredSecret,
        key: IdempotencyKey,
        options: AttemptOptions,
    ) -> BoxFuture<'a, Result<AttemptResult<StoredSecret>>>;

    /// One attempt to redeem a pass; the payload, and whether the pass is spent.
    fn redeem<'a>(
        &'a self,
        question: Question<'a>,
        options: AttemptOptions,
    ) -> BoxFuture<'a, Result<AttemptResult<(StoredSecret, bool)>>>;

    /// Opens a payload. `form`: the one in which the relay's key was sent, if it had one.
    ///
    /// # Errors
    /// As [`Envelope::open`].
    fn open<'a>(
        &'a self,
        payload: &'a StoredSecret,
        form: Option<KeyForm>,
        asked: &'a ClaimType,
    ) -> BoxFuture<'a, Result<Claim>>;
}

impl Persona for Inner {
    fn check_can_issue(&self) -> Result<()> {
        self.signing_lane().map(|_| ())
    }

    fn create<'a>(
        &'a self,
        claim_type: &'a ClaimType,
        way: Way,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<Relay>> {
        Box::pin(self.create_relay(CreateRelay::new(claim_type.clone()), way, budget))
    }

    fn blind<'a>(
        &'a self,
        bound_to: &'a IssuePrivacyPass,
        way: Option<Way>,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<StoredSecret>> {
        Box::pin(async move {
            let began = Instant::now();
            let pending = self.blind_message(bound_to, way, budget).await?;
            if let IssuePrivacyPass::ClaimType(claim_type) = bound_to {
                let left = budget.total.saturating_sub(began.elapsed());
                self.see_issuer(claim_type, &pending, left).await;
            }
            Ok(StoredSecret::new(pending.save().expose().as_str()))
        })
    }

    fn fetch<'a>(
        &'a self,
        claim_type: &'a ClaimType,
        hour: Option<CommonHour>,
        way: Way,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<(Fetched, Option<u64>)>> {
        Box::pin(self.fetch_compared(claim_type, hour, way, budget))
    }

    fn blind_for<'a>(&'a self, fetched: &'a Fetched) -> BoxFuture<'a, Result<StoredSecret>> {
        Box::pin(async move {
            let pending = self.blind_fetched(fetched).await?;
            Ok(StoredSecret::new(pending.save().expose().as_str()))
        })
    }

    fn check_common<'a>(
        &'a self,
        claim_type: &'a ClaimType,
        seen: &'a Sighting,
        left: Duration,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.check_compared(claim_type, seen, left))
    }

    fn sign<'a>(
        &'a self,
        blinded: &'a StoredSecret,
        key: IdempotencyKey,
        options: AttemptOptions,
    ) -> BoxFuture<'a, Result<AttemptResult<StoredSecret>>> {
        Box::pin(async move {
            let lane = self.signing_lane()?;
            let decode = |key: &str, id: &str| self.token_keys.decode(key, id);
            let decode = |key: &str, id: &str| decode(key, id).map(|known| known.key().clone());
            let pending = PendingPass::restore(blinded.expose(), decode).ok_or_else(damaged)?;
            let exchange = Sign {
                lane,
                pending: &pending,
            };
            let AttemptOptions {
                connection,
                timeout,
            } = options;
            let attempt = ask_once(&exchange, &key, &[], connection, timeout).await;
            Ok(attempt.map(|(pass, info)| {
                self.note_signature();
                (StoredSecret::new(pass.expose()), info)
            }))
        })
    }

    fn redeem<'a>(
        &'a self,
        question: Question<'a>,
        options: AttemptOptions,
    ) -> BoxFuture<'a, Result<AttemptResult<(StoredSecret, bool)>>> {
        Box::pin(async move {
            let relay_token = RelayToken::parse(question.relay_token.expose())?;
            let relay_secret = RelaySecret::parse(question.relay_secret.expose())?;
            // Its age was looked at when it was first presented; an answer outlives it.
            let pass = PrivacyPassToken::parse(question.pass.expose(), 0)?;
            let by_token = || self.anonymous.of_relay(relay_token.as_str());
            let exchange = Redeem {
                lane: self.anonymous.by(question.way.unwrap_or_else(by_token)),
                relay_token: &relay_token,
                relay_secret: &relay_secret,
                privacy_pass_token: &pass,
            };
            let AttemptOptions {
                connection,
                timeout,
            } = options;
            let (key, earlier) = (&question.key, &question.earlier_keys);
            let attempt = ask_once(&exchange, key, earlier, connection, timeout).await;
            Ok(attempt.map(|(answer, info)| {
                let payload = StoredSecret::new(answer.claim_payload.expose().as_str());
                ((payload, answer.token_consumed), info)
            }))
        })
    }

    fn open<'a>(
        &'a self,
        payload: &'a StoredSecret,
        form: Option<KeyForm>,
        asked: &'a ClaimType,
    ) -> BoxFuture<'a, Result<Claim>> {
        Box::pin(async move {
            match (form, &self.decryption_key) {
                (None, _) if is_encrypted(payload.expose()) => Err(Error::new(
                    ErrorKind::ClaimMismatch,
                    "The claim is encrypted, although the relay was created without an encryption \
                     key: it is not the answer to this relay.",
                )),
                (None, _) => Envelope::Plain.open(payload.expose(), Some(asked)),
                (form, Some(keys)) => open_apart(payload.expose(), keys, form, Some(asked)).await,
                (_, None) => Err(Error::new(
                    ErrorKind::Decryption,
                    "The claim is encrypted and this client has no decryption key. It is kept: \
                     complete it with a client that has the key.",
                )),
            }
        })
    }
}

fn damaged() -> Error {
    Error::new(
        ErrorKind::Store,
        "The record's blinding state is damaged. It was left untouched.",
    )
}
