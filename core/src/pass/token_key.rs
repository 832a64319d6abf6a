//! The key that passes are signed with.

use std::sync::Arc;

use super::blind_rsa::PublicKey;
use super::Malformed;
use crate::encoding::{decode_base64url, encode_base64url, encode_hex};

const LONGEST_KEY_ID: usize = 256;

/// Persona's public key for passes, with the id that goes into the token. Cloning it is cheap.
#[derive(Clone)]
pub struct TokenKey {
    public_key: PublicKey,
    encoded: Arc<str>,
    id: Arc<str>,
    id_is_digest: bool,
}

impl TokenKey {
    /// Decodes `token-key` (base64url of an SPKI in DER) and takes `token-key-id` as it is.
    ///
    /// The id is documented as the hexadecimal SHA-256 of the key; published samples break that,
    /// so a mismatch is no error here ([`TokenKey::id_is_digest`]).
    ///
    /// # Errors
    /// When the key is not RSA with 2048 to 4096 bits, an odd modulus and e = 65537, or the id is
    /// empty or longer than 256 characters.
    pub fn decode(token_key: &str, token_key_id: &str) -> Result<Self, Malformed> {
        let der = decode_base64url(token_key).ok_or(Malformed("the token key is not base64url"))?;
        if token_key_id.is_empty()
            || token_key_id.len() > LONGEST_KEY_ID
            || !token_key_id.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(Malformed(
                "the token key's id is empty, too long or has odd characters",
            ));
        }
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
        let hex = encode_hex(digest.as_ref());
        let base64url = encode_base64url(digest.as_ref());
        Ok(Self {
            public_key: PublicKey::from_spki(&der)?,
            encoded: token_key.into(),
            id: token_key_id.into(),
            id_is_digest: hex.eq_ignore_ascii_case(token_key_id)
                || base64url == token_key_id.trim_end_matches('='),
        })
    }

    /// The RSA key itself.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The key as it came: base64url.
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// The key's id: opaque.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the id is what it is documented to be, the SHA-256 of the key: hexadecimal, or base64url.
    pub fn id_is_digest(&self) -> bool {
        self.id_is_digest
    }
}
