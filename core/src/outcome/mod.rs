//! The one table: what an answer means, and what to do next.
//!
//! Persona does not document what all its statuses mean on redemption, so every interpretation
//! lives here and nowhere else. Pure: no clock, no network; randomness and time are arguments.
//!
//! The rule behind the table: a request whose answer is unknown is asked again with the *same*
//! idempotency key and bytes, so that it cannot happen twice; a *new* question (is it finished
//! now?) gets a new key, because Persona replays the stored answer to an old one for 24 hours.

mod budget;
mod explain;
mod ruling;

pub(crate) use budget::Budget;
pub(crate) use explain::{explain, explain_lasting};
pub(crate) use ruling::{out_of_patience, rule_redeeming, rule_signing, Ruling};

use crate::error::ErrorKind;
use crate::wire::is_server_error;

/// One of the calls to Persona.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Create a relay. Repeating it costs nothing: an orphan relay expires.
    Create,
    /// Fetch a challenge for a claim type. Repeating it costs nothing.
    Challenge,
    /// Fetch a challenge from a relay, the first generation. Repeating it costs nothing.
    RelayBoundChallenge,
    /// Have a blinded message signed. Billed.
    Sign,
    /// Redeem a pass. It works once.
    Redeem,
}

impl Step {
    /// Whether a second execution would cost something.
    fn is_at_stake(self) -> bool {
        matches!(self, Step::Sign | Step::Redeem)
    }
}

/// What came of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Not a byte of the request left: DNS, connection, TLS, proxy.
    NotSent,
    /// It may have arrived; the answer did not.
    Unknown,
    /// Success that cannot be read.
    Unreadable,
    /// A signature that does not verify.
    BadSignature,
    /// A status that is no success.
    Status(u16),
}

/// Which idempotency key the next attempt carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextKey {
    /// The same: it is the same question.
    Same,
    /// A new one: it is a new question, or the old key's stored answer is useless.
    New,
    /// One from before, whose answer never arrived: it may be stored under that one.
    Earlier,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask again after a pause, as far as the budget goes.
    Again(NextKey),
    /// The key is gone: fetch the challenge again and blind anew.
    RefetchChallenge,
    /// Give up.
    Stop(ErrorKind),
}

/// What one call has been through so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// An earlier attempt may have been executed.
    ambiguous: bool,
    /// One under the present key may have been.
    present_key_lost: bool,
    /// Keys that were given up for new ones while their answers were unknown.
    earlier_keys: u32,
    unreadable: u32,
    bad_signatures: u32,
    conflicts: u32,
    rotations: u32,
    /// The last 5xx under the present key: status, `Request-Id`, body.
    last_failure: Option<(u16, Option<String>, Vec<u8>)>,
}

impl History {
    /// A call begins; `ambiguous` if it asks for the answer of an earlier one.
    pub(crate) fn new(ambiguous: bool) -> Self {
        Self {
            ambiguous,
            ..Self::default()
        }
    }

    /// A question is taken up that somebody may have asked before: under the present key (`lost`),
    /// and under so many earlier ones.
    pub(crate) fn resumed(lost: bool, earlier_keys: u32, rotations: u32) -> Self {
        Self {
            ambiguous: lost || earlier_keys > 0,
            present_key_lost: lost,
            earlier_keys,
            rotations,
            ..Self::default()
        }
    }

    /// The present key is one whose answer was lost before.
    pub(crate) fn take_up_lost_key(&mut self) {
        self.lose();
    }

    /// How often a stored answer that was no use made a new key necessary.
    pub(crate) fn rotations(&self) -> u32 {
        self.rotations
    }

    /// Whether an earlier attempt may have been executed, under whatever key.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Whether an answer under the present key was lost.
    pub(crate) fn is_present_key_lost(&self) -> bool {
        self.present_key_lost
    }

    /// Notes that an attempt under the present key may have been executed.
    fn lose(&mut self) {
        self.ambiguous = true;
        self.present_key_lost = true;
    }

    /// Gives up the present key.
    fn rotate(&mut self) -> Action {
        if self.present_key_lost {
            self.earlier_keys += 1;
        }
        self.present_key_lost = false;
        self.last_failure = None;
        Action::Again(NextKey::New)
    }

