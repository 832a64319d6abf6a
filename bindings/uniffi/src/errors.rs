//! The core's error as a record; the packages make exceptions of it.

use std::error::Error as StdError;
use std::fmt;

use relaypass::surface::causes;
use relaypass::{Error, ErrorKind};

use crate::answer::{record, RateLimitRecord};

/// Why a call brought no result.
#[derive(uniffi::Error)]
pub enum CallError {
    /// The core says why.
    Failed { failure: Box<ErrorRecord> },
    /// Its handle was told to cancel.
    Cancelled,
}

/// The number under which the package keeps what the caller's own store threw.
type ThrownNumber = u64;

relaypass::error_record!(record, ThrownNumber);

impl From<Error> for ErrorRecord {
    fn from(error: Error) -> Self {
        Self::new(&error, thrown_among_causes_of(&error))
    }
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Failed {
            failure: Box::new(error.into()),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed { failure } => &failure.message,
            Self::Cancelled => "cancelled",
        })
    }
}

/// It holds secrets, and shows none.
impl fmt::Debug for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The number of what a store threw, if that led to the error.
pub(crate) fn thrown_among_causes_of(error: &(dyn StdError + 'static)) -> Option<ThrownNumber> {
    causes(error).find_map(|cause| cause.downcast_ref().map(|Thrown(number)| *number))
}

/// What a store threw. What it says shows in no text of ours.
#[derive(Debug)]
pub(crate) struct Thrown(pub(crate) ThrownNumber);

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error of the store's own")
    }
}

impl StdError for Thrown {}

/// One failure of every kind, for the tests that walk them all.
#[uniffi::export]
pub fn example_failures() -> Vec<ErrorRecord> {
    let examples = ErrorKind::ALL.into_iter().map(Error::example);
    examples.map(ErrorRecord::from).collect()
}
