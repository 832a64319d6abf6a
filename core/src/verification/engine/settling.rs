//! What a common hour came to, once it is over: told once if a pool fell short of what it was to have.

use super::Engine;
use crate::claim::ClaimType;
use crate::error::Result;
use crate::events::EventKind;
use crate::http::Way;
use crate::passes::{Obstacle, Renewal, Shortfall};
use crate::privacy::{Clock, CommonHour, InHour};

impl Engine {
    /// Tells once what an hour that is over came to, if fewer passes were bought than were meant to be. Not while
    /// one is still asked for again, and not by a clock that nobody has measured: it would be told too early, and
    /// then never again.
    pub(super) async fn settle(&self, hour: CommonHour, claim_type: &str) -> Result<()> {
        let ports = &self.ports;
        let is_early = !hour.is_over(ports.now());
        if is_early
            || ports.remembers(InHour::Settled, claim_type, hour)
            || ports.is_settled(claim_type, hour).await?
        {
            return Ok(());
        }
        let came_to = self.came_to(hour, claim_type).await?;
        let (there, is_asked_again) = ports.came_to(claim_type, hour).await?;
        let shortfall = came_to.shortfall(there);
        if shortfall.is_some() && is_asked_again {
            return Ok(());
        }
        ports.remember(InHour::Settled, claim_type, hour);
        let Some(shortfall) = shortfall else {
            return Ok(());
        };
        if !self.knows_the_time(hour, claim_type).await? {
            return Ok(());
        }
        if ports.settle(claim_type, hour, came_to).await? {
            let message = in_words(&shortfall, claim_type);
            ports.tell(EventKind::BackgroundFailure, None, None, &message);
        }
        Ok(())
    }

    /// What the plan of an hour came to, or what it means that there is none.
    async fn came_to(&self, hour: CommonHour, claim_type: &str) -> Result<Renewal> {
        let ports = &self.ports;
        if let Some(found) = ports.renewal(claim_type, hour).await? {
            return Ok(found.content);
        }
        // A pool that is new has missed nothing.
        let is_new = !ports.has_renewals(claim_type).await?;
        if is_new || ports.was_enough(claim_type, hour).await? {
            return Ok(Renewal::nothing(hour));
        }
        let left = ports.count_common(claim_type).await?;
        Ok(Renewal::missed(hour, (self.pass_pool, left)))
    }

    /// Whether this process's clock agrees with Persona's. Whoever has not measured it in this hour asks her
    /// now; if she does not answer, in an hour again.
    async fn knows_the_time(&self, hour: CommonHour, claim_type: &str) -> Result<bool> {
        if self.ports.clock_in(hour) == Clock::Unmeasured {
            let engine = self.for_one_call();
            let _ = engine
                .fetch_in(hour, &ClaimType::parse(claim_type)?, Way::Drawn)
                .await;
        }
        Ok(self.ports.clock_in(hour) == Clock::Agrees)
    }
}

/// What an event says of it.
fn in_words(shortfall: &Shortfall, claim_type: &str) -> String {
    let because = match &shortfall.obstacle {
        Some(Obstacle::NobodyThere) => {
            "nobody looked at the pool in the first three quarters of it".to_owned()
        }
        Some(Obstacle::UnusableSignatures) => "two signatures in a row were no use".to_owned(),
        Some(Obstacle::Error(code)) => format!("it failed, last with {code}"),
        None => "nobody was there at the moments of the others, or ended then".to_owned(),
    };
    format!(
        "Of the {} passes of a strict pool, {} were bought in the common hour that is over, because {because} \
         ({claim_type}). The pool waits for the next one. See that something calls recover about once a minute.",
        shortfall.meant, shortfall.bought
    )
}
