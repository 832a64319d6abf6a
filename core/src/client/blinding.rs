//! The keys that passes are signed with: parsed once, and with blinding factors made ahead for each.
//!
//! Factors are made on a thread for work that blocks, and wiped by a task that sleeps until they are too
//! old. With the last client that knows a key, its factors are wiped, at the latest when those that are being
//! made are finished.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::brief_lock::lock_briefly;
use crate::error::{Error, ErrorKind, Result};
use crate::moment::Moment;
use crate::pass::reserve::{Reserve, BATCH};
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
        if let Some(mut known) = lock_briefly(&self.0) {
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
        if let Some(mut known) = lock_briefly(&self.0) {
            // Another call may have been quicker.
            if let Some(there) = known.iter().find(|known| known.is(encoded, id)) {
                return Ok(there.clone());
            }
            known.push_back(new.clone());
            let evicted = (known.len() > MOST_KEYS).then(|| known.pop_front());
            // What it has is wiped when others may go on.
            drop(known);
            drop(evicted);
        }
        Ok(new)
    }

    /// Forgets all keys, and with them what was made ahead.
    pub(crate) fn clear(&self) {
        let forgotten = lock_briefly(&self.0).map(|mut known| std::mem::take(&mut *known));
        drop(forgotten);
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
        let taken = self.reserve.take(&Moment::present());
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
        runtime.spawn(async move {
            // A watch that nobody takes, because the runtime ends, ends as well.
            if let Ok(Some(watch)) = spawn_blocking(|| filling.fill()).await {
                watch.wipe_in_time().await;
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
    /// Returns who wipes what becomes too old, if nobody does yet.
    fn fill(self) -> Option<Watch> {
        let began = Moment::present();
        let public_key = self.0.key.public_key();
        let factors = public_key.factors(BATCH, &mut os_random());
        self.0.reserve.put(factors, &began);
        let watches = self.0.reserve.watch(&began);
        watches.then(|| Watch(Arc::downgrade(&self.0)))
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.0.reserve.give_up(&Moment::present());
    }
}

/// The one who wipes factors when they are too old, until there are none.
struct Watch(Weak<KnownKey>);

impl Watch {
    async fn wipe_in_time(self) {
        let stale_in = || self.0.upgrade()?.reserve.wipe_stale(&Moment::present());
        while let Some(left) = stale_in() {
            tokio::time::sleep(left).await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(known) = self.0.upgrade() {
            known.reserve.unwatch(&Moment::present());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;

    use super::*;
    use crate::encoding::encode_base64url;

    fn random_key(size: KeySize) -> String {
        let pair = KeyPair::generate(size).unwrap();
        encode_base64url(pair.public_key().as_der().unwrap().as_ref())
    }

    fn challenge() -> Challenge {
        let json = br#"{"token_type":2,"mac":"m","expires_at":"2100-01-01T00:00:00Z"}"#;
        Challenge::decode(&encode_base64url(json)).unwrap()
    }

    async fn refilled(known: &KnownKey) {
        let filling = async {
            while known.reserve.is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, filling)
            .await
            .expect("factors are made");
    }

    #[tokio::test]
    async fn from_the_second_pass_on_factors_are_made_ahead() {
        for size in [KeySize::Rsa2048, KeySize::Rsa4096] {
            let keys = TokenKeys::default();
            let known = keys.decode(&random_key(size), "id").unwrap();
            known.blind(challenge()).await.unwrap();
            assert!(
                !known.reserve.is_watched(&Moment::present()),
                "one pass alone has none made"
            );
            let second = known.blind(challenge()).await.unwrap();
            refilled(&known).await;
            let before = known.reserve.len();
            let third = known.blind(challenge()).await.unwrap();
            assert_eq!(known.reserve.len(), before - 1);
            assert_ne!(second.blinded_message(), third.blinded_message());
        }
    }

    #[tokio::test]
    async fn a_key_is_parsed_once_and_another_starts_with_none() {
        let keys = TokenKeys::default();
        let [one, other] = [KeySize::Rsa2048; 2].map(random_key);
        let known = keys.decode(&one, "id").unwrap();
        assert!(Arc::ptr_eq(&known, &keys.decode(&one, "id").unwrap()));
        for _ in 0..2 {
            known.blind(challenge()).await.unwrap();
        }
        refilled(&known).await;
        for (key, id) in [(&other, "id"), (&one, "another-id")] {
            let changed = keys.decode(key, id).unwrap();
            assert!(!Arc::ptr_eq(&known, &changed));
            assert!(changed.reserve.is_empty());
        }
        assert!(keys.decode("AAAA", "id").is_err());
    }

    #[test]
    fn keys_do_not_pile_up() {
        let keys = TokenKeys::default();
        let key = random_key(KeySize::Rsa2048);
        let first = keys.decode(&key, "first").unwrap();
        let second = keys.decode(&key, "second").unwrap();
        for other in 0..MOST_KEYS - 1 {
            keys.decode(&key, "first").unwrap();
            keys.decode(&key, &other.to_string()).unwrap();
        }
        assert!(Arc::ptr_eq(&first, &keys.decode(&key, "first").unwrap()));
        assert!(!Arc::ptr_eq(&second, &keys.decode(&key, "second").unwrap()));
        assert_eq!(keys.0.lock().unwrap().len(), MOST_KEYS);
    }

    #[tokio::test]
    async fn factors_end_with_the_last_who_knows_the_key() {
        let keys = TokenKeys::default();
        let known = keys.decode(&random_key(KeySize::Rsa2048), "id").unwrap();
        for _ in 0..2 {
            known.blind(challenge()).await.unwrap();
        }
        refilled(&known).await;
        let left = Arc::downgrade(&known);
        drop((known, keys));
        let gone = async {
            while left.upgrade().is_some() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), gone)
            .await
            .expect("nobody keeps them");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn with_a_long_key_others_go_on_while_a_message_is_blinded() {
        let keys = TokenKeys::default();
        let key = random_key(KeySize::Rsa4096);
        // On a busy machine this thread may rest until the other one is done.
        for _ in 0..20 {
            let known = keys.decode(&key, "id").unwrap();
            let blinding = tokio::spawn(async move { known.blind(challenge()).await });
            tokio::task::yield_now().await;
            let others_went_on = !blinding.is_finished();
            blinding.await.unwrap().unwrap();
            if others_went_on {
                return;
            }
        }
        panic!("this thread was busy with it");
    }
}
