//! What is stored of a verification, and when somebody should look at it again.

mod claim;
mod request;
mod schedule;

use serde::{Deserialize, Serialize};

pub(crate) use self::claim::StoredClaim;
pub(crate) use self::request::Request;
use crate::claim::KeyForm;
use crate::client::rules::LONGEST_PURCHASE_WINDOW;
use crate::client::Owner;
use crate::error::ErrorKind;
use crate::http::{number_of, Way};
use crate::passes::{new_common_key, new_pool_key, PaidPass, Purchase};
use crate::records::{Evidence, StoredSecret, DAY, LEASE, MINUTE, SECOND};
use crate::secret::rand_core::CryptoRng;
use crate::secret::Secret;

/// How long a session lasts. Source: Persona, "Create a Relay".
pub(super) const SESSION: u64 = 30 * MINUTE;

/// How long a pass lives. Source: Persona, Privacy Pass.
const PASS_LIFE: u64 = 90 * DAY;

/// So long after its session a strict verification waits for a pass at most.
pub(super) const STRICT_WAITS: u64 = 9 * DAY;

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
    /// Whether that is so. 0.1.0 did not say whose a record is.
    #[serde(default)]
    says_owner: bool,
    /// The key of the record that leads from the caller's reference here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reference_key: Option<String>,
    /// Whether the relay was created with an encryption key.
    encrypted: bool,
    /// In which form that was sent. 0.1.0 knew only PEM.
    #[serde(default, skip_serializing_if = "is_pem")]
    encryption_form: KeyForm,
    /// Whether its pass is bound to the relay: Persona's first generation.
    #[serde(default)]
    pub(super) relay_bound: bool,
    /// By our clock, or by Persona's if that one says later.
    pub(super) session_ends_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) relay: Option<StoredRelay>,
    pub(super) state: State,
    /// Its pass is bought from this time on, unless the answer is asked for before; none: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) buy_at: Option<u64>,
    /// The code of what keeps its pass from being bought until somebody mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) purchase_failure: Option<String>,
    /// Whether its pass comes from a strict pool, when the answer is asked for.
    #[serde(rename = "strict", default, skip_serializing_if = "std::ops::Not::not")]
    is_strict: bool,
    /// Whether somebody was told that it waits for a pass of the pool.
    #[serde(rename = "waited", default, skip_serializing_if = "std::ops::Not::not")]
    has_waited: bool,
    /// How many passes Persona did not take for its relay.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) rejected_passes: u32,
    /// What was paid for and is not used here, on its way to the pool.
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
    pub(super) token: StoredSecret,
    pub(super) secret: StoredSecret,
    pub(super) session_access_token: StoredSecret,
    /// What gives the way out of its calls. Those of older records, and of callers who keep everything themselves, have
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) way: Option<u64>,
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
        payload: StoredSecret,
        consumed: Option<bool>,
        evidence: Evidence,
    },
    /// The session ended without an answer.
    Expired,
    /// It failed for good.
    Failed { evidence: Evidence },
    /// A redemption's answer, as Persona sent it.
    Given {
        payload: StoredSecret,
        consumed: bool,
    },
}

/// What is on its way to the pool, under the key it will have there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Refund {
    #[serde(flatten)]
    pub(super) of: Paid,
    pub(super) pool_key: String,
}

/// What was paid for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Paid {
    Pass(PaidPass),
    /// A purchase that may have been billed: it is asked for under its own key, and no other.
    Purchase(Purchase),
}

/// What a new verification begins with.
pub(super) struct Beginning {
    pub(super) purpose: Purpose,
    pub(super) id: String,
    pub(super) environment: String,
    pub(super) claim_type: String,
    pub(super) owner: Option<Owner>,
    pub(super) reference_key: Option<String>,
    /// In which form the relay's encryption key was sent; none, if it has no key.
    pub(super) encryption_form: Option<KeyForm>,
    pub(super) relay_bound: bool,
    pub(super) relay: Option<StoredRelay>,
    pub(super) state: State,
    pub(super) buy_at: Option<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde wants it
fn is_pem(form: &KeyForm) -> bool {
    *form == KeyForm::Pem
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde wants it
fn is_zero(count: &u32) -> bool {
    *count == 0
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
            says_owner: true,
            reference_key: beginning.reference_key,
            encrypted: beginning.encryption_form.is_some(),
            encryption_form: beginning.encryption_form.unwrap_or_default(),
            relay_bound: beginning.relay_bound,
            session_ends_at: now + lasts,
            relay: beginning.relay,
            state: beginning.state,
            rejected_passes: 0,
            refund: None,
            tries: 0,
            leased_until: Some(now + LEASE),
            buy_at: beginning.buy_at,
            purchase_failure: None,
            is_strict: false,
            has_waited: false,
            due_at: None,
            expires_at: None,
        };
        if durable.is_put_off_for(now).is_some() && matches!(durable.state, State::Issuing { .. }) {
            // There is nothing to do before its moment.
            durable.leased_until = None;
        }
        durable.schedule(now, random);
        durable
    }

