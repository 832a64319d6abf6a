//! What is stored of a verification, and when somebody should look at it again.

use serde::{Deserialize, Serialize};

use crate::claim::{Claim, Method};
use crate::client::Owner;
use crate::passes::{new_pool_key, PaidPass, Purchase};
use crate::records::{
    next_look, Evidence, Kept, Stored, ANSWER_LIFE, DAY, HOUR, KEEP_FINISHED, LEASE, MINUTE,
};
use crate::secret::rand_core::CryptoRng;
use crate::secret::{IdempotencyKey, Secret};

/// How long a session lasts. Source: Persona, "Create a Relay".
pub(super) const SESSION: u64 = 30 * MINUTE;

/// How long a pass lives. Source: Persona, Privacy Pass.
const PASS_LIFE: u64 = 90 * DAY;

/// How long a step that its caller does not go on with stays stored: as long as Persona keeps
/// answers.
const KEEP_STEP: u64 = ANSWER_LIFE;

/// By so much clocks may differ as far as keys go.
const CLOCKS_DIFFER: u64 = 2 * HOUR;

/// A question asked this long after a session's end is proof of what it is answered (W8).
pub(super) const AFTER_THE_END: u64 = 10 * MINUTE;

/// What the keys of verifications begin with.
pub(super) const PREFIX: &str = "verification/";

/// The key of a verification's record.
pub(crate) fn record_key(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// What a record is kept for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// A verification, from its relay to its claim.
    #[default]
    Verification,
    /// One pass, bought for a caller who keeps it.
    Purchase,
    /// One redemption of a caller's pass; he opens the claim himself.
    Redemption,
}

impl Purpose {
    #[allow(clippy::trivially_copy_pass_by_ref)] // as serde wants it
    fn is_verification(&self) -> bool {
        *self == Purpose::Verification
    }
}

/// A verification, or one step of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Durable {
    #[serde(default, skip_serializing_if = "Purpose::is_verification")]
    pub(super) purpose: Purpose,
    pub(super) id: String,
    pub(super) environment: String,
    pub(super) claim_type: String,
    /// Whose it is; none: it belongs to the client that was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<Owner>,
    /// The key of the record that leads from the caller's reference here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reference_key: Option<String>,
    /// Whether the relay was created with an encryption key.
    pub(super) encrypted: bool,
    /// Whether its pass is bound to the relay: Persona's first generation.
    #[serde(default)]
    pub(super) relay_bound: bool,
    /// By our clock.
    pub(super) session_ends_at: u64,
    /// By Persona's, if she said what time it was when the session began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_ends_for_persona: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) relay: Option<StoredRelay>,
    pub(super) state: State,
    /// A pass that was not consumed, on its way to the pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refund: Option<Refund>,
    /// How often it was looked at in vain.
    #[serde(default)]
    pub(super) tries: u32,
    /// Until when whoever wrote this is left alone with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) leased_until: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

/// The relay, for as long as the verification is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredRelay {
    pub(super) token: Kept,
    pub(super) secret: Kept,
    pub(super) session_access_token: Kept,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub(crate) enum State {
    /// There is a relay and no pass; one of the pool is to be taken, or one bought.
    Created {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pooled: Option<String>,
    },
    /// A pass is being bought.
    Issuing { purchase: Purchase },
    /// There is a pass, and no open question.
    Ready {
        pass: PaidPass,
        /// Keys whose answers were lost, oldest first.
        #[serde(rename = "earlier", default, skip_serializing_if = "Vec::is_empty")]
        lost: Vec<Request>,
        /// When the last question was answered with "not yet".
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answered_at: Option<u64>,
        /// Why Persona does not take the pass. The caller may say `reissue`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rejected: Option<Evidence>,
    },
    /// A request is on its way, or was when its worker ended: to whoever reads it, its key is lost.
    Redeeming {
        pass: PaidPass,
        #[serde(rename = "question")]
        request: Request,
        /// The other keys whose answers were lost, oldest first.
        #[serde(rename = "earlier", default, skip_serializing_if = "Vec::is_empty")]
        lost: Vec<Request>,
    },
    /// Passed or failed.
    Answered { claim: StoredClaim },
    /// An answer came that could not be opened or accepted, and is kept.
    Unopened {
        payload: Kept,
        consumed: Option<bool>,
        evidence: Evidence,
    },
    /// The session ended without an answer.
    Expired,
    /// It failed for good.
    Failed { evidence: Evidence },
    /// A redemption's answer, as Persona sent it.
    Given { payload: Kept, consumed: bool },
}

