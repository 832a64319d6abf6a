//! What a pass is made of: challenge, key, blind signature; and the pass itself.

use std::sync::LazyLock;

use serde_json::{json, Value};

use super::{fuzz, is_one_of, keeps_secrets};
use crate::encoding::{decode_base64url, encode_base64url, encode_hex};
use crate::pass::{Challenge, PendingPass, PrivacyPassToken, TokenKey};
use crate::secret::os_random;

/// November 2026.
const NOW: u64 = 1_795_000_000_000;

/// Longer challenges and passes are refused, in characters.
const LONGEST_CHALLENGE: usize = 8_192;
const LONGEST_PASS: usize = 16_384;

/// The object of a challenge: kept byte for byte, if it is one.
pub fn challenge(object: &[u8]) {
    let encoded = encode_base64url(object);
    let read = Challenge::decode(&encoded);
    if let Ok(challenge) = &read {
        assert!(encoded.len() <= LONGEST_CHALLENGE);
        let kept = challenge.object().get().as_bytes();
        assert_eq!(kept, object.trim_ascii(), "the object was changed");
        assert!(!challenge.mac().is_empty());
        let members: Value = serde_json::from_slice(kept).expect("it was read before");
        assert_eq!(members["mac"].as_str(), Some(challenge.mac()));
        assert_eq!(members["token_type"].as_u64(), Some(2));
    }
    // The same bytes as the text itself: base64url has padding or none, and means the same.
    let Ok(text) = std::str::from_utf8(object) else {
        return;
    };
    let object_of = |text: &str| {
        let challenge = Challenge::decode(text).ok()?;
        Some(challenge.object().get().to_owned())
    };
    if let Some(object) = object_of(text) {
        let again = encode_base64url(&decode_base64url(text).expect("it was decoded before"));
        assert_eq!(object_of(&again), Some(object));
    }
}

/// A pass that was stored: taken back unchanged, or refused.
pub fn pass(text: &[u8]) {
    // As it is made, and as somebody may have changed it.
    let texts = [
        String::from_utf8_lossy(text).into_owned(),
        encode_base64url(text),
    ];
    for text in texts {
        match keeps_secrets(&text, |text| PrivacyPassToken::parse(text, NOW)) {
            Ok(pass) => {
                assert_eq!(pass.expose(), text);
                assert!(text.len() <= LONGEST_PASS);
                assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
            }
            Err(error) => is_one_of(&error, &["invalid_argument", "pass_expired"]),
        }
    }
}

/// The DER of a key: of a size that is allowed, and blinding with it works or is refused.
pub fn token_key(der: &[u8]) {
    let encoded = encode_base64url(der);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    let id = encode_hex(digest.as_ref());
    let Ok(key) = TokenKey::decode(&encoded, &id) else {
        return;
    };
    assert_eq!((key.encoded(), key.id()), (&*encoded, &*id));
    assert!(key.id_is_digest());
    let size = key.public_key().size();
    assert!((256..=512).contains(&size) && size.is_multiple_of(8));
    // The key is written with its bytes, so it is the same key only with the same bytes.
    let mut other = der.to_vec();
    other.push(0);
    assert!(TokenKey::decode(&encode_base64url(&other), &id).is_err());
    // Blinding is slow, and nearly every key that was made up is broken in the end.
    if digest.as_ref()[0].is_multiple_of(16) {
        blinds_or_refuses(key, size);
    }
}

fn blinds_or_refuses(key: TokenKey, size: usize) {
    let challenge = Challenge::decode(&CHALLENGE).expect("it is one");
    let Ok(pending) = PendingPass::blind(challenge, key, &mut os_random()) else {
        return;
    };
    assert_eq!(pending.blinded_message().len(), size);
    let saved = pending.save();
    let again = PendingPass::restore(saved.expose(), TokenKey::decode).expect("our own state");
    assert_eq!(again.save(), saved);
    // Nobody has signed it.
    let unsigned = encode_base64url(pending.blinded_message());
    assert!(pending.finalize(&unsigned).is_err());
}

static CHALLENGE: LazyLock<String> = LazyLock::new(|| {
    encode_base64url(br#"{"token_type":2,"mac":"m","expires_at":"2100-01-01T00:00:00Z"}"#)
});

/// A pass that waits for its signature, and the one signature that makes it: from nobody knows whose key.
struct Known {
    pending: PendingPass,
    blind_signature: Vec<u8>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let known = std::fs::read(fuzz().join("signed.json")).expect("it is in the repository");
    let known: Value = serde_json::from_slice(&known).expect("it is JSON");
    let saved = known["pending"].to_string();
    let signature = known["blind_signature"].as_str().expect("a text");
    Known {
        pending: PendingPass::restore(&saved, TokenKey::decode).expect("it was saved"),
        blind_signature: decode_base64url(signature).expect("base64url"),
    }
});

/// The answer that the pass began with.
pub(super) fn known_challenge() -> String {
    let pending = &KNOWN.pending;
    json!({
        "challenge": encode_base64url(pending.challenge().object().get().as_bytes()),
        "token-key": pending.token_key().encoded(),
        "token-key-id": pending.token_key().id(),
    })
    .to_string()
}

/// The pass itself.
pub(super) fn known_pass() -> PrivacyPassToken {
    let signature = encode_base64url(&KNOWN.blind_signature);
    KNOWN
        .pending
        .finalize(&signature)
        .expect("it is the right one")
}

/// A blind signature: only the right one makes the pass. The first byte says whether the others are the
/// answer's text, or what the right one differs by.
pub fn blind_signature(bytes: &[u8]) {
    let Known {
        pending,
        blind_signature,
    } = &*KNOWN;
    let Some((kind, bytes)) = bytes.split_first() else {
        return;
    };
    let text = match kind % 2 {
        0 => String::from_utf8_lossy(bytes).into_owned(),
        _ => {
            let differs_by = bytes.iter().copied().chain(std::iter::repeat(0));
            let signature: Vec<u8> = blind_signature
                .iter()
                .zip(differs_by)
                .map(|(right, by)| right ^ by)
                .collect();
            encode_base64url(&signature)
        }
    };
    let is_right = decode_base64url(&text).is_some_and(|bytes| bytes == *blind_signature);
    let pass = pending.finalize(&text);
    assert_eq!(pass.is_ok(), is_right, "{:?}", pass.as_ref().err());
    if let Ok(pass) = pass {
        PrivacyPassToken::parse(pass.expose(), NOW).expect("our own pass");
    }
}
