//! Claims, in the clear and encrypted.

use std::sync::LazyLock;

use super::{fuzz, is_one_of, keeps_secrets};
use crate::claim::{
    generate_key_pair, is_encrypted, open_claim, open_claim_in_form, open_jwe, ClaimType,
    DecryptionKeys, KeyForm,
};
use crate::encoding::decode_base64url_strict;

static KEYS: LazyLock<DecryptionKeys> = LazyLock::new(|| {
    generate_key_pair(2048)
        .expect("a size that there is")
        .into()
});

/// Payloads of claims. With a key none of them opens, because nobody has its public half.
pub fn claim(payload: &[u8]) {
    let Ok(payload) = std::str::from_utf8(payload) else {
        return;
    };
    let refused =
        open_claim(payload, Some(&KEYS), None).expect_err("nobody encrypted for this key");
    is_one_of(&refused, &["claim_mismatch", "decryption", "protocol"]);
    for form in [KeyForm::Pem, KeyForm::Jwk] {
        let refused = open_claim_in_form(payload, None, Some(form), None);
        refused.expect_err("it is encrypted, or in the clear and should not be");
    }
    match keeps_secrets(payload, |payload| open_claim(payload, None, None)) {
        Ok(claim) => {
            assert!(!is_encrypted(payload));
            assert_eq!(claim.passed(), claim.claim_result == "passed");
            let asked = ClaimType::parse("another_type").expect("it is one");
            let answered = open_claim(payload, None, Some(&asked));
            assert_eq!(answered.is_ok(), claim.claim_type == "another_type");
        }
        Err(error) => is_one_of(&error, &["protocol"]),
    }
}

/// The content key of the one JWE that is known.
const CONTENT_KEY: [u8; 32] = [7; 32];

/// A JWE of Persona's form.
static KNOWN: LazyLock<String> = LazyLock::new(|| {
    let text = std::fs::read_to_string(fuzz().join("seeds/jwe/known"));
    text.expect("it is in the repository")
});

/// A compact JWE: there is one text for its bytes, and of all texts one opens with the one content key
/// that is known.
pub fn jwe(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let Some(opened) = open_jwe(text, &CONTENT_KEY) else {
        return;
    };
    let parts: Vec<&str> = text.split('.').collect();
    assert_eq!(parts.len(), 5);
    assert!(is_encrypted(text));
    let [header, _, nonce, ciphertext, tag] = [0, 1, 2, 3, 4]
        .map(|part| decode_base64url_strict(parts[part]).expect("it was decoded before"));
    assert_eq!((nonce.len(), tag.len()), (12, 16));
    assert!(parts[0].len() <= 4_096 && (1..=49_152).contains(&ciphertext.len()));
    let header: serde_json::Value = serde_json::from_slice(&header).expect("it was JSON");
    assert_eq!(header["alg"], "RSA-OAEP-256");
    assert_eq!(header["enc"], "A256GCM");
    assert!(["zip", "crit", "b64"]
        .iter()
        .all(|name| header.get(name).is_none()));
    // The encrypted key is not what is opened here.
    let [known, given] = [KNOWN.as_str(), text].map(|text| {
        let parts: Vec<&str> = text.split('.').collect();
        [parts[0], parts[2], parts[3], parts[4]].map(str::to_owned)
    });
    assert_eq!(opened.is_some(), known == given);
}
