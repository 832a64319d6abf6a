//! The pool of a strict client: places that say in which common hour they were bought, beside the pool of the
//! clients that are not strict.

use super::pool::prefix;
use super::{CommonHour, Renewal};
use crate::claim::ClaimType;
use crate::client::{Ports, MOST_PASSES};
use crate::error::{ErrorKind, Result};
use crate::events::EventKind;
use crate::passes::Pooled;
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

    /// A place with a pass that nobody has taken yet, by chance. Passes whose challenge turned out to differ
    /// from what others were given are dropped, and that is told.
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
            match self.persona.check_common(&of, &bought_in.seen).await {
                Ok(()) => return Ok(Some(key)),
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

    /// How many passes are there for the taking.
    pub(crate) async fn count_common(&self, claim_type: &str) -> Result<u32> {
        let mut count = 0;
        for key in self.common_places(claim_type).await? {
            let place = self.vault.load::<Pooled>(&key).await?;
            count += u32::from(place.is_some_and(|it| it.content.available(self.now()).is_some()));
        }
        Ok(count)
    }

    /// The places of the newest hour whose passes are used now, in random order.
    async fn common_places(&self, claim_type: &str) -> Result<Vec<String>> {
        let prefix = self.common_prefix(claim_type);
        let keys = (self.vault)
            .scan(&prefix, None, 10 * MOST_PASSES as usize)
            .await?;
        let hour_of = |key: &String| {
            let (hour, _) = key[prefix.len()..].split_once('-')?;
            CommonHour::parse(hour).filter(|hour| hour.is_used_at(self.now()))
        };
        let newest = keys.iter().filter_map(hour_of).max();
        let is_of_it = |key: &String| newest.is_some() && hour_of(key) == newest;
        let mut keys: Vec<_> = keys.into_iter().filter(is_of_it).collect();
        self.shuffle(&mut keys);
        Ok(keys)
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
