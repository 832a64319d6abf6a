//! Passes bought ahead, by hand.

use super::engine::{Engine, STOPPED};
use crate::claim::ClaimType;
use crate::client::MOST_PASSES;
use crate::error::{Error, Result};
use crate::passes::{Buying, Passes};

impl Passes<'_> {
    /// Buys passes ahead, up to `count` of them, and never more than 100 of a claim type in all.
    /// Returns how many it bought. Each is billed, and none is lost if the process ends meanwhile.
    ///
    /// # Errors
    /// `invalid_argument` without an API key or a store, or for a count above 100; those of
    /// [`Relays::issue_privacy_pass`](crate::Relays::issue_privacy_pass); `store`. What was bought
    /// before the error stays in the pool. `protocol` without a request after two signatures in a row
    /// that were no use: for an hour, or until a pass that is bought otherwise is good.
    pub async fn prefetch(&self, claim_type: &ClaimType, count: u32) -> Result<u32> {
        const OPERATION: &str = "passes.prefetch";
        let prefetch = async {
            let lifecycle = &self.client.inner.lifecycle;
            let _call = lifecycle.begin_call()?;
            if count > MOST_PASSES {
                return Err(Error::invalid_argument(
                    "At most 100 passes of a claim type can be held ready.",
                ));
            }
            let engine = Engine::of(&self.client.inner, self.budget())?;
            // Counted once: whoever else buys meanwhile may add a few.
            let census = engine.ports.census(claim_type.as_str()).await?;
            let missing = MOST_PASSES.saturating_sub(census.count);
            let wanted = match census.buying {
                Buying::Open => count.min(missing),
                Buying::Probe => count.min(missing).min(1),
                Buying::Stopped => return Err(Error::protocol(STOPPED)),
            };
            for _ in 0..wanted {
                engine.buy_pooled(claim_type, None).await?;
            }
            Ok(wanted)
        };
        prefetch
            .await
            .map_err(|error: Error| error.in_operation(OPERATION))
    }
}
