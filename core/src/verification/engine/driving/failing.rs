//! What a caller is told when a drive leaves without what was wanted.

use super::{Drive, Patience, Shelf};
use crate::error::{Error, ErrorKind};
use crate::events::EventKind;
use crate::http::Attempt;
use crate::outcome::{needs_mending, Call};
use crate::records::Changed;
use crate::secret::IdempotencyKey;
use crate::verification::machine::Goal;
use crate::verification::record::State;

impl Drive<'_> {
    /// Whether a stateless call asks once more whether the person has finished. Under a key of the
    /// caller's it does not: only he has that one.
    pub(super) fn asks_again(&self, kind: ErrorKind) -> bool {
        let is_early = kind == ErrorKind::PermissionDenied;
        is_early && matches!(self.shelf, Shelf::Nowhere) && !self.run.only_this_key
    }

    /// The attempt that failed, as an error. What is stored can go on from here.
    pub(super) fn failure(&self, kind: ErrorKind) -> Error {
        match (&self.failed, &self.shelf) {
            (None, _) => {
                let step = self.next_call().step();
                let what = "the call's time was up before anything was sent.";
                Error::new(kind, format!("{step}: {what}"))
            }
            (Some((call, attempt)), Shelf::Nowhere) => self.last_failure(*call, attempt, kind),
            (Some((call, attempt)), _) => {
                (attempt.lasting_error(*call, kind)).with_retryable(attempt.may_pass(*call, kind))
            }
        }
    }

    /// What would have been asked of Persona.
    fn next_call(&self) -> Call {
        match &self.stored.content.state {
            State::Created { pooled: None } if !self.stored.content.is_strict() => Call::Challenge,
            State::Issuing { .. } => Call::Sign,
            _ => Call::Redeem,
        }
    }

    /// Likewise, of what a later call goes on with: only what somebody has to mend is met again.
    pub(super) fn failure_for_now(&self, kind: ErrorKind) -> Error {
        let is_futile = (self.failed.as_ref()).is_some_and(|(_, attempt)| attempt.is_futile());
        self.failure(kind).with_retryable(!is_futile)
    }

    /// Likewise, for a call that nobody can go on with: what may have been executed is unknown, and
    /// of a redemption the key is handed out under which its answer may be stored.
    fn last_failure(&self, call: Call, attempt: &Attempt, kind: ErrorKind) -> Error {
        let is_no_answer = matches!(
            kind,
            ErrorKind::Timeout
                | ErrorKind::Network
                | ErrorKind::RateLimited
                | ErrorKind::Authentication
                | ErrorKind::Conflict
                | ErrorKind::PassRejected
        );
        match call {
            Call::Redeem => {
                let key = self.lost_key();
                let kind = match &key {
                    Some(_) if is_no_answer || kind == ErrorKind::Unprocessable => {
                        ErrorKind::OutcomeUnknown
                    }
                    _ => kind,
                };
                let retryable = key.is_some() || attempt.may_pass(call, kind);
                let error = attempt.error(call, kind).with_retryable(retryable);
                error.with_idempotency_key(key)
            }
            _ => {
                let is_unknown = self.may_be_executed && is_no_answer;
                let kind = if is_unknown {
                    ErrorKind::OutcomeUnknown
                } else {
                    kind
                };
                let retryable = attempt.may_pass(call, kind) && !self.may_be_executed;
                attempt.error(call, kind).with_retryable(retryable)
            }
        }
    }

    /// Stores why no pass could be bought, for whoever looks, and tells it if no caller is there to be
    /// told. Whoever was faster says it, or has the pass; if the store fails, the next attempt says it.
    pub(super) async fn note_purchase_failure(&mut self, error: &Error) {
        let failed = match needs_mending(error) {
            true => self.stored.content.failed_to_buy(error.kind()),
            false => None,
        };
        let Some(mut failed) = failed else {
            return;
        };
        if self.run.is_own {
            failed.leased_until = None;
        }
        self.patience = Patience::Grace;
        let is_noted = matches!(self.put(failed).await, Ok(Changed::Done(_)));
        if is_noted && self.run.goal == Goal::Pass {
            let message = failed_to_buy(error);
            let kind = EventKind::PurchaseFailed;
            (self.engine.ports).tell(kind, self.id(), error.request_id(), &message);
        }
    }

    /// The oldest key under which the answer may be stored.
    fn lost_key(&self) -> Option<IdempotencyKey> {
        let (lost, present) = match &self.stored.content.state {
            State::Redeeming { request, lost, .. } => (lost, Some(request)),
            State::Ready { lost, .. } => (lost, None),
            _ => return None,
        };
        let attempts = self.run.attempts.as_ref();
        let is_lost = attempts.is_some_and(|attempts| attempts.history.is_lost());
        let oldest = lost.first().or(present.filter(|_| is_lost))?;
        oldest.key.as_key().ok()
    }
}

/// What the event says of a purchase that failed in the background.
pub(in crate::verification::engine) fn failed_to_buy(error: &Error) -> String {
    format!("A pass could not be bought ({}): {error}", error.code())
}