/// A redemption under an idempotency key, and when the key was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(super) key: Kept,
    pub(super) at: u64,
}

impl Request {
    pub(super) fn new(now: u64, random: &mut impl CryptoRng) -> Self {
        Self::under(&IdempotencyKey::random(random), now)
    }

    pub(super) fn under(key: &IdempotencyKey, now: u64) -> Self {
        Self {
            key: key.into(),
            at: now,
        }
    }

    /// Whether Persona may still hold an answer under it. The nonce protects: a key that she has
    /// forgotten redeems nothing twice.
    pub(super) fn lives(&self, now: u64) -> bool {
        now < self.at.saturating_add(ANSWER_LIFE + CLOCKS_DIFFER)
    }
}

/// A pass on its way to the pool, under the key it will have there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Refund {
    pub(super) pass: PaidPass,
    pub(super) pool_key: String,
}

/// A claim as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredClaim {
    claim_type: String,
    claim_result: String,
    methodology: Vec<(String, String)>,
}

impl From<&Claim> for StoredClaim {
    fn from(claim: &Claim) -> Self {
        let methodology = claim.methodology.iter();
        Self {
            claim_type: claim.claim_type.clone(),
            claim_result: claim.claim_result.clone(),
            methodology: methodology
                .map(|method| (method.method.clone(), method.result.clone()))
                .collect(),
        }
    }
}

impl From<&StoredClaim> for Claim {
    fn from(claim: &StoredClaim) -> Self {
        let methodology = claim.methodology.iter().cloned();
        Self {
            claim_type: claim.claim_type.clone(),
            claim_result: claim.claim_result.clone(),
            methodology: methodology
                .map(|(method, result)| Method { method, result })
                .collect(),
        }
    }
}

/// What a new verification begins with.
pub(super) struct Beginning {
    pub(super) purpose: Purpose,
    pub(super) id: String,
    pub(super) environment: String,
    pub(super) claim_type: String,
    pub(super) owner: Option<Owner>,
    pub(super) reference_key: Option<String>,
    pub(super) encrypted: bool,
    pub(super) relay_bound: bool,
    pub(super) relay: Option<StoredRelay>,
    pub(super) state: State,
}

