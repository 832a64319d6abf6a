//! The pool of a strict client: places that say in which common hour they were bought, beside the pool of the
//! clients that are not strict.

use std::cmp::Reverse;

use super::pool::prefix;
use super::Renewal;
use crate::claim::ClaimType;
use crate::client::{Environment, Ports, MOST_PASSES};
use crate::error::{Error, ErrorKind, Result};
use crate::events::EventKind;
use crate::passes::{BoughtIn, PaidPass, Pooled, PooledState};
use crate::privacy::{CommonHour, InHour};
use crate::records::{Changed, Loaded};
use crate::secret::rand_core::{CryptoRng, Rng};
use crate::secret::IdempotencyKey;

/// What tells a strict pool from the other one of the same claim type.
const COMMON: &str = "~strict/";

/// The key of a new place for a pass that is bought in this hour: random, as [`new_pool_key`](super::new_pool_key).
pub(crate) fn new_common_key(
    environment: &str,
    claim_type: &str,
    hour: CommonHour,
    random: &mut impl CryptoRng,
) -> String {
    let place = IdempotencyKey::random(random);
    let prefix = common_prefix(environment, claim_type);
    format!("{prefix}{}-{}", hour.name(), place.expose())
}

/// What the keys of places begin with. No claim type, and no other pool, is called like that.
fn common_prefix(environment: &str, claim_type: &str) -> String {
    let others = prefix(environment, claim_type, None);
    format!("{}{COMMON}", others.trim_end_matches('/'))
}

/// Whether this is the key of a place of a strict pool.
pub(super) fn is_common(key: &str) -> bool {
    key.contains(COMMON)
}

impl Ports {
    /// See [`new_common_key`].
    pub(crate) fn new_common_key(&self, claim_type: &str, hour: CommonHour) -> String {
        let environment = self.environment.as_str();
        new_common_key(environment, claim_type, hour, &mut self.random())
    }

