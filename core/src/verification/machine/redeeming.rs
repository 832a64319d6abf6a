//! Redeeming a pass. The rows of [`not_redeemed`] are the table of redemptions in
//! `docs/reliability.md`.
//!
//! What to ask reads off the list of lost keys ([`ask_next`]): the oldest lost key that lives, then a
//! new one, then the verdict. A key leaves the list only when Persona has answered it in her own
//! words, or is long past her memory.

use super::verdict::{unknown, Unanswered};
use super::{ready, refund, Decision, Effect, Event, Goal, Run};
use crate::error::ErrorKind;
use crate::events::EventKind;
use crate::http::Attempt;
use crate::outcome::{Call, Meaning};
use crate::passes::{Attempts, PaidPass};
use crate::records::{Evidence, StoredSecret, DAY, KEY_LIFE};
use crate::secret::rand_core::CryptoRng;
use crate::secret::IdempotencyKey;
use crate::verification::record::{Durable, Request, State};

/// A verification that is still without an answer this long after its session's end gets no new
/// key any more.
const GIVE_UP: u64 = 7 * DAY;

/// With so many lost keys that live, no new one is made: they are asked again.
const MOST_LOST: usize = 3;

/// A request that nobody has sent yet, under the caller's key or a new one.
pub(crate) fn first_request(
    pass: StoredSecret,
    key: Option<&IdempotencyKey>,
    now: u64,
    random: &mut impl CryptoRng,
) -> State {
    let request = match key {
        None => Request::new(now, random),
        Some(key) => Request::under(key, now),
    };
    State::Redeeming {
        pass: PaidPass::new(pass, now),
        request,
        lost: Vec::new(),
    }
}

/// Goes on with a request that may have been sent before.
pub(super) fn take_up_redeeming(
    record: &Durable,
    run: &mut Run,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    let State::Redeeming {
        pass,
        request,
        lost,
    } = &record.state
    else {
        return Decision::just(Effect::Continue);
    };
    let is_fresh = !needs_renewal(record, request, now);
    if run.attempts.is_some() && request.lives(now) && is_fresh {
        return Decision::just(Effect::Redeem);
    }
    if run.is_own && run.attempts.is_none() && is_fresh {
        run.attempts = Some(Attempts::open());
        return Decision::just(Effect::Redeem);
    }
    if !run.is_own && record.is_leased(now) {
        return Decision::just(Effect::Wait);
    }
    ask_next(record, run, pass, &with(lost, request), now, random)
}

/// What to ask now: the oldest lost key that lives, then a new one.
pub(super) fn ask_next(
    record: &Durable,
    run: &mut Run,
    pass: &PaidPass,
    lost: &[Request],
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    let is_new = |request: &&Request| !run.set_aside.contains(&request.key);
    let living = || lost.iter().filter(|request| request.lives(now));
    if let Some(oldest) = living().find(is_new) {
        run.attempts = Some(Attempts::taken_up());
        run.asked = Some(oldest.clone());
        let request = match is_late(record, now) {
            true => oldest.clone(),
            false => oldest.asked(now),
        };
        let state = State::Redeeming {
            pass: record.shown(pass),
            request,
            lost: without(lost, oldest),
        };
        // The swap tells whoever asked before that the request is ours now.
        return Decision::store(record.moved_in_vain(state, now, random), Effect::Redeem);
    }
    run.attempts = None;
    let mut waits = |effect| {
        let state = ready(pass.clone(), forget_dead(lost, now));
        match record.state == state {
            true => Decision::just(effect),
            false => Decision::store(record.moved_in_vain(state, now, random), effect),
        }
    };
    // New keys are the caller's to ask for.
    if run.goal == Goal::Pass {
        return match record.state {
            State::Ready { .. } => Decision::just(Effect::Tell),
            _ => waits(Effect::TellPending),
        };
    }
    let is_late = is_late(record, now);
    let waits_for_them =
        is_late || living().all(|request| request.is_outlived) || living().count() >= MOST_LOST;
    if run.only_this_key || (waits_for_them && living().count() > 0) {
        return waits(Effect::Later(run.last_failure));
    }
    if is_late {
        return Decision::store(record.moved(unknown(), now, random), Effect::Tell)
            .noting(EventKind::UnknownOutcome);
    }
    run.attempts = Some(Attempts::open());
    let state = State::Redeeming {
        pass: record.shown(pass),
        request: Request::new(now, random),
        lost: forget_dead(lost, now),
    };
    Decision::store(record.moved(state, now, random), Effect::Redeem)
}

/// Whether a request must be written anew before it is sent, because its process slept: the record
/// says when Persona may have heard of it first.
pub(crate) fn needs_renewal(record: &Durable, request: &Request, now: u64) -> bool {
    request.is_stale(now) && !is_late(record, now)
}

pub(super) fn is_late(record: &Durable, now: u64) -> bool {
    now > record.session_ends_at.saturating_add(GIVE_UP)
}

