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

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::record::{Asked, Durable, Refund, State, AFTER_THE_END};
use crate::claim::Claim;
use crate::error::{Error, ErrorKind, UnopenedClaim};
use crate::events::EventKind;
use crate::http::{Attempt, Connection};
use crate::outcome::{rule_redeeming, Answer, History, NextKey, Ruling, Step as Call};
use crate::passes::{Asking, Bought, Held, Purchase};
use crate::records::{Evidence, Kept, ANSWER_LIFE, DAY, KEY_LIFE};
use crate::secret::rand_core::CryptoRng;
use crate::secret::IdempotencyKey;

/// A verification that is still without an answer this long after its session's end gets none.
const GIVE_UP: u64 = 7 * DAY;
/// So many keys whose answers were lost are remembered.
const MOST_EARLIER: usize = 8;

/// What somebody wants of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// A pass to redeem.
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
        opened: Arc<Result<Claim, Error>>,
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
            let state = match &*opened {
                Ok(claim) => State::Answered {
                    claim: claim.into(),
                },
                Err(error) => State::Unopened {
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
        } => {
            if !record.is_over(now) {
                return Step::just(Effect::Tell);
            }
            let state = State::Failed {
                evidence: evidence.clone(),
            };
            Step::store(record.moved(state, now, random), Effect::Tell)
        }
        State::Ready { .. } if run.goal == Goal::Pass => Step::just(Effect::TellPending),
        State::Ready { pass, earlier, .. } => {
            let question = ask(now, random);
            run.asking = Some(Asking::new(History::resumed(false, count(earlier, now), 0)));
            let state = State::Redeeming {
                pass: pass.clone(),
                question,
                earlier: earlier.clone(),
                rotations: 0,
            };
            Step::store(record.moved(state, now, random), Effect::Redeem)
        }
        State::Redeeming { .. } => take_up_redeeming(record, run, now, random),
        _ => match &record.refund {
            Some(refund) => Step::just(Effect::Refund(refund.clone())),
            None => Step::just(Effect::Tell),
        },
    }
}

