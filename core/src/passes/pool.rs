//! The pool: buying ahead, taking, giving back.

use super::census::Census;
use super::record::{PaidPass, Pooled, PooledState};
use super::Purchase;
use crate::client::{Environment, Owner, Ports, MOST_PASSES};
use crate::encoding::encode_hex;
use crate::error::{ErrorKind, Result};
use crate::events::EventKind;
use crate::privacy::Clock;
use crate::records::{Changed, Evidence, Loaded};
use crate::secret::rand_core::CryptoRng;
use crate::secret::IdempotencyKey;
use crate::store::Swap;

/// Longer claim types are hashed in keys.
const LONGEST_IN_KEY: usize = 50;

/// The key of a new place: random, so that it tells nothing of who bought the pass.
pub(crate) fn new_pool_key(
    environment: &str,
    claim_type: &str,
    owner: Option<&Owner>,
    random: &mut impl CryptoRng,
) -> String {
    let place = IdempotencyKey::random(random);
    let prefix = prefix(environment, claim_type, owner);
    format!("{prefix}{}", place.expose())
}

/// `pass/<environment>/<claim type>/`, in characters that a key may have. Of somebody else's passes,
/// `pass/<environment>/<claim type>~~<owner>/`: no claim type reads like that.
pub(super) fn prefix(environment: &str, claim_type: &str, owner: Option<&Owner>) -> String {
    use std::fmt::Write;
    let mut prefix = format!("pass/{environment}/");
    if claim_type.len() > LONGEST_IN_KEY {
        // Escaped, it might not fit into a key.
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, claim_type.as_bytes());
        write!(prefix, "~{}", encode_hex(hash.as_ref())).expect("writing to a String cannot fail");
        return ended(prefix, owner);
    }
    for byte in claim_type.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                prefix.push(char::from(byte));
            }
            _ => write!(prefix, "~{byte:02X}").expect("writing to a String cannot fail"),
        }
    }
    ended(prefix, owner)
}

fn ended(mut prefix: String, owner: Option<&Owner>) -> String {
    if let Some(owner) = owner {
        prefix.push_str("~~");
        prefix.push_str(owner.as_str());
    }
    prefix.push('/');
    prefix
}

impl Ports {
    /// The places of a claim type, in random order.
    async fn places(&self, claim_type: &str) -> Result<Vec<String>> {
        self.places_of(self.owner().await?.as_ref(), claim_type)
            .await
    }

    async fn places_of(&self, owner: Option<&Owner>, claim_type: &str) -> Result<Vec<String>> {
        let prefix = prefix(self.environment.as_str(), claim_type, owner);
        let mut keys = self
            .vault
            .scan(&prefix, None, 10 * MOST_PASSES as usize)
            .await?;
        self.shuffle(&mut keys);
        Ok(keys)
    }

