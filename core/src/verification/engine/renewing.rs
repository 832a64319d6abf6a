//! A strict pool is bought anew: what its plan says is done by whoever finds it to be due.

use super::driving::failed_to_buy;
use super::strictly::of_another_hour;
use super::Engine;
use crate::claim::ClaimType;
use crate::client::{Environment, MOST_PASSES};
use crate::error::{Error, ErrorKind, Result};
use crate::events::EventKind;
use crate::http::Way;
use crate::outcome::needs_mending;
use crate::passes::{BoughtIn, Differs, Due, Obstacle, Pooled, PooledState, Purchase, Renewal};
use crate::privacy::Fetched;
use crate::privacy::{Clock, CommonHour, InHour};
use crate::records::{Changed, Loaded};
use crate::secret::rand_core::Rng;
use crate::verification::machine::{Goal, Run};

impl Engine {
    /// Does what is due for the pools of this common hour, if it is one; else tells what the last one came to.
    /// Returns how many passes were bought.
    ///
    /// # Errors
    /// `store`, when it cannot say what is wanted. What keeps a pool from being bought is told as an event.
    pub(super) async fn renew(&self) -> Result<u64> {
        let ports = &self.ports;
        let is_ours = self.is_strict && ports.customer.is_none();
        if !is_ours || ports.persona.check_can_issue().is_err() {
            return Ok(0);
        }
        let hour = CommonHour::at(ports.now());
        let mut bought = 0;
        for claim_type in ports.asked().await? {
            let done = match hour {
                Some(hour) => self.renew_pool(hour, &claim_type, &mut bought).await,
                None => {
                    let hour = CommonHour::before(ports.now());
                    self.settle(hour, &claim_type).await
                }
            };
            if let Err(error) = &done {
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
        let mut found = ports.renewal(claim_type, hour).await?;
        while !ports.lifecycle.is_closing() && ports.left().total > ports.budget.floor {
            // It was told; whoever has the right time does what is due.
            if ports.clock_in(hour) == Clock::Differs {
                return Ok(());
            }
            let due = match &found {
                Some(found) => found.content.due(hour, ports.now()),
                None => Due::Plan,
            };
            let version = found.as_ref().map(|found| found.version);
            found = match due {
                Due::Nothing => return Ok(()),
                Due::Plan => match self.plan(hour, claim_type).await? {
                    None => return Ok(()),
                    planned => planned,
                },
                Due::Fetch(fetching) => {
                    let put = ports.put_renewal(claim_type, hour, version, fetching);
                    match put.await? {
                        Changed::Done(fetching) => self.fetch(hour, &of, fetching).await?,
                        Changed::Refused(there) => there,
                    }
                }
                Due::Buy(_, fetched) if ports.clock_in(hour) == Clock::Unmeasured => {
                    self.measure(hour, &of, found, &fetched).await?
                }
                Due::Buy(buying, fetched) => {
                    match ports.put_renewal(claim_type, hour, version, buying).await? {
                        Changed::Done(there) => {
                            let outcome = self.buy_in(hour, &of, &fetched).await;
                            let noted = self.note(hour, claim_type, there, &outcome).await;
                            outcome?;
                            *bought += 1;
                            // Her answer may have told that the hour is over, or that it was never this one.
                            ports.check_clock(hour)?;
                            noted?
                        }
                        Changed::Refused(there) => there,
                    }
                }
            };
        }
        Ok(())
    }

    /// Notes in the plan what a purchase came to. If others were given something else meanwhile, or signatures are no
    /// use, none is bought any more in this hour.
    async fn note(
        &self,
        hour: CommonHour,
        claim_type: &str,
        there: Loaded<Renewal>,
        outcome: &Result<()>,
    ) -> Result<Option<Loaded<Renewal>>> {
        let mut found = Some(there);
        while let Some(there) = found {
            let noted = match outcome {
                Ok(()) => there.content.with_one_bought(),
                Err(error) => match error.kind() {
                    ErrorKind::PrivacyRefused => there.content.refused(obstacle(error)),
                    ErrorKind::Protocol => there.content.with_unusable(obstacle(error)),
                    _ => there.content.with_failure(obstacle(error)),
                },
            };
            let has_stopped = noted.has_stopped() && !there.content.has_stopped();
            let put = (self.ports).put_renewal(claim_type, hour, Some(there.version), noted);
            match put.await? {
                Changed::Done(there) => {
                    if has_stopped {
                        let kind = EventKind::PoolStopped;
                        self.ports.tell(kind, None, None, STRICT_STOPPED);
                    }
                    return Ok(Some(there));
                }
                Changed::Refused(there) => found = there,
            }
        }
        Ok(None)
    }

    /// Plans what is done in this hour, unless somebody was faster, nothing is wanted, or it is too late for it.
    async fn plan(&self, hour: CommonHour, claim_type: &str) -> Result<Option<Loaded<Renewal>>> {
        let ports = &self.ports;
        if ports.remembers(InHour::NothingWanted, claim_type, hour) {
            return Ok(None);
        }
        let pool = (self.pass_pool, ports.count_common(claim_type).await?);
        if !Renewal::is_wanted(hour, pool) {
            ports.note_enough(claim_type, hour).await?;
            ports.remember(InHour::NothingWanted, claim_type, hour);
            return Ok(None);
        }
        let plan = Renewal::plan(hour, pool, ports.now(), &mut ports.random());
        let Some(plan) = plan else {
            return Ok(None);
        };
        match ports.put_renewal(claim_type, hour, None, plan).await? {
            Changed::Done(planned) => Ok(Some(planned)),
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
        let plan = &fetching.content;
        let fetched = engine.fetch_in(hour, of, plan.way()).await;
        let (after, told) = match fetched {
            // It is not this hour: when it is, somebody plans it anew.
            Ok(fetched) if !hour.gives(&fetched.seen) => {
                let version = fetching.version;
                ports.drop_renewal(of.as_str(), hour, version).await?;
                ports.check_clock(hour)?;
                return Err(of_another_hour());
            }
            Ok(fetched) => match ports.check_clock(hour) {
                Err(wrong) => (plan.left_to_others(obstacle(&wrong)), Err(wrong)),
                Ok(()) => {
                    let pool = (self.pass_pool, ports.count_common(of.as_str()).await?);
                    match plan.after(fetched, pool, ports.now(), &mut ports.random()) {
                        Ok(after) => (after, Ok(())),
                        Err(Differs) => {
                            let refusal = two_challenges();
                            (plan.refused(obstacle(&refusal)), Err(refusal))
                        }
                    }
                }
            },
            Err(refused) if refused.kind() == ErrorKind::PrivacyRefused => {
                (plan.refused(obstacle(&refused)), Err(refused))
            }
            // It is fetched again in a minute.
            Err(error) => (plan.with_failure(obstacle(&error)), Err(error)),
        };
        let there = engine.put_plan(hour, of, fetching.version, after).await?;
        told.map(|()| there)
    }

    /// Fetches the challenge once more, before a process buys that has not done so in this hour: the plan says what
    /// time it was for whoever fetched before, and nothing of this process's clock. By a way that is drawn: one that is
    /// dead costs a minute, and not the hour.
    async fn measure(
        &self,
        hour: CommonHour,
        of: &ClaimType,
        found: Option<Loaded<Renewal>>,
        planned: &Fetched,
    ) -> Result<Option<Loaded<Renewal>>> {
        let Some(there) = found else {
            return Ok(None);
        };
        let engine = self.for_one_call();
        let refusal = match engine.fetch_in(hour, of, Way::Drawn).await {
            Ok(fetched) => {
                engine.ports.check_clock(hour)?;
                if !hour.gives(&fetched.seen) {
                    return Err(of_another_hour());
                }
                if fetched == *planned {
                    return Ok(Some(there));
                }
                two_challenges()
            }
            Err(refused) if refused.kind() == ErrorKind::PrivacyRefused => refused,
            Err(error) => return Err(error),
        };
        let refused = there.content.refused(obstacle(&refusal));
        engine.put_plan(hour, of, there.version, refused).await?;
        Err(refusal)
    }

    /// Fetches the challenge, and notes what Persona's clock says.
    pub(super) async fn fetch_in(
        &self,
        hour: CommonHour,
        of: &ClaimType,
        way: Way,
    ) -> Result<Fetched> {
        let ports = &self.ports;
        let left = ports.left();
        let (fetched, hers) = (ports.persona).fetch(of, Some(hour), way, &left).await?;
        ports.saw_clock(hour, hers);
        Ok(fetched)
    }

    async fn put_plan(
        &self,
        hour: CommonHour,
        of: &ClaimType,
        version: u64,
        plan: Renewal,
    ) -> Result<Option<Loaded<Renewal>>> {
        let put = (self.ports).put_renewal(of.as_str(), hour, Some(version), plan);
        Ok(match put.await? {
            Changed::Done(there) => Some(there),
            Changed::Refused(there) => there,
        })
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
        let number = ports.random().next_u64();
        let way = |turn| Way::InTurn(number, turn);
        let (first, _) = (ports.persona.fetch(of, None, way(0), &ports.left())).await?;
        let (fetched, _) = (ports.persona.fetch(of, None, way(1), &ports.left())).await?;
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

fn obstacle(error: &Error) -> Obstacle {
    Obstacle::Error(error.code().to_owned())
}
