//! The keys that passes are signed with: parsed once, and with blinding factors made ahead for each.
//!
//! Factors are made on a thread for work that blocks, and wiped by a task that sleeps until they are too
//! old. Neither keeps anything alive: with the last client that knows a key, its factors are wiped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Instant, SystemTime};

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::error::{Error, ErrorKind, Result};
use crate::pass::reserve::{Moment, Process, Reserve, BATCH};
use crate::pass::{Challenge, Malformed, PendingPass, TokenKey};
use crate::secret::os_random;

/// So many keys are known at once. An issuer has one for each claim type and environment.
const MOST_KEYS: usize = 16;

/// The longest key, in bytes, with which a message is blinded at once on the thread of the call. With longer
/// ones that takes more than 100 µs.
const LONGEST_IN_PLACE: usize = 256;

/// The keys, the one seen last at the end.
#[derive(Default)]
pub(crate) struct TokenKeys(Mutex<VecDeque<Arc<KnownKey>>>);

/// A key, and what was made ahead for it.
pub(crate) struct KnownKey {
    key: TokenKey,
    reserve: Reserve,
}

impl TokenKeys {
    /// [`TokenKey::decode`], once for each key.
    ///
    /// # Errors
    /// As that.
    pub(crate) fn decode(
        &self,
        encoded: &str,
        id: &str,
    ) -> std::result::Result<Arc<KnownKey>, Malformed> {
        // In the child of a fork, a thread that is not there may hold the lock.
        if let Ok(mut known) = self.0.try_lock() {
            let is_it = |known: &Arc<KnownKey>| known.is(encoded, id);
            if let Some(place) = known.iter().position(is_it) {
                let found = known.remove(place).expect("its place was found");
                known.push_back(found.clone());
                return Ok(found);
            }
        }
        let new = Arc::new(KnownKey {
            key: TokenKey::decode(encoded, id)?,
            reserve: Reserve::default(),
        });
        if let Ok(mut known) = self.0.try_lock() {
            // Another call may have been quicker.
            if let Some(there) = known.iter().find(|known| known.is(encoded, id)) {
                return Ok(there.clone());
            }
            known.push_back(new.clone());
            if known.len() > MOST_KEYS {
                known.pop_front();
            }
        }
        Ok(new)
    }
}

impl KnownKey {
    pub(crate) fn key(&self) -> &TokenKey {
        &self.key
    }

    fn is(&self, encoded: &str, id: &str) -> bool {
        self.key.encoded() == encoded && self.key.id() == id
    }

    /// Draws a nonce and blinds a message for this challenge, with a factor that was made ahead if there is one.
    ///
    /// # Errors
    /// `protocol`, as [`refused`], where [`PendingPass::blind`] fails.
    pub(crate) async fn blind(self: &Arc<Self>, challenge: Challenge) -> Result<PendingPass> {
        let taken = self.reserve.take(&now());
        if taken.refill {
            self.refill();
        }
        let is_quick = taken.factor.is_some() || self.key.public_key().size() <= LONGEST_IN_PLACE;
        let key = self.key.clone();
        let blind = || {
            let blinded = PendingPass::blind_with(challenge, key, taken.factor, &mut os_random());
            blinded.map_err(|bad| refused(bad.0))
        };
        if is_quick {
            return blind();
        }
        let blinding = spawn_blocking(blind).await;
        blinding.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Internal,
                "This is a mistake of relaypass, please report it.",
            ))
        })
    }

    /// Makes more factors, elsewhere, and sees to it that they are wiped.
    fn refill(self: &Arc<Self>) {
        let filling = Filling(self.clone());
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let known = Arc::downgrade(self);
        runtime.spawn(async move {
            let watches = spawn_blocking(|| filling.fill()).await;
            if watches.unwrap_or(false) {
                Watch(known).wipe_in_time().await;
            }
        });
    }
}

/// What is said of a challenge or a key that nothing can be blinded with.
pub(super) fn refused(what: &str) -> Error {
    Error::protocol(format!("Persona's challenge is no good: {what}."))
}

/// Somebody makes factors, or has given it up.
struct Filling(Arc<KnownKey>);

impl Filling {
    /// Whether nobody yet wipes what becomes too old.
    fn fill(self) -> bool {
        let began = now();
        let public_key = self.0.key.public_key();
        let factors = public_key.factors(BATCH, &mut os_random());
        self.0.reserve.put(factors, &began);
        self.0.reserve.watch(&began)
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.0.reserve.give_up(&now());
    }
}

/// The one who wipes factors when they are too old, until there are none.
struct Watch(Weak<KnownKey>);

impl Watch {
    async fn wipe_in_time(self) {
        let stale_in = || self.0.upgrade()?.reserve.wipe_stale(&now());
        while let Some(left) = stale_in() {
            tokio::time::sleep(left).await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(known) = self.0.upgrade() {
            known.reserve.unwatch(&now());
        }
    }
}

fn now() -> Moment {
    Moment {
        instant: Instant::now(),
        clock: SystemTime::now(),
        process: Process::present(),
    }
}
