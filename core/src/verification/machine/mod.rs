//! The state machine: what a verification does next.
//!
//! Pure: `step(record, event, now, random) -> record, effect`. The engine stores the record that a
//! step returns *before* it performs the effect (W1), so that whoever comes next knows what may
//! have been sent.
//!
//! ```text
//! created -> issuing -> ready -> redeeming -> passed | failed
//!                         ^          |
//!                         +- pending-+            side exits: expired, failed with evidence
//! ```

mod redeeming;
mod signing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(super) use self::redeeming::first_question;
use self::redeeming::{ask_for_lost_answer, begin_redeeming, not_redeemed, take_up_redeeming};
use self::signing::{never_bought, not_signed, reissue, take_up_signing};
use super::record::{Asked, Durable, Purpose, Refund, State};
use crate::claim::Claim;
use crate::error::{Error, ErrorKind};
use crate::events::EventKind;
use crate::http::{Attempt, Connection};
use crate::outcome::Ruling;
use crate::passes::{Asking, Held, Purchase};
use crate::records::{Evidence, Kept};
use crate::secret::rand_core::CryptoRng;

/// What somebody wants of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// A pass to redeem; of a redemption, the answers to what was asked.
    Pass,
    /// The answer, or that there is none yet.
    Answer,
}

/// What happened.
#[derive(Clone)]
pub(crate) enum Event {
    /// The record was just loaded, or a step is done: what now?
    Continue,
    /// The caller accepts that a pass may be billed a second time.
    Reissue,
    /// The pool's pass, or that it is gone.
    Pooled(Option<Held>),
    /// A challenge was fetched and a message blinded.
    Blinded(Kept),
    /// A pass was signed for this blinded message, and its signature verified.
    Signed { blinded: Kept, token: Kept },
    /// No pass was signed.
    NotSigned(Arc<Attempt>),
    /// The answer came, for this pass.
    Redeemed {
        pass: Kept,
        payload: Kept,
        consumed: bool,
        /// None: the caller opens it himself.
        opened: Option<Arc<Result<Claim, Error>>>,
    },
    /// No answer to the question came.
    NotRedeemed(Arc<Attempt>),
    /// The refund is in the pool.
    Refunded,
}

impl Event {
    /// Whether it brings what Persona gives once.
    pub(crate) fn is_won(&self) -> bool {
        matches!(self, Event::Signed { .. } | Event::Redeemed { .. })
    }
}

/// What to do next, after the record is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Take this pass out of the pool.
    TakePooled(String),
    /// Fetch a challenge and blind a message for it.
    Blind,
    /// Ask for the signature.
    Sign,
    /// Ask the question.
    Redeem,
    /// As before, after a pause, as far as the budget goes.
    Again,
    /// Give the pass that was not consumed back to the pool.
    Refund(Refund),
    /// Wait for the worker who holds the lease, then look again.
    Wait,
    /// Look at the record again.
    Continue,
    /// Tell the caller what the record says.
    Tell,
    /// Tell the caller that there is no answer yet.
    TellPending,
    /// Tell the caller of the attempt that failed.
    Fail(ErrorKind),
}

/// What one worker knows of a verification beside its record.
pub(crate) struct Run {
    pub(crate) goal: Goal,
    /// Whether this worker stored the record as it is. If not, somebody may have sent what it says.
    pub(crate) is_own: bool,
    pub(crate) asking: Option<Asking>,
    blinded_again: bool,
    /// What the question that was asked after the session's end was answered, while the earlier keys
    /// are asked once more.
    verdict: Option<Ruling>,
}

impl Run {
    pub(crate) fn new(goal: Goal) -> Self {
        Self {
            goal,
            is_own: false,
            asking: None,
            blinded_again: false,
            verdict: None,
        }
    }

    /// How the next attempt is to travel.
    pub(crate) fn connection(&self) -> Connection {
        let asking = self.asking.as_ref();
        asking.map_or(Connection::Any, |asking| asking.connection)
    }

    /// The record was read anew: what was known of its question is no longer.
    pub(crate) fn reloaded(&mut self) {
        self.is_own = false;
        self.asking = None;
        self.verdict = None;
    }
}

/// A step: the record to store, if it changed; what to do then; what to tell the caller's log.
pub(crate) struct Step {
    pub(crate) store: Option<Durable>,
    pub(crate) effect: Effect,
    pub(crate) notice: Option<EventKind>,
}

impl Step {
    fn just(effect: Effect) -> Self {
        Self {
            store: None,
            effect,
            notice: None,
        }
    }

    fn store(mut record: Durable, effect: Effect) -> Self {
        if matches!(effect, Effect::Tell | Effect::TellPending | Effect::Fail(_)) {
            // This worker leaves: nobody needs to wait for it.
            record.leased_until = None;
        }
        Self {
            store: Some(record),
            effect,
            notice: None,
        }
    }

    fn noting(self, notice: EventKind) -> Self {
        Self {
            notice: Some(notice),
            ..self
        }
    }
}