    /// Notes a 5xx and says whether it is a stored answer being replayed: the same `Request-Id`,
    /// or, for a 500, the same body twice. Asking a stored answer again is futile.
    ///
    /// For a signature the body alone proves nothing where there are ids to tell: a new key there
    /// risks a second bill.
    fn is_replay(
        &mut self,
        step: Step,
        status: u16,
        request_id: Option<&str>,
        body: &[u8],
    ) -> bool {
        let now = (status, request_id.map(str::to_owned), body.to_vec());
        let replayed = self.last_failure.as_ref().is_some_and(|before| {
            let same_id = now.1.is_some() && before.1 == now.1;
            let without_ids = before.1.is_none() && now.1.is_none();
            let same_body = (before.0, &before.2) == (500, &now.2) && status == 500;
            // An edge's page is the same every time.
            let tells = step == Step::Redeem || (without_ids && is_server_error(body));
            same_id || (same_body && tells)
        });
        self.last_failure = Some(now);
        replayed
    }
}

/// Looks an attempt up in the table. `request_id` and `body` are those of the answer, if any.
pub(crate) fn judge(
    step: Step,
    answer: Answer,
    request_id: Option<&str>,
    body: &[u8],
    history: &mut History,
) -> Action {
    use Action::{Again, RefetchChallenge, Stop};
    use NextKey::Same;
    match (answer, step) {
        (Answer::NotSent, _) => Again(Same),
        (Answer::Unknown | Answer::Status(408 | 425), _) => {
            history.lose();
            Again(Same)
        }
        // A success that cannot be read was executed all the same.
        (Answer::Unreadable, _) => {
            history.lose();
            history.unreadable += 1;
            match (history.unreadable, step) {
                (1, _) => Again(Same),
                // The nonce protects a redemption from happening twice under two keys.
                (2, Step::Redeem) => history.rotate(),
                _ => Stop(ErrorKind::Protocol),
            }
        }
        (Answer::BadSignature, _) => {
            history.lose();
            history.bad_signatures += 1;
            match history.bad_signatures {
                1 => Again(Same),
                _ => Stop(ErrorKind::Protocol),
            }
        }
        (Answer::Status(400), _) => Stop(ErrorKind::InvalidArgument),
        (Answer::Status(401), Step::Redeem) if history.ambiguous => once_more(history),
        (Answer::Status(401), Step::Redeem) => Stop(ErrorKind::PassRejected),
        // It is decided before the stored answers are looked at, so it says nothing about them.
        (Answer::Status(401), Step::Sign) if history.ambiguous => Stop(ErrorKind::OutcomeUnknown),
        (Answer::Status(401), Step::RelayBoundChallenge) => Stop(ErrorKind::Protocol),
        (Answer::Status(401), _) => Stop(ErrorKind::Authentication),
        // Without a word of Persona's it is an edge's: the question was not asked, its key stays.
        (Answer::Status(403), Step::Redeem) if history.ambiguous && !is_server_error(body) => {
            Again(Same)
        }
        // Most likely "not finished yet": a new question needs a new key.
        (Answer::Status(403), Step::Redeem) => {
            // It is also the answer to an earlier call with this key: that one spent nothing.
            history.ambiguous = history.present_key_lost || history.earlier_keys > 0;
            history.rotate()
        }
        (Answer::Status(402 | 403), _) => Stop(ErrorKind::PermissionDenied),
        // After an unknown answer, a second blinded message could be billed too.
        (Answer::Status(404), Step::Sign) if !history.ambiguous && is_server_error(body) => {
            RefetchChallenge
        }
        (Answer::Status(404 | 410), _) => Stop(ErrorKind::NotFound),
        // Our own earlier attempt may still be running.
        (Answer::Status(409), Step::Sign | Step::Redeem)
            if history.ambiguous && history.earlier_keys == 0 =>
        {
            Again(Same)
        }
        (Answer::Status(409), Step::Redeem) if history.ambiguous => once_more(history),
        (Answer::Status(422), Step::Redeem) if history.ambiguous => once_more(history),
        (Answer::Status(status @ (409 | 422)), Step::Redeem)
        | (Answer::Status(status @ 409), Step::Sign) => {
            history.conflicts += 1;
            match (history.conflicts, status) {
                (1, _) => Again(Same),
                (_, 409) => Stop(ErrorKind::Conflict),
                _ => Stop(ErrorKind::Unprocessable),
            }
        }
        (Answer::Status(409), _) => Stop(ErrorKind::Conflict),
        (Answer::Status(429), _) => Again(Same),
        (Answer::Status(status @ 500..), _) => {
            let replayed = history.is_replay(step, status, request_id, body);
            history.lose();
            let most_rotations = match step {
                Step::Sign => 1,
                Step::Redeem => 2,
                Step::Create | Step::Challenge | Step::RelayBoundChallenge => return Again(Same),
            };
            if !replayed {
                Again(Same)
            } else if history.rotations < most_rotations {
                history.rotations += 1;
                history.rotate()
            } else if step == Step::Sign {
                Stop(ErrorKind::OutcomeUnknown)
            } else {
                Stop(ErrorKind::ServerError)
            }
        }
        // From an edge: it says nothing about what became of an earlier attempt.
        (Answer::Status(..400), step) if step.is_at_stake() && history.ambiguous => {
            Stop(ErrorKind::OutcomeUnknown)
        }
        (Answer::Status(status), _) if status < 400 => Stop(ErrorKind::Protocol),
        (Answer::Status(_), _) => Stop(ErrorKind::Unprocessable),
    }
}

