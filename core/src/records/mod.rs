//! What the records of verifications and passes have in common: secrets and evidence as they are
//! stored, time and chance as arguments, and the one place that reads and writes them.

mod evidence;
mod name_key;
mod stored_secret;
mod vault;
mod world;

pub(crate) use evidence::Evidence;
pub(crate) use name_key::NameKey;
pub(crate) use stored_secret::StoredSecret;
#[cfg(any(test, relaypass_fuzzing))]
pub(crate) use vault::reread;
#[cfg(test)]
pub(crate) use vault::GRACE;
pub(crate) use vault::{Changed, Format, Loaded, Stored, Vault};
pub(crate) use world::{RealWorld, World, WorldRandom};

use crate::secret::rand_core::CryptoRng;

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// How long an idempotency key may be asked again. Persona keeps answers for 24 hours; two are left
/// for clocks that differ and processes that sleep.
pub(crate) const KEY_LIFE: u64 = 22 * HOUR;

/// How long Persona keeps an answer.
pub(crate) const ANSWER_LIFE: u64 = 24 * HOUR;

/// How long a worker that wrote an intent is left alone with it. It saves work, and decides nothing.
pub(crate) const LEASE: u64 = 3 * SECOND;

/// How long what is finished stays stored, at most as far as the store goes by `expires_at`.
pub(crate) const KEEP_FINISHED: u64 = 30 * DAY;

/// When to look at a record again after `tries` vain attempts: a minute, doubled up to a quarter of
/// an hour, give or take the half, so that a restart does not make a burst.
pub(crate) fn next_look(now: u64, tries: u32, random: &mut impl CryptoRng) -> u64 {
    let pause = (MINUTE << tries.min(4)).min(15 * MINUTE);
    now.saturating_add(pause / 2 + random.next_u64() % pause)
}
