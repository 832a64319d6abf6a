//! The claim: what Persona says about the person, opened and checked against what was asked.

mod decryption_keys;
mod envelope;
#[cfg(test)]
mod faults;
mod jwe;
mod jwk;
mod jwk_text;
mod key_text;
mod keys;
#[cfg(test)]
mod standards;
#[cfg(test)]
mod wycheproof;

use serde_json::Value;

pub use decryption_keys::DecryptionKeys;
pub use envelope::KeyForm;
pub(crate) use envelope::{check_form, is_encrypted, Envelope};
#[cfg(any(test, relaypass_fuzzing))]
pub(crate) use jwe::opened as open_jwe;
pub(crate) use keys::KEY_SIZES;
pub use keys::{generate_key_pair, DecryptionKey, EncryptionKey};

use crate::credential::check_visible;
use crate::encoding::{member, parse_object};
use crate::error::{Error, Result};

/// What is asked about a person, such as `age_over18_verified`.
///
/// The set is open: Persona adds claim types at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimType(String);

impl ClaimType {
    /// Checks the form: 1 to 128 visible ASCII characters.
    ///
    /// # Errors
    /// `invalid_argument` otherwise.
    pub fn parse(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        check_visible(&text, "the claim type", 128)?;
        Ok(Self(text))
    }

    /// The claim type's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The answer about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// What was asked.
    pub claim_type: String,
    /// `passed` or `failed`; Persona may add others.
    pub claim_result: String,
    /// How Persona found out; empty if it does not say.
    pub methodology: Vec<Method>,
}

/// One way in which Persona checked the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Method {
    /// Such as `facial_age_estimation`, `document_selfie`, `live_selfie`; the set is open.
    pub method: String,
    /// `passed` or `failed`; Persona may add others.
    pub result: String,
}

impl Claim {
    /// Whether the answer is yes. Anything but `passed` is not.
    pub fn passed(&self) -> bool {
        self.claim_result == "passed"
    }
}

/// Opens a claim payload: decrypts it if there are keys, parses it, and checks that it answers the
/// question `asked`. It takes what Persona sends for a key in PEM and for a JWK alike.
///
/// It works for about a millisecond (for four, under a key of 4096 bits): an async program calls it
/// where that blocks nobody.
///
/// # Errors
/// * `decryption`: no key opens it. One error for every reason.
/// * `claim_mismatch`: it is not encrypted although there are keys (somebody took the encryption
///   away), or it answers another question than `asked`.
/// * `protocol`: it is not a claim.
///
/// # Example
/// ```
/// let payload = r#"{"claim_type":"age_over18_verified","claim_result":"passed"}"#;
/// let claim = relaypass::open_claim(payload, None, None)?;
/// assert!(claim.passed());
/// # Ok::<(), relaypass::Error>(())
/// ```
pub fn open_claim(
    payload: &str,
    keys: Option<&DecryptionKeys>,
    asked: Option<&ClaimType>,
) -> Result<Claim> {
    open_claim_in_form(payload, keys, None, asked)
}

/// [`open_claim`] of a payload that has to come in the form of the relay's own key
/// ([`Relay::encryption_form`](crate::Relay::encryption_form)), if it is known.
///
/// # Errors
/// Those of [`open_claim`]; and `claim_mismatch`, with keys or without, for a payload in another form.
pub fn open_claim_in_form(
    payload: &str,
    keys: Option<&DecryptionKeys>,
    form: Option<KeyForm>,
    asked: Option<&ClaimType>,
) -> Result<Claim> {
    if form.is_some() {
        check_form(payload, form)?;
    }
    let envelope = match keys {
        None => Envelope::Plain,
        Some(keys) => Envelope::Encrypted(keys, form),
    };
    envelope.open(payload, asked)
}

