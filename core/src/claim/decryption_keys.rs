//! Several keys at once, so that one can take another's place.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

use aws_lc_rs::rsa::{OaepAlgorithm, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256};
use zeroize::Zeroizing;

use super::jwe::{Jwe, CONTENT_KEY_LEN};
use super::{DecryptionKey, EncryptionKey};
use crate::error::{Error, Result};

/// The keys that open claims, the newest first: new relays are created with the public half of the
/// first, and all of them open.
///
/// To rotate, put the new key first, and drop the old one when no relay is open that was created with
/// it: sessions last 30 minutes.
#[derive(Clone, Debug)]
pub struct DecryptionKeys {
    keys: Arc<[DecryptionKey]>,
    fitted: Arc<Fitted>,
}

/// What fitted last, and is tried first: a claim costs one private operation then.
#[derive(Debug, Default)]
struct Fitted {
    key: AtomicUsize,
    hash: AtomicUsize,
}

/// Which hash Persona uses for a key in PEM is not documented.
static HASHES: [&OaepAlgorithm; 2] = [&OAEP_SHA256_MGF1SHA256, &OAEP_SHA1_MGF1SHA1];

impl DecryptionKeys {
    /// More are never tried.
    pub const MOST: usize = 16;

    /// Keys, the newest first.
    ///
    /// # Errors
    /// `invalid_argument` for none at all, or more than [`DecryptionKeys::MOST`].
    pub fn new(keys: Vec<DecryptionKey>) -> Result<Self> {
        if keys.is_empty() || keys.len() > Self::MOST {
            return Err(Error::invalid_argument(
                "The list of decryption keys must hold from 1 to 16 keys, the newest first.",
            ));
        }
        Ok(Self {
            keys: keys.into(),
            fitted: Arc::default(),
        })
    }

    /// Reads keys in any form that [`DecryptionKey::parse`] reads, the newest first.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let keys = texts.into_iter().map(DecryptionKey::parse);
        Self::new(keys.collect::<Result<_>>()?)
    }

    /// The public half of the newest: what Persona gets.
    pub fn encryption_key(&self) -> &EncryptionKey {
        self.keys[0].encryption_key()
    }

    /// Decrypts the content of a JWE. Where the sender names the key, only that one is tried.
    pub(super) fn decrypt_jwe(&self, jwe: &Jwe<'_>) -> Option<Zeroizing<Vec<u8>>> {
        let named = |key: &DecryptionKey| jwe.kid.as_deref().is_some_and(|kid| key.is_named(kid));
        let is_named = self.keys.iter().any(named);
        let mut content_key = Zeroizing::new([0; CONTENT_KEY_LEN]);
        let mut fits = None;
        for index in self.order() {
            let key = &self.keys[index];
            if is_named && !named(key) {
                continue;
            }
            let opened = key.decrypt(&OAEP_SHA256_MGF1SHA256, &jwe.encrypted_key);
            if let Some(opened) = opened.filter(|opened| opened.len() == CONTENT_KEY_LEN) {
                content_key.copy_from_slice(&opened);
                fits = Some(index);
                break;
            }
        }
        // The content is looked at even if no key fits, so that with one key time tells nobody which of
        // the two it was (RFC 7516 section 11.5); what comes of that is not used. With several keys it
        // tells how many were tried, as it does for a key that fits.
        let content = jwe.open(&content_key);
        self.fitted.key.store(fits?, Relaxed);
        content
    }

    /// Decrypts RSA-OAEP, under SHA-256 or SHA-1 in both places.
    pub(super) fn decrypt_oaep(&self, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let last = self.fitted.hash.load(Relaxed);
        for key in self.order() {
            for hash in [last, 1 - last] {
                if let Some(content) = self.keys[key].decrypt(HASHES[hash], ciphertext) {
                    self.fitted.key.store(key, Relaxed);
                    self.fitted.hash.store(hash, Relaxed);
                    return Some(content);
                }
            }
        }
        None
    }

    /// The one that fitted last, then the others.
    fn order(&self) -> impl Iterator<Item = usize> {
        let last = self.fitted.key.load(Relaxed);
        let others = (0..self.keys.len()).filter(move |index| *index != last);
        std::iter::once(last).chain(others)
    }
}

