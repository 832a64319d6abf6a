//! A strict pool is bought anew: what its plan says is done by whoever finds it to be due.

use super::driving::failed_to_buy;
use super::strictly::of_another_hour;
use super::Engine;
use crate::claim::ClaimType;
use crate::client::{Environment, MOST_PASSES};
use crate::error::{Error, ErrorKind, Result};
use crate::events::EventKind;
use crate::outcome::needs_mending;
use crate::passes::{
    BoughtIn, Buying, CommonHour, Differs, Due, Pooled, PooledState, Purchase, Renewal,
};
use crate::privacy::Fetched;
use crate::records::{Changed, Loaded};
use crate::verification::machine::{Goal, Run};

impl Engine {
    /// Does what is due for the pools of this common hour, if it is one. Returns how many passes were bought.
    ///
    /// # Errors
    /// `store`, when it cannot say what is wanted. What keeps a pool from being bought is told as an event.
    pub(super) async fn renew(&self) -> Result<u64> {
        let ports = &self.ports;
        let is_ours = self.is_strict && ports.customer.is_none();
        let hour = CommonHour::at(ports.now());
        let (Some(hour), true, Ok(())) = (hour, is_ours, ports.persona.check_can_issue()) else {
            return Ok(0);
        };
        let mut bought = 0;
        for claim_type in ports.asked().await? {
            let renewed = self.renew_pool(hour, &claim_type, &mut bought).await;
            if let Err(error) = &renewed {
                match needs_mending(error) {
                    true => self.tell_purchase_failure(&claim_type, error).await,
                    false => {
                        let (kind, message) = (EventKind::BackgroundFailure, failed_to_buy(error));
                        ports.tell(kind, None, error.request_id(), &message);
                    }
                }
            }
        }
        Ok(bought)
    }

    async fn renew_pool(&self, hour: CommonHour, claim_type: &str, bought: &mut u64) -> Result<()> {
        let ports = &self.ports;
        let of = ClaimType::parse(claim_type)?;
        let mut found = ports.renewal(claim_type).await?;
        while !ports.lifecycle.is_closing() && ports.left().total > ports.budget.floor {
            let due = match &found {
                Some(found) => found.content.due(hour, ports.now()),
                None => Due::Plan,
            };
            let version = found.as_ref().map(|found| found.version);
            found = match due {
                Due::Nothing => return Ok(()),
                Due::IsBehind => {
                    ports.tell(EventKind::BackgroundFailure, None, None, IS_BEHIND);
                    return Ok(());
                }
                Due::Plan => self.plan(hour, claim_type, version).await?,
                Due::Fetch(fetching) => {
                    match ports.put_renewal(claim_type, version, fetching).await? {
                        Changed::Done(fetching) => self.fetch(hour, &of, fetching).await?,
                        Changed::Refused(there) => there,
                    }
                }
                Due::Buy(..) if self.has_stopped(hour, claim_type).await? => {
                    self.stop(claim_type, found).await?
                }
                Due::Buy(buying, fetched) => {
                    match ports.put_renewal(claim_type, version, buying).await? {
                        Changed::Done(there) => {
                            self.buy_as_planned(hour, &of, &fetched, &there).await?;
                            *bought += 1;
                            Some(there)
                        }
                        Changed::Refused(there) => there,
                    }
                }
            };
        }
        Ok(())
    }

    /// Whether the signatures of this hour are no use.
    async fn has_stopped(&self, hour: CommonHour, claim_type: &str) -> Result<bool> {
        let census = self.ports.census_of(claim_type, hour).await?;
        Ok(census.buying == Buying::Stopped)
    }

    /// Buys nothing more in this hour, and tells it.
    async fn stop(
        &self,
        claim_type: &str,
        found: Option<Loaded<Renewal>>,
    ) -> Result<Option<Loaded<Renewal>>> {
        let Some(found) = found else {
            return Ok(None);
        };
        let (version, stopped) = (Some(found.version), found.content.refused());
        match (self.ports)
            .put_renewal(claim_type, version, stopped)
            .await?
        {
            Changed::Done(stopped) => {
                let kind = EventKind::PoolStopped;
                self.ports.tell(kind, None, None, STRICT_STOPPED);
                Ok(Some(stopped))
            }
            Changed::Refused(there) => Ok(there),
        }
    }

    /// Plans what is done in this hour, unless somebody was faster.
    async fn plan(
        &self,
        hour: CommonHour,
        claim_type: &str,
        version: Option<u64>,
    ) -> Result<Option<Loaded<Renewal>>> {
        let ports = &self.ports;
        let left = ports.count_common(claim_type).await?;
        let now = ports.now();
        let pool = (self.pass_pool, left);
        let plan = Renewal::plan(hour, pool, now, &mut ports.random());
        match ports.put_renewal(claim_type, version, plan).await? {
            Changed::Done(planned) => {
                if Renewal::is_too_late(hour, pool, now) {
                    ports.tell(EventKind::BackgroundFailure, None, None, TOO_LATE);
                }
                Ok(Some(planned))
            }
            Changed::Refused(there) => Ok(there),
        }
    }

