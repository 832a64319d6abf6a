//! Passes bought ahead, by hand.

use super::engine::{Engine, STOPPED};
use crate::claim::ClaimType;
use crate::client::{Privacy, MOST_AHEAD, MOST_PASSES};
use crate::error::{Error, ErrorKind, Result};
use crate::passes::{Buying, Passes};

impl Passes<'_> {
    /// Buys passes ahead, up to `count` of them, and never more than 100 of a claim type in all, or the client's
    /// [`pass_pool`](crate::ClientBuilder::pass_pool) if that is more.
    /// Returns how many it bought: fewer if others fill the pool at the same time, if its time
    /// ([`Passes::within`]) is up after some, or if the client is closed meanwhile. Without such a limit, each of them may take as long as
    /// a call. Each is billed, and none is lost if the process ends meanwhile.
    ///
    /// A [strict](crate::Privacy::Strict) client buys in the common hours only: it notes that passes of this
    /// claim type are wanted from the next one on, and returns 0. In the sandbox, where nothing is billed and
    /// nobody to be hidden, it buys at once, so that you can try it.
    ///
    /// # Errors
    /// `invalid_argument` without an API key or a store, or for a count above that; those of
    /// [`Relays::issue_privacy_pass`](crate::Relays::issue_privacy_pass); `store`. What was bought
    /// before the error stays in the pool. `protocol` without a request after two signatures in a row
    /// that were no use: for an hour, or until a pass that is bought otherwise is good.
    pub async fn prefetch(&self, claim_type: &ClaimType, count: u32) -> Result<u32> {
        const OPERATION: &str = "passes.prefetch";
        let prefetch = async {
            let lifecycle = &self.client.inner.lifecycle;
            let _call = lifecycle.begin_call()?;
            let options = self.client.inner.store_options.as_ref();
            let most = match self.client.inner.privacy {
                Privacy::Strict => MOST_PASSES,
                Privacy::Standard => options.map_or(0, |it| it.pass_pool).max(MOST_AHEAD),
            };
            if count > most {
                return Err(Error::invalid_argument(format!(
                    "At most {most} passes of a claim type can be held ready."
                )));
            }
            let engine = Engine::of_many(&self.client.inner, self.limit)?;
            if engine.is_strict {
                return engine.prefetch_strictly(claim_type, count).await;
            }
            engine.prefetch(claim_type, count, most).await
        };
        prefetch
            .await
            .map_err(|error: Error| error.in_operation(OPERATION))
    }
}

impl Engine {
    /// Buys up to `count` passes ahead.
    pub(super) async fn prefetch(
        &self,
        claim_type: &ClaimType,
        count: u32,
        most: u32,
    ) -> Result<u32> {
        // Looked into once; whoever else buys meanwhile is found by the number of places.
        let census = self.ports.census(claim_type.as_str()).await?;
        let missing = most.saturating_sub(census.count);
        let wanted = match census.buying {
            Buying::Open => count.min(missing),
            Buying::Probe => count.min(missing).min(1),
            Buying::Stopped => return Err(Error::protocol(STOPPED)),
        };
        for bought in 0..wanted {
            if self.ports.lifecycle.is_closing() {
                return Ok(bought);
            }
            match self.buy_pooled(claim_type, Some(most)).await {
                Ok(true) => {}
                Ok(false) => return Ok(bought),
                Err(error) if bought > 0 && self.is_out_of_time(&error) => return Ok(bought),
                Err(error) => return Err(error),
            }
        }
        Ok(wanted)
    }

    fn is_out_of_time(&self, error: &Error) -> bool {
        let ports = &self.ports;
        error.kind() == ErrorKind::Timeout && ports.left().total <= ports.budget.floor
    }
}
