//! The form in which a claim comes for a key that was sent as a JWK: a compact JWE (RFC 7516
//! section 7.1), with `RSA-OAEP-256` for the key and `A256GCM` for the content, and nothing else.
//!
//! ```text
//! BASE64URL(header) . BASE64URL(encrypted key) . BASE64URL(nonce) . BASE64URL(ciphertext) . BASE64URL(tag)
//! ```
//! The header as it was sent is the associated data (RFC 7516 section 5.2, step 15).

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_256_GCM, NONCE_LEN};
use serde_json::Value;
use zeroize::Zeroizing;

use super::jwk::ALGORITHM;
use crate::encoding::{decode_base64url_strict, parse_unique_object};

/// How the content is encrypted.
const CONTENT_ENCRYPTION: &str = "A256GCM";

/// The length of the key that the content is encrypted with.
pub(super) const CONTENT_KEY_LEN: usize = 32;

const TAG_LEN: usize = 16;

/// The longest header that is looked at, in characters. What is needed has about 60.
const LONGEST_HEADER: usize = 4_096;

/// The longest ciphertext that is looked at, in bytes. A claim has some hundred.
const LONGEST_CIPHERTEXT: usize = 49_152;

/// Members of a header that change what has to be done: compression (RFC 7516 section 4.1.3),
/// extensions that must be understood (4.1.13), and content that is not base64url (RFC 7797).
const REFUSED: [&str; 3] = ["zip", "crit", "b64"];

/// A JWE in its five parts, not opened yet.
pub(super) struct Jwe<'a> {
    /// What the sender calls the key. It is a hint: nothing vouches for it.
    pub(super) kid: Option<String>,
    pub(super) encrypted_key: Vec<u8>,
    header: &'a str,
    nonce: [u8; NONCE_LEN],
    ciphertext: Vec<u8>,
    tag: [u8; TAG_LEN],
}

impl<'a> Jwe<'a> {
    /// Takes a text apart, and checks its header. There is one answer to every fault, so that nobody
    /// can ask questions.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut jwe = Self::take_apart(text)?;
        jwe.kid = read_header(jwe.header)?;
        Some(jwe)
    }

    fn take_apart(text: &'a str) -> Option<Self> {
        let mut parts = text.split('.');
        let [header, encrypted_key, nonce, ciphertext, tag] = [(); 5].map(|()| parts.next());
        if parts.next().is_some() {
            return None;
        }
        let header = header.filter(|header| header.len() <= LONGEST_HEADER)?;
        let ciphertext = decode_base64url_strict(ciphertext?)?;
        let is_of_use = (1..=LONGEST_CIPHERTEXT).contains(&ciphertext.len());
        Some(Self {
            kid: None,
            encrypted_key: decode_base64url_strict(encrypted_key?)?,
            header,
            nonce: decode_base64url_strict(nonce?)?.try_into().ok()?,
            ciphertext: is_of_use.then_some(ciphertext)?,
            tag: decode_base64url_strict(tag?)?.try_into().ok()?,
        })
    }

    /// Decrypts the content.
    pub(super) fn open(&self, content_key: &[u8; CONTENT_KEY_LEN]) -> Option<Zeroizing<Vec<u8>>> {
        let key = UnboundKey::new(&AES_256_GCM, content_key).expect("the length is right");
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let mut content = Zeroizing::new(self.ciphertext.clone());
        LessSafeKey::new(key)
            .open_in_place_separate_tag(
                nonce,
                Aad::from(self.header.as_bytes()),
                &self.tag,
                &mut content,
            )
            .ok()?;
        Some(content)
    }
}

/// The content of a JWE under this key, if the text is one at all. For [`crate::fuzzing`].
#[cfg(any(test, relaypass_fuzzing))]
pub(crate) fn opened(
    text: &str,
    content_key: &[u8; CONTENT_KEY_LEN],
) -> Option<Option<Zeroizing<Vec<u8>>>> {
    Jwe::parse(text).map(|jwe| jwe.open(content_key))
}

/// Whether a payload has the outer form of a JWE: five parts of base64url.
pub(super) fn has_its_form(payload: &str) -> bool {
    let is_part = |part: &str| {
        let mut letters = part.bytes();
        letters.all(|letter| letter.is_ascii_alphanumeric() || b"-_".contains(&letter))
    };
    payload.split('.').count() == 5 && payload.split('.').all(is_part)
}

/// Checks the header: what the sender calls the key, if anything.
fn read_header(header: &str) -> Option<Option<String>> {
    let members = parse_unique_object(&decode_base64url_strict(header)?).ok()?;
    let says = |name: &str, text: &str| members.get(name).is_some_and(|value| value == text);
    if !says("alg", ALGORITHM) || !says("enc", CONTENT_ENCRYPTION) {
        return None;
    }
    if REFUSED.iter().any(|name| members.contains_key(*name)) {
        return None;
    }
    let kid = members.get("kid").and_then(Value::as_str);
    Some(kid.map(str::to_owned))
}

