//! Secrets as types: redacted in `Debug`, wiped from memory when dropped, compared in constant time.
//!
//! A value that must not be logged is a [`Secret`], so that a careless `{:?}` prints `[redacted]`
//! and not the value. The newtypes below check what callers hand in before anything is sent.

use std::fmt;

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_256_GCM_SIV, NONCE_LEN};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// The random number traits, of the version that this crate's arguments are of.
pub use rsa::rand_core;

use self::rand_core::{CryptoRng, UnwrapErr};
use crate::encoding::push_hex;
use crate::error::{Error, ErrorKind, Result};

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

/// An API key of Persona: `persona_production_…` or `persona_sandbox_…`.
///
/// It names the customer. Only the identified lane has a place for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey(Secret<String>);

impl ApiKey {
    /// Checks the key's form: 1 to 512 visible ASCII characters.
    ///
    /// # Errors
    /// `invalid_argument` for spaces, control characters, other scripts, or nothing at all.
    pub fn parse(text: impl Into<String>) -> Result<Self> {
        Ok(Self(header_secret(text.into(), "the API key", 512)?))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// The secret of one relay, returned once when it is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySecret(Secret<String>);

impl RelaySecret {
    /// Checks the secret's form: 1 to 512 visible ASCII characters.
    ///
    /// # Errors
    /// `invalid_argument` otherwise.
    pub fn parse(text: impl Into<String>) -> Result<Self> {
        Ok(Self(header_secret(text.into(), "the relay secret", 512)?))
    }

    /// The secret's text: to be stored by whoever redeems the relay later.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// The key under which a side-effect is remembered by Persona for 24 hours.
///
/// On redemption, whoever knows it can ask for the stored claim: it is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(Secret<String>);

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

    /// Takes back a key that was stored, to ask again for the answer it stands for.
    ///
    /// # Errors
    /// `invalid_argument` for anything but 1 to 255 visible ASCII characters.
    pub fn parse(text: impl Into<String>) -> Result<Self> {
        Ok(Self(header_secret(
            text.into(),
            "the idempotency key",
            255,
        )?))
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

/// A key of 32 bytes under which state is sealed before it is stored (AES-256-GCM-SIV).
#[derive(Clone, Debug)]
pub struct SealKey(Secret<[u8; SealKey::LEN]>);

impl SealKey {
    /// The key's length in bytes.
    pub const LEN: usize = 32;

    /// Takes a key of 32 random bytes.
    pub fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(Secret::new(bytes))
    }

    /// A random key.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut key = Self::new([0; Self::LEN]);
        rng.fill_bytes(&mut key.0 .0);
        key
    }

    /// Seals `plaintext` and binds it to `context`: nonce (12 bytes), ciphertext, tag (16 bytes).
    ///
    /// AES-256-GCM-SIV (RFC 8452) because nonces are random: should one ever repeat, it shows only
    /// whether two plaintexts are equal.
    pub fn seal(&self, plaintext: &[u8], context: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        rng.fill_bytes(&mut nonce);
        // With room for the tag: a buffer that grew would leave a copy of the plaintext.
        let mut body = Vec::with_capacity(plaintext.len() + AES_256_GCM_SIV.tag_len());
        body.extend_from_slice(plaintext);
        self.cipher()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context),
                &mut body,
            )
            .expect("AES-256-GCM-SIV seals any plaintext that fits in memory");
        [&nonce[..], &body].concat()
    }

    /// Opens what [`SealKey::seal`] made with the same key and context.
    ///
    /// # Errors
    /// `decryption` for another key, another context, or changed bytes; it does not say which.
    pub fn open(&self, sealed: &[u8], context: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let refused = || {
            Error::new(
                ErrorKind::Decryption,
                "The sealed state does not open: another key sealed it, or it was changed.",
            )
        };
        let (nonce, body) = sealed
            .split_first_chunk::<NONCE_LEN>()
            .ok_or_else(refused)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .cipher()
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(context),
                &mut body,
            )
            .map_err(|_| refused())?
            .len();
        body.truncate(length);
        Ok(body)
    }

    fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM_SIV, self.0.expose())
            .expect("the key has the 32 bytes of AES-256");
        LessSafeKey::new(key)
    }
}

/// Checks a text that will travel in a header: its length, and visible ASCII only.
fn header_secret(text: String, what: &str, longest: usize) -> Result<Secret<String>> {
    let text = Secret::new(text);
    check_visible(text.expose(), what, longest)?;
    Ok(text)
}

/// Refuses empty, overlong, and anything but visible ASCII. The text itself is never repeated.
pub(crate) fn check_visible(text: &str, what: &str, longest: usize) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid_argument(format!(
            "{} is empty.",
            capital(what)
        )));
    }
    if text.len() > longest {
        return Err(Error::invalid_argument(format!(
            "{} is longer than {longest} characters.",
            capital(what)
        )));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid_argument(format!(
            "{} has a space, a control character or a character outside ASCII; is a line break \
             left at its end?",
            capital(what)
        )));
    }
    Ok(())
}

fn capital(what: &str) -> String {
    let mut letters = what.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_in_debug() {
        let key = ApiKey::parse("persona_sandbox_canary").unwrap();
        let secret = RelaySecret::parse("canary").unwrap();
        let once = IdempotencyKey::random(&mut os_random());
        let seal = SealKey::new([7; 32]);
        let shown = format!("{key:?} {secret:?} {once:?} {seal:?}");
        assert!(!shown.contains("canary"), "{shown}");
        assert!(!shown.contains(once.expose()), "{shown}");
        assert!(!shown.contains('7'), "{shown}");
    }

    #[test]
    fn a_key_that_could_smuggle_a_header_is_refused_without_being_repeated() {
        for bad in [
            "",
            "canary\n",
            "canary key",
            "canary\u{7f}",
            "canaryé",
            "\tcanary",
        ] {
            let error = ApiKey::parse(bad).unwrap_err();
            assert_eq!(error.code(), "invalid_argument");
            assert!(!error.to_string().contains("canary"));
        }
        assert!(ApiKey::parse("k".repeat(513)).is_err());
        assert!(ApiKey::parse("k".repeat(512)).is_ok());
    }

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

    #[test]
    fn sealed_state_opens_only_with_its_key_and_context_and_unchanged() {
        let rng = &mut os_random();
        let key = SealKey::random(rng);
        let sealed = key.seal(b"state", b"context", rng);
        assert_eq!(&key.open(&sealed, b"context").unwrap()[..], b"state");
        assert!(key.open(&sealed, b"other").is_err());
        assert!(SealKey::random(rng).open(&sealed, b"context").is_err());
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(key.open(&changed, b"context").is_err());
        }
        assert!(key.open(&sealed[..5], b"context").is_err());
    }
}