impl From<DecryptionKey> for DecryptionKeys {
    fn from(key: DecryptionKey) -> Self {
        Self {
            keys: Arc::new([key]),
            fitted: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::jwe::tests::seal;
    use super::super::keys::tests::encrypt;
    use super::super::{generate_key_pair, open_claim};
    use super::*;
    use crate::encoding::encode_base64url;

    const CLAIM: &str = r#"{"claim_type":"age","claim_result":"passed"}"#;
    const HEADER: &str = r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#;

    fn jwe(key: &DecryptionKey, header: &str) -> String {
        seal(key, header, CLAIM.as_bytes())
    }

    fn oaep(key: &DecryptionKey, hash: &'static OaepAlgorithm) -> String {
        encode_base64url(&encrypt(key, hash, CLAIM.as_bytes()))
    }

    /// How many private operations opening costs with these keys.
    fn cost(keys: &DecryptionKeys, payload: &str) -> usize {
        let count = || {
            keys.keys
                .iter()
                .map(DecryptionKey::operations)
                .sum::<usize>()
        };
        let before = count();
        assert!(open_claim(payload, Some(keys), None).unwrap().passed());
        count() - before
    }

    #[test]
    fn the_first_is_sent_and_all_of_them_open() {
        let [new, old] = [2048, 3072].map(|bits| generate_key_pair(bits).unwrap());
        let keys = DecryptionKeys::new(vec![new.clone(), old.clone()]).unwrap();
        assert_eq!(keys.encryption_key(), new.encryption_key());
        for key in [&new, &old] {
            assert!(open_claim(&jwe(key, HEADER), Some(&keys), None)
                .unwrap()
                .passed());
            for hash in HASHES {
                assert!(open_claim(&oaep(key, hash), Some(&keys), None)
                    .unwrap()
                    .passed());
            }
        }
    }

    #[test]
    fn what_fitted_last_costs_one_private_operation() {
        let [new, old] = [(); 2].map(|()| generate_key_pair(2048).unwrap());
        let keys = DecryptionKeys::new(vec![new.clone(), old.clone()]).unwrap();
        assert_eq!(cost(&keys, &oaep(&new, &OAEP_SHA256_MGF1SHA256)), 1);
        assert_eq!(cost(&keys, &oaep(&new, &OAEP_SHA1_MGF1SHA1)), 2);
        assert_eq!(cost(&keys, &oaep(&new, &OAEP_SHA1_MGF1SHA1)), 1);
        assert_eq!(cost(&keys, &oaep(&old, &OAEP_SHA1_MGF1SHA1)), 3);
        assert_eq!(cost(&keys, &oaep(&old, &OAEP_SHA1_MGF1SHA1)), 1);
        assert_eq!(cost(&keys, &jwe(&old, HEADER)), 1);
        assert_eq!(cost(&keys, &jwe(&new, HEADER)), 2);
        assert_eq!(cost(&keys, &jwe(&new, HEADER)), 1);
        // A key of another size cannot be the one.
        let long = generate_key_pair(3072).unwrap();
        let keys = DecryptionKeys::new(vec![long, new.clone()]).unwrap();
        assert_eq!(cost(&keys, &oaep(&new, &OAEP_SHA256_MGF1SHA256)), 1);
    }

    #[test]
    fn a_name_picks_the_key() {
        let keys: Vec<DecryptionKey> = (0..3).map(|_| generate_key_pair(2048).unwrap()).collect();
        let last = keys[2].clone();
        let given = last
            .to_jwk()
            .expose()
            .replacen('{', r#"{"kid":"2026-11","#, 1);
        let named = DecryptionKey::parse(&given).unwrap();
        let keys = DecryptionKeys::new(vec![keys[0].clone(), keys[1].clone(), named]).unwrap();
        let thumbprint = last.encryption_key().thumbprint();
        for kid in ["2026-11", thumbprint] {
            let header = HEADER.replacen('{', &format!(r#"{{"kid":"{kid}","#), 1);
            // Whatever fitted last.
            keys.fitted.key.store(0, Relaxed);
            assert_eq!(cost(&keys, &jwe(&last, &header)), 1, "{kid}");
        }
        // A name that nobody knows is no name, and one that is another key's is a lie.
        let header = HEADER.replacen('{', r#"{"kid":"unknown","#, 1);
        assert!(open_claim(&jwe(&last, &header), Some(&keys), None).is_ok());
        let header = HEADER.replacen('{', r#"{"kid":"2026-11","#, 1);
        let error = open_claim(&jwe(&keys.keys[0], &header), Some(&keys), None).unwrap_err();
        assert_eq!(error.code(), "decryption");
    }

    #[test]
    fn a_list_of_none_or_too_many_is_refused() {
        let key = generate_key_pair(2048).unwrap();
        assert!(DecryptionKeys::new(Vec::new()).is_err());
        assert!(DecryptionKeys::new(vec![key.clone(); DecryptionKeys::MOST]).is_ok());
        assert!(DecryptionKeys::new(vec![key; DecryptionKeys::MOST + 1]).is_err());
    }
}