    /// The record of a relay that Persona made at this time, by her clock where she tells it. A clock
    /// that is a day ahead of ours is not hers: no session would ever end by it.
    pub(super) fn made_at(mut self, answered_at: Option<u64>) -> Self {
        let believed = answered_at.filter(|at| *at < self.session_ends_at.saturating_add(DAY));
        let ends_at = believed.unwrap_or(0).saturating_add(SESSION);
        self.session_ends_at = self.session_ends_at.max(ends_at);
        self
    }

    /// By which way out its relay's calls leave; none: it is kept nowhere, and a client finds the way by the relay.
    pub(super) fn way(&self) -> Option<Way> {
        let number = self.relay.as_ref().and_then(|relay| relay.way);
        let by_id = || (!self.id.is_empty()).then(|| number_of(&self.id));
        number.or_else(by_id).map(Way::Of)
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn claim_type(&self) -> &str {
        &self.claim_type
    }

    /// In which form the relay's encryption key was sent; none, if it has no key.
    pub(super) fn encryption_form(&self) -> Option<KeyForm> {
        self.encrypted.then_some(self.encryption_form)
    }

    pub(super) fn session_ends_at(&self) -> u64 {
        self.session_ends_at
    }

    /// The token for the visitor's browser, for as long as the verification is open.
    pub(super) fn session_access_token(&self) -> Option<Secret<String>> {
        let relay = self.relay.as_ref()?;
        Some(Secret::new(relay.session_access_token.expose().to_owned()))
    }

    /// The same record as this one's.
    pub(super) fn owned_by(self, owner: Option<Owner>) -> Self {
        Self {
            owner,
            says_owner: true,
            ..self
        }
    }

    /// Whether its pass comes from a strict pool. Then nothing is bought for it, and what Persona was shown for
    /// it is shown for nothing else.
    pub(super) fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// The same record as a strict one.
    pub(super) fn as_strict(&self) -> Self {
        Self {
            is_strict: true,
            purchase_failure: None,
            buy_at: None,
            ..self.clone()
        }
    }

    /// Whether somebody was told that it waits for a pass of the pool.
    pub(super) fn has_waited(&self) -> bool {
        self.has_waited
    }

    /// The same record, when somebody was told that it waits.
    pub(super) fn as_waiting(&self) -> Self {
        Self {
            has_waited: true,
            ..self.clone()
        }
    }

    /// Whether it is strict and has no pass: then only who asks for the answer goes on with it.
    pub(super) fn waits_for_pool(&self) -> bool {
        self.is_strict && matches!(self.state, State::Created { pooled: None })
    }

    /// Whether 0.1.0 wrote it, which did not say whose a record is.
    pub(super) fn is_of_unknown_owner(&self) -> bool {
        self.owner.is_none() && !self.says_owner
    }

    /// Whether it is this one's, as far as is known.
    pub(super) fn may_belong_to(&self, owner: Option<&Owner>) -> bool {
        self.owner.as_ref() == owner || self.is_of_unknown_owner()
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

    /// Whether a question asked now proves what it is answered.
    pub(super) fn is_over(&self, now: u64) -> bool {
        now > self.session_ends_at.saturating_add(AFTER_THE_END)
    }

    /// Whether its pass is to come from this place.
    pub(super) fn takes_from(&self, place: &str) -> bool {
        matches!(&self.state, State::Created { pooled: Some(key) } if key == place)
    }

    /// Whether its pass is still to be given back to this place.
    pub(super) fn gives_back_to(&self, place: &str) -> bool {
        (self.refund.as_ref()).is_some_and(|refund| refund.pool_key == place)
    }

    /// What was paid for it, on its way to a new place in the pool that it is of.
    pub(super) fn refund_of(&self, paid: Paid, random: &mut impl CryptoRng) -> Refund {
        let (environment, claim_type) = (&self.environment, &self.claim_type);
        let pool_key = match &paid {
            Paid::Pass(PaidPass {
                bought_in: Some(bought_in),
                ..
            }) => new_common_key(environment, claim_type, bought_in.hour, random),
            _ => new_pool_key(environment, claim_type, self.owner.as_ref(), random),
        };
        Refund { of: paid, pool_key }
    }

    /// Whether the next thing to do is to ask for a signature, or for a challenge before it.
    pub(super) fn is_to_be_bought(&self, now: u64) -> bool {
        match &self.state {
            State::Created { pooled: None } => !self.is_strict && !self.is_dead(now),
            State::Issuing { purchase } if purchase.key.is_none() => !self.is_dead(now),
            State::Issuing { purchase } => purchase.may_go_on(now) && !purchase.is_too_late(now),
            _ => false,
        }
    }

    /// How much longer its purchase is put off, in milliseconds; none if it is not.
    pub(super) fn is_put_off_for(&self, now: u64) -> Option<u64> {
        let is_unsent = match &self.state {
            State::Created { pooled } => pooled.is_none(),
            State::Issuing { purchase } => purchase.key.is_none() && purchase.stuck.is_none(),
            _ => false,
        };
        let left = self.buy_at?.checked_sub(now)?;
        // A time from far ahead was written by a clock that is wrong.
        (is_unsent && left > 0 && left <= LONGEST_PURCHASE_WINDOW * SECOND).then_some(left)
    }

    /// What keeps its pass from being bought until somebody mends it. A code that this version does not
    /// know is a broken protocol to it.
    pub(super) fn purchase_failure(&self) -> Option<ErrorKind> {
        let code = self.purchase_failure.as_ref()?;
        Some(ErrorKind::from_code(code).unwrap_or(ErrorKind::Protocol))
    }

    /// The record that says why no pass could be bought for it; none if it says so already, or if there
    /// is a pass.
    pub(super) fn failed_to_buy(&self, kind: ErrorKind) -> Option<Self> {
        let is_without_pass = matches!(self.state, State::Created { .. } | State::Issuing { .. });
        let is_news = self.purchase_failure() != Some(kind);
        // For a strict one nothing is bought.
        let is_bought_for = self.purpose == Purpose::Verification && !self.is_strict;
        (is_bought_for && is_without_pass && is_news).then(|| Self {
            purchase_failure: Some(kind.code().to_owned()),
            ..self.clone()
        })
    }

    /// Whether it is too late to buy a pass for it. A strict one waits for its pool, and nothing has to be asked
    /// before it ends: whose clock is days ahead must not end it.
    pub(super) fn is_dead(&self, now: u64) -> bool {
        let after = match self.is_strict {
            true => STRICT_WAITS,
            false => DAY,
        };
        now > self.session_ends_at.saturating_add(after)
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

    /// A pass that is about to be sent for it.
    pub(super) fn shown(&self, pass: &PaidPass) -> PaidPass {
        PaidPass {
            is_shown: pass.is_shown || self.is_strict,
            ..pass.clone()
        }
    }

    /// The pass that it has, if Persona was never shown it. Of a verification that is not strict: if she has not said
    /// that the person is not done, and no answer was lost.
    pub(super) fn unshown_pass(&self) -> Option<&PaidPass> {
        match &self.state {
            State::Ready {
                pass,
                lost,
                answered_at: None,
                rejected: None,
            } if lost.is_empty() && !pass.is_shown => Some(pass),
            _ => None,
        }
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
            return match self.is_closed() {
                true => Some(self.clone()),
                // A strict worker took it over, and has not put the other kind's pass back yet.
                false => Some(self.moved(State::Expired, now, random)),
            };
        }
        let unspent = match &self.state {
            State::Created { pooled: Some(_) } => waiting,
            // What Persona was shown for a strict one goes to no other relay.
            State::Ready { .. } if self.is_strict => self.unshown_pass().cloned(),
            State::Ready {
                pass,
                lost,
                rejected: None,
                ..
            } if lost.is_empty() && !self.relay_bound => Some(pass.clone()),
            _ => None,
        };
        let mut closed = self.clone();
        closed.refund = Some(self.refund_of(Paid::Pass(unspent?), random));
        Some(closed.moved(State::Expired, now, random))
    }
}
