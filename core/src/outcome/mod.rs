//! What an answer means, how long one call may try, and what to tell a person.
//!
//! Pure: no clock, no network; randomness and time are arguments.
//!
//! The rule behind all of it: a request whose answer is unknown is asked again with the *same*
//! idempotency key and bytes, so that it cannot happen twice; a *new* question (is it finished
//! now?) gets a new key, because Persona replays the stored answer to an old one for 24 hours.

mod budget;
mod explain;
mod key;
mod meaning;

pub(crate) use budget::Budget;
pub(crate) use explain::{explain, explain_lasting, NOT_ENABLED};
pub(crate) use key::{Failure, KeyHistory};
pub(crate) use meaning::{kind_of, may_pass, meaning, needs_mending, Answer, Meaning};

/// One of the calls to Persona.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
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

impl Call {
    /// How an error's message begins: a call of the caller's may make several of these.
    pub(crate) fn step(self) -> &'static str {
        match self {
            Call::Create => "Creating the relay",
            Call::Challenge | Call::RelayBoundChallenge => "Fetching the challenge",
            Call::Sign => "Buying the pass",
            Call::Redeem => "Redeeming the pass",
        }
    }
}

#[cfg(test)]
mod tests;
