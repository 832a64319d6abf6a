//! What an answer to a redemption comes to: another key, "not yet", or the end.

use super::redeeming::{ask_next, forget_dead, with};
use super::{ready, refund, Decision, Effect, Goal, Run};
use crate::error::{ErrorKind, UnopenedClaim};
use crate::events::EventKind;
use crate::http::Attempt;
use crate::outcome::{may_pass, Call, Meaning};
use crate::passes::PaidPass;
use crate::records::{Evidence, StoredSecret};
use crate::secret::rand_core::CryptoRng;
use crate::verification::record::{Durable, Purpose, Request, State};

/// A request without a claim, and what is known of it.
pub(super) struct Unanswered<'a> {
    pub(super) record: &'a Durable,
    pub(super) pass: &'a PaidPass,
    pub(super) request: &'a Request,
    /// The other keys whose answers were lost.
    pub(super) lost: &'a [Request],
    pub(super) attempt: &'a Attempt,
    /// Whether nothing under this key was lost before: the answer is of now.
    pub(super) is_first_word: bool,
    pub(super) now: u64,
}

impl Unanswered<'_> {
    /// The key stays lost; in this call, others are asked.
    pub(super) fn set_aside(&self, run: &mut Run, random: &mut impl CryptoRng) -> Decision {
        run.set_aside.push(self.request.key.clone());
        run.last_failure = match self.attempt.kind(Call::Redeem) {
            kind if may_pass(Call::Redeem, kind) => kind,
            _ => ErrorKind::Conflict,
        };
        let lost = with(self.lost, self.request);
        ask_next(self.record, run, self.pass, &lost, self.now, random)
    }

    /// The key is asked no more, and stays as a mark that an answer was lost.
    pub(super) fn mark(&self, run: &mut Run, random: &mut impl CryptoRng) -> Decision {
        let lost = with(self.lost, &self.request.forgotten());
        ask_next(self.record, run, self.pass, &lost, self.now, random)
    }

    /// The key stays lost, and the next one is asked after a pause.
    pub(super) fn rotate(&self, run: &mut Run, random: &mut impl CryptoRng) -> Decision {
        if !run.may_retry || run.only_this_key {
            return Decision::just(Effect::Later(ErrorKind::ServerError));
        }
        let mut decision = self.set_aside(run, random);
        if decision.effect == Effect::Redeem {
            decision.effect = Effect::Again;
        }
        decision
    }

    /// The last question is answered, and no claim came.
    pub(super) fn verdict(
        &self,
        meaning: Meaning,
        run: &mut Run,
        random: &mut impl CryptoRng,
    ) -> Decision {
        let is_living = self.lost.iter().any(|request| request.lives(self.now));
        // A lost key that Persona has forgotten can be asked no more.
        let is_unaccounted = !self.lost.is_empty();
        let closes = self.is_final() && !is_living;
        match meaning {
            // A relay that was redeemed is finished: no key, lost or not, has spent the pass.
            Meaning::NotYet if closes => self.close(State::Expired, true, random),
            Meaning::NotYet => self.wait(ErrorKind::PermissionDenied, run, random),
            Meaning::Conflict(_) if closes && is_unaccounted => self.give_up(random),
            Meaning::Conflict(kind) if closes => self.close(self.failed(kind), false, random),
            Meaning::Conflict(kind) => self.wait(kind, run, random),
            Meaning::PassRejected if is_living => {
                self.put_off(Effect::Later(ErrorKind::Conflict), random)
            }
            Meaning::PassRejected if is_unaccounted => self.give_up(random),
            Meaning::PassRejected => self.reject_pass(run, random),
            _ => {
                let kind = self.attempt.kind(Call::Redeem);
                if closes {
                    let is_unspent = kind == ErrorKind::NotFound && !is_unaccounted;
                    return self.close(self.failed(kind), is_unspent, random);
                }
                self.put_off(Effect::Fail(kind), random)
            }
        }
    }

    /// Whether the request was sent late enough to prove what it was answered (W8): by our clock, and
    /// by Persona's where she tells it. Hers dates a stored answer by when it is told again.
    pub(super) fn is_final(&self) -> bool {
        let is_so_for_her = match self.attempt.answered_at() {
            Some(answered_at) => self.record.is_over(answered_at) && self.is_first_word,
            None => true,
        };
        self.record.is_over(self.request.at) && is_so_for_her
    }

    /// There is no answer yet.
    fn wait(&self, kind: ErrorKind, run: &Run, random: &mut impl CryptoRng) -> Decision {
        let effect = match (self.record.purpose, run.goal) {
            // A caller's own question: he is told in Persona's words.
            (Purpose::Redemption, Goal::Answer) => Effect::Later(kind),
            _ => Effect::TellPending,
        };
        self.put_off(effect, random).noting(EventKind::Pending)
    }

    /// The record without this request.
    fn put_off(&self, effect: Effect, random: &mut impl CryptoRng) -> Decision {
        let mut lost = forget_dead(self.lost, self.now);
        for request in &mut lost {
            request.is_outlived |= self.is_final();
        }
        let mut state = ready(self.pass.clone(), lost);
        if self.record.purpose == Purpose::Verification && effect == Effect::TellPending {
            // Whoever asked at the same time takes this answer for his own.
            if let State::Ready { answered_at, .. } = &mut state {
                *answered_at = Some(self.now);
            }
        }
        // What was lost is asked for less and less often.
        let moved = match self.lost.is_empty() {
            true => self.record.moved(state, self.now, random),
            false => self.record.moved_in_vain(state, self.now, random),
        };
        Decision::store(moved, effect)
    }

    /// The pass is no good: another one of the pool is tried, or the caller may buy one.
    fn reject_pass(&self, run: &Run, random: &mut impl CryptoRng) -> Decision {
        let kind = ErrorKind::PassRejected;
        let mut state = ready(self.pass.clone(), Vec::new());
        if let State::Ready { rejected, .. } = &mut state {
            let error = self.attempt.lasting_error(Call::Redeem, kind);
            *rejected = Some(Evidence::of(&error));
        }
        let mut record = self.record.clone();
        record.rejected_passes = record.rejected_passes.saturating_add(1);
        let effect = match run.may_replace(&record) {
            true => Effect::FindPooled,
            false => Effect::Fail(kind),
        };
        Decision::store(record.moved(state, self.now, random), effect)
    }

    /// Nobody can tell, and nothing is left to ask.
    fn give_up(&self, random: &mut impl CryptoRng) -> Decision {
        self.close(unknown(), false, random)
            .noting(EventKind::UnknownOutcome)
    }

    /// A claim in an answer that cannot be read otherwise, twice: it is kept.
    pub(super) fn keep_unopened(&self, random: &mut impl CryptoRng) -> Decision {
        let Some(UnopenedClaim {
            claim_payload,
            token_consumed,
        }) = self.attempt.unopened()
        else {
            return Decision::just(Effect::Again);
        };
        let error = (self.attempt).lasting_error(Call::Redeem, ErrorKind::Protocol);
        let state = State::Unopened {
            payload: StoredSecret::new(claim_payload.expose().as_str()),
            consumed: *token_consumed,
            evidence: Evidence::of(&error),
        };
        self.close(state, false, random)
            .noting(EventKind::UnknownOutcome)
    }

    fn close(&self, state: State, is_unspent: bool, random: &mut impl CryptoRng) -> Decision {
        let mut closed = self.record.clone();
        if is_unspent {
            closed.refund = refund(self.record, self.pass, random);
        }
        Decision::store(closed.moved(state, self.now, random), Effect::Continue)
    }

    fn failed(&self, kind: ErrorKind) -> State {
        State::Failed {
            evidence: Evidence::of(&self.attempt.lasting_error(Call::Redeem, kind)),
        }
    }
}

pub(super) fn unknown() -> State {
    State::Failed {
        evidence: Evidence::new(
            ErrorKind::OutcomeUnknown,
            "Persona was asked for the claim, its answer was lost, and nobody can tell whether the \
             pass is spent.",
        ),
    }
}
