//! The keys that passes are signed with: parsed once, and with blinding factors made ahead for each.
//!
//! Factors are made on a thread for work that blocks, and wiped by a task that sleeps until they are too
//! old. With the last client that knows a key, its factors are wiped, at the latest when those that are being
//! made are finished.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::brief_lock::lock_briefly;
use crate::error::{Error, ErrorKind, Result};
use crate::moment::Moment;
use crate::pass::reserve::{Reserve, BATCH};
use crate::pass::{Challenge, Malformed, PendingPass, TokenKey};
use crate::secret::os_random;
use crate::sync::Mutex;

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
        let filling = Filling(Some(self.clone()));
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

/// Somebody makes factors, or gives it up when this is dropped. None: they are made.
struct Filling(Option<Arc<KnownKey>>);

impl Filling {
    /// Returns who wipes what becomes too old, if nobody does yet.
    fn fill(mut self) -> Option<Watch> {
        let known = self.0.clone()?;
        let began = Moment::present();
        let public_key = known.key.public_key();
        let factors = public_key.factors(BATCH, &mut os_random());
        // From here on another may make more, and that is not to be given up when this is dropped.
        self.0 = None;
        known.reserve.put(factors, &began);
        let watches = known.reserve.watch(&began);
        watches.then(|| Watch(Arc::downgrade(&known)))
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        if let Some(known) = &self.0 {
            known.reserve.give_up(&Moment::present());
        }
    }
}

/// The one who wipes factors when they are too old, until there are none: then it is nobody's.
struct Watch(Weak<KnownKey>);

impl Watch {
    async fn wipe_in_time(mut self) {
        let stale_in = || self.0.upgrade()?.reserve.wipe_stale(&Moment::present());
        while let Some(left) = stale_in() {
            tokio::time::sleep(left).await;
        }
        // From here on another may watch, and that is not to be ended when this is dropped.
        self.0 = Weak::new();
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

    pub(super) fn random_key(size: KeySize) -> String {
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

#[cfg(all(test, relaypass_loom))]
mod models {
    use std::sync::LazyLock;
    use std::time::Duration;

    use aws_lc_rs::rsa::KeySize;
    use futures_util::FutureExt as _;

    use super::tests::random_key;
    use super::*;
    use crate::sync::{play, spawn};

    static KEY: LazyLock<String> = LazyLock::new(|| random_key(KeySize::Rsa2048));
    static TOKEN_KEY: LazyLock<TokenKey> =
        LazyLock::new(|| TokenKey::decode(&KEY, "id").expect("it is one"));

    fn known() -> Arc<KnownKey> {
        Arc::new(KnownKey {
            key: TOKEN_KEY.clone(),
            reserve: Reserve::default(),
        })
    }

    #[test]
    fn all_who_see_a_key_at_once_share_what_is_made_ahead_for_it() {
        play(|| {
            let keys = Arc::new(TokenKeys::default());
            let decoding = [(); 2].map(|()| {
                let keys = keys.clone();
                spawn(move || keys.decode(&KEY, "id").unwrap())
            });
            let known = keys.decode(&KEY, "id").unwrap();
            for thread in decoding {
                assert!(Arc::ptr_eq(&known, &thread.join().unwrap()));
            }
            assert_eq!(lock_briefly(&keys.0).unwrap().len(), 1);
        });
    }

    /// Two who make factors at once would leave more than one of them makes, beside those that were few.
    #[test]
    fn one_at_a_time_makes_factors() {
        play(|| {
            let known = known();
            known.reserve.take(&Moment::present());
            let taking = [(); 3].map(|()| {
                let known = known.clone();
                spawn(move || {
                    if known.reserve.take(&Moment::present()).refill {
                        Filling(Some(known)).fill();
                    }
                })
            });
            for thread in taking {
                thread.join().unwrap();
            }
            assert!(known.reserve.len() <= BATCH / 2 + BATCH);
        });
    }

    #[test]
    fn while_there_are_factors_one_watches_them() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _runtime = runtime.enter();
        play(|| {
            let known = known();
            let now = Moment::present();
            let stale = Moment {
                clock: now.clock - Duration::from_secs(60),
                ..now
            };
            let factors = known.key.public_key().factors(1, &mut os_random());
            known.reserve.put(factors, &stale);
            assert!(known.reserve.watch(&now));
            let watching = |watch: Watch| {
                let mut wiping = Box::pin(watch.wipe_in_time());
                let is_over = (&mut wiping).now_or_never().is_some();
                (!is_over).then_some(wiping)
            };
            let first = Watch(Arc::downgrade(&known));
            let first = spawn(move || watching(first));
            let filling = Filling(Some(known.clone()));
            let filling = spawn(move || filling.fill().and_then(watching));
            let watches = [first, filling].map(|thread| thread.join().unwrap());
            assert_eq!(watches.iter().flatten().count(), 1);
            assert!(known.reserve.is_watched(&Moment::present()));
        });
    }
}
