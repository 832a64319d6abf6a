//! Buying a pass: what follows when a signature is to be asked for, or did not come.

use super::strict::may_show_another;
use super::{go_on, Decision, Effect, Run};
use crate::error::ErrorKind;
use crate::events::EventKind;
use crate::http::Attempt;
use crate::passes::{Attempts, Bought, Purchase};
use crate::records::Evidence;
use crate::secret::rand_core::CryptoRng;
use crate::verification::record::{Durable, State};

pub(super) fn take_up_signing(
    record: &Durable,
    run: &mut Run,
    purchase: &Purchase,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    // However long a process slept: a key that Persona may have forgotten is not sent.
    if purchase.is_too_late(now) && !run.is_unsent() {
        let state = State::Issuing {
            purchase: purchase.given_up(),
        };
        return Decision::store(record.moved(state, now, random), Effect::Tell)
            .noting(EventKind::UnknownOutcome);
    }
    if run.attempts.is_some() && !purchase.is_too_late(now) {
        return Decision::just(Effect::Sign);
    }
    if !run.is_own && record.is_leased(now) {
        return Decision::just(Effect::Wait);
    }
    if purchase.key.is_none() || purchase.is_too_late(now) {
        let purchase = purchase.with_new_key(now, random);
        run.attempts = Some(Attempts::open());
        let state = State::Issuing { purchase };
        return Decision::store(record.moved_in_vain(state, now, random), Effect::Sign);
    }
    run.attempts = Some(run.take_attempts(|| purchase.taken_up()));
    match run.is_own {
        true => Decision::just(Effect::Sign),
        // Whoever asked before learns from its swap that the question is ours now.
        false => Decision::store(
            record.moved_in_vain(record.state.clone(), now, random),
            Effect::Sign,
        ),
    }
}

/// The call is at its end, and no pass came.
pub(super) fn out_of_patience(
    record: &Durable,
    run: &Run,
    purchase: &Purchase,
    kind: ErrorKind,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    if !run.is_unsent() {
        return leave(record, run, purchase, Effect::Later(kind));
    }
    // Provably unsent: nobody has to wonder whether it was billed.
    let state = State::Issuing {
        purchase: purchase.without_key(),
    };
    Decision::store(
        record.moved_in_vain(state, now, random),
        Effect::Later(kind),
    )
}

/// The session is long over, and no pass is worth buying for it any more.
pub(super) fn never_bought(record: &Durable, now: u64, random: &mut impl CryptoRng) -> Decision {
    let state = State::Failed {
        evidence: Evidence::new(
            ErrorKind::PermissionDenied,
            "No pass could be bought until a day after the session's end.",
        ),
    };
    Decision::store(record.moved(state, now, random), Effect::Tell)
}

pub(super) fn reissue(
    record: &Durable,
    run: &mut Run,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    let state = match &record.state {
        State::Issuing { purchase } => match purchase.stuck.as_ref().map(Evidence::kind) {
            // The same blinded message under a new key: should both be billed, the two identical
            // bodies prove it.
            Some(ErrorKind::Conflict | ErrorKind::Unprocessable | ErrorKind::OutcomeUnknown) => {
                let purchase = purchase.with_new_key(now, random);
                run.attempts = Some(Attempts::open());
                State::Issuing { purchase }
            }
            Some(_) => State::Created { pooled: None },
            None => return go_on(record, run, now, random),
        },
        State::Ready {
            rejected: Some(_), ..
        } if record.is_strict() && !may_show_another(record) => {
            return go_on(record, run, now, random)
        }
        // What was paid for already comes first.
        State::Ready {
            rejected: Some(_), ..
        } => {
            run.reissues = true;
            return Decision::just(Effect::FindPooled);
        }
        _ => return go_on(record, run, now, random),
    };
    reissued(record, run, state, now, random)
}

/// From this swap on nobody but who said `reissue` buys: under another API key, his request would be
/// billed once more.
pub(super) fn reissued(
    record: &Durable,
    run: &Run,
    state: State,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    let moved = record
        .moved(state, now, random)
        .owned_by(run.caller.clone());
    Decision::store(moved, Effect::Continue).noting(EventKind::PossibleDoubleCharge)
}

/// The worker leaves, and the purchase stays as it is. What he learned of its key is for the next one.
fn leave(record: &Durable, run: &Run, purchase: &Purchase, effect: Effect) -> Decision {
    let attempts = run.attempts.as_ref();
    let known = attempts.map_or_else(|| purchase.clone(), |attempts| purchase.after(attempts));
    if known == *purchase {
        return Decision::just(effect);
    }
    let mut left = record.clone();
    left.state = State::Issuing { purchase: known };
    Decision::store(left, effect)
}

pub(super) fn not_signed(
    record: &Durable,
    run: &mut Run,
    purchase: &Purchase,
    attempt: &Attempt,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    let mut attempts = run.take_attempts(|| purchase.taken_up());
    let bought = purchase.refused(attempt, &mut attempts, run.may_retry, now, random);
    run.attempts = Some(attempts);
    match bought {
        Bought::Again => Decision::just(Effect::Again),
        Bought::AgainUntilDeadline => Decision::just(Effect::AgainUntilDeadline),
        Bought::AgainAs(purchase, notice) => {
            run.attempts = Some(Attempts::open());
            let state = State::Issuing { purchase };
            Decision::store(record.moved(state, now, random), Effect::Again).noting(notice)
        }
        Bought::BlindAgain(notice) => {
            let effect = match std::mem::replace(&mut run.blinded_again, true) {
                false => Effect::Continue,
                true => Effect::Fail(ErrorKind::NotFound),
            };
            let state = State::Created { pooled: None };
            run.attempts = None;
            Decision::store(record.moved_in_vain(state, now, random), effect).noting_if(notice)
        }
        Bought::Denied(purchase, notice) => {
            let state = State::Issuing { purchase };
            let moved = record.moved_in_vain(state, now, random);
            Decision::store(moved, Effect::Fail(ErrorKind::PermissionDenied)).noting_if(notice)
        }
        Bought::Fail(kind @ (ErrorKind::Conflict | ErrorKind::Protocol | ErrorKind::NotFound)) => {
            leave(record, run, purchase, Effect::Later(kind))
        }
        Bought::Fail(kind) => leave(record, run, purchase, Effect::Fail(kind)),
        Bought::FailAs(purchase, kind) => {
            let state = State::Issuing { purchase };
            let step = Decision::store(record.moved(state, now, random), Effect::Fail(kind));
            match kind {
                ErrorKind::OutcomeUnknown => step.noting(EventKind::UnknownOutcome),
                _ => step,
            }
        }
    }
}
