//! Buying a pass: what follows when a signature is to be asked for, or did not come.

use super::{go_on, Effect, Run, Step};
use crate::error::ErrorKind;
use crate::events::EventKind;
use crate::http::Attempt;
use crate::passes::{Bought, Purchase};
use crate::records::Evidence;
use crate::secret::rand_core::CryptoRng;
use crate::verification::record::{Durable, State};

pub(super) fn take_up_signing(
    record: &Durable,
    run: &mut Run,
    purchase: &Purchase,
    now: u64,
    random: &mut impl CryptoRng,
) -> Step {
    if run.asking.is_some() {
        return Step::just(Effect::Sign);
    }
    if !run.is_own && record.is_leased(now) {
        return Step::just(Effect::Wait);
    }
    if purchase.is_too_late(now) {
        let state = State::Issuing {
            purchase: purchase.given_up(),
        };
        return Step::store(record.moved(state, now, random), Effect::Tell)
            .noting(EventKind::UnknownOutcome);
    }
    if purchase.key.is_none() {
        let purchase = purchase.with_new_key(now, random);
        run.asking = Some(purchase.asking(false));
        let state = State::Issuing { purchase };
        return Step::store(record.moved_in_vain(state, now, random), Effect::Sign);
    }
    run.asking = Some(purchase.asking(!run.is_own));
    match run.is_own {
        true => Step::just(Effect::Sign),
        // Whoever asked before learns from its swap that the question is ours now.
        false => Step::store(
            record.moved_in_vain(record.state.clone(), now, random),
            Effect::Sign,
        ),
    }
}

/// The session is long over, and no pass is worth buying for it any more.
pub(super) fn never_bought(record: &Durable, now: u64, random: &mut impl CryptoRng) -> Step {
    let state = State::Failed {
        evidence: Evidence::new(
            ErrorKind::PermissionDenied,
            "No pass could be bought until a day after the session's end.",
        ),
    };
    Step::store(record.moved(state, now, random), Effect::Tell)
}

pub(super) fn reissue(
    record: &Durable,
    run: &mut Run,
    now: u64,
    random: &mut impl CryptoRng,
) -> Step {
    let state = match &record.state {
        State::Issuing { purchase } => match purchase.stuck.as_ref().map(Evidence::kind) {
            // The same blinded message under a new key: should both be billed, the two identical
            // bodies prove it.
            Some(ErrorKind::Conflict | ErrorKind::Unprocessable | ErrorKind::OutcomeUnknown) => {
                let purchase = purchase.with_new_key(now, random);
                run.asking = Some(purchase.asking(false));
                State::Issuing { purchase }
            }
            Some(_) => State::Created { pooled: None },
            None => return go_on(record, run, now, random),
        },
        State::Ready {
            rejected: Some(_), ..
        } => State::Created { pooled: None },
        _ => return go_on(record, run, now, random),
    };
    Step::store(record.moved(state, now, random), Effect::Continue)
        .noting(EventKind::PossibleDoubleCharge)
}

pub(super) fn not_signed(
    record: &Durable,
    run: &mut Run,
    purchase: &Purchase,
    attempt: &Attempt,
    now: u64,
    random: &mut impl CryptoRng,
) -> Step {
    let lost = !run.is_own;
    let asking = run.asking.get_or_insert_with(|| purchase.asking(lost));
    match purchase.refused(attempt, asking, now, random) {
        Bought::Again => Step::just(Effect::Again),
        Bought::AgainAs(purchase, notice) => {
            let state = State::Issuing { purchase };
            Step::store(record.moved(state, now, random), Effect::Again).noting(notice)
        }
        Bought::BlindAgain => {
            let effect = match std::mem::replace(&mut run.blinded_again, true) {
                false => Effect::Continue,
                true => Effect::Fail(ErrorKind::NotFound),
            };
            let state = State::Created { pooled: None };
            run.asking = None;
            Step::store(record.moved_in_vain(state, now, random), effect)
        }
        Bought::Fail(kind) => Step::just(Effect::Fail(kind)),
        Bought::FailAs(purchase, kind) => {
            let is_stuck = purchase.stuck.is_some();
            let state = State::Issuing { purchase };
            let moved = match is_stuck {
                true => record.moved(state, now, random),
                false => record.moved_in_vain(state, now, random),
            };
            let step = Step::store(moved, Effect::Fail(kind));
            match kind {
                ErrorKind::OutcomeUnknown => step.noting(EventKind::UnknownOutcome),
                _ => step,
            }
        }
    }
}
