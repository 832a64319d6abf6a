//! What the machine is told.

use std::sync::Arc;

use crate::claim::Claim;
use crate::error::{Error, ErrorKind};
use crate::http::Attempt;
use crate::passes::PaidPass;
use crate::records::StoredSecret;

/// What happened.
#[derive(Clone)]
pub(crate) enum Event {
    /// The record was just loaded, or a step is done: what now?
    Continue,
    /// The caller accepts that a pass may be billed a second time.
    Reissue,
    /// The pool's pass, or that it is gone.
    Pooled(Option<PaidPass>),
    /// A challenge was fetched and a message blinded.
    Blinded(StoredSecret),
    /// A pass was signed for this blinded message, and its signature verified.
    Signed {
        blinded: StoredSecret,
        token: StoredSecret,
    },
    /// No pass was signed.
    NotSigned(Arc<Attempt>),
    /// The answer came, for this pass.
    Redeemed {
        pass: StoredSecret,
        payload: StoredSecret,
        consumed: bool,
        /// None: the caller opens it himself.
        opened: Option<Arc<Result<Claim, Error>>>,
    },
    /// No answer to the question came.
    NotRedeemed(Arc<Attempt>),
    /// The call has no time or no tries left; what the last attempt was.
    OutOfPatience(ErrorKind),
    /// All others have dropped the pass, and it was not sent.
    Dropped,
    /// The place of a pass in the pool, or that there is none.
    FoundPooled(Option<String>),
    /// The refund is in the pool.
    Refunded,
}

impl Event {
    /// Whether it brings what Persona gives once.
    pub(crate) fn is_won(&self) -> bool {
        matches!(self, Event::Signed { .. } | Event::Redeemed { .. })
    }

    /// Whether it is stored by whoever learns it, strict or not: nothing is asked or shown after it.
    pub(super) fn is_kept(&self) -> bool {
        matches!(
            self,
            Event::Redeemed { .. } | Event::Refunded | Event::Pooled(_)
        )
    }

    /// Whether it says what became of a request that is at stake.
    pub(crate) fn is_reply(&self) -> bool {
        let is_failure = matches!(
            self,
            Event::NotSigned(_) | Event::NotRedeemed(_) | Event::OutOfPatience(_)
        );
        is_failure || self.is_won()
    }
}