/// Decides what follows from `event`.
pub(crate) fn step(
    record: &Durable,
    run: &mut Run,
    event: Event,
    now: u64,
    random: &mut impl CryptoRng,
) -> Step {
    match (event, &record.state) {
        (Event::Continue, _) => go_on(record, run, now, random),
        (Event::Reissue, _) => reissue(record, run, now, random),
        (Event::Pooled(Some(pass)), State::Created { .. }) => Step::store(
            record.moved(ready(pass, Vec::new()), now, random),
            Effect::Continue,
        ),
        (Event::Pooled(None), State::Created { .. }) => {
            let state = State::Created { pooled: None };
            Step::store(record.moved(state, now, random), Effect::Continue)
        }
        (Event::Blinded(blinded), State::Created { .. }) => {
            let purchase = Purchase::new(blinded, now, random);
            run.asking = Some(purchase.asking(false));
            let state = State::Issuing { purchase };
            Step::store(record.moved(state, now, random), Effect::Sign)
        }
        // Whatever somebody else stored about this purchase meanwhile: here is the pass.
        (Event::Signed { blinded, token }, State::Issuing { purchase })
            if purchase.blinded == blinded =>
        {
            run.asking = None;
            let pass = Held {
                token,
                bought_at: purchase.key_made_at,
            };
            Step::store(
                record.moved(ready(pass, Vec::new()), now, random),
                Effect::Continue,
            )
        }
        (Event::NotSigned(attempt), State::Issuing { purchase }) => {
            not_signed(record, run, purchase, &attempt, now, random)
        }
        // Likewise: an answer in hand counts, whatever was said while it was on its way.
        (
            Event::Redeemed {
                pass: asked_with,
                payload,
                consumed,
                opened,
            },
            State::Redeeming { pass, .. } | State::Ready { pass, .. },
        ) if pass.token == asked_with => {
            let state = match opened.as_deref() {
                None => State::Given { payload, consumed },
                Some(Ok(claim)) => State::Answered {
                    claim: claim.into(),
                },
                Some(Err(error)) => State::Unopened {
                    payload,
                    consumed: Some(consumed),
                    evidence: Evidence::of(error),
                },
            };
            let mut closed = record.clone();
            if !consumed {
                closed.refund = refund(record, pass, random);
            }
            Step::store(closed.moved(state, now, random), Effect::Continue)
        }
        (Event::NotRedeemed(attempt), State::Redeeming { .. }) => {
            not_redeemed(record, run, &attempt, now, random)
        }
        (Event::Refunded, _) => {
            let mut settled = record.clone();
            settled.refund = None;
            let state = settled.state.clone();
            Step::store(settled.moved(state, now, random), Effect::Continue)
                .noting(EventKind::Refunded)
        }
        // An event that belongs to a state the record is no longer in: look again.
        _ => Step::just(Effect::Continue),
    }
}

/// What to do with a record as it is.
fn go_on(record: &Durable, run: &mut Run, now: u64, random: &mut impl CryptoRng) -> Step {
    match &record.state {
        State::Created { pooled: Some(key) } => Step::just(Effect::TakePooled(key.clone())),
        State::Created { pooled: None } if record.is_dead(now) => never_bought(record, now, random),
        State::Created { pooled: None } => Step::just(Effect::Blind),
        State::Issuing { purchase } if purchase.key.is_none() && record.is_dead(now) => {
            never_bought(record, now, random)
        }
        State::Issuing { purchase } => match &purchase.stuck {
            // Another worker's request was in the way: the same question may be asked again.
            Some(evidence)
                if evidence.kind() == ErrorKind::Conflict && !purchase.is_too_late(now) =>
            {
                take_up_signing(record, run, purchase, now, random)
            }
            Some(evidence) if record.is_over(now) => {
                let state = State::Failed {
                    evidence: evidence.clone(),
                };
                Step::store(record.moved(state, now, random), Effect::Tell)
            }
            Some(_) => Step::just(Effect::Tell),
            None => take_up_signing(record, run, purchase, now, random),
        },
        State::Ready {
            rejected: Some(evidence),
            ..
        } if record.purpose != Purpose::Redemption => {
            if !record.is_over(now) {
                return Step::just(Effect::Tell);
            }
            let state = State::Failed {
                evidence: evidence.clone(),
            };
            Step::store(record.moved(state, now, random), Effect::Tell)
        }
        State::Ready { pass, earlier, .. } if run.goal == Goal::Pass => match record.purpose {
            Purpose::Redemption => ask_for_lost_answer(record, run, (pass, earlier), now, random),
            Purpose::Verification | Purpose::Purchase => Step::just(Effect::Tell),
        },
        State::Ready { pass, earlier, .. } => {
            begin_redeeming(record, run, (pass, earlier), now, random)
        }
        State::Redeeming { .. } => take_up_redeeming(record, run, now, random),
        _ => match &record.refund {
            Some(refund) => Step::just(Effect::Refund(refund.clone())),
            None => Step::just(Effect::Tell),
        },
    }
}

fn ready(pass: Held, earlier: Vec<Asked>) -> State {
    State::Ready {
        pass,
        earlier,
        answered_at: None,
        rejected: None,
    }
}

/// A pass that is bound to a relay fits no other one: it is of no use to a pool.
fn refund(record: &Durable, pass: &Held, random: &mut impl CryptoRng) -> Option<Refund> {
    (!record.relay_bound).then(|| Refund {
        pass: pass.clone(),
        pool_key: crate::passes::new_pool_key(&record.environment, &record.claim_type, random),
    })
}
