//! What a strict engine does otherwise, and what it refuses.

use std::time::Duration;

use super::Engine;
use crate::claim::ClaimType;
use crate::client::Owner;
use crate::error::{Error, ErrorKind, Result};
use crate::passes::PaidPass;
use crate::privacy::Sighting;
use crate::records::Loaded;
use crate::secret::rand_core::Rng;
use crate::verification::machine::ends_unasked;
use crate::verification::record::{Durable, Purpose};

/// How long a strict engine waits at most before it redeems.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

impl Engine {
    /// What comes before a verification is driven for somebody who asks for its answer. A strict engine waits,
    /// so that the redemption does not follow the visitor's return at once. Nothing is stored and nothing taken
    /// before: who ends meanwhile leaves nothing behind.
    ///
    /// # Errors
    /// `privacy_refused` where this engine would show Persona what the other kind has hidden.
    pub(super) async fn come_to_ask(&self, stored: Loaded<Durable>) -> Result<Loaded<Durable>> {
        let record = &stored.content;
        if record.is_closed() {
            return Ok(stored);
        }
        self.check_goes_on(record)?;
        if !self.is_strict {
            return Ok(stored);
        }
        self.wait_by_chance().await;
        self.load(record.id()).await
    }

    /// Whether this engine goes on with an open verification.
    ///
    /// # Errors
    /// `privacy_refused` where it would show Persona what the other kind has hidden.
    pub(super) fn check_goes_on(&self, record: &Durable) -> Result<()> {
        if record.is_closed() {
            return Ok(());
        }
        if !self.is_strict {
            let is_over = ends_unasked(record, self.ports.now());
            return match record.is_strict() && !is_over {
                true => Err(is_for_strict()),
                false => Ok(()),
            };
        }
        if record.relay_bound {
            return Err(refused(
                "The pass of this verification is bound to its relay. Complete it with a client that has \
                 privacy = \"standard\"",
            ));
        }
        if record.owner.is_some() || self.ports.customer.is_some() {
            return Err(refused(
                "A strict client has passes for its own API key only, and this verification, or this client, is for \
                 another one. Complete it with a client of that key",
            ));
        }
        Ok(())
    }

    /// Up to two seconds, and half of what is left of the call.
    pub(super) async fn wait_by_chance(&self) {
        if !self.is_strict {
            return;
        }
        let longest = LONGEST_WAIT.min(self.ports.left().total / 2);
        let part = f64::from(self.ports.random().next_u32()) / f64::from(u32::MAX);
        self.ports.world.sleep(longest.mul_f64(part)).await;
    }

    /// Notes that passes are wanted, before the first verification needs one.
    ///
    /// # Errors
    /// As [`Engine::check_has_pool`]; `store`.
    pub(in crate::verification) async fn want_passes(&self, claim_type: &str) -> Result<()> {
        self.check_has_pool()?;
        self.ports.note_asked(claim_type).await
    }

    /// Whether there may be a pool for this client.
    ///
    /// # Errors
    /// `privacy_refused` for who brings an API key of his own: its pool would be his alone.
    pub(super) fn check_has_pool(&self) -> Result<()> {
        if self.is_strict && self.ports.customer.is_some() {
            return Err(refused(
                "A strict client has pools for its own API key only, and this client was derived for another \
                 one. Build a strict client with that key",
            ));
        }
        Ok(())
    }

    /// A pass that a caller keeps may be for a relay that waits for it.
    ///
    /// # Errors
    /// `privacy_refused` in a strict engine.
    pub(super) fn check_sells_to_callers(&self) -> Result<()> {
        match self.is_strict {
            false => Ok(()),
            true => Err(sells_to_nobody()),
        }
    }

    /// Nothing is bought for a challenge that two fetches do not show.
    ///
    /// # Errors
    /// `privacy_refused`, `store`.
    pub(super) async fn check_known(&self, of: &ClaimType, seen: &Sighting) -> Result<()> {
        let (persona, left) = (&self.ports.persona, self.ports.left().total);
        match persona.check_common(of, seen, left).await? {
            true => Ok(()),
            false => Err(refused(
                "Persona's challenge is not known from two fetches that agree",
            )),
        }
    }

    /// A place of a pass that nobody has taken yet.
    pub(super) async fn find_pass(
        &self,
        owner: Option<&Owner>,
        claim_type: &str,
    ) -> Result<Option<String>> {
        match self.is_strict {
            // The pool is the built client's own.
            true if owner.is_some() => Ok(None),
            true => self.ports.find_common(claim_type).await,
            false => self.ports.find_pooled(owner, claim_type).await,
        }
    }

    /// Takes a pass that a verification has chosen, unless it is no longer there.
    pub(super) async fn take_pass(&self, place: &str, by: &str) -> Result<Option<PaidPass>> {
        match self.is_strict {
            true => self.ports.take_common(place, by).await,
            false => self.ports.take_pooled(place, by).await,
        }
    }

    /// Whether this engine leaves a verification to an engine of the other kind, unless that one has had a day
    /// for it. Then it ends it, and puts a pass that Persona was never shown into the pool that it is of. What only a
    /// question could end, an engine that is not strict leaves alone for a week.
    pub(super) fn leaves_to_others(&self, record: &Durable) -> bool {
        let is_anothers =
            record.purpose == Purpose::Verification && record.is_strict() != self.is_strict;
        let now = self.ports.now();
        let ends = match self.is_strict {
            true => record.is_dead(now),
            // What is on its way to a pool is shown to nobody.
            false => record.is_closed() || record.refund.is_some() || ends_unasked(record, now),
        };
        is_anothers && !ends
    }
}

pub(super) fn sells_to_nobody() -> Error {
    refused(
        "A strict client buys passes for its pool only: one that is bought on demand tells Persona by the clock \
         which relay it is for. Use verifications, or a client with privacy = \"standard\"",
    )
}

/// A request may have been sent before a strict client took it over.
pub(super) fn is_for_strict() -> Error {
    Error::new(
        ErrorKind::PrivacyRefused,
        "A strict client has begun this verification, or has taken it over. Complete it with one. Nothing was sent \
         since then.",
    )
}

pub(super) fn of_another_hour() -> Error {
    refused(
        "Persona's challenge is not the one of this common hour, and a pass that is bought for it would name you: \
         your clock or Persona's is wrong",
    )
}

pub(super) fn refused(what: &str) -> Error {
    Error::new(
        ErrorKind::PrivacyRefused,
        format!("{what}. Nothing was sent."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::matchers_file;

    #[test]
    fn the_simulation_of_the_matcher_waits_as_long() {
        let Some(file) = matchers_file() else { return };
        assert_eq!(file["longest_wait"].as_u64(), Some(LONGEST_WAIT.as_secs()));
    }
}
