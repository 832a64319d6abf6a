//! What callers hand in as secrets: checked before anything is sent.

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_256_GCM_SIV, NONCE_LEN};
use zeroize::Zeroizing;

use crate::encoding::decode_base64_any;
use crate::error::{Error, ErrorKind, Result};
use crate::given;
use crate::secret::rand_core::CryptoRng;
use crate::secret::{IdempotencyKey, Secret};

/// An API key of Persona: `persona_production_…` or `persona_sandbox_…`.
///
/// It names the customer. Only the identified lane has a place for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey(Secret<String>);

impl ApiKey {
    /// Reads a key of 1 to 512 visible ASCII characters, without blanks, line ends and quotes around it.
    ///
    /// # Errors
    /// `invalid_argument` for blanks, control characters or other scripts in it, for nothing at all, and
    /// for what is something else or more than the key.
    pub fn parse(text: impl Into<String>) -> Result<Self> {
        let text = Secret::new(text.into());
        let refused = |why: &str| Error::invalid_argument(format!("The API key {why}."));
        let key = given::secret(text.expose()).map_err(refused)?;
        let key = given::without_escaped_ends(key);
        match why_no_api_key(key) {
            Some(why) => Err(refused(why)),
            None => Ok(Self(header_secret(key.to_owned(), "the API key", 512)?)),
        }
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

    /// Reads a key in base64, of either alphabet, padded or not, without what stands around it.
    ///
    /// # Errors
    /// `invalid_argument`, with what was seen instead, and nothing of it.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = |seen: &str| {
            Error::invalid_argument(format!(
                "A seal key is 32 bytes in base64, such as `openssl rand -base64 32` makes; this {seen}."
            ))
        };
        let text = given::secret(text).map_err(refused)?;
        let text = given::without_escaped_ends(text);
        let bytes = Secret::new(decode_base64_any(text).unwrap_or_default());
        <[u8; Self::LEN]>::try_from(bytes.expose().as_slice())
            .map(Self::new)
            .map_err(|_| refused(&why_no_seal_key(text, bytes.expose())))
    }

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

/// What was seen in the place of base64 of 32 bytes; `bytes` are what it decodes to, if to anything.
fn why_no_seal_key(text: &str, bytes: &[u8]) -> String {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_odd = |sign: char| !(sign.is_ascii_alphanumeric() || "+/-_=".contains(sign));
    let again = std::str::from_utf8(bytes).ok().and_then(decode_base64_any);
    let is_twice = again
        .map(Secret::new)
        .is_some_and(|key| key.expose().len() == SealKey::LEN);
    if is_hex && digits.len() == 2 * SealKey::LEN {
        return "is hexadecimal".to_owned();
    } else if text.starts_with("base64:") {
        return "begins with `base64:`, which is no part of it".to_owned();
    } else if is_twice {
        return "was encoded twice: decode it once".to_owned();
    } else if text.ends_with(';') {
        return "has a semicolon: several keys are separated by commas".to_owned();
    } else if let Some(why) = given::why_not_visible(text) {
        return why.to_owned();
    } else if text.contains(is_odd) {
        return "has a character that base64 does not have".to_owned();
    }
    match bytes.len() {
        0 => "is no whole base64: a letter is missing or too many".to_owned(),
        len => format!("has {len} bytes"),
    }
}

/// What is not of Persona's keys, which have letters, digits, `_` and `-`, and is of what was around one.
fn why_no_api_key(text: &str) -> Option<&'static str> {
    const BEGINNINGS: [&str; 2] = ["persona_production_", "persona_sandbox_"];
    let mut places = BEGINNINGS.iter().filter_map(|it| text.rfind(it));
    let is_within = places.any(|place| place > 0);
    let is_hex = |pair: &[u8]| pair.iter().all(u8::is_ascii_hexdigit);
    let mut after_percent = text.split('%').skip(1).map(str::as_bytes);
    if text.ends_with([',', ';']) {
        Some("ends with a comma or semicolon, which is of the line that it stood in")
    } else if text.contains(['"', '\'', '`']) {
        Some("has a quote in it")
    } else if text.contains("://") {
        Some("is a URL, and no key")
    } else if text.starts_with(['/', '~']) || text.starts_with("./") {
        Some("is the name of a file: give what is in it")
    } else if after_percent.any(|after| after.get(..2).is_some_and(is_hex)) {
        Some("is percent-encoded: decode it first")
    } else if text.contains('\\') {
        Some("has a backslash in it: give it without escapes")
    } else if is_within && given::why_not_visible(text).is_none() {
        Some("has something before it, or is more than one key: give one key alone")
    } else if BEGINNINGS.contains(&text) {
        Some("is cut off: give all of it")
    } else {
        None
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
    match given::why_not_visible(text) {
        Some(why) => Err(Error::invalid_argument(format!("{} {why}.", capital(what)))),
        None => Ok(()),
    }
}

fn capital(what: &str) -> String {
    let mut letters = what.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
