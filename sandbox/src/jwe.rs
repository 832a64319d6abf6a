//! A claim as a compact JWE (RFC 7516), encrypted with RSA-OAEP-256 and A256GCM:
//!
//! ```text
//! BASE64URL(protected header) . BASE64URL(encrypted key) . BASE64URL(IV) . BASE64URL(ciphertext) . BASE64URL(tag)
//! ```

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_256_GCM};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine as _;
use serde_json::json;

use crate::encryption_key::EncryptionKey;
use crate::random::{random_bytes, random_token};
use crate::settings::{JweKeyId, OaepHash, Settings};

/// The protected header that the settings ask for, of a JWE for this key.
pub(crate) fn protected_header(key: &EncryptionKey, settings: &Settings) -> String {
    let key_id = match settings.jwe_kid {
        JweKeyId::None => None,
        JweKeyId::Thumbprint => Some(key.thumbprint.clone()),
        JweKeyId::Unknown => Some(random_token("key_")),
    };
    let mut header = json!({ "alg": "RSA-OAEP-256", "enc": "A256GCM" });
    if let Some(key_id) = key_id {
        header["kid"] = json!(key_id);
    }
    if settings.jwe_typ_and_cty {
        header["typ"] = json!("JWE");
        header["cty"] = json!("json");
    }
    header.to_string()
}

/// The five parts (RFC 7516 section 5.1). The header goes out, and is authenticated, as it stands.
pub(crate) fn encrypt(protected_header: &str, key: &EncryptionKey, plaintext: &[u8]) -> String {
    let content_key = random_bytes::<32>();
    let encrypted_key = key.encrypt(&content_key, OaepHash::Sha256);
    let protected_header = URL_SAFE_NO_PAD.encode(protected_header);
    let iv = random_bytes::<12>();

    let content_key =
        UnboundKey::new(&AES_256_GCM, &content_key).expect("32 bytes are a key of A256GCM");
    let mut ciphertext = plaintext.to_vec();
    let tag = LessSafeKey::new(content_key)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(iv),
            Aad::from(protected_header.as_bytes()),
            &mut ciphertext,
        )
        .expect("a claim is far shorter than what A256GCM can carry");

    let [encrypted_key, iv, ciphertext, tag] = [&encrypted_key[..], &iv, &ciphertext, tag.as_ref()]
        .map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{protected_header}.{encrypted_key}.{iv}.{ciphertext}.{tag}")
}