#[cfg(test)]
pub(in crate::claim) mod tests {
    use super::super::keys::tests::encrypt;
    use super::super::{
        generate_key_pair, open_claim, DecryptionKey, DecryptionKeys, Envelope, KeyForm,
    };
    use super::*;
    use crate::encoding::encode_base64url;
    use aws_lc_rs::rsa::OAEP_SHA256_MGF1SHA256;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    const HEADER: &str = r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#;
    const CLAIM: &str = r#"{"claim_type":"age_over18_verified","claim_result":"passed"}"#;

    static KEY: LazyLock<DecryptionKey> = LazyLock::new(|| generate_key_pair(2048).unwrap());
    static KEYS: LazyLock<DecryptionKeys> = LazyLock::new(|| KEY.clone().into());
    static JWE: LazyLock<String> = LazyLock::new(|| seal(&KEY, HEADER, CLAIM.as_bytes()));

    /// A JWE, as Persona makes it, by AWS-LC itself.
    pub(in crate::claim) fn seal(key: &DecryptionKey, header: &str, content: &[u8]) -> String {
        seal_under(key, header, content, &[7; CONTENT_KEY_LEN])
    }

    fn seal_under(key: &DecryptionKey, header: &str, content: &[u8], content_key: &[u8]) -> String {
        let encrypted_key = encrypt(key, &OAEP_SHA256_MGF1SHA256, content_key);
        let sealing = [content_key, &[7; CONTENT_KEY_LEN]].concat();
        let sealing = sealing[..CONTENT_KEY_LEN].try_into().unwrap();
        sealed_for(header, content, sealing, &encrypted_key)
    }

