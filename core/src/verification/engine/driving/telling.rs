//! What the caller's log is told on the way.

use time::OffsetDateTime;

use super::Drive;
use crate::events::EventKind;
use crate::privacy::CommonHour;

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
            EventKind::WaitingForPass => return self.notify_waiting(),
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

    fn notify_waiting(&self) {
        let now = self.engine.ports.now();
        let hour = CommonHour::at(now).unwrap_or_else(|| CommonHour::after(now));
        let message = format!(
            "The pool has no pass for this verification, and strict privacy buys none for it. Passes are bought \
             in a common hour of the day only: the next ones can be used from {} on, at the earliest.",
            in_words(hour.ends())
        );
        let kind = EventKind::WaitingForPass;
        self.engine.ports.tell(kind, self.id(), None, &message);
    }
}

/// As `2026-12-01 11:00 UTC`.
fn in_words(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (hour, minute, _) = time.to_hms();
    format!("{} {hour:02}:{minute:02} UTC", time.date())
}
