//! The state machine: what a verification does next.
//!
//! Pure: `decide(record, event, now, random) -> record, effect`. The engine stores the record that a
//! decision returns *before* it performs the effect (W1), so that whoever comes next knows what may
//! have been sent.
//!
//! ```text
//! created -> issuing -> ready -> redeeming -> passed | failed
//!                         ^          |
//!                         +- pending-+            side exits: expired, failed with evidence
//! ```

mod decision;
mod event;
mod redeeming;
mod run;
mod signing;
mod strict;
#[cfg(test)]
mod tests;
mod verdict;

pub(crate) use self::decision::{Decision, Effect};
pub(crate) use self::event::Event;
use self::redeeming::{ask_next, not_redeemed, redeemed, take_up_redeeming};
pub(super) use self::redeeming::{first_request, needs_renewal};
pub(crate) use self::run::Run;
use self::signing::{
    never_bought, not_signed, out_of_patience, reissue, reissued, take_up_signing,
};
pub(super) use self::strict::ends_unasked;
use super::record::{Durable, Paid, Purpose, Refund, Request, State};
use crate::error::ErrorKind;
use crate::events::EventKind;
use crate::passes::{Attempts, PaidPass, Purchase};
use crate::records::Evidence;
use crate::secret::rand_core::CryptoRng;

/// What somebody wants of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// A pass to redeem; of a redemption, the answers to what was asked.
    Pass,
    /// The answer, or that there is none yet.
    Answer,
}

/// Decides what follows from `event`.
pub(crate) fn decide(
    record: &Durable,
    run: &mut Run,
    event: Event,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    let mut decision = decide_on(record, run, event, now, random);
    if decision.effect.fails() && decision.store.is_none() && run.is_own && record.is_leased(now) {
        // The caller may come back at once: nobody is to wait for this worker.
        let mut released = record.clone();
        released.leased_until = None;
        decision.store = Some(released);
    }
    decision
}

fn decide_on(
    record: &Durable,
    run: &mut Run,
    event: Event,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    match (event, &record.state) {
        (Event::Continue | Event::Reissue, _) if run.takes_over(record) => {
            strict::take_over(record, run, now, random)
        }
        (event, _) if run.leaves(record) && !event.is_kept() => {
            strict::leave(record, run, now, random)
        }
        (Event::Continue, _) => go_on(record, run, now, random),
        (Event::Reissue, _) => reissue(record, run, now, random),
        (Event::Pooled(Some(pass)), State::Created { .. }) => Decision::store(
            record.moved(ready(pass, Vec::new()), now, random),
            Effect::Continue,
        ),
        (Event::Pooled(None), State::Created { .. }) => {
            let state = State::Created { pooled: None };
            if run.reissues && !record.is_strict() {
                return reissued(record, run, state, now, random);
            }
            Decision::store(record.moved(state, now, random), Effect::Continue)
        }
        (Event::Blinded(blinded), State::Created { .. }) => {
            run.has_blinded = true;
            if run.is_put_off(record, now) {
                let purchase = Purchase::unasked(blinded, now);
                let moved = record.moved(State::Issuing { purchase }, now, random);
                return Decision::store(moved, Effect::Tell);
            }
            let purchase = Purchase::new(blinded, now, random);
            run.attempts = Some(Attempts::open());
            let state = State::Issuing { purchase };
            Decision::store(record.moved(state, now, random), Effect::Sign)
        }
        // Whatever somebody else stored about this purchase meanwhile: here is the pass.
        (Event::Signed { blinded, token }, State::Issuing { purchase })
            if purchase.blinded == blinded =>
        {
            run.attempts = None;
            let is_linkable = run.buys_linkably(record);
            let pass = PaidPass::new(token, purchase.key_made_at);
            Decision::store(
                record.moved(ready(pass, Vec::new()), now, random),
                Effect::Continue,
            )
            .noting_if(is_linkable.then_some(EventKind::LinkableByTime))
        }
        (Event::NotSigned(attempt), State::Issuing { purchase }) => {
            not_signed(record, run, purchase, &attempt, now, random)
        }
        (event @ Event::Redeemed { .. }, _) => redeemed(record, event, now, random),
        (Event::NotRedeemed(attempt), State::Redeeming { .. }) => {
            not_redeemed(record, run, &attempt, now, random)
        }
        (Event::OutOfPatience(kind), State::Redeeming { pass, lost, .. }) => {
            match run.is_unsent() {
                false => Decision::just(Effect::Later(kind)),
                // Provably unsent: the key is no longer there for anybody to wonder about.
                true => {
                    let mut pass = pass.clone();
                    pass.is_shown &= !run.is_first_showing;
                    let state = ready(pass, lost.clone());
                    Decision::store(
                        record.moved_in_vain(state, now, random),
                        Effect::Later(kind),
                    )
                }
            }
        }
        (Event::OutOfPatience(kind), State::Issuing { purchase }) => {
            out_of_patience(record, run, purchase, kind, now, random)
        }
        (Event::OutOfPatience(kind), _) => Decision::just(Effect::Later(kind)),
        (Event::FoundPooled(found), State::Created { pooled: None }) => {
            strict::found(record, found, now, random)
        }
        (
            Event::FoundPooled(place),
            State::Ready {
                rejected: Some(_), ..
            },
        ) => match place {
            None if run.reissues && record.is_strict() => strict::wait(record, now, random),
            // The caller said so: another one is bought.
            None if run.reissues => {
                let state = State::Created { pooled: None };
                reissued(record, run, state, now, random)
            }
            None => Decision::just(Effect::Fail(ErrorKind::PassRejected)),
            Some(place) => {
                run.replacements += 1;
                let pooled = Some(place);
                Decision::store(
                    record.moved(State::Created { pooled }, now, random),
                    Effect::Continue,
                )
            }
        },
        (Event::Refunded, _) => {
            let mut settled = record.clone();
            let is_pass =
                (settled.refund.take()).is_some_and(|refund| matches!(refund.of, Paid::Pass(_)));
            let state = settled.state.clone();
            Decision::store(settled.moved(state, now, random), Effect::Continue)
                .noting_if(is_pass.then_some(EventKind::Refunded))
        }
        (Event::Dropped, State::Redeeming { .. }) => {
            run.attempts = None;
            strict::drop_pass(record, now, random)
        }
        // An event that belongs to a state the record is no longer in: look again.
        _ => Decision::just(Effect::Continue),
    }
}

