//! What an answer means to a verification that survives its process.
//!
//! The same table as for a single call ([`judge`]), with more ways to stop: such a verification can
//! be asked again tomorrow, so "give up" becomes "later, and how".

use super::{judge, Action, Answer, History, NextKey, Step};
use crate::error::ErrorKind;
use crate::wire::is_server_error;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// Ask again after a pause, as far as the budget goes.
    Again(NextKey),
    /// The key that signs is gone: fetch the challenge again and blind anew.
    RefetchChallenge,
    /// Stop for now. Later the same question, under the same key.
    SameLater(ErrorKind),
    /// Stop for now. This answer is final for its key: later a new question.
    NewLater(ErrorKind),
    /// The question is answered with "not yet", and for good at the session's end.
    NotYet,
    /// Perhaps "not yet", perhaps a refusal: at the session's end it is one, with this kind.
    Refused(ErrorKind),
    /// Stop until the caller says what to do.
    Stuck(ErrorKind),
    /// The pass is no good: the caller may buy another one.
    PassRejected,
    /// Nobody can tell, and nothing is left to ask.
    Unknown,
}

/// Rules on an answer to a request for a signature.
pub(crate) fn rule_signing(
    answer: Answer,
    request_id: Option<&str>,
    body: &[u8],
    history: &mut History,
) -> Ruling {
    let ambiguous = history.ambiguous;
    match judge(Step::Sign, answer, request_id, body, history) {
        Action::Again(next) => Ruling::Again(next),
        Action::RefetchChallenge => Ruling::RefetchChallenge,
        Action::Stop(kind) => match (answer, kind) {
            // Decided before the stored answers are looked at: the key is as good as before.
            (Answer::Status(401), _) => Ruling::SameLater(ErrorKind::Authentication),
            // Somebody's on the way, who may have replaced Persona's.
            (Answer::Status(400..500), kind) if !is_server_error(body) => Ruling::SameLater(kind),
            // An answer that is stored under the key, unless an earlier one was lost: then this one
            // may be somebody else's on the way, and a new key would risk a second bill.
            (Answer::Status(402 | 403), kind) if ambiguous => Ruling::SameLater(kind),
            (Answer::Status(402 | 403), kind) => Ruling::NewLater(kind),
            (Answer::Unreadable, _) => Ruling::Stuck(ErrorKind::OutcomeUnknown),
            (Answer::Status(..=399), kind) => Ruling::SameLater(kind),
            (_, kind) => Ruling::Stuck(kind),
        },
    }
}

/// Rules on an answer to a redemption.
pub(crate) fn rule_redeeming(
    answer: Answer,
    request_id: Option<&str>,
    body: &[u8],
    history: &mut History,
) -> Ruling {
    match answer {
        Answer::Status(403) => return Ruling::NotYet,
        // Another worker's request may be running under this key. If it is not, this is the stored
        // answer to the one that was lost, and only a new question helps: the nonce protects.
        Answer::Status(status @ (409 | 422))
            if history.present_key_lost || (history.ambiguous && history.earlier_keys == 0) =>
        {
            history.conflicts += 1;
            return match history.conflicts {
                1 => Ruling::Again(NextKey::Same),
                _ => Ruling::Refused(refusal(status)),
            };
        }
        _ => {}
    }
    match judge(Step::Redeem, answer, request_id, body, history) {
        Action::Again(next) => Ruling::Again(next),
        Action::RefetchChallenge => Ruling::SameLater(ErrorKind::Protocol),
        Action::Stop(kind) => match (answer, kind) {
            (Answer::Status(status @ (409 | 422)), _) => Ruling::Refused(refusal(status)),
            (Answer::Status(401), ErrorKind::PassRejected) => Ruling::PassRejected,
            (Answer::Status(401) | Answer::Unreadable, _) => Ruling::Unknown,
            (Answer::Status(500..), kind) => Ruling::SameLater(kind),
            (Answer::Status(400..), kind) => Ruling::NewLater(kind),
            (_, kind) => Ruling::SameLater(kind),
        },
    }
}

/// The kind of error when a ruling says "again" and the budget says no. Nothing is lost: asking
/// again goes on where this call stopped.
pub(crate) fn out_of_patience(answer: Answer, timed_out: bool) -> ErrorKind {
    super::out_of_budget(Step::Challenge, answer, timed_out, &History::default())
}

fn refusal(status: u16) -> ErrorKind {
    match status {
        409 => ErrorKind::Conflict,
        _ => ErrorKind::Unprocessable,
    }
}
