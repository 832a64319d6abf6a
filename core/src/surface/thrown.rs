//! What a store of the host's language threw, on its way back to the caller.

use std::error::Error as StdError;
use std::fmt;

use super::records::causes;

/// The very object, or what stands for it. What it says may hold anything, so it shows in no text of
/// ours.
pub struct Thrown<T>(pub T);

impl<T: Send + Sync + 'static> Thrown<T> {
    /// What a store threw, if that led to the error.
    pub fn among_causes_of<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
        causes(error).find_map(|cause| cause.downcast_ref().map(|Self(thrown)| thrown))
    }
}

impl<T> fmt::Display for Thrown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error of the store's own")
    }
}

impl<T> fmt::Debug for Thrown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Thrown")
    }
}

impl<T> StdError for Thrown<T> {}
