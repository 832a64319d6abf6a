//! Sealing: what a leaked or altered table may not show or change.
//!
//! ```text
//! value = format (1 byte: 1) || how (1 byte: 0 plain, 1 sealed) || content
//! sealed content = nonce (12) || ciphertext || tag (16)          AES-256-GCM-SIV, see `SealKey`
//! associated data = "relaypass record" || 0 || key || 0 || version (8 bytes, big-endian)
//! ```
//! Because key and version are bound to the content, a row cannot be put in another row's place,
//! and an old value not under a newer version.

use zeroize::Zeroizing;

use crate::credential::SealKey;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::os_random;

const FORMAT: u8 = 1;
const PLAIN: u8 = 0;
const SEALED: u8 = 1;

/// Seals values with the first of its keys, and opens those sealed with any of them.
#[derive(Clone, Default)]
pub struct Sealer {
    keys: Vec<SealKey>,
}

impl Sealer {
    /// A sealer with these keys, the newest first. Without keys, values are stored as they are.
    pub fn new(keys: Vec<SealKey>) -> Self {
        Self { keys }
    }

    /// Makes a value of a content.
    pub fn seal(&self, key: &str, version: u64, content: &[u8]) -> Vec<u8> {
        let Some(seal_key) = self.keys.first() else {
            return [&[FORMAT, PLAIN], content].concat();
        };
        let sealed = seal_key.seal(content, &associated_data(key, version), &mut os_random());
        [&[FORMAT, SEALED], &sealed[..]].concat()
    }

    /// Whether the first key has sealed this value. Without keys, every value is as it should be.
    pub(crate) fn is_newest(&self, key: &str, version: u64, value: &[u8]) -> bool {
        let Some(first) = self.keys.first() else {
            return true;
        };
        let sealed = value.strip_prefix(&[FORMAT, SEALED]);
        sealed.is_some_and(|sealed| first.open(sealed, &associated_data(key, version)).is_ok())
    }

    /// Gets the content out of a value.
    ///
    /// # Errors
    /// * `store`: the record is damaged, has a format that this version does not know, or is not
    ///   sealed although there is a seal key: somebody may have put it there.
    /// * `decryption`: none of the keys opens it, or there is no key.
    pub fn open(&self, key: &str, version: u64, value: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let refused = |kind, what: &str| Error::new(kind, format!("{what} It was left untouched."));
        match value {
            [FORMAT, PLAIN, content @ ..] if self.keys.is_empty() => {
                Ok(Zeroizing::new(content.to_vec()))
            }
            [FORMAT, PLAIN, ..] => Err(refused(
                ErrorKind::Store,
                "The record is not sealed although a seal key is set: it was stored before there \
                 was one, or somebody else put it there.",
            )),
            [FORMAT, SEALED, ..] if self.keys.is_empty() => Err(refused(
                ErrorKind::Decryption,
                "The record is sealed and this client has no seal key.",
            )),
            [FORMAT, SEALED, sealed @ ..] => self
                .keys
                .iter()
                .find_map(|seal_key| seal_key.open(sealed, &associated_data(key, version)).ok())
                .ok_or_else(|| {
                    refused(
                        ErrorKind::Decryption,
                        "The record does not open with any of the seal keys: another key sealed \
                         it, or it was changed.",
                    )
                }),
            [format, ..] if *format > FORMAT => Err(refused(
                ErrorKind::Store,
                "The record has a format that this version of relaypass does not know; a newer one \
                 wrote it.",
            )),
            _ => Err(refused(ErrorKind::Store, "The record is damaged.")),
        }
    }
}

fn associated_data(key: &str, version: u64) -> Vec<u8> {
    [
        b"relaypass record\0",
        key.as_bytes(),
        b"\0",
        &version.to_be_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(keys: &[u8]) -> Sealer {
        Sealer::new(keys.iter().map(|byte| SealKey::new([*byte; 32])).collect())
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let old = sealer(&[1]).seal("a", 3, b"content");
        let rotated = sealer(&[2, 1]);
        assert_eq!(&rotated.open("a", 3, &old).unwrap()[..], b"content");
        let new = rotated.seal("a", 3, b"content");
        assert_eq!(
            sealer(&[1]).open("a", 3, &new).unwrap_err().code(),
            "decryption"
        );
        assert_eq!(&sealer(&[2]).open("a", 3, &new).unwrap()[..], b"content");
    }

    #[test]
    fn a_value_fits_its_own_key_and_version_only() {
        let value = sealer(&[1]).seal("a", 3, b"content");
        for (key, version) in [("b", 3), ("a", 4), ("", 3)] {
            let error = sealer(&[1]).open(key, version, &value).unwrap_err();
            assert_eq!(error.code(), "decryption");
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let value = sealer(&[1]).seal("a", 3, b"content");
        for index in 0..value.len() {
            let mut changed = value.clone();
            changed[index] ^= 1;
            assert!(sealer(&[1]).open("a", 3, &changed).is_err(), "{index}");
        }
        for length in 0..value.len() {
            assert!(sealer(&[1]).open("a", 3, &value[..length]).is_err());
        }
    }

    #[test]
    fn plain_values_are_for_clients_without_a_key_only() {
        let plain = sealer(&[]).seal("a", 1, b"content");
        assert_eq!(&sealer(&[]).open("a", 1, &plain).unwrap()[..], b"content");
        assert_eq!(
            sealer(&[1]).open("a", 1, &plain).unwrap_err().code(),
            "store"
        );
        let sealed = sealer(&[1]).seal("a", 1, b"content");
        assert_eq!(
            sealer(&[]).open("a", 1, &sealed).unwrap_err().code(),
            "decryption"
        );
    }

    #[test]
    fn a_newer_format_is_refused_as_such() {
        let error = sealer(&[]).open("a", 1, &[2, 0, 1]).unwrap_err();
        assert_eq!(error.code(), "store");
        assert!(error.message().contains("newer"));
        assert!(sealer(&[])
            .open("a", 1, b"")
            .unwrap_err()
            .message()
            .contains("damaged"));
    }
}
