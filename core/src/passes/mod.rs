//! Passes bought ahead.

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::ClaimType;

/// The pool of passes of a [`Client`] that has a store.
#[derive(Clone)]
pub struct Passes<'a> {
    client: &'a Client,
}

impl Client {
    /// The pool of passes bought ahead. It needs a store.
    pub fn passes(&self) -> Passes<'_> {
        Passes { client: self }
    }
}

impl Passes<'_> {
    /// Buys up to `count` passes; returns how many.
    ///
    /// # Errors
    /// Some.
    pub async fn prefetch(&self, claim_type: &ClaimType, count: u32) -> Result<u32> {
        let _ = (self.client, claim_type, count);
        Err(Error::example(ErrorKind::Store))
    }

    /// How many passes are ready.
    ///
    /// # Errors
    /// Some.
    pub async fn count(&self, claim_type: &ClaimType) -> Result<u32> {
        let _ = claim_type;
        Err(Error::example(ErrorKind::Store))
    }
}
