//! The one table: what an answer means.
//!
//! Persona does not document what all her statuses mean on redemption, so every interpretation
//! stands here and nowhere else. What follows from a meaning depends on what is known of the key it
//! came under ([`KeyHistory`](super::KeyHistory)): `verification::machine` has those tables.

use super::Call;
use crate::error::{Error, ErrorKind};

/// What came of one attempt. Who spoke was decided where the bytes became an answer
/// (`wire::speaker`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Not a byte of the request left: DNS, connection, TLS, proxy.
    NotSent,
    /// It may have arrived; the answer did not.
    Unknown,
    /// Something on the way answered in Persona's place, with this status.
    Page(u16),
    /// A success that cannot be read, whoever sent it.
    Unreadable,
    /// A signature that does not verify.
    BadSignature,
    /// Persona's own word, with this status.
    Refused(u16),
    /// Persona's own word that the organization or environment has no Relay. The status is not
    /// documented, so the text decides; only a signature is refused so.
    NotEnabled(u16),
}

/// What an answer says about the request under its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Nothing has happened: nothing left, or Persona did not look at it.
    Untouched,
    /// Nobody can tell what has happened. The same is asked again, now or later.
    Lost,
    /// Persona failed, and may have done it. She may have stored the failure.
    Failed,
    /// A signature that does not verify: billed, and no use.
    BadSignature,
    /// The API key is not accepted: decided before the stored answers are looked at.
    Unauthenticated,
    /// The API key lacks a permission.
    Denied,
    /// The key that was to sign is gone.
    KeyGone,
    /// The person has not finished.
    NotYet,
    /// Another request is in the way, or the pass is spent, or the person has not finished.
    Conflict(ErrorKind),
    /// The pass is no good: decided before the stored answers are looked at.
    PassRejected,
    /// Persona refuses, and asking again changes nothing.
    Refused(ErrorKind),
}

/// Looks an answer up in the table.
pub(crate) fn meaning(call: Call, answer: Answer) -> Meaning {
    let status = match answer {
        Answer::NotSent => return Meaning::Untouched,
        Answer::Unknown | Answer::Page(_) | Answer::Unreadable => return Meaning::Lost,
        Answer::BadSignature => return Meaning::BadSignature,
        Answer::NotEnabled(_) => return Meaning::Denied,
        Answer::Refused(status) => status,
    };
    match (status, call) {
        (429, _) => Meaning::Untouched,
        (408 | 425, _) => Meaning::Lost,
        (500.., _) => Meaning::Failed,
        (401, Call::Sign) => Meaning::Unauthenticated,
        (402 | 403, Call::Sign) => Meaning::Denied,
        (404, Call::Sign) => Meaning::KeyGone,
        (409, Call::Sign) => Meaning::Conflict(ErrorKind::Conflict),
        (401, Call::Redeem) => Meaning::PassRejected,
        (403, Call::Redeem) => Meaning::NotYet,
        (409 | 422, Call::Redeem) => Meaning::Conflict(refusal(status)),
        (401, Call::RelayBoundChallenge) => Meaning::Refused(ErrorKind::Protocol),
        _ => Meaning::Refused(refusal(status)),
    }
}

/// The kind of error that an answer is when nobody asks again.
pub(crate) fn kind_of(call: Call, answer: Answer, timed_out: bool) -> ErrorKind {
    match (answer, meaning(call, answer)) {
        (Answer::NotSent | Answer::Unknown, _) if timed_out => ErrorKind::Timeout,
        (Answer::Refused(408 | 425), _) => ErrorKind::Timeout,
        (Answer::NotSent | Answer::Unknown | Answer::Page(_), _) => ErrorKind::Network,
        (Answer::Unreadable | Answer::BadSignature, _) => ErrorKind::Protocol,
        (_, Meaning::PassRejected) => ErrorKind::PassRejected,
        (_, Meaning::Refused(kind)) => kind,
        (Answer::NotEnabled(_), _) => ErrorKind::PermissionDenied,
        (Answer::Refused(status), _) => refusal(status),
    }
}

/// Whether the same call may succeed later although this was the last word of this one.
pub(crate) fn may_pass(call: Call, kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::RateLimited
        | ErrorKind::ServerError
        | ErrorKind::Timeout
        | ErrorKind::Network
        | ErrorKind::Conflict => true,
        ErrorKind::PermissionDenied | ErrorKind::Unprocessable => call == Call::Redeem,
        _ => false,
    }
}

/// Whether a purchase that failed so fails again until somebody mends what is wrong: the API key, its
/// permission, the set-up, an answer of Persona's that is no use. What nobody can tell has an event of
/// its own, a store that fails says so itself, and a caller who cannot buy was never about to.
pub(crate) fn needs_mending(error: &Error) -> bool {
    let is_something_else = match error.kind() {
        ErrorKind::InvalidArgument => error.status().is_none(),
        ErrorKind::OutcomeUnknown
        | ErrorKind::Store
        | ErrorKind::Closed
        | ErrorKind::Cancelled
        | ErrorKind::Internal => true,
        _ => false,
    };
    !is_something_else && !error.retryable()
}

fn refusal(status: u16) -> ErrorKind {
    match status {
        400 => ErrorKind::InvalidArgument,
        401 => ErrorKind::Authentication,
        402 | 403 => ErrorKind::PermissionDenied,
        404 | 410 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        500.. => ErrorKind::ServerError,
        _ => ErrorKind::Unprocessable,
    }
}