/// A refusal after an unknown answer: perhaps our own earlier attempt spent the pass, and its
/// answer is stored, under this key or one before. Look there, then say that nobody can tell.
fn once_more(history: &mut History) -> Action {
    if history.earlier_keys > 0 {
        history.earlier_keys -= 1;
        return Action::Again(NextKey::Earlier);
    }
    history.conflicts += 1;
    match history.conflicts {
        1 => Action::Again(NextKey::Same),
        _ => Action::Stop(ErrorKind::OutcomeUnknown),
    }
}

/// The kind of error when the table says "again" and the budget says no. `timed_out` tells how the
/// way there failed.
pub(crate) fn out_of_budget(
    step: Step,
    answer: Answer,
    timed_out: bool,
    history: &History,
) -> ErrorKind {
    match answer {
        Answer::NotSent | Answer::Unknown | Answer::Status(408 | 425 | 429)
            if step.is_at_stake() && history.ambiguous =>
        {
            ErrorKind::OutcomeUnknown
        }
        Answer::NotSent | Answer::Unknown | Answer::Status(408 | 425) if timed_out => {
            ErrorKind::Timeout
        }
        Answer::NotSent | Answer::Unknown => ErrorKind::Network,
        Answer::Unreadable | Answer::BadSignature => ErrorKind::Protocol,
        Answer::Status(408 | 425) => ErrorKind::Timeout,
        Answer::Status(401 | 409 | 422) if history.ambiguous => ErrorKind::OutcomeUnknown,
        Answer::Status(409) => ErrorKind::Conflict,
        Answer::Status(422) => ErrorKind::Unprocessable,
        Answer::Status(429) => ErrorKind::RateLimited,
        Answer::Status(403) => ErrorKind::PermissionDenied,
        Answer::Status(_) => ErrorKind::ServerError,
    }
}

/// Whether the same call may succeed later without the risk of a second bill.
pub(crate) fn is_retryable(step: Step, kind: ErrorKind, history: &History) -> bool {
    let may_pass = match kind {
        ErrorKind::RateLimited
        | ErrorKind::ServerError
        | ErrorKind::Timeout
        | ErrorKind::Network
        | ErrorKind::Conflict
        | ErrorKind::OutcomeUnknown => true,
        ErrorKind::PermissionDenied | ErrorKind::Unprocessable => step == Step::Redeem,
        _ => false,
    };
    // A call to sign that may have been billed must not be repeated blindly: the stateless call
    // would blind anew, and be billed anew.
    may_pass && !(step == Step::Sign && history.ambiguous)
}

#[cfg(test)]
mod tests;