    /// A place of this owner's with a pass that nobody has taken yet, by chance.
    pub(crate) async fn find_pooled(
        &self,
        owner: Option<&Owner>,
        claim_type: &str,
    ) -> Result<Option<String>> {
        for key in self.places_of(owner, claim_type).await? {
            let place = self.vault.load::<Pooled>(&key).await?;
            if place.is_some_and(|place| place.content.available(self.now()).is_some()) {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// What the pool holds of a claim type.
    pub(crate) async fn census(&self, claim_type: &str) -> Result<Census> {
        let mut places = Vec::new();
        for key in self.places(claim_type).await? {
            places.extend(self.vault.load::<Pooled>(&key).await?);
        }
        let places = places.iter().map(|place| &place.content);
        Ok(Census::of(places, self.usable_at(claim_type), self.now()))
    }

    /// Whether the pool holds more than `most` of a claim type. As long as there are not even so many
    /// places, none of them is looked into.
    pub(crate) async fn is_overfull(&self, claim_type: &str, most: u32) -> Result<bool> {
        let places = self.places(claim_type).await?.len();
        Ok(places > most as usize && self.census(claim_type).await?.count > most)
    }

    /// How many passes are there for the taking.
    pub(crate) async fn count_pooled(&self, claim_type: &str) -> Result<u32> {
        let mut count = 0;
        for key in self.places(claim_type).await? {
            let place = self.vault.load::<Pooled>(&key).await?;
            if place.is_some_and(|place| place.content.available(self.now()).is_some()) {
                count += 1;
            }
        }
        Ok(count)
    }

    /// Takes a pass for the verification `by`, or finds that it is no longer there. To ask again
    /// after a crash is harmless.
    pub(crate) async fn take_pooled(&self, key: &str, by: &str) -> Result<Option<PaidPass>> {
        let mut found = self.vault.load::<Pooled>(key).await?;
        loop {
            let Some(place) = found else {
                return Ok(None);
            };
            let now = self.now();
            let pass = match (&place.content.state, place.content.chosen(now)) {
                (PooledState::Taken { pass, by: taker }, _) if taker == by => {
                    return Ok(Some(place.content.handed_out(pass)))
                }
                (_, None) => return Ok(None),
                (_, Some(pass)) => place.content.handed_out(pass),
            };
            let state = PooledState::Taken {
                pass: pass.clone(),
                by: by.to_owned(),
            };
            let taken = place.content.moved(state, now, &mut self.random());
            match self.vault.put(key, Some(place.version), taken).await? {
                Changed::Done(_) => return Ok(Some(pass)),
                Changed::Refused(there) => found = there,
            }
        }
    }

    /// Clears the place of a pass that the verification `by` has in its own record now.
    pub(crate) async fn clear_pooled(&self, key: &str, by: &str) -> Result<()> {
        let Some(place) = self.vault.load::<Pooled>(key).await? else {
            return Ok(());
        };
        let is_ours =
            matches!(&place.content.state, PooledState::Taken { by: taker, .. } if taker == by);
        if is_ours && place.content.came_from.is_none() {
            self.vault.delete(key, place.version).await?;
        } else if is_ours {
            let gone = place
                .content
                .moved(PooledState::Gone, self.now(), &mut self.random());
            self.vault.put(key, Some(place.version), gone).await?;
        }
        Ok(())
    }

    /// Puts what the verification `from` does not use into its place: a pass, or a purchase that may have been billed. If
    /// something is there already, this was done before.
    pub(crate) async fn give_back(
        &self,
        key: &str,
        from: &str,
        (claim_type, owner): (&str, Option<&Owner>),
        mut state: PooledState,
    ) -> Result<()> {
        let bought_in = match &mut state {
            PooledState::Available { pass } => pass.bought_in.take(),
            _ => None,
        };
        let (environment, now) = (self.environment.as_str(), self.now());
        let random = &mut self.random();
        let mut place = Pooled::new(environment, claim_type, state.clone(), now, random);
        place.bought_in = bought_in;
        place.owner = owner.cloned();
        place.came_from = Some(from.to_owned());
        // It is due when its own pool says.
        let place = place.moved(state, now, random);
        self.vault.put(key, None, place).await?;
        Ok(())
    }

    /// Whether the pass of a place may be asked for now: that of a strict pool in its hour.
    fn may_ask(&self, place: &Pooled, purchase: &Purchase) -> bool {
        match &place.bought_in {
            // There, passes are bought by hand at any time.
            _ if self.environment == Environment::Sandbox => true,
            None => true,
            Some(bought_in) => bought_in.hour.may_ask(purchase.asked_since(), self.now()),
        }
    }

    /// Whether a purchase that was never asked for waits for somebody who knows that it is its hour.
    fn waits_for_clock(&self, place: &Pooled, purchase: &Purchase) -> bool {
        let is_unasked = purchase.asked_since().is_none();
        let hour = place.bought_in.as_ref().map(|bought_in| bought_in.hour);
        self.environment != Environment::Sandbox
            && is_unasked
            && hour.is_some_and(|hour| self.clock_in(hour) != Clock::Agrees)
    }

    /// Does for a place whatever is due, or says which verification must be looked at first.
    /// A strict worker buys for strict pools only, and nobody else does.
    pub(crate) async fn look_after_pooled(&self, key: &str, is_strict: bool) -> Result<Looked> {
        let Some(place) = self.vault.load::<Pooled>(key).await? else {
            return Ok(Looked::Nothing);
        };
        let now = self.now();
        // Since it was found to be due, another worker may have done what was to be done.
        if !place.content.is_due(now) {
            return Ok(Looked::Nothing);
        }
        let is_ours = place.content.owner == self.owner().await?
            && place.content.bought_in.is_some() == is_strict;
        match &place.content.state {
            // Only he buys it who began to: it stays due for him, until nobody can ask any more.
            PooledState::Issuing { purchase } if !is_ours && now < purchase.is_over_at() => {
                Ok(Looked::Nothing)
            }
            PooledState::Taken { by, .. } => Ok(Looked::TakenBy(by.clone())),
            PooledState::Issuing { .. } if place.content.is_leased(now) => Ok(Looked::Nothing),
            PooledState::Issuing { purchase }
                if is_ours && purchase.may_go_on(now) && self.may_ask(&place.content, purchase) =>
            {
                if self.waits_for_clock(&place.content, purchase) {
                    return Ok(Looked::Nothing);
                }
                // The next look is later, whatever comes of this one.
                let postponed = place.content.postponed(now, &mut self.random());
                match self.vault.put(key, Some(place.version), postponed).await? {
                    Changed::Done(place) => Ok(Looked::Buying(Box::new(place))),
                    Changed::Refused(_) => Ok(Looked::Done),
                }
            }
            PooledState::Gone if place.content.came_from.is_some() => {
                let from = place.content.came_from.clone().unwrap_or_default();
                Ok(Looked::MarkFor(from, Box::new(place)))
            }
            // What nobody can use any more.
            PooledState::Issuing { purchase } => {
                let told = purchase.stuck.as_ref().map(Evidence::kind);
                let may_be_billed = purchase.key.is_some() || purchase.was_asked();
                let gone = self.vault.delete(key, place.version).await? == Swap::Done;
                if gone && may_be_billed && told != Some(ErrorKind::OutcomeUnknown) {
                    self.tell(EventKind::UnknownOutcome, None, None, GIVEN_UP);
                }
                Ok(Looked::Done)
            }
            PooledState::Available { .. } | PooledState::Gone => {
                let gone = self.vault.delete(key, place.version).await? == Swap::Done;
                if let (true, Some(bought_in)) = (gone, &place.content.bought_in) {
                    self.tell_deleted(&place.content.claim_type, bought_in.hour);
                }
                Ok(Looked::Done)
            }
        }
    }
}

/// What a look at a place came to.
pub(crate) enum Looked {
    /// There was nothing to do.
    Nothing,
    /// What was due is done.
    Done,
    /// Its pass is still to be signed.
    Buying(Box<Loaded<Pooled>>),
    /// Its pass was taken by this verification, which must tell what became of it.
    TakenBy(String),
    /// It is a mark for this verification, which may still want to give its pass back.
    MarkFor(String, Box<Loaded<Pooled>>),
}

const GIVEN_UP: &str = "A pass of the pool that may have been billed, and is no use, is given up: \
                        nobody can ask for it any more.";
