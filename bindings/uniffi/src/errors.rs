//! The core's error as a record; the packages make exceptions of it.

use std::error::Error as StdError;
use std::fmt;

use relaypass::surface::Thrown;
use relaypass::Error;

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
pub(crate) type ThrownNumber = u64;

relaypass::error_record!(record, ThrownNumber, thrown_in);

/// What the caller's own store threw, if that led to the error.
pub(crate) fn thrown_in(error: &(dyn StdError + 'static)) -> Option<ThrownNumber> {
    Thrown::among_causes_of(error).copied()
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        let failure = Box::new((&error).into());
        Self::Failed { failure }
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