    /// Fetches the challenge, and stores what it came to.
    async fn fetch(
        &self,
        hour: CommonHour,
        of: &ClaimType,
        fetching: Loaded<Renewal>,
    ) -> Result<Option<Loaded<Renewal>>> {
        let engine = self.for_one_call();
        let ports = &engine.ports;
        let fetched = ports.persona.fetch(of, &ports.left()).await;
        let (after, told) = match fetched {
            Ok(fetched) if !hour.gives(&fetched.seen) => {
                (fetching.content.refused(), Err(of_another_hour()))
            }
            Ok(fetched) => {
                let now = ports.now();
                match (fetching.content).after(fetched, now, &mut ports.random()) {
                    Ok(after) => (after, Ok(())),
                    Err(Differs) => (fetching.content.refused(), Err(two_challenges())),
                }
            }
            Err(refused) if refused.kind() == ErrorKind::PrivacyRefused => {
                (fetching.content.refused(), Err(refused))
            }
            // It is fetched again in a minute.
            Err(error) => return Err(error),
        };
        let claim_type = of.as_str();
        let vault = ports.put_renewal(claim_type, Some(fetching.version), after);
        let there = match vault.await? {
            Changed::Done(there) => Some(there),
            Changed::Refused(there) => there,
        };
        told.map(|()| there)
    }

    /// Buys one pass of a pool; if others were given something else meanwhile, none any more in this hour.
    async fn buy_as_planned(
        &self,
        hour: CommonHour,
        of: &ClaimType,
        fetched: &Fetched,
        plan: &Loaded<Renewal>,
    ) -> Result<()> {
        let bought = self.buy_in(hour, of, fetched).await;
        if (bought.as_ref()).is_err_and(|error| error.kind() == ErrorKind::PrivacyRefused) {
            let (version, refused) = (Some(plan.version), plan.content.refused());
            self.ports
                .put_renewal(of.as_str(), version, refused)
                .await?;
        }
        bought
    }

    /// Buys one pass of a pool. It is stored before it is asked for, so that a crash costs nothing.
    async fn buy_in(&self, hour: CommonHour, of: &ClaimType, fetched: &Fetched) -> Result<()> {
        let engine = self.for_one_call();
        let ports = &engine.ports;
        engine.check_known(of, &fetched.seen).await?;
        let blinded = ports.persona.blind_for(fetched).await?;
        let (now, claim_type) = (ports.now(), of.as_str());
        let state = PooledState::Issuing {
            purchase: Purchase::new(blinded, now, &mut ports.random()),
        };
        let environment = ports.environment.as_str();
        let mut place = Pooled::new(environment, claim_type, state, now, &mut ports.random());
        place.bought_in = Some(BoughtIn {
            hour,
            seen: fetched.seen.clone(),
        });
        let key = ports.new_common_key(claim_type, hour);
        let Changed::Done(place) = ports.vault.put(&key, None, place).await? else {
            return Err(Error::new(
                ErrorKind::Store,
                "A place of the pool with a random name was taken already; nothing was bought.",
            ));
        };
        let mut run = Run::new(Goal::Pass, now);
        run.is_own = true;
        engine.drive_place(&key, place, run).await
    }

    /// Buys passes by hand, where that tells nobody anything: in the sandbox. Elsewhere they are bought in the
    /// next common hour.
    pub(in crate::verification) async fn prefetch_strictly(
        &self,
        of: &ClaimType,
        count: u32,
    ) -> Result<u32> {
        let ports = &self.ports;
        ports.persona.check_can_issue()?;
        self.want_passes(of.as_str()).await?;
        if ports.environment != Environment::Sandbox || count == 0 {
            return Ok(0);
        }
        let first = ports.persona.fetch(of, &ports.left()).await?;
        let fetched = ports.persona.fetch(of, &ports.left()).await?;
        if first != fetched {
            return Err(two_challenges());
        }
        let hour = CommonHour::before(ports.now());
        let there = ports.count_common(of.as_str()).await?;
        let wanted = count.min(MOST_PASSES.saturating_sub(there));
        for bought in 0..wanted {
            if ports.lifecycle.is_closing() {
                return Ok(bought);
            }
            self.buy_in(hour, of, &fetched).await?;
        }
        Ok(wanted)
    }
}

fn two_challenges() -> Error {
    Error::new(
        ErrorKind::PrivacyRefused,
        "Persona gave two challenges one after the other. Nothing was bought.",
    )
}

const STRICT_STOPPED: &str =
    "Two signatures in a row were no use: no more passes of this claim type are bought in this common hour.";

const IS_BEHIND: &str =
    "A pool was bought, or planned, in a later common hour than it is by this clock, and nothing \
                         is bought for it now: this clock is behind, or another one was ahead.";

const TOO_LATE: &str = "The common hour of strict clients is nearly over, and nothing is bought for the pool any \
                        more: it waits for the next one. See that something calls recover about once a minute.";
