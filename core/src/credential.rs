//! What callers hand in as secrets: checked before anything is sent.

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_256_GCM_SIV, NONCE_LEN};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::secret::rand_core::CryptoRng;
use crate::secret::{IdempotencyKey, Secret};

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

impl IdempotencyKey {
    /// Takes back a key that was stored, to ask again for the answer it stands for.
    ///
    /// # Errors
    /// `invalid_argument` for anything but 1 to 255 visible ASCII characters.
    pub fn parse(text: impl Into<String>) -> Result<Self> {
        let text = header_secret(text.into(), "the idempotency key", 255)?;
        Ok(Self(text))
    }
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
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        rng.fill_bytes(&mut *bytes);
        Self::new(*bytes)
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
    use crate::secret::os_random;

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