fn take_up_signing(
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

fn take_up_redeeming(
    record: &Durable,
    run: &mut Run,
    now: u64,
    random: &mut impl CryptoRng,
) -> Step {
    let State::Redeeming {
        pass,
        question,
        earlier,
        rotations,
    } = &record.state
    else {
        return Step::just(Effect::Continue);
    };
    if run.asking.is_some() {
        return Step::just(Effect::Redeem);
    }
    if !run.is_own && record.is_leased(now) {
        return Step::just(Effect::Wait);
    }
    if now > record.session_ends_at.saturating_add(GIVE_UP) {
        return Step::store(record.moved(unknown(), now, random), Effect::Tell)
            .noting(EventKind::UnknownOutcome);
    }
    if now >= question.at.saturating_add(KEY_LIFE) {
        // The nonce protects: under a new key the pass can only turn out to be spent.
        let mut earlier = earlier.clone();
        earlier.push(question.clone());
        let surplus = earlier.len().saturating_sub(MOST_EARLIER);
        earlier.drain(..surplus);
        run.asking = Some(Asking::new(History::resumed(
            false,
            count(&earlier, now),
            0,
        )));
        let state = State::Redeeming {
            pass: pass.clone(),
            question: ask(now, random),
            earlier,
            rotations: 0,
        };
        return Step::store(record.moved(state, now, random), Effect::Redeem);
    }
    let history = History::resumed(!run.is_own, count(earlier, now), *rotations);
    run.asking = Some(Asking::new(history));
    match run.is_own {
        true => Step::just(Effect::Redeem),
        false => Step::store(
            record.moved_in_vain(record.state.clone(), now, random),
            Effect::Redeem,
        ),
    }
}

/// The session is long over, and no pass is worth buying for it any more.
fn never_bought(record: &Durable, now: u64, random: &mut impl CryptoRng) -> Step {
    let state = State::Failed {
        evidence: Evidence::new(
            ErrorKind::PermissionDenied,
            "No pass could be bought until a day after the session's end.",
        ),
    };
    Step::store(record.moved(state, now, random), Effect::Tell)
}

fn reissue(record: &Durable, run: &mut Run, now: u64, random: &mut impl CryptoRng) -> Step {
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

fn not_signed(
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

fn not_redeemed(
    record: &Durable,
    run: &mut Run,
    attempt: &Attempt,
    now: u64,
    random: &mut impl CryptoRng,
) -> Step {
    let State::Redeeming {
        pass,
        question,
        earlier,
        rotations,
    } = &record.state
    else {
        return Step::just(Effect::Continue);
    };
    let lost = !run.is_own;
    let asking = run.asking.get_or_insert_with(|| {
        Asking::new(History::resumed(lost, count(earlier, now), *rotations))
    });
    let was_lost = asking.history.is_present_key_lost();
    asking.note(attempt.answer);
    let ruling = rule_redeeming(
        attempt.answer,
        attempt.request_id(),
        attempt.body(),
        &mut asking.history,
    );
    // Persona explains every refusal. One without a word of hers is somebody's on the way: it closes
    // nothing and condemns no pass, and the same question is asked again later.
    let is_an_edges = matches!(attempt.answer, Answer::Status(400..500)) && !attempt.is_explained();
    // Behind an edge's page the question may have been answered.
    let is_lost = was_lost || is_an_edges || asking.history.is_present_key_lost();
    let is_ambiguous = is_lost || asking.history.is_ambiguous();
    let rotations = asking.history.rotations();
    // This question's key joins the earlier ones if its answer may be elsewhere.
    let with_present = || {
        let mut keys = earlier.clone();
        if is_lost {
            keys.push(question.clone());
        }
        let surplus = keys.len().saturating_sub(MOST_EARLIER);
        keys.drain(..surplus);
        keys
    };
    let asks = |question, earlier, random: &mut _| {
        let state = State::Redeeming {
            pass: pass.clone(),
            question,
            earlier,
            rotations,
        };
        Step::store(record.moved(state, now, random), Effect::Again)
    };
    // Only a question asked after the session's end proves anything (W8).
    let is_final = question.at > record.session_ends_at.saturating_add(AFTER_THE_END);
    let close = |state, unspent: bool, random: &mut _| {
        let mut closed = record.clone();
        if unspent {
            closed.refund = refund(record, pass, random);
        }
        closed.moved(state, now, random)
    };
    let failed = |kind| State::Failed {
        evidence: Evidence::of(&attempt.lasting_error(Call::Redeem, kind)),
    };
    let ruling = match (ruling, attempt.answer) {
        // A refusal of the last question: the earlier keys are asked as below, and then it counts.
        (Ruling::Again(NextKey::Earlier), Answer::Status(409)) if is_final => {
            Ruling::Refused(ErrorKind::Conflict)
        }
        (Ruling::Again(NextKey::Earlier), Answer::Status(422)) if is_final => {
            Ruling::Refused(ErrorKind::Unprocessable)
        }
        (Ruling::Again(NextKey::Earlier), _) if is_final => Ruling::Unknown,
        // The same server error twice may be an outage: while the key lives, it is asked again later.
        (Ruling::Again(NextKey::New), Answer::Status(500..))
        | (Ruling::SameLater(ErrorKind::ServerError), _)
            if run.verdict.is_some() && now < question.at.saturating_add(KEY_LIFE) =>
        {
            Ruling::SameLater(ErrorKind::ServerError)
        }
        // A stored error is all that an earlier key will ever say.
        (
            Ruling::Again(NextKey::New | NextKey::Earlier)
            | Ruling::SameLater(ErrorKind::ServerError),
            _,
        ) if run.verdict.is_some() => Ruling::Unknown,
        (ruling, _) => ruling,
    };
    let would_close = is_final || run.verdict.is_some();
    match ruling {
        Ruling::Refused(kind) | Ruling::NewLater(kind) if is_an_edges && would_close => {
            return Step::just(Effect::Fail(kind));
        }
        Ruling::NotYet if is_an_edges && would_close => {
            return Step::just(Effect::Fail(ErrorKind::Network));
        }
        Ruling::PassRejected | Ruling::Unknown if is_an_edges => {
            return Step::just(Effect::Fail(ErrorKind::Network));
        }
        _ => {}
    }
    let (ruling, is_final) = match (ruling, &run.verdict) {
        // Nothing is closed before the keys whose answers were lost have been asked once more: what
        // looks like "not yet" may come from somebody on the way.
        (
            Ruling::NotYet
            | Ruling::Refused(_)
            | Ruling::NewLater(_)
            | Ruling::PassRejected
            | Ruling::Unknown,
            verdict,
        ) if is_final || verdict.is_some() => {
            let may_be_running = attempt.answer == Answer::Status(409)
                && is_lost
                && now < question.at.saturating_add(AFTER_THE_END);
            if may_be_running {
                return Step::just(Effect::Fail(ErrorKind::Conflict));
            }
            let verdict = *run.verdict.get_or_insert(ruling);
            if let Some((last, others)) = take_stored(earlier, now) {
                run.asking = Some(Asking::new(History::resumed(true, 0, rotations)));
                let Step { store, notice, .. } = asks(last, others, random);
                return Step {
                    store,
                    effect: Effect::Continue,
                    notice,
                };
            }
            (verdict, true)
        }
        (ruling, _) => (ruling, false),
    };
    match ruling {
        Ruling::Again(NextKey::Same) => Step::just(Effect::Again),
        Ruling::Again(NextKey::New) => asks(ask(now, random), with_present(), random),
        Ruling::Again(NextKey::Earlier) => match take_stored(earlier, now) {
            None => Step::just(Effect::Again),
            Some((last, mut others)) => {
                if is_lost {
                    others.insert(0, question.clone());
                }
                asking.history.take_up_lost_key();
                asks(last, others, random)
            }
        },
        // What proves that the session ended without an answer proves that no question, lost or
        // not, has spent the pass: a relay that was redeemed is finished.
        Ruling::NotYet if is_final => {
            Step::store(close(State::Expired, true, random), Effect::Continue)
        }
        Ruling::Refused(kind) if is_final => {
            let state = if is_ambiguous {
                unknown()
            } else {
                failed(kind)
            };
            Step::store(close(state, false, random), Effect::Tell)
        }
        Ruling::NotYet | Ruling::Refused(_) => {
            let mut state = ready(pass.clone(), with_present());
            if let State::Ready { answered_at, .. } = &mut state {
                *answered_at = Some(now);
            }
            Step::store(record.moved(state, now, random), Effect::TellPending)
                .noting(EventKind::Pending)
        }
        Ruling::NewLater(kind) if is_final => {
            let unspent = kind == ErrorKind::NotFound && !is_ambiguous;
            Step::store(close(failed(kind), unspent, random), Effect::Continue)
        }
        Ruling::NewLater(kind) => {
            let state = ready(pass.clone(), with_present());
            Step::store(record.moved(state, now, random), Effect::Fail(kind))
        }
        Ruling::PassRejected => {
            let mut state = ready(pass.clone(), Vec::new());
            if let State::Ready { rejected, .. } = &mut state {
                let error = attempt.lasting_error(Call::Redeem, ErrorKind::PassRejected);
                *rejected = Some(Evidence::of(&error));
            }
            Step::store(
                record.moved(state, now, random),
                Effect::Fail(ErrorKind::PassRejected),
            )
        }
        Ruling::Unknown => {
            let state = match attempt.unopened() {
                Some(UnopenedClaim {
                    claim_payload,
                    token_consumed,
                }) => State::Unopened {
                    payload: Kept::new(claim_payload.expose().as_str()),
                    consumed: *token_consumed,
                    evidence: Evidence::of(
                        &attempt.lasting_error(Call::Redeem, ErrorKind::Protocol),
                    ),
                },
                None => failed(ErrorKind::OutcomeUnknown),
            };
            Step::store(close(state, false, random), Effect::Tell).noting(EventKind::UnknownOutcome)
        }
        Ruling::SameLater(kind) | Ruling::Stuck(kind) => Step::just(Effect::Fail(kind)),
        Ruling::RefetchChallenge => Step::just(Effect::Fail(ErrorKind::Protocol)),
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

fn unknown() -> State {
    State::Failed {
        evidence: Evidence::new(
            ErrorKind::OutcomeUnknown,
            "Persona was asked for the claim, its answer was lost, and nobody can tell whether the \
             pass is spent.",
        ),
    }
}

fn ask(now: u64, random: &mut impl CryptoRng) -> Asked {
    Asked {
        key: (&IdempotencyKey::random(random)).into(),
        at: now,
    }
}

/// The last of the lost keys under which Persona may still hold an answer, and the others.
fn take_stored(earlier: &[Asked], now: u64) -> Option<(Asked, Vec<Asked>)> {
    let last = earlier.iter().rposition(|asked| is_stored(asked, now))?;
    let mut others = earlier.to_vec();
    let asked = others.remove(last);
    Some((asked, others))
}

/// How many lost keys there are to ask again; at least one if there are any, because even if no
/// stored answer is left to look for, an answer was lost.
fn count(earlier: &[Asked], now: u64) -> u32 {
    let stored = earlier.iter().filter(|asked| is_stored(asked, now)).count();
    let lost = stored.max(usize::from(!earlier.is_empty()));
    u32::try_from(lost).expect("a handful of keys")
}

fn is_stored(asked: &Asked, now: u64) -> bool {
    now < asked.at.saturating_add(ANSWER_LIFE)
}

/// A pass that is bound to a relay fits no other one: it is of no use to a pool.
fn refund(record: &Durable, pass: &Held, random: &mut impl CryptoRng) -> Option<Refund> {
    (!record.relay_bound).then(|| Refund {
        pass: pass.clone(),
        pool_key: crate::passes::new_pool_key(&record.environment, &record.claim_type, random),
    })
}
