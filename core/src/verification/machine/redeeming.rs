//! Redeeming a pass: what follows when the question is to be asked, or was not answered.

use super::{ready, refund, Effect, Goal, Run, Step};
use crate::error::{ErrorKind, UnopenedClaim};
use crate::events::EventKind;
use crate::http::Attempt;
use crate::outcome::{rule_redeeming, Answer, History, NextKey, Ruling, Step as Call};
use crate::passes::{Asking, Held};
use crate::records::{Evidence, Kept, ANSWER_LIFE, DAY};
use crate::secret::rand_core::CryptoRng;
use crate::secret::IdempotencyKey;
use crate::verification::record::{Asked, Durable, Purpose, State, AFTER_THE_END};

/// A verification that is still without an answer this long after its session's end gets none.
const GIVE_UP: u64 = 7 * DAY;
/// So many keys whose answers were lost are remembered.
const MOST_EARLIER: usize = 8;

/// A question that nobody has asked yet.
pub(crate) fn first_question(pass: Kept, now: u64, random: &mut impl CryptoRng) -> State {
    State::Redeeming {
        pass: Held {
            token: pass,
            bought_at: now,
        },
        question: ask(now, random),
        earlier: Vec::new(),
        rotations: 0,
    }
}

/// Asks a question for the pass that is there.
pub(super) fn begin_redeeming(
    record: &Durable,
    run: &mut Run,
    (pass, earlier): (&Held, &[Asked]),
    now: u64,
    random: &mut impl CryptoRng,
) -> Step {
    let question = ask(now, random);
    run.asking = Some(Asking::new(History::resumed(false, count(earlier, now), 0)));
    let state = State::Redeeming {
        pass: pass.clone(),
        question,
        earlier: earlier.to_vec(),
        rotations: 0,
    };
    Step::store(record.moved(state, now, random), Effect::Redeem)
}

/// Asks for an answer that was lost once more, under its own key; nothing new is asked.
pub(super) fn ask_for_lost_answer(
    record: &Durable,
    run: &mut Run,
    (pass, earlier): (&Held, &[Asked]),
    now: u64,
    random: &mut impl CryptoRng,
) -> Step {
    let Some(last) = earlier.iter().rposition(|asked| asked.lives(now)) else {
        return Step::just(Effect::Tell);
    };
    let mut others = earlier.to_vec();
    let question = others.remove(last);
    run.asking = Some(Asking::new(History::resumed(true, count(&others, now), 0)));
    let state = State::Redeeming {
        pass: pass.clone(),
        question,
        earlier: others,
        rotations: 0,
    };
    Step::store(record.moved_in_vain(state, now, random), Effect::Redeem)
}