    /// A JWE of a content under this key, with that as the encrypted key.
    pub(in crate::claim) fn sealed_for(
        header: &str,
        content: &[u8],
        content_key: &[u8; CONTENT_KEY_LEN],
        encrypted_key: &[u8],
    ) -> String {
        let header = encode_base64url(header.as_bytes());
        let nonce = [9; NONCE_LEN];
        let mut ciphertext = content.to_vec();
        let sealing = UnboundKey::new(&AES_256_GCM, content_key).unwrap();
        let tag = LessSafeKey::new(sealing)
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(header.as_bytes()),
                &mut ciphertext,
            )
            .unwrap();
        let parts = [encrypted_key, &nonce, &ciphertext, tag.as_ref()].map(encode_base64url);
        format!("{header}.{}", parts.join("."))
    }

    /// What is in a JWE whose content is under this key.
    pub(in crate::claim) fn open_whatever_its_header_says(
        jwe: &str,
        content_key: &[u8],
    ) -> Option<Vec<u8>> {
        let content = Jwe::take_apart(jwe)?.open(content_key.try_into().unwrap())?;
        Some(content.to_vec())
    }

    fn refused(jwe: &str) -> String {
        let envelope = Envelope::Encrypted(&KEYS, Some(KeyForm::Jwk));
        let error = envelope.open(jwe, None).expect_err(jwe);
        format!("{error} {error:?}")
    }

    #[test]
    fn a_claim_opens_whatever_its_header_says_about_itself() {
        for header in [
            HEADER,
            r#" { "enc" : "A256GCM", "alg" : "RSA-OAEP-256" } "#,
            r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"2026-11","typ":"JWE","cty":"json"}"#,
            r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":5,"typ":null,"iat":1}"#,
        ] {
            let jwe = seal(&KEY, header, CLAIM.as_bytes());
            assert!(has_its_form(&jwe));
            assert!(
                open_claim(&jwe, Some(&KEYS), None).unwrap().passed(),
                "{header}"
            );
        }
    }

    #[test]
    fn every_bit_of_every_part_counts() {
        let opaque = refused("a.b.c.d.e");
        let mut flipped = 0;
        for position in 0..JWE.len() {
            for bit in 0..8 {
                let mut changed = JWE.clone().into_bytes();
                changed[position] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(changed) else {
                    continue;
                };
                assert_eq!(refused(&changed), opaque, "bit {bit} at {position}");
                flipped += 1;
            }
        }
        assert!(flipped > 7 * JWE.len() - 1, "{flipped}");
        assert!(opaque.contains("[decryption]"), "{opaque}");
    }

    #[test]
    fn every_bit_counts_below_the_encoding_too() {
        let opaque = refused("a.b.c.d.e");
        let parts: Vec<Vec<u8>> = JWE
            .split('.')
            .map(|part| decode_base64url_strict(part).unwrap())
            .collect();
        for (number, part) in parts.iter().enumerate() {
            for position in 0..part.len() {
                for bit in 0..8 {
                    let mut changed = parts.clone();
                    changed[number][position] ^= 1 << bit;
                    let changed: Vec<String> =
                        changed.iter().map(|part| encode_base64url(part)).collect();
                    let changed = changed.join(".");
                    assert_eq!(
                        refused(&changed),
                        opaque,
                        "part {number}, bit {bit} at {position}"
                    );
                }
            }
        }
    }

    #[test]
    fn parts_that_are_missing_cut_or_too_many_are_refused() {
        let opaque = refused("a.b.c.d.e");
        let parts: Vec<&str> = JWE.split('.').collect();
        for number in 0..5 {
            let with = |part: &str| {
                let mut parts = parts.clone();
                parts[number] = part;
                parts.join(".")
            };
            let part = parts[number];
            let mut changed = vec![
                with(""),
                with(&part[1..]),
                with(&part[..part.len() - 1]),
                with(&part[..part.len() - 4]),
                with(&format!("{part}AAAA")),
                with(&format!("{part}=")),
                with(&format!("{part}\n")),
                with(&format!(" {part}")),
                with(&format!("{part}.{part}")),
            ];
            let mut fewer = parts.clone();
            fewer.remove(number);
            changed.push(fewer.join("."));
            for jwe in changed {
                assert_eq!(refused(&jwe), opaque, "part {number}");
            }
        }
        for jwe in ["....", ".", "a.", ".....", &format!("{}.", *JWE)] {
            assert_eq!(refused(jwe), opaque, "{jwe}");
        }
    }

    #[test]
    fn a_header_that_asks_for_something_else_is_refused() {
        let opaque = refused("a.b.c.d.e");
        for header in [
            "",
            "{}",
            "[]",
            r#"{"alg":"RSA-OAEP-256"}"#,
            r#"{"enc":"A256GCM"}"#,
            r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#,
            r#"{"alg":"RSA1_5","enc":"A256GCM"}"#,
            r#"{"alg":"dir","enc":"A256GCM"}"#,
            r#"{"alg":"none","enc":"A256GCM"}"#,
            r#"{"alg":"rsa-oaep-256","enc":"A256GCM"}"#,
            r#"{"alg":["RSA-OAEP-256"],"enc":"A256GCM"}"#,
            r#"{"alg":"RSA-OAEP-256","enc":"A128GCM"}"#,
            r#"{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512"}"#,
            r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"}"#,
            r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":null}"#,
            r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","crit":["exp"],"exp":1}"#,
            r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","crit":[]}"#,
            r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","b64":false}"#,
            r#"{"alg":"RSA-OAEP-256","alg":"RSA-OAEP-256","enc":"A256GCM"}"#,
            r#"{"alg":"RSA-OAEP-256","\u0061lg":"RSA-OAEP-256","enc":"A256GCM"}"#,
            r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"a","kid":"b"}"#,
            r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}{}"#,
            &format!(
                r#"{{"alg":"RSA-OAEP-256","enc":"A256GCM","x":"{}"}}"#,
                "x".repeat(LONGEST_HEADER)
            ),
        ] {
            assert_eq!(
                refused(&seal(&KEY, header, CLAIM.as_bytes())),
                opaque,
                "{header}"
            );
        }
    }

    #[test]
    fn a_content_key_of_another_length_and_an_empty_or_endless_content_are_refused() {
        let opaque = refused("a.b.c.d.e");
        for length in [0, 16, 31, 33, 64] {
            let jwe = seal_under(&KEY, HEADER, CLAIM.as_bytes(), &vec![7; length]);
            assert_eq!(refused(&jwe), opaque, "{length}");
        }
        for content in [vec![], vec![b' '; LONGEST_CIPHERTEXT + 1]] {
            assert_eq!(refused(&seal(&KEY, HEADER, &content)), opaque);
        }
        // What is under the right key and is no claim is another matter, and is not quoted.
        let error = open_claim(&seal(&KEY, HEADER, b"canary"), Some(&KEYS), None).unwrap_err();
        assert_eq!(error.code(), "protocol");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn another_key_opens_nothing() {
        let other = generate_key_pair(2048).unwrap();
        let jwe = seal(&other, HEADER, CLAIM.as_bytes());
        assert_eq!(refused(&jwe), refused("a.b.c.d.e"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(jwe in "[A-Za-z0-9_=-]{0,90}(\\.[A-Za-z0-9_=-]{0,60}){0,6}") {
            let _ = open_claim(&jwe, Some(&KEYS), None);
        }

        #[test]
        fn no_header_makes_the_parser_panic(header in "\\{(\"(alg|enc|zip|kid)\":\"[A-Z0-9-]{0,12}\",?){0,4}\\}?") {
            let _ = open_claim(&seal(&KEY, &header, CLAIM.as_bytes()), Some(&KEYS), None);
        }

        #[test]
        fn no_replaced_byte_is_accepted(position in any::<proptest::sample::Index>(), byte in 0u8..128) {
            let mut changed = JWE.clone().into_bytes();
            let at = position.index(changed.len());
            prop_assume!(changed[at] != byte);
            changed[at] = byte;
            prop_assert!(open_claim(std::str::from_utf8(&changed).unwrap(), Some(&KEYS), None).is_err());
        }
    }
}
