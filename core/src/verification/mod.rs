//! Durable verifications: start, complete, and nothing is billed twice or lost in between.

mod api;

pub use api::{Completion, StartVerification, Status, Verification, VerificationId};

use std::time::Duration;

use crate::claim::ClaimType;
use crate::client::{parse_seconds, Client};
use crate::error::{Error, ErrorKind, Result};

/// The durable verifications of a [`Client`] that has a store.
#[derive(Clone)]
pub struct Verifications<'a> {
    client: &'a Client,
    limit: Option<Duration>,
}

impl Client {
    /// The durable verifications. They need a store.
    pub fn verifications(&self) -> Verifications<'_> {
        Verifications {
            client: self,
            limit: None,
        }
    }
}

impl Verifications<'_> {
    /// Limits the whole call, retries included, to this time.
    pub fn within(self, limit: Duration) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// [`Verifications::within`], in seconds.
    ///
    /// # Errors
    /// `invalid_argument` for a number that is no time.
    pub fn within_seconds(self, seconds: Option<f64>) -> Result<Self> {
        match seconds {
            None => Ok(self),
            Some(seconds) => Ok(self.within(parse_seconds(seconds)?)),
        }
    }

    /// Starts.
    ///
    /// # Errors
    /// Some.
    pub async fn start(&self, request: StartVerification) -> Result<Verification> {
        let _ = (self.client, self.limit, request);
        Err(Error::example(ErrorKind::Store))
    }

    /// Completes.
    ///
    /// # Errors
    /// Some.
    pub async fn complete(&self, id: &VerificationId, reissue: bool) -> Result<Completion> {
        let _ = (id, reissue);
        Err(Error::example(ErrorKind::Store))
    }

    /// Gets.
    ///
    /// # Errors
    /// Some.
    pub async fn get(&self, id: &VerificationId) -> Result<Verification> {
        let _ = id;
        Err(Error::example(ErrorKind::Store))
    }

    /// Forgets.
    ///
    /// # Errors
    /// Some.
    pub async fn forget(&self, id: &VerificationId) -> Result<()> {
        let _ = id;
        Err(Error::example(ErrorKind::Store))
    }

    /// Recovers.
    ///
    /// # Errors
    /// Some.
    pub async fn recover(&self) -> Result<u64> {
        Err(Error::example(ErrorKind::Store))
    }
}

/// The arguments of `verifications.start`.
pub struct StartArguments {
    /// What is asked.
    pub claim_type: String,
    /// [`StartVerification::reference`].
    pub reference: Option<String>,
}

impl StartArguments {
    /// Checks the arguments.
    ///
    /// # Errors
    /// `invalid_argument`, and what to change.
    pub fn parse(self) -> Result<StartVerification> {
        let parse = || {
            let request = StartVerification::new(ClaimType::parse(self.claim_type)?);
            match self.reference {
                None => Ok(request),
                Some(reference) => request.reference(reference),
            }
        };
        parse().map_err(|error: Error| error.in_operation("verifications.start"))
    }
}