/// Goes on with a question that may have been asked before.
pub(super) fn take_up_redeeming(
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
    if !question.lives(now) {
        let earlier = remember(earlier, question);
        if record.purpose == Purpose::Redemption && run.goal == Goal::Pass {
            // A new question is its caller's to ask.
            let state = ready(pass.clone(), earlier);
            return Step::store(record.moved(state, now, random), Effect::TellPending);
        }
        // The nonce protects: under a new key the pass can only turn out to be spent.
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

/// No answer to the question came.
pub(super) fn not_redeemed(
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
    let missed = Missed {
        record,
        pass,
        question,
        earlier,
        attempt,
        now,
        is_an_edges,
        is_lost,
        is_ambiguous: is_lost || asking.history.is_ambiguous(),
        rotations: asking.history.rotations(),
        // Only a question asked after the session's end proves anything (W8).
        is_final: question.at > record.session_ends_at.saturating_add(AFTER_THE_END),
    };
    let ruling = missed.narrowed(ruling, run.verdict.is_some());
    if let Some(step) = missed.left_to_an_edge(ruling, run.verdict.is_some()) {
        return step;
    }
    match missed.before_closing(ruling, run, random) {
        Closing::Not => missed.meanwhile(ruling, run, random),
        Closing::Later(step) => *step,
        Closing::With(verdict) => missed.close_with(verdict, random),
    }
}

/// A question without an answer, and what is known of it.
struct Missed<'a> {
    record: &'a Durable,
    pass: &'a Held,
    question: &'a Asked,
    earlier: &'a [Asked],
    attempt: &'a Attempt,
    now: u64,
    /// Whether it was refused by somebody on the way.
    is_an_edges: bool,
    /// Whether the question may have been answered all the same.
    is_lost: bool,
    /// Whether this or an earlier one may have been.
    is_ambiguous: bool,
    rotations: u32,
    /// Whether it was asked late enough to prove what it was answered.
    is_final: bool,
}

/// Whether a ruling closes the verification.
enum Closing {
    Not,
    Later(Box<Step>),
    With(Ruling),
}

impl Missed<'_> {
    /// What the ruling comes to at the session's end, and while lost keys are asked once more.
    fn narrowed(&self, ruling: Ruling, has_verdict: bool) -> Ruling {
        match (ruling, self.attempt.answer) {
            // A refusal of the last question: the earlier keys are asked first, and then it counts.
            (Ruling::Again(NextKey::Earlier), Answer::Status(409)) if self.is_final => {
                Ruling::Refused(ErrorKind::Conflict)
            }
            (Ruling::Again(NextKey::Earlier), Answer::Status(422)) if self.is_final => {
                Ruling::Refused(ErrorKind::Unprocessable)
            }
            (Ruling::Again(NextKey::Earlier), _) if self.is_final => Ruling::Unknown,
            // The same server error twice may be an outage: while the key lives, it is asked again
            // later.
            (Ruling::Again(NextKey::New), Answer::Status(500..))
            | (Ruling::SameLater(ErrorKind::ServerError), _)
                if has_verdict && self.question.lives(self.now) =>
            {
                Ruling::SameLater(ErrorKind::ServerError)
            }
            // A stored error is all that an earlier key will ever say.
            (
                Ruling::Again(NextKey::New | NextKey::Earlier)
                | Ruling::SameLater(ErrorKind::ServerError),
                _,
            ) if has_verdict => Ruling::Unknown,
            (ruling, _) => ruling,
        }
    }

    /// Stops for now where only Persona's own word would count, and this is not hers.
    fn left_to_an_edge(&self, ruling: Ruling, has_verdict: bool) -> Option<Step> {
        if !self.is_an_edges {
            return None;
        }
        let would_close = self.is_final || has_verdict;
        let kind = match ruling {
            Ruling::Refused(kind) | Ruling::NewLater(kind) if would_close => kind,
            Ruling::NotYet if would_close => ErrorKind::Network,
            Ruling::PassRejected | Ruling::Unknown => ErrorKind::Network,
            _ => return None,
        };
        Some(Step::just(Effect::Fail(kind)))
    }

    /// Nothing is closed before the keys whose answers were lost have been asked once more: what
    /// looks like "not yet" may come from somebody on the way.
    fn before_closing(
        &self,
        ruling: Ruling,
        run: &mut Run,
        random: &mut impl CryptoRng,
    ) -> Closing {
        let closes = matches!(
            ruling,
            Ruling::NotYet
                | Ruling::Refused(_)
                | Ruling::NewLater(_)
                | Ruling::PassRejected
                | Ruling::Unknown
        );
        if !closes || !(self.is_final || run.verdict.is_some()) {
            return Closing::Not;
        }
        let may_be_running = self.attempt.answer == Answer::Status(409)
            && self.is_lost
            && self.now < self.question.at.saturating_add(AFTER_THE_END);
        if may_be_running {
            return Closing::Later(Box::new(Step::just(Effect::Fail(ErrorKind::Conflict))));
        }
        let verdict = *run.verdict.get_or_insert(ruling);
        match take_stored(self.earlier, self.now) {
            None => Closing::With(verdict),
            Some((last, others)) => {
                let history = History::resumed(true, 0, self.rotations);
                run.asking = Some(Asking::new(history));
                Closing::Later(Box::new(self.asks(last, others, Effect::Continue, random)))
            }
        }
    }

    /// What follows while the verification stays open.
    fn meanwhile(&self, ruling: Ruling, run: &mut Run, random: &mut impl CryptoRng) -> Step {
        match ruling {
            Ruling::Again(NextKey::Same) => Step::just(Effect::Again),
            Ruling::Again(NextKey::New) => {
                let question = ask(self.now, random);
                self.asks(question, self.lost_keys(), Effect::Again, random)
            }
            Ruling::Again(NextKey::Earlier) => match take_stored(self.earlier, self.now) {
                None => Step::just(Effect::Again),
                Some((last, mut others)) => {
                    if self.is_lost {
                        others.insert(0, self.question.clone());
                    }
                    if let Some(asking) = &mut run.asking {
                        asking.history.take_up_lost_key();
                    }
                    self.asks(last, others, Effect::Again, random)
                }
            },
            Ruling::NotYet => self.wait(ErrorKind::PermissionDenied, run.goal, random),
            Ruling::Refused(kind) => self.wait(kind, run.goal, random),
            Ruling::NewLater(kind) => {
                let state = ready(self.pass.clone(), self.lost_keys());
                Step::store(self.put_off(state, random), Effect::Fail(kind))
            }
            Ruling::PassRejected => self.reject_pass(random),
            Ruling::Unknown => self.give_up(random),
            Ruling::SameLater(kind) | Ruling::Stuck(kind) => Step::just(Effect::Fail(kind)),
            Ruling::RefetchChallenge => Step::just(Effect::Fail(ErrorKind::Protocol)),
        }
    }

    /// There is no answer yet.
    fn wait(&self, kind: ErrorKind, goal: Goal, random: &mut impl CryptoRng) -> Step {
        let mut state = ready(self.pass.clone(), self.lost_keys());
        if self.record.purpose == Purpose::Verification {
            // Whoever asked at the same time takes this answer for his own.
            if let State::Ready { answered_at, .. } = &mut state {
                *answered_at = Some(self.now);
            }
        }
        let effect = match (self.record.purpose, goal) {
            // A caller's own question: he is told in Persona's words.
            (Purpose::Redemption, Goal::Answer) => Effect::Fail(kind),
            _ => Effect::TellPending,
        };
        Step::store(self.put_off(state, random), effect).noting(EventKind::Pending)
    }

    /// The record without an open question.
    fn put_off(&self, state: State, random: &mut impl CryptoRng) -> Durable {
        match self.record.purpose {
            // What was lost is asked for less and less often.
            Purpose::Redemption => self.record.moved_in_vain(state, self.now, random),
            Purpose::Verification | Purpose::Purchase => self.record.moved(state, self.now, random),
        }
    }

    /// Closes the verification: this verdict is final.
    fn close_with(&self, verdict: Ruling, random: &mut impl CryptoRng) -> Step {
        match verdict {
            // What proves that the session ended without an answer proves that no question, lost or
            // not, has spent the pass: a relay that was redeemed is finished.
            Ruling::NotYet => {
                let closed = self.closed(State::Expired, true, random);
                Step::store(closed, Effect::Continue)
            }
            Ruling::Refused(kind) => {
                let state = match self.is_ambiguous {
                    true => unknown(),
                    false => self.failed(kind),
                };
                Step::store(self.closed(state, false, random), Effect::Tell)
            }
            Ruling::NewLater(kind) => {
                let unspent = kind == ErrorKind::NotFound && !self.is_ambiguous;
                let closed = self.closed(self.failed(kind), unspent, random);
                Step::store(closed, Effect::Continue)
            }
            Ruling::PassRejected => self.reject_pass(random),
            _ => self.give_up(random),
        }
    }

    /// The pass is no good; the caller may buy another one.
    fn reject_pass(&self, random: &mut impl CryptoRng) -> Step {
        let kind = ErrorKind::PassRejected;
        let mut state = ready(self.pass.clone(), Vec::new());
        if let State::Ready { rejected, .. } = &mut state {
            let error = self.attempt.lasting_error(Call::Redeem, kind);
            *rejected = Some(Evidence::of(&error));
        }
        Step::store(
            self.record.moved(state, self.now, random),
            Effect::Fail(kind),
        )
    }

    /// Nobody can tell, and nothing is left to ask.
    fn give_up(&self, random: &mut impl CryptoRng) -> Step {
        let state = match self.attempt.unopened() {
            Some(UnopenedClaim {
                claim_payload,
                token_consumed,
            }) => State::Unopened {
                payload: Kept::new(claim_payload.expose().as_str()),
                consumed: *token_consumed,
                evidence: Evidence::of(
                    &self
                        .attempt
                        .lasting_error(Call::Redeem, ErrorKind::Protocol),
                ),
            },
            None => self.failed(ErrorKind::OutcomeUnknown),
        };
        Step::store(self.closed(state, false, random), Effect::Tell)
            .noting(EventKind::UnknownOutcome)
    }

    fn asks(
        &self,
        question: Asked,
        earlier: Vec<Asked>,
        effect: Effect,
        random: &mut impl CryptoRng,
    ) -> Step {
        let state = State::Redeeming {
            pass: self.pass.clone(),
            question,
            earlier,
            rotations: self.rotations,
        };
        Step::store(self.record.moved(state, self.now, random), effect)
    }

    /// The earlier keys, and this question's if its answer may be elsewhere.
    fn lost_keys(&self) -> Vec<Asked> {
        match self.is_lost {
            true => remember(self.earlier, self.question),
            false => self.earlier.to_vec(),
        }
    }

    fn closed(&self, state: State, unspent: bool, random: &mut impl CryptoRng) -> Durable {
        let mut closed = self.record.clone();
        if unspent {
            closed.refund = refund(self.record, self.pass, random);
        }
        closed.moved(state, self.now, random)
    }

    fn failed(&self, kind: ErrorKind) -> State {
        State::Failed {
            evidence: Evidence::of(&self.attempt.lasting_error(Call::Redeem, kind)),
        }
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

/// The keys whose answers were lost, and one more.
fn remember(earlier: &[Asked], question: &Asked) -> Vec<Asked> {
    let mut keys = earlier.to_vec();
    keys.push(question.clone());
    let surplus = keys.len().saturating_sub(MOST_EARLIER);
    keys.drain(..surplus);
    keys
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
