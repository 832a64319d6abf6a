//! What steps and references are called: a keyed hash of what names them, so that the store shows
//! neither passes nor API keys, and nobody can try order numbers.
//!
//! The key is random, made once for each store and sealed in it: it is the same for every worker,
//! and outlives the seal keys.

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Changed, Stored, StoredSecret, Vault};
use crate::encoding::encode_hex;
use crate::error::Result;
use crate::secret::rand_core::CryptoRng;

const KEY: &str = "names";

/// The key of the hash.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NameKey {
    /// 32 random bytes, in hex.
    key: StoredSecret,
}

impl Stored for NameKey {
    fn due_at(&self) -> Option<u64> {
        None
    }

    fn expires_at(&self) -> Option<u64> {
        None
    }

    fn is_under(&self, key: &str) -> bool {
        key == KEY
    }
}

impl NameKey {
    /// The key of this store, which is made if there is none yet.
    ///
    /// # Errors
    /// `store` when the store fails; `decryption` when none of the seal keys opens it.
    pub(crate) async fn of(vault: &Vault, random: &mut impl CryptoRng) -> Result<Self> {
        match vault.load::<Self>(KEY).await? {
            Some(there) => Ok(there.content),
            None => Self::make(vault, random).await,
        }
    }

    /// Likewise. If another than the first seal key has sealed it, it is sealed anew: the other one can
    /// then be dropped.
    ///
    /// # Errors
    /// As [`NameKey::of`].
    pub(crate) async fn renewed(vault: &Vault, random: &mut impl CryptoRng) -> Result<Self> {
        match vault.load_renewed::<Self>(KEY).await? {
            Some(there) => Ok(there.content),
            None => Self::make(vault, random).await,
        }
    }

    /// Seals it anew, if there is one, and another than the first seal key has sealed it.
    ///
    /// # Errors
    /// As [`NameKey::of`].
    pub(crate) async fn renew_seal(vault: &Vault) -> Result<()> {
        vault.load_renewed::<Self>(KEY).await.map(|_| ())
    }

    async fn make(vault: &Vault, random: &mut impl CryptoRng) -> Result<Self> {
        loop {
            match vault.put(KEY, None, Self::random(random)).await? {
                Changed::Done(ours) => return Ok(ours.content),
                Changed::Refused(Some(theirs)) => return Ok(theirs.content),
                Changed::Refused(None) => {}
            }
        }
    }

    /// The id of a step, or the key of a reference, that these parts name.
    pub(crate) fn id(&self, step: &str, parts: &[&str]) -> String {
        let mut named = Zeroizing::new(Vec::from(step));
        for part in parts {
            // With its length: no two lists of parts read the same.
            named.extend_from_slice(&(part.len() as u64).to_be_bytes());
            named.extend_from_slice(part.as_bytes());
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.expose().as_bytes());
        format!("{step}/{}", encode_hex(hmac::sign(&key, &named).as_ref()))
    }

    fn random(random: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        random.fill_bytes(&mut *key);
        let text = Zeroizing::new(encode_hex(&*key));
        Self {
            key: StoredSecret::new(text.as_str()),
        }
    }
}
