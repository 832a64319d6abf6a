//! A strict verification: its pass comes from the pool when the answer is asked for, or it waits. Nobody who
//! asks has one bought, and no pass is shown for two relays.

use super::redeeming::with;
use super::{ready, Decision, Effect, Goal, Run};
use crate::error::ErrorKind;
use crate::events::EventKind;
use crate::records::Evidence;
use crate::secret::rand_core::CryptoRng;
use crate::verification::record::{Durable, State};

/// Takes over what a client that is not strict has begun. A pass that was bought for this relay is dropped, or
/// one that is being bought; the one that Persona was shown stays, because its answer may have been lost.
pub(super) fn take_over(
    record: &Durable,
    run: &Run,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    if !run.is_own && record.is_leased(now) {
        return Decision::just(Effect::Wait);
    }
    let (state, may_be_billed) = match &record.state {
        State::Issuing { purchase } => (WITHOUT_PASS, purchase.key.is_some()),
        State::Created { .. } => (WITHOUT_PASS, false),
        State::Ready {
            lost,
            answered_at: None,
            ..
        } if lost.is_empty() => (WITHOUT_PASS, false),
        // To us its key is lost, whoever has sent it.
        State::Redeeming {
            pass,
            request,
            lost,
        } => (ready(pass.clone(), with(lost, request)), false),
        state => (state.clone(), false),
    };
    let moved = record.as_strict().moved(state, now, random);
    Decision::store(moved, Effect::Continue)
        .noting_if(may_be_billed.then_some(EventKind::UnknownOutcome))
}

/// There is a relay and no pass.
pub(super) fn without_pass(
    record: &Durable,
    run: &Run,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    if record.is_dead(now) {
        let state = match record.has_waited() {
            // Nobody has asked until now.
            false => State::Expired,
            true => State::Failed {
                evidence: Evidence::new(
                    ErrorKind::PrivacyRefused,
                    "The pool had no pass for it until a day after the session's end.",
                ),
            },
        };
        return Decision::store(record.moved(state, now, random), Effect::Tell);
    }
    match run.goal {
        Goal::Pass => Decision::just(Effect::Tell),
        Goal::Answer => Decision::just(Effect::FindPooled),
    }
}

/// The pool was looked into.
pub(super) fn found(
    record: &Durable,
    found: Option<String>,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    match found {
        None => wait(record, now, random),
        pooled => {
            let state = State::Created { pooled };
            Decision::store(record.moved(state, now, random), Effect::Continue)
        }
    }
}

/// It waits for the pool, and is told so once.
pub(super) fn wait(record: &Durable, now: u64, random: &mut impl CryptoRng) -> Decision {
    let waits = matches!(record.state, State::Created { pooled: None });
    if waits && record.has_waited() {
        return Decision::just(Effect::TellPending);
    }
    let notice = (!record.has_waited()).then_some(EventKind::WaitingForPass);
    let waiting = record.as_waiting().moved(WITHOUT_PASS, now, random);
    Decision::store(waiting, Effect::TellPending).noting_if(notice)
}

const WITHOUT_PASS: State = State::Created { pooled: None };
