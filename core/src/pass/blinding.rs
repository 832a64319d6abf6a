//! Between asking for a signature and getting it.

use aws_lc_rs::digest::{digest, SHA256};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::{Zeroize, Zeroizing};

use super::blind_rsa::BadSignature;
#[cfg(doc)]
use super::blind_rsa::PublicKey;
use super::{Challenge, Factor, Malformed, PrivacyPassToken, TokenKey};
use crate::credential::SealKey;
use crate::encoding::{decode_base64url, encode_base64url, encode_hex};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::rand_core::CryptoRng;
use crate::secret::Secret;

/// The length of [`token_input`] in bytes.
pub const TOKEN_INPUT_LEN: usize = 98;

/// The first byte of a saved state.
const FORMAT: u8 = 1;
/// Room for a saved state of the largest key and challenge: a buffer that grew would leave copies.
const SAVED_CAPACITY: usize = 16_384;
/// What a saved state is sealed for.
const SEAL_CONTEXT: &[u8] = b"relaypass pending pass";

/// The message that is signed.
///
/// ```text
/// 0x00 0x02 || SHA-256(nonce) || SHA-256(challenge.mac) || SHA-256(token key id)
/// ```
/// Each hash is over the UTF-8 text. Persona's way, not that of RFC 9578, section 6.1.
pub fn token_input(nonce: &str, mac: &str, token_key_id: &str) -> [u8; TOKEN_INPUT_LEN] {
    let mut input = [0; TOKEN_INPUT_LEN];
    input[1] = 2;
    for (index, text) in [nonce, mac, token_key_id].into_iter().enumerate() {
        let start = 2 + 32 * index;
        input[start..start + 32].copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    }
    input
}

/// A pass that is being made: blinded, not yet signed.
///
/// It holds what links the request for the signature to the pass, so it is wiped when dropped, has
/// no `Debug`, and leaves the process only sealed ([`PendingPass::seal`]). To ask again after a
/// crash, send the very same [`blinded_message`](PendingPass::blinded_message): RSA signing is
/// deterministic, so the answer is the same pass.
pub struct PendingPass {
    nonce: Secret<String>,
    inverse: Secret<Vec<u8>>,
    blinded_message: Vec<u8>,
    token_key: TokenKey,
    challenge: Challenge,
}