fn parse_claim(json: &[u8]) -> Result<Claim> {
    let refused = |what: &str| Error::protocol(format!("The claim payload is no claim: {what}."));
    let object = parse_object(json).map_err(|unreadable| refused(&unreadable.0))?;
    let text = |name: &str| match member(&object, name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        _ => Err(refused(&format!("{name} is missing or not a string"))),
    };
    let methodology = match member(&object, "methodology") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(methods)) => methods
            .iter()
            .map(|method| {
                let text = |name| {
                    method
                        .as_object()
                        .and_then(|method| member(method, name))
                        .and_then(Value::as_str)
                        .map(str::to_owned)
                };
                Some(Method {
                    method: text("method")?,
                    result: text("result")?,
                })
            })
            .collect::<Option<_>>()
            .ok_or_else(|| refused("a method has no name or no result"))?,
        Some(_) => return Err(refused("methodology is not a list")),
    };
    Ok(Claim {
        claim_type: text("claim-type")?,
        claim_result: text("claim-result")?,
        methodology,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::encode_base64url;
    use aws_lc_rs::rsa::OAEP_SHA1_MGF1SHA1;
    use proptest::prelude::*;

    const PASSED: &str = r#"{"claim_type":"age_over18_verified","claim_result":"passed","methodology":[{"method":"live_selfie","result":"passed"}]}"#;

    fn asked(claim_type: &str) -> Option<ClaimType> {
        Some(ClaimType::parse(claim_type).unwrap())
    }

    #[test]
    fn a_claim_is_read_and_methodology_may_be_absent() {
        let claim = open_claim(PASSED, None, asked("age_over18_verified").as_ref()).unwrap();
        assert!(claim.passed());
        assert_eq!(claim.methodology[0].method, "live_selfie");
        let bare = open_claim(r#"{"claim_type":"a","claim_result":"failed"}"#, None, None).unwrap();
        assert!(!bare.passed());
        assert_eq!(bare.methodology, []);
    }

    #[test]
    fn only_passed_means_passed() {
        for result in ["failed", "Passed", "pending", "passed "] {
            let payload = format!(r#"{{"claim_type":"a","claim_result":"{result}"}}"#);
            assert!(
                !open_claim(&payload, None, None).unwrap().passed(),
                "{result}"
            );
        }
    }

    #[test]
    fn an_answer_to_another_question_is_refused() {
        let error = open_claim(PASSED, None, asked("age_over21_verified").as_ref()).unwrap_err();
        assert_eq!(error.code(), "claim_mismatch");
    }

    #[test]
    fn plaintext_where_encryption_was_asked_for_is_refused() {
        let keys = generate_key_pair(2048).unwrap().into();
        for payload in [PASSED, " {}", "[]"] {
            let error = open_claim(payload, Some(&keys), None).unwrap_err();
            assert_eq!(error.code(), "claim_mismatch");
        }
    }

    #[test]
    fn what_is_no_claim_is_a_broken_protocol_and_is_not_quoted() {
        for payload in [
            "",
            "canary",
            "[\"canary\"]",
            r#"{"claim_type":"canary"}"#,
            r#"{"claim_type":5,"claim_result":"canary"}"#,
            r#"{"claim_type":"a","claim_result":"canary","methodology":"canary"}"#,
            r#"{"claim_type":"a","claim_result":"canary","methodology":[{"method":"canary"}]}"#,
        ] {
            let error = open_claim(payload, None, None).unwrap_err();
            assert_eq!(error.code(), "protocol");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }

    #[test]
    fn a_wrong_key_and_a_cut_or_changed_ciphertext_give_one_and_the_same_error() {
        let key = generate_key_pair(2048).unwrap();
        let other = generate_key_pair(2048).unwrap();
        let right = keys::tests::encrypt(&key, &OAEP_SHA1_MGF1SHA1, PASSED.as_bytes());
        let [key, other] = [key, other].map(DecryptionKeys::from);
        assert!(open_claim(&encode_base64url(&right), Some(&key), None).is_ok());
        let mut changed = right.clone();
        changed[100] ^= 1;
        let mut errors = Vec::new();
        for (key, ciphertext) in [
            (&other, &right[..]),
            (&key, &right[..255]),
            (&key, &[]),
            (&key, &changed[..]),
        ] {
            let error = open_claim(&encode_base64url(ciphertext), Some(key), None).unwrap_err();
            errors.push(format!("{error} {error:?}"));
        }
        errors.dedup();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains("[decryption]"));
    }

    #[test]
    fn a_claim_type_is_short_and_visible() {
        for bad in ["", "age over 18", "a\u{0}", &"a".repeat(129)] {
            assert_eq!(
                ClaimType::parse(bad).unwrap_err().code(),
                "invalid_argument"
            );
        }
    }

    proptest! {
        #[test]
        fn no_payload_makes_the_parser_panic(payload in ".*") {
            let _ = open_claim(&payload, None, None);
        }
    }
}