/// What to do with a record as it is.
fn go_on(record: &Durable, run: &mut Run, now: u64, random: &mut impl CryptoRng) -> Decision {
    match &record.state {
        State::Created { pooled: Some(key) } => Decision::just(Effect::TakePooled(key.clone())),
        State::Created { pooled: None } if record.is_strict() => {
            strict::without_pass(record, run, now, random)
        }
        State::Created { pooled: None } if record.is_dead(now) => never_bought(record, now, random),
        State::Created { pooled: None } => Decision::just(Effect::Blind),
        State::Issuing { purchase } if purchase.key.is_none() && record.is_dead(now) => {
            never_bought(record, now, random)
        }
        // The challenge names nobody, and is fetched beside the relay. The signature waits.
        State::Issuing { .. } if run.is_put_off(record, now) => Decision::just(Effect::Tell),
        State::Issuing { purchase } => match &purchase.stuck {
            _ if purchase.may_go_on(now) => take_up_signing(record, run, purchase, now, random),
            Some(evidence) if record.is_over(now) => fail(record, evidence, now, random),
            _ => Decision::just(Effect::Tell),
        },
        State::Ready {
            rejected: Some(evidence),
            ..
        } if record.purpose != Purpose::Redemption => match record.is_over(now) {
            true => fail(record, evidence, now, random),
            false => Decision::just(Effect::Tell),
        },
        State::Ready { .. } if record.purpose == Purpose::Purchase => Decision::just(Effect::Tell),
        State::Ready { .. } if strict::is_dropped(record, now) => {
            strict::drop_pass(record, now, random)
        }
        State::Ready { pass, lost, .. } => {
            run.is_first_showing = record.unshown_pass().is_some();
            ask_next(record, run, pass, lost, now, random)
        }
        State::Redeeming { .. } => take_up_redeeming(record, run, now, random),
        _ => match &record.refund {
            Some(refund) => Decision::just(Effect::Refund(refund.clone().into())),
            None => Decision::just(Effect::Tell),
        },
    }
}

/// It ends with what kept it from a pass.
fn fail(record: &Durable, evidence: &Evidence, now: u64, random: &mut impl CryptoRng) -> Decision {
    let evidence = evidence.clone();
    Decision::store(
        record.moved(State::Failed { evidence }, now, random),
        Effect::Tell,
    )
}

fn ready(pass: PaidPass, lost: Vec<Request>) -> State {
    State::Ready {
        pass,
        lost,
        answered_at: None,
        rejected: None,
    }
}

/// A pass that is bound to a relay fits no other one: it is of no use to a pool. One that Persona was shown
/// for this relay would join it to the next one: a strict verification drops it.
fn refund(record: &Durable, pass: &PaidPass, random: &mut impl CryptoRng) -> Option<Refund> {
    let is_dropped = record.relay_bound || record.is_strict();
    (!is_dropped).then(|| record.refund_of(Paid::Pass(pass.clone()), random))
}