impl PendingPass {
    /// Draws a nonce (32 bytes, used as 64 hexadecimal characters) and blinds the token input.
    ///
    /// # Errors
    /// When the key cannot blind: it is broken.
    pub fn blind(
        challenge: Challenge,
        token_key: TokenKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, Malformed> {
        Self::blind_with(challenge, token_key, None, rng)
    }

    /// The same with a blinding factor that was made ahead, if there is one.
    ///
    /// # Errors
    /// As [`PendingPass::blind`].
    #[doc(hidden)]
    pub fn blind_with(
        challenge: Challenge,
        token_key: TokenKey,
        factor: Option<Factor>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, Malformed> {
        let mut bytes = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(&mut *bytes);
        let nonce = Secret::new(encode_hex(&*bytes));
        let input = token_input(nonce.expose(), challenge.mac(), token_key.id());
        let key = token_key.public_key();
        let blinding = match factor {
            Some(factor) => key.blind_with(&input, factor, rng)?,
            None => key.blind(&input, rng)?,
        };
        Ok(Self {
            nonce,
            inverse: blinding.inverse,
            blinded_message: blinding.blinded_message,
            token_key,
            challenge,
        })
    }

    /// What the signer gets, base64url.
    pub fn blinded_token(&self) -> String {
        encode_base64url(&self.blinded_message)
    }

    /// What the signer gets: as long as the key's modulus.
    pub fn blinded_message(&self) -> &[u8] {
        &self.blinded_message
    }

    /// The challenge that goes into the pass.
    pub fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// The key that is asked for a signature.
    pub fn token_key(&self) -> &TokenKey {
        &self.token_key
    }

    /// Unblinds and verifies a signature (base64url), and makes the pass.
    ///
    /// # Errors
    /// When the signature is malformed or does not verify. Such a pass must never be redeemed: it
    /// would be a mark.
    pub fn finalize(&self, blind_signature: &str) -> Result<PrivacyPassToken, BadSignature> {
        let blind_signature = decode_base64url(blind_signature)
            .ok_or(BadSignature("the blind signature is not base64url"))?;
        let input = token_input(
            self.nonce.expose(),
            self.challenge.mac(),
            self.token_key.id(),
        );
        let signature =
            self.token_key
                .public_key()
                .finalize(&blind_signature, &self.inverse, &input)?;
        Ok(PrivacyPassToken::encode(
            self.nonce.expose(),
            &signature,
            self.token_key.id(),
            &self.challenge,
        ))
    }

    /// Takes the state out, sealed, so that a restart can go on with it.
    pub fn seal(&self, key: &SealKey, rng: &mut impl CryptoRng) -> Vec<u8> {
        let saved = self.save();
        let mut bytes = Zeroizing::new(Vec::with_capacity(1 + saved.expose().len()));
        bytes.push(FORMAT);
        bytes.extend_from_slice(saved.expose().as_bytes());
        key.seal(&bytes, SEAL_CONTEXT, rng)
    }

    /// Brings a sealed state back.
    ///
    /// # Errors
    /// `decryption` for another key or changed bytes; `invalid_argument` for a newer format.
    pub fn unseal(sealed: &[u8], key: &SealKey) -> Result<Self> {
        let bytes = key.open(sealed, SEAL_CONTEXT)?;
        let damaged = || Error::new(ErrorKind::Decryption, "The saved state is damaged.");
        let (format, json) = bytes.split_first().ok_or_else(damaged)?;
        if *format != FORMAT {
            return Err(Error::invalid_argument(
                "The saved state has a format that this version does not know; a newer one wrote it.",
            ));
        }
        let json = std::str::from_utf8(json).map_err(|_| damaged())?;
        Self::restore(json, TokenKey::decode).ok_or_else(damaged)
    }

    /// The state as a text, to be kept inside a record.
    pub(crate) fn save(&self) -> Secret<String> {
        let saved = Saved {
            nonce: self.nonce.expose().clone(),
            inverse: encode_base64url(self.inverse.expose()),
            blinded_message: encode_base64url(&self.blinded_message),
            token_key: self.token_key.encoded().to_owned(),
            token_key_id: self.token_key.id().to_owned(),
            challenge: self.challenge.object().to_owned(),
        };
        let mut bytes = Vec::with_capacity(SAVED_CAPACITY);
        serde_json::to_writer(&mut bytes, &saved).expect("strings are always JSON");
        Secret::new(String::from_utf8(bytes).expect("JSON is UTF-8"))
    }

    /// The state that [`PendingPass::save`] took out, or nothing if the text is damaged. `decode` is
    /// [`TokenKey::decode`], or knows what it said of this key.
    pub(crate) fn restore(
        saved: &str,
        decode: impl FnOnce(&str, &str) -> Result<TokenKey, Malformed>,
    ) -> Option<Self> {
        let saved: Saved = serde_json::from_str(saved).ok()?;
        Some(Self {
            nonce: Secret::new(saved.nonce.clone()),
            inverse: decode_base64url(&saved.inverse).map(Secret::new)?,
            blinded_message: decode_base64url(&saved.blinded_message)?,
            token_key: decode(&saved.token_key, &saved.token_key_id).ok()?,
            challenge: Challenge::from_object(saved.challenge.clone()).ok()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Saved {
    nonce: String,
    inverse: String,
    blinded_message: String,
    token_key: String,
    token_key_id: String,
    challenge: Box<RawValue>,
}

impl Drop for Saved {
    fn drop(&mut self) {
        self.nonce.zeroize();
        self.inverse.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_input_is_the_known_one() {
        let input = token_input(&"a".repeat(64), &"b".repeat(64), &"c".repeat(64));
        assert_eq!(
            encode_hex(&input),
            "0002ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eba0fab1377f49a759b57f\
             63318262ebe89fabfc990e8e93ceac2984561482b9d452b6419d27bd7f547cee3b92f8c17a908b8a49601ecb\
             ec161e5030de1dfe9e0a"
        );
    }
}
