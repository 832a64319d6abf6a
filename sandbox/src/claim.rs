//! What a redeemed relay says, in the clear or encrypted to the asker's key.

use aws_lc_rs::digest::{digest, Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use rsa::hazmat::rsa_encrypt;
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, RsaPublicKey};
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::random::random_bytes;
use crate::relays::{Outcome, Relay};
use crate::settings::OaepHash;

/// The `claim-payload` of a relay whose check came to `outcome`.
pub(crate) async fn payload(relay: &Relay, outcome: Outcome, hash: OaepHash) -> String {
    let claim_type = &relay.namespace.claim_type;
    let method = if claim_type == "live_human_presence" {
        "live_selfie"
    } else {
        "facial_age_estimation"
    };
    let claim = json!({
        "claim_type": claim_type,
        "claim_result": outcome.name(),
        "methodology": [{ "method": method, "result": outcome.name() }],
    })
    .to_string();

    match relay.encryption_key.clone() {
        None => claim,
        Some(key) => spawn_blocking(move || STANDARD.encode(encrypt(&key, claim.as_bytes(), hash)))
            .await
            .expect("encryption does not panic"),
    }
}

/// RSAES-OAEP-ENCRYPT (RFC 8017 section 7.1.1) with an empty label.
///
/// It stands here because aws-lc-rs does not offer SHA-256 with MGF1-SHA-1, and `rsa` wants a
/// SHA-1 that nothing else in this workspace needs. The tests decrypt with other libraries.
fn encrypt(key: &RsaPublicKey, message: &[u8], hash: OaepHash) -> Vec<u8> {
    let (label_hash, mask_hash) = match hash {
        OaepHash::Sha256 => (&SHA256, &SHA256),
        OaepHash::Sha1 => (&SHA1_FOR_LEGACY_USE_ONLY, &SHA1_FOR_LEGACY_USE_ONLY),
        OaepHash::Sha256Mgf1Sha1 => (&SHA256, &SHA1_FOR_LEGACY_USE_ONLY),
    };
    let hash_length = label_hash.output_len();

    // 00 || masked seed || masked (label hash || 00 … 00 || 01 || message)
    let mut encoded = vec![0; key.size()];
    let (seed, block) = encoded[1..].split_at_mut(hash_length);
    seed.copy_from_slice(&random_bytes::<32>()[..hash_length]);
    block[..hash_length].copy_from_slice(digest(label_hash, b"").as_ref());
    let message_start = block
        .len()
        .checked_sub(message.len())
        .filter(|start| *start > hash_length)
        .expect("a claim is far shorter than what 2048 bits can carry");
    block[message_start - 1] = 0x01;
    block[message_start..].copy_from_slice(message);
    mask(block, seed, mask_hash);
    mask(seed, block, mask_hash);

    let number = BoxedUint::from_be_slice(&encoded, key.n().bits_precision())
        .expect("the encoding is as long as the modulus");
    let ciphertext = rsa_encrypt(key, &number)
        .expect("the encoding begins with a zero byte, so it is below the modulus")
        .to_be_bytes();
    let padding = ciphertext.len() - key.size();
    ciphertext[padding..].to_vec()
}

/// Adds MGF1 of `seed` to `target` (RFC 8017 appendix B.2.1).
fn mask(target: &mut [u8], seed: &[u8], hash: &'static Algorithm) {
    for (counter, chunk) in (0u32..).zip(target.chunks_mut(hash.output_len())) {
        let block = digest(hash, &[seed, &counter.to_be_bytes()].concat());
        for (byte, mask) in chunk.iter_mut().zip(block.as_ref()) {
            *byte ^= mask;
        }
    }
}