/// No claim came. Each row says what the answer means for a key that nobody asked before (open), and
/// for one whose answer was lost.
pub(super) fn not_redeemed(
    record: &Durable,
    run: &mut Run,
    attempt: &Attempt,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    let State::Redeeming {
        pass,
        request,
        lost,
    } = &record.state
    else {
        return Decision::just(Effect::Continue);
    };
    let mut attempts = run.take_attempts(Attempts::taken_up);
    let meaning = attempts.note(Call::Redeem, attempt);
    let (history, lost_here) = (attempts.history.clone(), attempts.lost_here);
    run.attempts = Some(attempts);
    let second_look = history.looks() < 2 && run.may_retry;
    let answered_at = attempt.answered_at().unwrap_or(now);
    let is_settled = request.is_settled(answered_at);
    let request = &match meaning {
        Meaning::Untouched | Meaning::Lost | Meaning::BadSignature => request.clone(),
        // Decided before she looks at what she has stored: she does not know the key by it.
        Meaning::PassRejected => request.turned_away(run.asked.as_ref()),
        _ => request.seen(answered_at),
    };
    let is_forgotten = now >= request.at.saturating_add(KEY_LIFE);
    let unanswered = Unanswered {
        record,
        pass,
        request,
        lost,
        attempt,
        is_first_word: !history.is_lost(),
        now,
    };
    match meaning {
        Meaning::Lost if history.unreadable() >= 2 && attempt.unopened().is_some() => {
            unanswered.keep_unopened(random)
        }
        Meaning::Untouched | Meaning::Lost | Meaning::BadSignature => Decision::just(Effect::Again),
        // There is no other key to ask.
        Meaning::Failed | Meaning::Conflict(_) if history.is_taken_up() && run.only_this_key => {
            Decision::just(Effect::Again)
        }
        Meaning::PassRejected if run.only_this_key && second_look => Decision::just(Effect::Again),
        // The nonce protects: another key may be asked while this one fails.
        Meaning::Failed if history.is_taken_up() => unanswered.set_aside(run, random),
        Meaning::Failed if history.failures() < 2 => Decision::just(Effect::Again),
        Meaning::Failed => unanswered.rotate(run, random),
        // Another worker's request may be running, or our own.
        Meaning::Conflict(_) if lost_here => Decision::just(Effect::AgainUntilDeadline),
        Meaning::Conflict(_) if history.is_taken_up() && !is_settled => {
            unanswered.set_aside(run, random)
        }
        Meaning::Conflict(_) if !history.is_taken_up() && second_look => {
            Decision::just(Effect::Again)
        }
        // Decided before the stored answers are looked at: it says nothing about a lost one.
        Meaning::PassRejected if history.is_taken_up() => unanswered.set_aside(run, random),
        Meaning::PassRejected if second_look => Decision::just(Effect::Again),
        Meaning::PassRejected if history.is_lost() => {
            Decision::just(Effect::Later(ErrorKind::Conflict))
        }
        // So late that Persona may have forgotten the key: this may be a first answer to it. Nothing
        // else is stored there any more, and what was, nobody knows.
        Meaning::Conflict(_) | Meaning::Refused(_) if history.is_taken_up() && is_forgotten => {
            unanswered.mark(run, random)
        }
        // Answered in Persona's own words: the key is resolved.
        Meaning::NotYet
        | Meaning::Conflict(_)
        | Meaning::PassRejected
        | Meaning::Denied
        | Meaning::KeyGone
        | Meaning::Unauthenticated
        | Meaning::Refused(_) => match request.at < run.began && !unanswered.is_final() {
            // What it says is of before this call.
            true => ask_next(record, run, pass, lost, now, random),
            false => unanswered.verdict(meaning, run, random),
        },
    }
}

/// The claim came.
pub(super) fn redeemed(
    record: &Durable,
    event: Event,
    now: u64,
    random: &mut impl CryptoRng,
) -> Decision {
    let Event::Redeemed {
        pass: asked_with,
        payload,
        consumed,
        opened,
    } = event
    else {
        return Decision::just(Effect::Continue);
    };
    let given_back = match &record.state {
        // Whatever was stored while it was on its way.
        State::Redeeming { pass, .. } | State::Ready { pass, .. } if pass.token == asked_with => {
            match consumed {
                true => None,
                false => refund(record, pass, random),
            }
        }
        // The one change of something closed: what nobody knew, or took for over, is known.
        State::Expired => record.refund.clone().filter(|_| !consumed),
        State::Failed { evidence } if evidence.kind() == ErrorKind::OutcomeUnknown => None,
        _ => return Decision::just(Effect::Continue),
    };
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
    closed.refund = given_back;
    Decision::store(closed.moved(state, now, random), Effect::Continue)
}

/// The lost keys and one more, oldest first.
pub(super) fn with(lost: &[Request], request: &Request) -> Vec<Request> {
    let mut all = lost.to_vec();
    all.push(request.clone());
    all.sort_by_key(|request| request.at);
    all
}

fn without(lost: &[Request], request: &Request) -> Vec<Request> {
    let others = lost.iter().filter(|other| other.key != request.key);
    others.cloned().collect()
}

/// Of keys that Persona has forgotten, one is enough to know that an answer was lost.
pub(super) fn forget_dead(lost: &[Request], now: u64) -> Vec<Request> {
    let last_dead = lost.iter().rposition(|request| !request.lives(now));
    let kept = lost.iter().enumerate();
    kept.filter(|(index, request)| request.lives(now) || Some(*index) == last_dead)
        .map(|(_, request)| request.clone())
        .collect()
}