    /// A place with a pass that nobody has taken yet: of the newest hour that has one, by chance. Passes whose
    /// challenge turned out to differ from what others were given are dropped, and that is told. If nobody knows
    /// what those were given, they stay.
    pub(crate) async fn find_common(&self, claim_type: &str) -> Result<Option<String>> {
        let mut checked = Checked::of(claim_type)?;
        let (mut unknown, mut is_told) = (None, false);
        for (hour, key) in self.common_places(claim_type).await? {
            // What is not known of one pass is not known of any other one of its hour.
            if unknown == Some(hour) {
                continue;
            }
            let Some(place) = self.vault.load::<Pooled>(&key).await? else {
                continue;
            };
            let Some(bought_in) = place.content.usable_in(self.now()) else {
                continue;
            };
            match self.check_once(&mut checked, bought_in).await? {
                Fits::Known => return Ok(Some(key)),
                Fits::Unknown => {
                    unknown = Some(hour);
                    if self.remember(InHour::Unknown, claim_type, hour) {
                        self.tell(EventKind::BackgroundFailure, None, None, UNKNOWN);
                    }
                }
                Fits::Not(why) => {
                    self.vault.delete(&key, place.version).await?;
                    if !std::mem::replace(&mut is_told, true) {
                        let message = format!("Passes of the pool are dropped. {why}");
                        self.tell(EventKind::IssuerInconsistent, None, None, &message);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Whether what a pass was bought for is known to be what all were given. Each hour is looked up once.
    async fn check_once(&self, checked: &mut Checked, bought_in: &BoughtIn) -> Result<Fits> {
        if let Some((_, fits)) = checked.known.iter().find(|(of, _)| of == bought_in) {
            return Ok(fits.clone());
        }
        let fits = match self.check_common(&checked.of, bought_in).await {
            Ok(true) => Fits::Known,
            Ok(false) => Fits::Unknown,
            Err(error) if error.kind() == ErrorKind::PrivacyRefused => {
                Fits::Not(error.message().to_owned())
            }
            Err(error) => return Err(error),
        };
        checked.known.push((bought_in.clone(), fits.clone()));
        Ok(fits)
    }

    /// Whether what a pass was bought for is known to be what all were given.
    ///
    /// # Errors
    /// `privacy_refused` if it differs from that, or is of another hour than the pass is said to be; `store`.
    async fn check_common(&self, of: &ClaimType, bought_in: &BoughtIn) -> Result<bool> {
        // In the sandbox, passes are bought by hand at any time.
        let is_sandbox = self.environment == Environment::Sandbox;
        if !is_sandbox && !bought_in.hour.gives(&bought_in.seen) {
            return Err(Error::new(ErrorKind::PrivacyRefused, OF_ANOTHER_HOUR));
        }
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
                let mut checked = Checked::of(&place.claim_type)?;
                if self.check_once(&mut checked, bought_in).await? != Fits::Known {
                    return Ok(None);
                }
            }
        }
        self.take_pooled(key, by).await
    }

    /// How many passes are there for the taking, of all hours: those that are known to be what all were given.
    pub(crate) async fn count_common(&self, claim_type: &str) -> Result<u32> {
        let (mut count, mut checked) = (0, Checked::of(claim_type)?);
        for (_, key) in self.common_places(claim_type).await? {
            let place = self.vault.load::<Pooled>(&key).await?;
            let place = place.map(|place| place.content);
            if let Some(bought_in) = place.as_ref().and_then(|it| it.usable_in(self.now())) {
                let fits = self.check_once(&mut checked, bought_in).await?;
                count += u32::from(fits == Fits::Known);
            }
        }
        Ok(count)
    }

    /// The places whose passes are used now: those of the newest hour first, and of an hour in random order.
    async fn common_places(&self, claim_type: &str) -> Result<Vec<(CommonHour, String)>> {
        let prefix = self.common_prefix(claim_type);
        let mut keys = (self.vault)
            .scan(&prefix, None, 10 * MOST_PASSES as usize)
            .await?;
        self.shuffle(&mut keys);
        let hour_of = |key: &String| {
            let (hour, _) = key.strip_prefix(&prefix)?.split_once('-')?;
            CommonHour::parse(hour).filter(|hour| hour.is_used_at(self.now()))
        };
        let mut places: Vec<_> = (keys.into_iter())
            .filter_map(|key| Some((hour_of(&key)?, key)))
            .collect();
        places.sort_by_key(|(hour, _)| Reverse(*hour));
        Ok(places)
    }

    /// How many passes that were bought in this hour are there, used or not yet; and whether another one may still
    /// come, because it is asked for again.
    pub(crate) async fn came_to(&self, claim_type: &str, hour: CommonHour) -> Result<(u32, bool)> {
        let (mut count, mut is_asked_again) = (0, false);
        for key in self.places_of_hour(claim_type, hour).await? {
            let place = self.vault.load::<Pooled>(&key).await?;
            match place.map(|place| place.content.state) {
                Some(PooledState::Available { .. } | PooledState::Taken { .. }) => count += 1,
                Some(PooledState::Issuing { purchase }) => {
                    let (now, asked_since) = (self.now(), purchase.asked_since());
                    is_asked_again |= asked_since.is_some()
                        && hour.may_ask(asked_since, now)
                        && purchase.may_go_on(now)
                        && !purchase.is_too_late(now);
                }
                Some(PooledState::Gone) | None => {}
            }
        }
        Ok((count, is_asked_again))
    }

    async fn places_of_hour(&self, claim_type: &str, hour: CommonHour) -> Result<Vec<String>> {
        let prefix = format!("{}{}-", self.common_prefix(claim_type), hour.name());
        (self.vault)
            .scan(&prefix, None, 10 * MOST_PASSES as usize)
            .await
    }

    /// What a pool does in this hour, as far as it is planned.
    pub(crate) async fn renewal(
        &self,
        claim_type: &str,
        hour: CommonHour,
    ) -> Result<Option<Loaded<Renewal>>> {
        self.vault.load(&self.renewal_key(claim_type, hour)).await
    }

    /// Whether somebody was told what an hour came to that is over.
    pub(crate) async fn is_settled(&self, claim_type: &str, hour: CommonHour) -> Result<bool> {
        let key = self.settled_key(claim_type, hour);
        let settled = self.vault.load::<Renewal>(&key).await?;
        Ok(settled.is_some())
    }

    /// Notes that somebody is told. False if somebody was told already. The plan itself stays: whoever finds the
    /// hour to be over may have a wrong clock.
    pub(crate) async fn settle(
        &self,
        claim_type: &str,
        hour: CommonHour,
        came_to: Renewal,
    ) -> Result<bool> {
        let key = self.settled_key(claim_type, hour);
        let put = self.vault.put(&key, None, came_to).await?;
        Ok(matches!(put, Changed::Done(_)))
    }

    /// Notes that somebody looked at the pool in this hour and found that enough is left. It keeps nobody from
    /// planning the hour: whose clock is early may find so.
    pub(crate) async fn note_enough(&self, claim_type: &str, hour: CommonHour) -> Result<()> {
        let key = self.enough_key(claim_type, hour);
        let found = Renewal::nothing(hour);
        self.vault.put(&key, None, found).await.map(|_| ())
    }

    /// Whether somebody did.
    pub(crate) async fn was_enough(&self, claim_type: &str, hour: CommonHour) -> Result<bool> {
        let key = self.enough_key(claim_type, hour);
        Ok(self.vault.load::<Renewal>(&key).await?.is_some())
    }

    /// Deletes a plan of which a fetch has shown that it is not this hour.
    pub(crate) async fn drop_renewal(
        &self,
        claim_type: &str,
        hour: CommonHour,
        version: u64,
    ) -> Result<()> {
        let key = self.renewal_key(claim_type, hour);
        self.vault.delete(&key, version).await.map(|_| ())
    }

    /// Whether anything was ever planned for a pool, as far as is remembered.
    pub(crate) async fn has_renewals(&self, claim_type: &str) -> Result<bool> {
        let prefix = self.renewal_prefix(claim_type);
        Ok(!self.vault.scan(&prefix, None, 1).await?.is_empty())
    }

    /// Stores it, where this version is (none: nothing).
    pub(crate) async fn put_renewal(
        &self,
        claim_type: &str,
        hour: CommonHour,
        expected: Option<u64>,
        renewal: Renewal,
    ) -> Result<Changed<Renewal>> {
        let key = self.renewal_key(claim_type, hour);
        self.vault.put(&key, expected, renewal).await
    }

    fn renewal_key(&self, claim_type: &str, hour: CommonHour) -> String {
        format!("{}{}", self.renewal_prefix(claim_type), hour.name())
    }

    fn settled_key(&self, claim_type: &str, hour: CommonHour) -> String {
        format!("{}-told", self.renewal_key(claim_type, hour))
    }

    fn enough_key(&self, claim_type: &str, hour: CommonHour) -> String {
        format!("{}-enough", self.renewal_key(claim_type, hour))
    }

    fn renewal_prefix(&self, claim_type: &str) -> String {
        let pool = self.common_prefix(claim_type);
        let name = pool.strip_prefix("pass/").unwrap_or(&pool);
        format!("renewal/{name}")
    }

    fn common_prefix(&self, claim_type: &str) -> String {
        common_prefix(self.environment.as_str(), claim_type)
    }

    /// Tells that passes were deleted that nobody used: once for each hour they were bought in.
    pub(super) fn tell_deleted(&self, claim_type: &str, hour: CommonHour) {
        if self.remember(InHour::Deleted, claim_type, hour) {
            let message = format!("{DELETED} ({claim_type}).");
            self.tell(EventKind::BackgroundFailure, None, None, &message);
        }
    }

    pub(super) fn shuffle(&self, keys: &mut [String]) {
        let random = &mut self.random();
        for last in (1..keys.len()).rev() {
            let other = random.next_u64() % (last as u64 + 1);
            keys.swap(last, usize::try_from(other).expect("it is below a length"));
        }
    }
}

/// What was found of the hours of a pool, so that each is looked up once.
struct Checked {
    of: ClaimType,
    known: Vec<(BoughtIn, Fits)>,
}

/// Whether what a pass was bought for is what all were given.
#[derive(Clone, Debug, PartialEq)]
enum Fits {
    Known,
    Unknown,
    /// Why not.
    Not(String),
}

impl Checked {
    fn of(claim_type: &str) -> Result<Self> {
        Ok(Self {
            of: ClaimType::parse(claim_type)?,
            known: Vec::new(),
        })
    }
}

const DELETED: &str = "Passes of a strict pool that nobody used are deleted: by this process's clock all others dropped \
                       theirs more than a week ago";

const OF_ANOTHER_HOUR: &str =
    "Their challenges are not those of the common hour that they were bought in: whoever used one would be named.";

const UNKNOWN: &str = "Passes of the pool are not used: the store knows no two fetches any more that agree with what \
                       they were bought for.";
