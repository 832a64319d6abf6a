//! A strict verification: its pass comes from the pool when the answer is asked for, or it waits. Nobody who
//! asks has one bought, and no pass is shown for two relays.

use super::redeeming::{is_late, with};
use super::verdict::unknown;
use super::{fail, ready, Decision, Effect, Goal, Run};
use crate::error::ErrorKind;
use crate::events::EventKind;
use crate::records::Evidence;
use crate::secret::rand_core::CryptoRng;
use crate::verification::record::{Durable, Paid, Request, State};

/// Takes over what a client that is not strict has begun. A pass that Persona was not shown goes into the pool of
/// clients that are not strict, and so does a purchase that may have been billed, under its key; the one that Persona
/// was shown stays, because its answer may have been lost. Of a session that has been over for a day, nothing else is
/// done.
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
        // Its worker may still be asking, or may have the pass in hand.
        State::Issuing { purchase }
            if purchase.key.is_some() && purchase.may_go_on(now) && !purchase.is_too_late(now) =>
        {
            let mut moving = record.as_strict();
            moving.refund = Some(record.refund_of(Paid::Purchase(purchase.clone()), random));
            return Decision::store(moving.moved(WITHOUT_PASS, now, random), Effect::Continue);
        }
        State::Issuing { purchase } => (WITHOUT_PASS, purchase.key.is_some()),
        // It may have taken the pass already: nobody else would find it.
        State::Created {
            pooled: Some(place),
        } => return Decision::just(Effect::TakePooled(place.clone())),
        State::Created { pooled: None } => (WITHOUT_PASS, false),
        State::Ready { .. } if record.unshown_pass().is_some() => {
            return give_back(record, now, random)
        }
        State::Ready {
            rejected: Some(_), ..
        } if !may_show_another(record) => (record.state.clone(), false),
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

/// Puts a pass that Persona was not shown into the pool that it is of.
fn give_back(record: &Durable, now: u64, random: &mut impl CryptoRng) -> Decision {
    let pass = record.unshown_pass().cloned();
    let refund = pass.map(|pass| record.refund_of(Paid::Pass(pass), random));
    let (mut giving, state) = match record.is_dead(now) {
        true => (record.clone(), State::Expired),
        false => (record.as_strict(), WITHOUT_PASS),
    };
    giving.refund = refund;
    Decision::store(giving.moved(state, now, random), Effect::Continue)
}

/// What a worker that is not strict does with a strict verification. It shows nothing: what is to be asked is asked
/// by a strict one. It ends it when there is nothing to ask any more.
pub(super) fn leave(
    record: &Durable,
    run: &Run,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    if let Some(refund) = &record.refund {
        return Decision::just(Effect::Refund(refund.clone().into()));
    }
    if !ends_unasked(record, now) || (!run.is_own && record.is_leased(now)) {
        return Decision::just(match run.goal {
            Goal::Pass => Effect::Tell,
            Goal::Answer => Effect::LeaveToStrict,
        });
    }
    match &record.state {
        // It may have taken the pass already: nobody else would find it.
        State::Created {
            pooled: Some(place),
        } => Decision::just(Effect::TakePooled(place.clone())),
        State::Created { pooled: None } => without_pass(record, run, now, random),
        State::Ready { .. } if record.unshown_pass().is_some() => give_back(record, now, random),
        State::Ready {
            rejected: Some(evidence),
            ..
        } => fail(record, evidence, now, random),
        _ => Decision::store(record.moved(unknown(), now, random), Effect::Tell)
            .noting(EventKind::UnknownOutcome),
    }
}

/// Whether a strict verification ends without a question: nobody has asked for nine days after its session, and Persona
/// was shown no pass that she may say more of; or nobody asks any more at all.
pub(crate) fn ends_unasked(record: &Durable, now: u64) -> bool {
    let forgets = |request: &Request| !request.lives(now);
    match &record.state {
        State::Created { .. }
        | State::Ready {
            rejected: Some(_), ..
        } => record.is_dead(now),
        State::Ready { .. } if record.unshown_pass().is_some() => record.is_dead(now),
        State::Ready { lost, .. } => is_late(record, now) && lost.iter().all(forgets),
        State::Redeeming { request, lost, .. } => {
            is_late(record, now) && forgets(request) && lost.iter().all(forgets)
        }
        _ => false,
    }
}

/// Whether it has a pass that all others have dropped meanwhile, and that Persona was not shown.
pub(super) fn is_dropped(record: &Durable, now: u64) -> bool {
    let unshown = record.unshown_pass().filter(|_| record.is_strict());
    unshown.is_some_and(|pass| pass.is_dropped(now))
}

/// Drops the pass: it goes on as if there had been none.
pub(super) fn drop_pass(record: &Durable, now: u64, random: &mut impl CryptoRng) -> Decision {
    Decision::store(record.moved(WITHOUT_PASS, now, random), Effect::Continue)
}

/// Whether Persona is shown another pass for the relay, after those that she did not take: one more, in whatever
/// call, and whatever the caller accepts.
pub(super) fn may_show_another(record: &Durable) -> bool {
    record.rejected_passes <= MOST_REPLACEMENTS
}

/// There is a relay and no pass.
pub(super) fn without_pass(
    record: &Durable,
    run: &Run,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    // A pass of another pool comes first: it was paid for.
    if let Some(refund) = &record.refund {
        return Decision::just(Effect::Refund(refund.clone().into()));
    }
    if record.is_dead(now) {
        let state = match record.has_waited() {
            // Nobody has asked until now.
            false => State::Expired,
            true => State::Failed {
                evidence: Evidence::new(
                    ErrorKind::PrivacyRefused,
                    "The pool had no pass for it until nine days after the session's end.",
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

/// So many passes follow the first one that is rejected.
const MOST_REPLACEMENTS: u32 = 1;

const WITHOUT_PASS: State = State::Created { pooled: None };