impl Durable {
    pub(super) fn begin(beginning: Beginning, now: u64, random: &mut impl CryptoRng) -> Self {
        let lasts = match beginning.purpose {
            Purpose::Verification => SESSION,
            // No session of ours: it proves nothing before the pass itself is over.
            Purpose::Purchase | Purpose::Redemption => PASS_LIFE,
        };
        let mut durable = Self {
            purpose: beginning.purpose,
            id: beginning.id,
            environment: beginning.environment,
            claim_type: beginning.claim_type,
            owner: beginning.owner,
            reference_key: beginning.reference_key,
            encrypted: beginning.encrypted,
            relay_bound: beginning.relay_bound,
            session_ends_at: now + lasts,
            session_ends_for_persona: None,
            relay: beginning.relay,
            state: beginning.state,
            refund: None,
            tries: 0,
            leased_until: Some(now + LEASE),
            due_at: None,
            expires_at: None,
        };
        durable.schedule(now, random);
        durable
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn claim_type(&self) -> &str {
        &self.claim_type
    }

    pub(super) fn session_ends_at(&self) -> u64 {
        self.session_ends_at
    }

    /// The token for the visitor's browser, for as long as the verification is open.
    pub(super) fn session_access_token(&self) -> Option<Secret<String>> {
        let relay = self.relay.as_ref()?;
        Some(Secret::new(relay.session_access_token.expose().to_owned()))
    }

    /// Whether nothing will change any more.
    pub(super) fn is_closed(&self) -> bool {
        matches!(
            self.state,
            State::Answered { .. }
                | State::Unopened { .. }
                | State::Expired
                | State::Failed { .. }
                | State::Given { .. }
        )
    }

    /// Notes when Persona says that the session began.
    pub(super) fn began_for_persona(&mut self, began_at: Option<u64>) {
        self.session_ends_for_persona = began_at.map(|at| at.saturating_add(SESSION));
    }

    /// The session's end by whichever clock is later: ours may have been behind when it began.
    fn latest_end(&self) -> u64 {
        (self.session_ends_at).max(self.session_ends_for_persona.unwrap_or(0))
    }

    /// Whether a question asked now proves what it is answered.
    pub(super) fn is_over(&self, now: u64) -> bool {
        now > self.latest_end().saturating_add(AFTER_THE_END)
    }

    /// Likewise, by the clock of Persona, who says that this is the time.
    pub(super) fn is_over_for_persona(&self, now: u64) -> bool {
        let end = self.session_ends_for_persona;
        now > (end.unwrap_or(self.session_ends_at)).saturating_add(AFTER_THE_END)
    }

    /// Whether its pass is to come from this place.
    pub(super) fn takes_from(&self, place: &str) -> bool {
        matches!(&self.state, State::Created { pooled: Some(key) } if key == place)
    }

    /// Whether its pass is still to be given back to this place.
    pub(super) fn gives_back_to(&self, place: &str) -> bool {
        (self.refund.as_ref()).is_some_and(|refund| refund.pool_key == place)
    }

    /// The key of a new place for its pass.
    pub(super) fn new_pool_key(&self, random: &mut impl CryptoRng) -> String {
        let owner = self.owner.as_ref();
        new_pool_key(&self.environment, &self.claim_type, owner, random)
    }

    /// Whether the next thing to do is to ask for a signature, or for a challenge before it.
    pub(super) fn is_to_be_bought(&self, now: u64) -> bool {
        match &self.state {
            State::Created { pooled: None } => !self.is_dead(now),
            State::Issuing { purchase } if purchase.key.is_none() => !self.is_dead(now),
            State::Issuing { purchase } => purchase.may_go_on(now) && !purchase.is_too_late(now),
            _ => false,
        }
    }

    /// Whether it is too late to buy a pass for it.
    pub(super) fn is_dead(&self, now: u64) -> bool {
        now > self.session_ends_at.saturating_add(DAY)
    }

    /// Whether somebody else is at work on it.
    pub(super) fn is_leased(&self, now: u64) -> bool {
        // A lease from far ahead was written by a clock that is wrong.
        self.leased_until
            .is_some_and(|until| now < until && until <= now + LEASE)
    }

    /// Whether its time to be looked at has come, and nobody is at work on it.
    pub(super) fn is_due(&self, now: u64) -> bool {
        self.due_at.is_some_and(|due_at| due_at <= now) && !self.is_leased(now)
    }

    /// Whether somebody was told "not yet" at or after this time.
    pub(super) fn was_answered_since(&self, time: u64) -> bool {
        match self.state {
            State::Ready { answered_at, .. } => answered_at.is_some_and(|at| at >= time),
            _ => false,
        }
    }

    /// The record on its way to be forgotten, if it holds a pass that is certainly unspent, or has
    /// this one waiting in the pool.
    pub(super) fn forgotten(
        &self,
        waiting: Option<PaidPass>,
        now: u64,
        random: &mut impl CryptoRng,
    ) -> Option<Self> {
        if self.refund.is_some() {
            return Some(self.clone());
        }
        let unspent = match &self.state {
            State::Created { pooled: Some(_) } => waiting,
            State::Ready {
                pass,
                lost,
                rejected: None,
                ..
            } if lost.is_empty() && !self.relay_bound => Some(pass.clone()),
            _ => None,
        };
        let mut closed = self.clone();
        closed.refund = Some(Refund {
            pass: unspent?,
            pool_key: self.new_pool_key(random),
        });
        Some(closed.moved(State::Expired, now, random))
    }

    /// The record in another state, after a step forward.
    pub(super) fn moved(&self, state: State, now: u64, random: &mut impl CryptoRng) -> Self {
        let mut moved = Self {
            state,
            tries: 0,
            leased_until: Some(now + LEASE),
            ..self.clone()
        };
        if moved.is_closed() {
            // W6: nothing secret outlives the verification.
            moved.relay = None;
            moved.leased_until = None;
        }
        moved.schedule(now, random);
        moved
    }

    /// The record in another state, without having come closer to the end: what is tried again and
    /// again is tried less and less often.
    pub(super) fn moved_in_vain(
        &self,
        state: State,
        now: u64,
        random: &mut impl CryptoRng,
    ) -> Self {
        let mut moved = self.moved(state, now, random);
        moved.tries = self.tries;
        moved.schedule(now, random);
        moved
    }

    /// The record after a look in vain: the next one is later.
    pub(super) fn postponed(&self, now: u64, random: &mut impl CryptoRng) -> Self {
        let mut postponed = Self {
            tries: self.tries.saturating_add(1),
            leased_until: None,
            ..self.clone()
        };
        postponed.schedule(now, random);
        postponed
    }

    fn schedule(&mut self, now: u64, random: &mut impl CryptoRng) {
        let (due_at, kept_for) = match (self.purpose, &self.state) {
            (Purpose::Verification, _) => return self.schedule_verification(now, random),
            // An answer may be lost: it is asked for, whether or not the caller comes back.
            (Purpose::Redemption, State::Redeeming { .. }) => {
                (Some(next_look(now, self.tries, random)), None)
            }
            (Purpose::Redemption, State::Ready { lost, .. })
                if lost.iter().any(|request| request.lives(now)) =>
            {
                (Some(next_look(now, self.tries, random)), Some(KEEP_STEP))
            }
            (Purpose::Redemption, _) if self.is_closed() => (None, Some(KEEP_FINISHED)),
            // Only the caller, who has the credentials, can go on.
            (Purpose::Redemption | Purpose::Purchase, _) => (None, Some(KEEP_STEP)),
        };
        self.due_at = due_at;
        self.expires_at = kept_for.map(|kept_for| now + kept_for);
    }

    fn schedule_verification(&mut self, now: u64, random: &mut impl CryptoRng) {
        let waiting = match &self.state {
            State::Issuing { purchase } => purchase.stuck.is_some(),
            // What was lost is asked for, whether or not the caller comes back.
            State::Ready { lost, .. } => !lost.iter().any(|request| request.lives(now)),
            _ => false,
        };
        self.due_at = if self.is_closed() && self.refund.is_none() {
            None
        } else if waiting && !self.is_over(now) {
            // Only the session's end changes anything; the person has time until then.
            Some(
                self.latest_end()
                    .saturating_add(AFTER_THE_END + 1 + random.next_u64() % (5 * MINUTE)),
            )
        } else {
            Some(next_look(now, self.tries, random))
        };
        self.expires_at = (self.due_at.is_none()).then_some(now + KEEP_FINISHED);
    }
}

impl Stored for Durable {
    fn due_at(&self) -> Option<u64> {
        self.due_at
    }

    fn expires_at(&self) -> Option<u64> {
        self.expires_at
    }

    fn is_under(&self, key: &str) -> bool {
        key == record_key(&self.id)
    }
}
