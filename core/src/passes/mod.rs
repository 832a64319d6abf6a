//! Passes bought ahead: who buys a pass at one time and redeems it at another gives Persona less to
//! match them by.
//!
//! Each pass has a record of its own. It is stored before it is asked for, taken by chance, and
//! never used in the last 10 of its 90 days.

mod pool;
mod purchase;
mod record;

pub(crate) use pool::{new_pool_key, Looked};
pub(crate) use purchase::{Asking, Bought, Purchase};
pub(crate) use record::Held;

use std::time::Duration;

use crate::claim::ClaimType;
use crate::client::{parse_seconds, Client, Ports, MOST_PASSES};
use crate::error::{Error, Result};

/// The pool of passes of a [`Client`] that has a store.
#[derive(Clone)]
pub struct Passes<'a> {
    client: &'a Client,
    limit: Option<Duration>,
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
    /// Limits the whole call, retries included, to this time.
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

    /// Buys passes ahead, up to `count` of them, and never more than 100 of a claim type in all.
    /// Returns how many it bought. Each is billed, and none is lost if the process ends meanwhile.
    ///
    /// # Errors
    /// `invalid_argument` without an API key or a store, or for a count above 100; those of
    /// [`Relays::issue_privacy_pass`](crate::Relays::issue_privacy_pass); `store`. What was bought
    /// before the error stays in the pool.
    pub async fn prefetch(&self, claim_type: &ClaimType, count: u32) -> Result<u32> {
        const OPERATION: &str = "passes.prefetch";
        let prefetch = async {
            if count > MOST_PASSES {
                return Err(Error::invalid_argument(
                    "At most 100 passes of a claim type can be held ready.",
                ));
            }
            let ports = self.ports()?;
            for bought in 0..count {
                // Counted anew each time: others may be buying, too.
                if ports.count_coming(claim_type.as_str()).await? >= MOST_PASSES {
                    return Ok(bought);
                }
                ports.buy_pooled(claim_type).await?;
            }
            Ok(count)
        };
        prefetch
            .await
            .map_err(|error: Error| error.in_operation(OPERATION))
    }

    /// How many passes of a claim type are ready.
    ///
    /// # Errors
    /// `invalid_argument` without a store; `store`.
    pub async fn count(&self, claim_type: &ClaimType) -> Result<u32> {
        let count = async { self.ports()?.count_pooled(claim_type.as_str()).await };
        count
            .await
            .map_err(|error| error.in_operation("passes.count"))
    }

    fn ports(&self) -> Result<Ports> {
        let budget = self.client.inner.budget(self.limit, Duration::ZERO);
        Ports::of(&self.client.inner, budget)
    }
}
