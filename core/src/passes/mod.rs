//! Passes bought ahead: who buys a pass at one time and redeems it at another gives Persona less to
//! match them by.
//!
//! Each pass has a record of its own. It is stored before it is asked for, taken by chance, and
//! never used in the last 10 of its 90 days.
//!
//! A strict pool is another one, beside it: bought whole in a common hour ([`CommonHour`]), and used from its
//! end on.

mod asked;
mod census;
mod common_pool;
mod given_back;
mod hours;
#[cfg(test)]
mod matchers_file;
mod pool;
mod purchase;
mod record;
mod renewal;

#[cfg(any(test, relaypass_fuzzing))]
pub(crate) use asked::Asked;
pub(crate) use census::Buying;
pub(crate) use common_pool::new_common_key;
#[cfg(test)]
pub(crate) use matchers_file::matchers_file;
pub(crate) use pool::{new_pool_key, Looked};
pub(crate) use purchase::{Attempts, Bought, Purchase};
pub(crate) use record::{BoughtIn, PaidPass, Pooled, PooledState};
pub(crate) use renewal::{Differs, Due, Obstacle, Renewal, Shortfall};

use std::time::Duration;

use crate::claim::ClaimType;
use crate::client::{parse_seconds, Client, Ports};
use crate::error::Result;

/// The pool of passes of a [`Client`] that has a store.
#[derive(Clone)]
pub struct Passes<'a> {
    pub(crate) client: &'a Client,
    pub(crate) limit: Option<Duration>,
}

impl Client {
    /// The pool of passes bought ahead. It needs a store.
    pub fn passes(&self) -> Passes<'_> {
        Passes {
            client: self,
            limit: None,
        }
    }
}

impl Passes<'_> {
    /// Limits the whole call to this time, retries and the store included.
    pub fn within(self, limit: Duration) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// [`Passes::within`], in seconds.
    ///
    /// # Errors
    /// `invalid_argument` for a number that is no time.
    pub fn within_seconds(self, seconds: Option<f64>) -> Result<Self> {
        match seconds {
            None => Ok(self),
            Some(seconds) => Ok(self.within(parse_seconds(seconds)?)),
        }
    }

    /// How many passes of a claim type are ready.
    ///
    /// # Errors
    /// `invalid_argument` without a store; `store`.
    pub async fn count(&self, claim_type: &ClaimType) -> Result<u32> {
        let count = async {
            let _call = self.client.inner.lifecycle.begin_call()?;
            let ports = self.ports()?;
            match self.client.inner.privacy.is_strict() {
                // The strict pool is the built client's own.
                true if ports.customer.is_some() => Ok(0),
                true => ports.count_common(claim_type.as_str()).await,
                false => ports.count_pooled(claim_type.as_str()).await,
            }
        };
        count
            .await
            .map_err(|error| error.in_operation("passes.count"))
    }

    fn ports(&self) -> Result<Ports> {
        Ports::of(&self.client.inner, self.limit)
    }
}
