//! How a claim travels: in the clear, as RSA-OAEP in base64, or as a JWE; and how it is opened.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::jwe::{self, Jwe};
use super::{parse_claim, Claim, ClaimType, DecryptionKeys};
use crate::encoding::decode_base64_any;
use crate::error::{Error, ErrorKind, Result};

/// The form in which a relay's encryption key is sent, which decides how its claim comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyForm {
    /// PEM. The claim comes as RSA-OAEP in base64.
    #[default]
    Pem,
    /// A JSON Web Key. The claim comes as a compact JWE.
    Jwk,
}

impl KeyForm {
    /// `pem` or `jwk`.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyForm::Pem => "pem",
            KeyForm::Jwk => "jwk",
        }
    }
}

/// What a claim has to come in.
#[derive(Clone, Copy)]
pub(crate) enum Envelope<'a> {
    /// Nothing: the relay was created without a key.
    Plain,
    /// Encrypted for one of these keys, and in this form, if it is known.
    Encrypted(&'a DecryptionKeys, Option<KeyForm>),
}

impl Envelope<'_> {
    /// Opens a payload, and checks that it answers the question `asked`. One private operation in the
    /// usual case, of about a millisecond for 2048 bits and four for 4096.
    pub(crate) fn open(&self, payload: &str, asked: Option<&ClaimType>) -> Result<Claim> {
        let claim = match self {
            Envelope::Plain => parse_claim(payload.as_bytes())?,
            Envelope::Encrypted(keys, form) => parse_claim(&decrypt(payload, keys, *form)?)?,
        };
        if asked.is_some_and(|asked| asked.as_str() != claim.claim_type) {
            return Err(mismatch(
                "The claim answers another question: its claim type is not the one that was asked for.",
            ));
        }
        Ok(claim)
    }
}

/// Whether a payload is encrypted, as far as its outer form tells.
pub(crate) fn is_encrypted(payload: &str) -> bool {
    match Found::of(payload) {
        Found::Plain => false,
        Found::Jwe => jwe::has_its_form(payload),
        Found::Other => {
            let ciphertext = decode_base64_any(payload);
            ciphertext.is_some_and(|bytes| (256..=512).contains(&bytes.len()))
        }
    }
}

/// What a payload looks like.
enum Found {
    /// JSON.
    Plain,
    /// It has parts.
    Jwe,
    /// Base64, or nothing at all.
    Other,
}

impl Found {
    fn of(payload: &str) -> Self {
        if payload.trim_start().starts_with(['{', '[']) {
            Found::Plain
        } else if payload.contains('.') {
            Found::Jwe
        } else {
            Found::Other
        }
    }
}

/// Refuses what is not encrypted, or not in the form of the relay's key, if that is known.
pub(crate) fn check_form(payload: &str, form: Option<KeyForm>) -> Result<()> {
    Err(mismatch(match (Found::of(payload), form) {
        (Found::Plain, _) => {
            "The claim is not encrypted, although a decryption key is set or the form of the relay's \
             key is said: the relay was created without an encryption key, or somebody took the \
             encryption away."
        }
        (Found::Jwe, Some(KeyForm::Pem)) => {
            "The claim is a JWE, although the relay's key was sent in PEM: it is not the answer to \
             this relay."
        }
        (Found::Other, Some(KeyForm::Jwk)) => {
            "The claim is no JWE, although the relay's key was sent as a JWK: it is not the answer \
             to this relay."
        }
        (Found::Jwe | Found::Other, _) => return Ok(()),
    }))
}

fn decrypt(
    payload: &str,
    keys: &DecryptionKeys,
    form: Option<KeyForm>,
) -> Result<Zeroizing<Vec<u8>>> {
    check_form(payload, form)?;
    let content = match Found::of(payload) {
        Found::Jwe => Jwe::parse(payload).and_then(|jwe| keys.decrypt_jwe(&jwe)),
        Found::Plain | Found::Other => {
            let ciphertext = decode_base64_any(payload).ok_or_else(|| {
                Error::protocol("The claim payload is neither JSON, nor base64, nor a JWE.")
            })?;
            keys.decrypt_oaep(&ciphertext)
        }
    };
    content.ok_or_else(|| {
        Error::new(
            ErrorKind::Decryption,
            "The claim does not open with this decryption key.",
        )
    })
}

fn mismatch(message: &str) -> Error {
    Error::new(ErrorKind::ClaimMismatch, message)
}

#[cfg(test)]
mod tests {
    use super::super::jwe::tests::seal;
    use super::super::keys::tests::encrypt;
    use super::super::{generate_key_pair, DecryptionKey};
    use super::*;
    use crate::encoding::encode_base64url;
    use aws_lc_rs::rsa::OAEP_SHA256_MGF1SHA256;

    const CLAIM: &str = r#"{"claim_type":"age","claim_result":"passed"}"#;
    const HEADER: &str = r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#;

    fn in_base64(key: &DecryptionKey) -> String {
        encode_base64url(&encrypt(key, &OAEP_SHA256_MGF1SHA256, CLAIM.as_bytes()))
    }

    #[test]
    fn only_the_form_that_the_relay_was_created_with_is_taken() {
        let key = generate_key_pair(2048).unwrap();
        let payloads = [
            (None, CLAIM.to_owned()),
            (Some(KeyForm::Pem), in_base64(&key)),
            (Some(KeyForm::Jwk), seal(&key, HEADER, CLAIM.as_bytes())),
        ];
        let keys = DecryptionKeys::from(key);
        for form in [None, Some(KeyForm::Pem), Some(KeyForm::Jwk)] {
            for (comes_as, payload) in &payloads {
                let opened = Envelope::Encrypted(&keys, form).open(payload, None);
                // Without a form, any encryption will do.
                match comes_as.is_some() && (form.is_none() || *comes_as == form) {
                    true => assert!(opened.unwrap().passed(), "{form:?} {comes_as:?}"),
                    false => {
                        let error = opened.expect_err("another form");
                        assert_eq!(error.code(), "claim_mismatch", "{form:?} {comes_as:?}");
                    }
                }
            }
        }
        // The form comes first, whatever else is wrong.
        for (form, code) in [
            (None, "protocol"),
            (Some(KeyForm::Pem), "protocol"),
            (Some(KeyForm::Jwk), "claim_mismatch"),
        ] {
            let error = Envelope::Encrypted(&keys, form).open("no base64!", None);
            assert_eq!(error.expect_err("no claim").code(), code, "{form:?}");
        }
        for (comes_as, payload) in &payloads {
            assert_eq!(is_encrypted(payload), comes_as.is_some());
            let opened = Envelope::Plain.open(payload, None);
            assert_eq!(opened.is_ok(), comes_as.is_none());
        }
    }

    #[test]
    fn what_only_looks_like_an_envelope_is_none() {
        for payload in ["", "a.b", "a.b.c", "a.b.c.d.ü", "canary", "a.b.c.d.e.f"] {
            assert!(!is_encrypted(payload), "{payload}");
        }
    }
}
