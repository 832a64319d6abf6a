//! What is stored of a pass that is held ready.
//!
//! ```text
//! issuing -> available -> taken by a verification -> gone
//! ```
//! A pass that is taken stays in its record until the verification has it in its own: a crash in
//! between leaves it in one of the two. What is gone stays as a mark for a while, so that a worker
//! who slept does not put a pass back that somebody has used (it may do so only where nothing is).

use serde::{Deserialize, Serialize};

use super::Purchase;
use crate::client::Owner;
use crate::privacy::CommonHour;
use crate::privacy::Sighting;
use crate::privacy::LATE;
use crate::records::{next_look, Format, Stored, StoredSecret, DAY, HOUR, LEASE};
use crate::secret::rand_core::CryptoRng;

/// Passes are used for 80 of the 90 days that they live.
pub(super) const USABLE: u64 = 80 * DAY;
/// By so much the clocks of two workers may differ before the hour of a strict pool's passes has begun.
const EARLY: u64 = 2 * HOUR;
/// So long a pass of a strict pool stays after its time: who deletes it may have a clock that is days ahead, and it
/// was paid for.
const UNUSED: u64 = 8 * DAY;
/// How long a mark stays.
const MARK: u64 = 2 * HOUR;

/// A pass that was paid for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PaidPass {
    pub(crate) token: StoredSecret,
    /// Milliseconds since the epoch.
    pub(crate) bought_at: u64,
    /// Of a strict pool: what it was bought in. When that is used no longer, all others drop theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bought_in: Option<BoughtIn>,
    /// Of a strict verification: whether Persona may have been shown it.
    #[serde(rename = "shown", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_shown: bool,
}

impl PaidPass {
    pub(crate) fn new(token: StoredSecret, bought_at: u64) -> Self {
        Self {
            token,
            bought_at,
            bought_in: None,
            is_shown: false,
        }
    }

    /// Whether it must not be shown for the first time any more: all others have dropped theirs. What was chosen
    /// before is shown a little longer, because clocks differ.
    pub(crate) fn is_dropped(&self, now: u64) -> bool {
        let until = (self.bought_in.as_ref()).map(|it| it.hour.is_used_until());
        until.is_some_and(|until| now >= until.saturating_add(LATE))
    }
}

/// A place in the pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pooled {
    pub(crate) environment: String,
    pub(crate) claim_type: String,
    pub(crate) state: PooledState,
    /// Whose it is; none: the passes of the client that was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Owner>,
    /// The verification that it came back from: then it leaves a mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) came_from: Option<String>,
    /// Of a strict pool: what its pass was bought in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bought_in: Option<BoughtIn>,
    #[serde(default)]
    tries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leased_until: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

/// In which common hour a pass of a strict pool is bought, and for which challenge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BoughtIn {
    pub(crate) hour: CommonHour,
    /// Held against what others were given before it is signed, and before it is used.
    pub(crate) seen: Sighting,
}

/// What is in a place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub(crate) enum PooledState {
    Issuing { purchase: Purchase },
    Available { pass: PaidPass },
    Taken { pass: PaidPass, by: String },
    Gone,
}

impl Pooled {
    pub(crate) fn new(
        environment: &str,
        claim_type: &str,
        state: PooledState,
        now: u64,
        random: &mut impl CryptoRng,
    ) -> Self {
        let mut pooled = Self {
            environment: environment.to_owned(),
            claim_type: claim_type.to_owned(),
            state,
            owner: None,
            came_from: None,
            bought_in: None,
            tries: 0,
            leased_until: Some(now + LEASE),
            due_at: None,
            expires_at: None,
        };
        pooled.schedule(now, random);
        pooled
    }

    pub(crate) fn moved(&self, state: PooledState, now: u64, random: &mut impl CryptoRng) -> Self {
        let mut moved = Self {
            state,
            tries: 0,
            leased_until: Some(now + LEASE),
            ..self.clone()
        };
        moved.schedule(now, random);
        moved
    }

    /// The record after a look in vain.
    pub(super) fn postponed(&self, now: u64, random: &mut impl CryptoRng) -> Self {
        let mut postponed = Self {
            tries: self.tries.saturating_add(1),
            leased_until: None,
            ..self.clone()
        };
        postponed.schedule(now, random);
        postponed
    }

    pub(super) fn is_due(&self, now: u64) -> bool {
        self.due_at.is_some_and(|due_at| due_at <= now)
    }

    /// Whether a pass is there, is about to be, or may have been billed in vain.
    pub(super) fn counts(&self, now: u64) -> bool {
        matches!(self.state, PooledState::Issuing { .. }) || self.available(now).is_some()
    }

    pub(super) fn is_leased(&self, now: u64) -> bool {
        self.leased_until
            .is_some_and(|until| now < until && until <= now + LEASE)
    }

    /// The pass, if it is there for the taking.
    pub(super) fn available(&self, now: u64) -> Option<&PaidPass> {
        let PooledState::Available { pass } = &self.state else {
            return None;
        };
        let is_usable = match &self.bought_in {
            None => now < pass.bought_at.saturating_add(USABLE),
            Some(bought_in) => bought_in.hour.is_used_at(now),
        };
        is_usable.then_some(pass)
    }

    /// Likewise, for a verification that has chosen this place. Another worker on it, whose clock differs,
    /// must not find that the hour of a strict pool is over, or not yet, when this one takes the pass.
    pub(super) fn chosen(&self, now: u64) -> Option<&PaidPass> {
        let (behind, ahead) = (now.saturating_sub(LATE), now.saturating_add(EARLY));
        let strictly = || self.available(behind).or_else(|| self.available(ahead));
        let is_strict = self.bought_in.is_some();
        self.available(now)
            .or_else(|| is_strict.then(strictly).flatten())
    }

    /// Of a strict pool: what its pass was bought in, if it is there for the taking.
    pub(super) fn usable_in(&self, now: u64) -> Option<&BoughtIn> {
        self.available(now).and(self.bought_in.as_ref())
    }

    /// A pass of this place for the verification that takes it.
    pub(super) fn handed_out(&self, pass: &PaidPass) -> PaidPass {
        PaidPass {
            bought_in: self.bought_in.clone(),
            ..pass.clone()
        }
    }

    fn schedule(&mut self, now: u64, random: &mut impl CryptoRng) {
        (self.due_at, self.expires_at) = match &self.state {
            // Evidence and blinding stay for as long as somebody could ask again.
            PooledState::Issuing { purchase } if !purchase.may_go_on(now) => {
                (Some(now.max(purchase.is_over_at())), None)
            }
            PooledState::Issuing { .. } | PooledState::Taken { .. } => {
                (Some(next_look(now, self.tries, random)), None)
            }
            PooledState::Available { .. } if self.bought_in.is_some() => {
                let until = (self.bought_in.as_ref()).map(|it| it.hour.is_used_until());
                (until.map(|until| until.saturating_add(UNUSED)), None)
            }
            // By the day: the exact time would lead to the verification that it came back from.
            PooledState::Available { pass } => (
                Some(pass.bought_at.saturating_add(USABLE) / DAY * DAY),
                None,
            ),
            // `recover` deletes it, when whoever it is a mark for knows.
            PooledState::Gone => (Some(now + MARK), None),
        };
    }
}

impl Stored for Pooled {
    fn due_at(&self) -> Option<u64> {
        self.due_at
    }

    fn expires_at(&self) -> Option<u64> {
        self.expires_at
    }

    fn format(&self) -> Format {
        match &self.owner {
            _ if self.bought_in.is_some() => Format::Strict,
            Some(_) => Format::Owned,
            None => Format::Plain,
        }
    }
}
