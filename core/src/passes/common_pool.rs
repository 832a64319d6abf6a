//! The pool of a strict client: places that say in which common hour they were bought, beside the pool of the
//! clients that are not strict.

use std::cmp::Reverse;

use super::census::Census;
use super::pool::prefix;
use super::{CommonHour, Renewal};
use crate::claim::ClaimType;
use crate::client::{Ports, MOST_PASSES};
use crate::error::{ErrorKind, Result};
use crate::events::EventKind;
use crate::passes::{BoughtIn, PaidPass, Pooled, PooledState};
use crate::records::{Changed, Loaded};
use crate::secret::rand_core::Rng;
use crate::secret::IdempotencyKey;

impl Ports {
    /// The key of a new place for a pass that is bought in this hour.
    pub(crate) fn new_common_key(&self, claim_type: &str, hour: CommonHour) -> String {
        let place = IdempotencyKey::random(&mut self.random());
        let prefix = self.common_prefix(claim_type);
        format!("{prefix}{}-{}", hour.name(), place.expose())
    }

    /// A place with a pass that nobody has taken yet: of the newest hour that has one, by chance. Passes whose
    /// challenge turned out to differ from what others were given are dropped, and that is told. If nobody knows
    /// what those were given, they stay.
    pub(crate) async fn find_common(&self, claim_type: &str) -> Result<Option<String>> {
        let of = ClaimType::parse(claim_type)?;
        let mut is_told = false;
        for key in self.common_places(claim_type).await? {
            let Some(place) = self.vault.load::<Pooled>(&key).await? else {
                continue;
            };
            let bought_in = match (
                place.content.available(self.now()),
                &place.content.bought_in,
            ) {
                (Some(_), Some(bought_in)) => bought_in,
                _ => continue,
            };
            match self.check_common(&of, bought_in).await {
                Ok(true) => return Ok(Some(key)),
                Ok(false) if std::mem::replace(&mut is_told, true) => {}
                Ok(false) => self.tell(EventKind::BackgroundFailure, None, None, UNKNOWN),
                Err(error) if error.kind() == ErrorKind::PrivacyRefused => {
                    self.vault.delete(&key, place.version).await?;
                    if !std::mem::replace(&mut is_told, true) {
                        let message =
                            format!("Passes of the pool are dropped. {}", error.message());
                        self.tell(EventKind::IssuerInconsistent, None, None, &message);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Whether what a pass was bought for is known to be what all were given.
    ///
    /// # Errors
    /// `privacy_refused` if it differs from that; `store`.
    async fn check_common(&self, of: &ClaimType, bought_in: &BoughtIn) -> Result<bool> {
        let left = self.left().total;
        self.persona.check_common(of, &bought_in.seen, left).await
    }

    /// Takes a pass for the verification `by` that has chosen it, see [`Ports::take_pooled`]. One that nobody has
    /// taken yet is held once more against what others were given.
    pub(crate) async fn take_common(&self, key: &str, by: &str) -> Result<Option<PaidPass>> {
        let place = self.vault.load::<Pooled>(key).await?;
        if let Some(place) = place.map(|place| place.content) {
            let is_there = matches!(place.state, PooledState::Available { .. });
            if let (Some(bought_in), true) = (&place.bought_in, is_there) {
                let of = ClaimType::parse(&place.claim_type)?;
                match self.check_common(&of, bought_in).await {
                    Ok(true) => {}
                    Ok(false) => return Ok(None),
                    Err(error) if error.kind() == ErrorKind::PrivacyRefused => return Ok(None),
                    Err(error) => return Err(error),
                }
            }
        }
        self.take_pooled(key, by).await
    }

    /// What was bought in this hour.
    pub(crate) async fn census_of(&self, claim_type: &str, hour: CommonHour) -> Result<Census> {
        let prefix = format!("{}{}-", self.common_prefix(claim_type), hour.name());
        let keys = (self.vault)
            .scan(&prefix, None, 10 * MOST_PASSES as usize)
            .await?;
        let mut places = Vec::new();
        for key in keys {
            places.extend(self.vault.load::<Pooled>(&key).await?);
        }
        let places = places.iter().map(|place| &place.content);
        Ok(Census::of(places, self.usable_at(claim_type), self.now()))
    }

    /// How many passes are there for the taking, of all hours.
    pub(crate) async fn count_common(&self, claim_type: &str) -> Result<u32> {
        let mut count = 0;
        for key in self.common_places(claim_type).await? {
            let place = self.vault.load::<Pooled>(&key).await?;
            count += u32::from(place.is_some_and(|it| it.content.available(self.now()).is_some()));
        }
        Ok(count)
    }

    /// The places whose passes are used now: those of the newest hour first, and of an hour in random order.
    async fn common_places(&self, claim_type: &str) -> Result<Vec<String>> {
        let prefix = self.common_prefix(claim_type);
        let mut keys = (self.vault)
            .scan(&prefix, None, 10 * MOST_PASSES as usize)
            .await?;
        self.shuffle(&mut keys);
        let hour_of = |key: &String| {
            let (hour, _) = key[prefix.len()..].split_once('-')?;
            CommonHour::parse(hour).filter(|hour| hour.is_used_at(self.now()))
        };
        let mut places: Vec<_> = (keys.into_iter())
            .filter_map(|key| Some((hour_of(&key)?, key)))
            .collect();
        places.sort_by_key(|(hour, _)| Reverse(*hour));
        Ok(places.into_iter().map(|(_, key)| key).collect())
    }

    /// What a pool does in this hour, as far as it is planned.
    pub(crate) async fn renewal(&self, claim_type: &str) -> Result<Option<Loaded<Renewal>>> {
        self.vault.load(&self.renewal_key(claim_type)).await
    }

    /// Stores it, where this version is (none: nothing).
    pub(crate) async fn put_renewal(
        &self,
        claim_type: &str,
        expected: Option<u64>,
        renewal: Renewal,
    ) -> Result<Changed<Renewal>> {
        let key = self.renewal_key(claim_type);
        self.vault.put(&key, expected, renewal).await
    }

    fn renewal_key(&self, claim_type: &str) -> String {
        let pool = self.common_prefix(claim_type);
        let name = pool.strip_prefix("pass/").unwrap_or(&pool);
        format!("renewal/{}", name.trim_end_matches('/'))
    }

    /// What the keys of places begin with. No claim type, and no other pool, is called like that.
    fn common_prefix(&self, claim_type: &str) -> String {
        let others = prefix(self.environment.as_str(), claim_type, None);
        format!("{}~strict/", others.trim_end_matches('/'))
    }

    pub(super) fn shuffle(&self, keys: &mut [String]) {
        let random = &mut self.random();
        for last in (1..keys.len()).rev() {
            let other = random.next_u64() % (last as u64 + 1);
            keys.swap(last, usize::try_from(other).expect("it is below a length"));
        }
    }
}

const UNKNOWN: &str = "Passes of the pool are not used: the store knows no two fetches any more that agree with what \
                       they were bought for.";
