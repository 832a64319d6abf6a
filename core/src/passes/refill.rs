//! When a pool is filled again, so that a purchase tells nothing of a use.
//!
//! A pool that bought after each use would name whose each relay is (`tests/privacy`). So nothing is
//! bought before more than half is missing, and then all of it, at a moment that chance has chosen: up
//! to half as long after as the newest pass is old. The moment is stored, and the same for all who fill
//! this pool. An empty pool is filled at once: everybody would buy for himself, or wait.

use serde::{Deserialize, Serialize};

use super::pool::name;
use super::record::USABLE;
use super::Census;
use crate::client::Ports;
use crate::error::Result;
use crate::records::{Changed, Loaded, Stored};
use crate::secret::rand_core::CryptoRng;

/// When a pool is filled again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Refill {
    /// Milliseconds since the epoch.
    at: u64,
}

impl Refill {
    /// A random moment from now on: up to half as far away as the newest pass of the pool is old.
    fn plan(newest: Option<u64>, now: u64, random: &mut impl CryptoRng) -> Self {
        let age = now.saturating_sub(newest.unwrap_or(now)).min(USABLE);
        Self {
            at: now + random.next_u64() % (age / 2 + 1),
        }
    }

    fn has_come(&self, now: u64) -> bool {
        // A time from far ahead was written by a clock that is wrong.
        self.at <= now || self.at > now.saturating_add(USABLE / 2)
    }
}

impl Stored for Refill {
    fn due_at(&self) -> Option<u64> {
        None
    }

    fn expires_at(&self) -> Option<u64> {
        Some(self.at.saturating_add(USABLE))
    }
}

/// That the pool is to be filled now.
pub(crate) struct Refilling {
    /// The record that says so, if there is one.
    planned: Option<(String, u64)>,
}

impl Ports {
    /// Whether the pool of a claim type is to be filled up to `target` now. Where more than half is
    /// missing, the moment is chosen and stored, unless somebody else has.
    pub(crate) async fn begin_refill(
        &self,
        claim_type: &str,
        census: &Census,
        target: u32,
    ) -> Result<Option<Refilling>> {
        let missing = target.saturating_sub(census.count);
        let is_wanted = missing > target / 2;
        let owner = self.owner().await?;
        let name = name(self.environment.as_str(), claim_type, owner.as_ref());
        let key = format!("refill/{}", name.trim_end_matches('/'));
        let planned = match self.vault.load::<Refill>(&key).await? {
            Some(planned) if !is_wanted => {
                // What a crash left behind, or somebody has filled the pool by hand.
                self.vault.delete(&key, planned.version).await?;
                return Ok(None);
            }
            None if !is_wanted => return Ok(None),
            None if census.count == 0 => return Ok(Some(Refilling { planned: None })),
            Some(planned) => planned,
            None => {
                let refill = Refill::plan(census.newest, self.now(), &mut self.random());
                match self.vault.put(&key, None, refill).await? {
                    Changed::Done(planned) | Changed::Refused(Some(planned)) => planned,
                    Changed::Refused(None) => return Ok(None),
                }
            }
        };
        let Loaded { content, version } = planned;
        let is_time = census.count == 0 || content.has_come(self.now());
        Ok(is_time.then_some(Refilling {
            planned: Some((key, version)),
        }))
    }

    /// Nothing is missing any more of what was: the next moment is chosen when half is used again.
    pub(crate) async fn end_refill(&self, refilling: Refilling) -> Result<()> {
        if let Some((key, version)) = refilling.planned {
            self.vault.delete(&key, version).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{DAY, HOUR};
    use crate::secret::os_random;

    const NOW: u64 = 1_700_000_000_000;

    fn delays(newest: Option<u64>) -> Vec<u64> {
        let plan = |_| Refill::plan(newest, NOW, &mut os_random()).at - NOW;
        (0..2_000).map(plan).collect()
    }

    #[test]
    fn the_moment_is_any_up_to_half_the_age_of_the_newest_pass() {
        let delays = delays(Some(NOW - 10 * HOUR));
        let longest = 5 * HOUR;
        assert!(delays.iter().all(|delay| *delay <= longest));
        for part in 0..10 {
            let (from, to) = (part * longest / 10, (part + 1) * longest / 10);
            let there = delays.iter().filter(|at| (from..to).contains(*at)).count();
            // 200 are expected, give or take 13.
            assert!((120..280).contains(&there), "{there} in part {part}");
        }
    }

    #[test]
    fn without_a_pass_there_is_no_age_and_one_from_the_future_has_none() {
        assert!(delays(None).iter().all(|delay| *delay == 0));
        assert!(delays(Some(NOW + DAY)).iter().all(|delay| *delay == 0));
        let longest = delays(Some(0)).into_iter().max().expect("there are some");
        assert!(longest <= USABLE / 2);
    }

    #[test]
    fn a_moment_that_a_wrong_clock_wrote_keeps_nobody_waiting() {
        let at = |at| Refill { at }.has_come(NOW);
        assert!(at(NOW) && !at(NOW + 1) && !at(NOW + USABLE / 2));
        assert!(at(NOW + USABLE));
    }
}
