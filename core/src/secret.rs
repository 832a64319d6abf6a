//! Secrets as types: redacted in `Debug`, wiped from memory when dropped, compared in constant time.
//!
//! A value that must not be logged is a [`Secret`], so that a careless `{:?}` prints `[redacted]`
//! and not the value.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// The random number traits, of the version that this crate's arguments are of.
pub use rand_core;

use self::rand_core::{CryptoRng, UnwrapErr};
use crate::encoding::push_hex;

/// A value that never shows itself.
///
/// It is wiped when dropped. Copies that [`Secret::expose`] leads to are the reader's business.
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes charge of a secret value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. The name is there to be searched for in reviews.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl Secret<String> {
    /// Appends to a text that has room enough. A text that grew would leave copies behind.
    pub(crate) fn append(&mut self, more: &str) {
        debug_assert!(self.0.capacity() - self.0.len() >= more.len());
        self.0.push_str(more);
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize + Clone> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().ct_eq(other.0.as_ref()).into()
    }
}

impl<T: Zeroize + AsRef<[u8]>> Eq for Secret<T> {}

/// The key under which a side-effect is remembered by Persona for 24 hours.
///
/// On redemption, whoever knows it can ask for the stored claim: it is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub(crate) Secret<String>);

impl IdempotencyKey {
    /// A random UUID, version 4: not derived from anything, not ordered in time, so that it links
    /// nothing.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0u8; 16]);
        rng.fill_bytes(&mut *bytes);
        // RFC 9562, section 5.4: version 4, variant 10.
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let mut text = String::with_capacity(36);
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            push_hex(&mut text, *byte);
        }
        Self(Secret::new(text))
    }

    /// The key's text.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// The operating system's randomness.
///
/// Nonces, blinds and keys come from here and nowhere else: a generator inside the process would
/// repeat itself after `fork`.
///
/// # Panics
/// Where the operating system has no randomness to give, there is nothing safe left to do.
pub fn os_random() -> impl CryptoRng {
    UnwrapErr(getrandom::SysRng)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_is_a_version_4_uuid_and_never_repeats() {
        let first = IdempotencyKey::random(&mut os_random());
        let second = IdempotencyKey::random(&mut os_random());
        assert_ne!(first, second);
        let text = first.expose();
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "4");
        assert!("89ab".contains(&text[19..20]));
    }
}
