//! What the caller's log is told on the way.

use super::Drive;
use crate::events::EventKind;

impl Drive<'_> {
    pub(super) fn notify(&self, kind: EventKind) {
        let failed = self.failed.as_ref().map(|(_, attempt)| attempt);
        let message = match kind {
            EventKind::PossibleDoubleCharge => {
                "A pass that may have been billed is asked for under a new idempotency key."
            }
            EventKind::UnknownOutcome => {
                "Nobody can tell what became of a request; the verification says what is known."
            }
            EventKind::LinkableByTime => {
                "The pass was bought in the call that asks for the answer: Persona can tell by the \
                 clock which relay it is for."
            }
            EventKind::WaitingForPass => {
                "The pool has no pass for this verification, and strict privacy buys none for it: it goes \
                 on when the pool has one."
            }
            EventKind::Pending => "Persona has no answer yet.",
            EventKind::Refunded => "A pass that was not consumed went back to the pool.",
            // These are told where they are found.
            EventKind::KeyChanged
            | EventKind::IssuerInconsistent
            | EventKind::KeyIdMismatch
            | EventKind::PurchaseFailed
            | EventKind::PoolStopped
            | EventKind::BackgroundFailure => "",
        };
        let request_id = failed.and_then(|attempt| attempt.request_id());
        self.engine.ports.tell(kind, self.id(), request_id, message);
    }
}
