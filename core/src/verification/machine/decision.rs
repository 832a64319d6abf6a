//! What the machine says is to be done.

use crate::error::ErrorKind;
use crate::events::EventKind;
use crate::verification::record::{Durable, Refund};

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
    /// As before, after a pause, for as long as the call may take.
    AgainUntilDeadline,
    /// Look for a pass in the pool.
    FindPooled,
    /// Give the pass that was not consumed back to the pool.
    Refund(Box<Refund>),
    /// Wait for the worker who holds the lease, then look again.
    Wait,
    /// Tell the caller that a strict client is to go on with it.
    LeaveToStrict,
    /// Look at the record again.
    Continue,
    /// Tell the caller what the record says.
    Tell,
    /// Tell the caller that there is no answer yet.
    TellPending,
    /// Tell the caller of the attempt that failed.
    Fail(ErrorKind),
    /// Likewise; nothing is lost, and the same call may succeed later.
    Later(ErrorKind),
}

impl Effect {
    /// Whether the worker leaves with the error of its last attempt.
    pub(crate) fn fails(&self) -> bool {
        matches!(self, Effect::Fail(_) | Effect::Later(_))
    }

    /// Whether the worker leaves.
    fn leaves(&self) -> bool {
        matches!(
            self,
            Effect::Tell | Effect::TellPending | Effect::Fail(_) | Effect::Later(_)
        )
    }
}

/// A decision: the record to store, if it changed; what to do then; what to tell the caller's log.
pub(crate) struct Decision {
    pub(crate) store: Option<Durable>,
    pub(crate) effect: Effect,
    pub(crate) notice: Option<EventKind>,
}

impl Decision {
    pub(super) fn just(effect: Effect) -> Self {
        Self {
            store: None,
            effect,
            notice: None,
        }
    }

    pub(super) fn store(mut record: Durable, effect: Effect) -> Self {
        if effect.leaves() {
            // This worker leaves: nobody needs to wait for it.
            record.leased_until = None;
        }
        Self {
            store: Some(record),
            effect,
            notice: None,
        }
    }

    pub(super) fn noting(self, notice: EventKind) -> Self {
        self.noting_if(Some(notice))
    }

    pub(super) fn noting_if(self, notice: Option<EventKind>) -> Self {
        Self { notice, ..self }
    }
}
