//! Keys as JSON Web Keys: RFC 7517, and RFC 7518 section 6.3 for RSA.
//!
//! What is read is parsed strictly; what is written has five members and no more, because Persona's
//! body is closed to others, and because what stands around a key would tell its owner apart.

use aws_lc_rs::digest::{digest, SHA256};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::jwk_text::{json_of, why_no_json};
use crate::encoding::{
    decode_base64url_strict, encode_base64url, parse_unique_object, wipe, Unreadable,
};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// The one algorithm for keys in this form. Source: Persona, "Create a Relay".
pub(super) const ALGORITHM: &str = "RSA-OAEP-256";

/// The longest text that is looked at, in bytes. A private key of 4096 bits has about 3,200.
const LONGEST: usize = 16_384;

/// The members that hold something of a private key, a symmetric one included.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Writes a public key: its modulus and exponent, big-endian without leading zeros.
pub(super) fn write_public(n: &[u8], e: &[u8]) -> String {
    let (n, e) = (encode_base64url(n), encode_base64url(e));
    format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}","alg":"{ALGORITHM}","use":"enc"}}"#)
}

/// The key's own name: its SHA-256 thumbprint (RFC 7638).
pub(super) fn thumbprint(n: &[u8], e: &[u8]) -> String {
    let (n, e) = (encode_base64url(n), encode_base64url(e));
    let canonical = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    encode_base64url(digest(&SHA256, canonical.as_bytes()).as_ref())
}

/// Reads a public key: its SubjectPublicKeyInfo.
pub(super) fn read_public(text: &str) -> Result<Vec<u8>> {
    let jwk = Jwk::parse(text, "encryption key", ["encrypt", "wrapKey"])?;
    if jwk.is_private() {
        return Err(Error::invalid_argument(
            "The encryption key is a private key. Give its public half: Persona must only ever see \
             that.",
        ));
    }
    let der: Option<PublicKeyX509Der<'_>> = jwk.public_components()?.as_der().ok();
    let der = der.ok_or_else(|| jwk.refused("its n and e are no RSA key"))?;
    Ok(der.as_ref().to_vec())
}

/// Reads a private key, and the name (`kid`) that its owner gave it.
pub(super) fn read_private(text: &str) -> Result<(KeyPair, Option<String>)> {
    let jwk = Jwk::parse(text, "decryption key", ["decrypt", "unwrapKey"])?;
    if !jwk.members.contains_key("d") {
        return Err(jwk.refused("it is a public key; a private one has d, p, q, dp, dq and qi"));
    }
    if jwk.members.contains_key("oth") {
        return Err(jwk.refused("it has more than two primes"));
    }
    let components = KeyPairComponents {
        public_key: jwk.public_components()?,
        d: jwk.number("d")?,
        p: jwk.number("p")?,
        q: jwk.number("q")?,
        dP: jwk.number("dp")?,
        dQ: jwk.number("dq")?,
        qInv: jwk.number("qi")?,
    };
    let pair = KeyPair::from_components(&components)
        .map_err(|_| jwk.refused("its numbers do not belong together"))?;
    let kid = jwk.members.get("kid").and_then(Value::as_str);
    Ok((pair, kid.map(str::to_owned)))
}

/// Writes a private key, of which AWS-LC has made this DER (PKCS#8), with its name, if it has one.
pub(super) fn write_private(pkcs8: &[u8], kid: Option<&str>) -> Option<Secret<String>> {
    use rsa::pkcs1::RsaPrivateKeyRef;
    use rsa::pkcs8::der::Decode;
    use rsa::pkcs8::PrivateKeyInfoRef;

    let info = PrivateKeyInfoRef::from_der(pkcs8).ok()?;
    let key = RsaPrivateKeyRef::from_der(info.private_key.as_bytes()).ok()?;
    let numbers = [
        ("n", key.modulus),
        ("e", key.public_exponent),
        ("d", key.private_exponent),
        ("p", key.prime1),
        ("q", key.prime2),
        ("dp", key.exponent1),
        ("dq", key.exponent2),
        ("qi", key.coefficient),
    ];
    // Room enough at once: a text that grew would leave copies behind.
    let kid = kid.map(|kid| format!(r#","kid":{}"#, Value::from(kid)));
    let kid = kid.unwrap_or_default();
    let mut text = Secret::new(String::with_capacity(2 * pkcs8.len() + kid.len() + 256));
    text.append(r#"{"kty":"RSA""#);
    for (name, number) in numbers {
        let number = Zeroizing::new(encode_base64url(number.as_bytes()));
        for part in [r#",""#, name, r#"":""#, &number, "\""] {
            text.append(part);
        }
    }
    for part in [r#","alg":""#, ALGORITHM, r#"","use":"enc""#, &kid, "}"] {
        text.append(part);
    }
    Some(text)
}

/// A JSON object that says it is an RSA key for encryption. Its texts are wiped when it is dropped.
struct Jwk {
    what: &'static str,
    members: Map<String, Value>,
}

impl Jwk {
    /// `operations` are those of `key_ops` of which the key must be meant for one, if it says any.
    fn parse(text: &str, what: &'static str, operations: [&str; 2]) -> Result<Self> {
        let unreadable = |why: &str| refused(what, why);
        if text.len() > LONGEST {
            return Err(unreadable("it is too long"));
        }
        let json = json_of(text);
        let text = json.as_ref().map_or(text, |json| json.as_str());
        let members = parse_unique_object(text.as_bytes());
        let mut members = members.map_err(|Unreadable(why)| {
            let true_reason = why_no_json(text).filter(|_| text.trim_start().starts_with('{'));
            unreadable(true_reason.unwrap_or(&why))
        })?;
        // Some libraries write what is not there as null.
        members.retain(|_, value| !value.is_null());
        let jwk = Self { what, members };
        if jwk.members.contains_key("keys") {
            return Err(jwk.refused("it is a set of keys; give one of them"));
        }
        let said = |name: &str| jwk.members.get(name);
        match said("kty").map(Value::as_str) {
            Some(Some("RSA")) => {}
            Some(Some("EC" | "OKP")) => {
                return Err(jwk.refused("it is a key on a curve, and its kty is not RSA"))
            }
            Some(Some("oct")) => {
                return Err(jwk.refused("it is a symmetric key, and its kty is not RSA"))
            }
            Some(_) => return Err(jwk.refused("its kty is not RSA")),
            None => {
                return Err(jwk.refused(
                    "it has no kty. If the key is one of its members, give that member alone",
                ))
            }
        }
        if said("alg").is_some_and(|alg| alg != ALGORITHM) {
            return Err(jwk.refused("its alg is not RSA-OAEP-256"));
        }
        if said("use").is_some_and(|purpose| purpose != "enc") {
            return Err(jwk.refused("its use is not enc"));
        }
        let is_meant = |operation: &Value| operations.iter().any(|meant| operation == meant);
        let may_be_used = said("key_ops").is_none_or(|all| {
            let all = all.as_array();
            all.is_some_and(|all| all.iter().any(is_meant))
        });
        if !may_be_used {
            return Err(jwk.refused("its key_ops say that it is for something else"));
        }
        Ok(jwk)
    }

    fn is_private(&self) -> bool {
        PRIVATE.iter().any(|name| self.members.contains_key(*name))
    }

    fn public_components(&self) -> Result<PublicKeyComponents<Zeroizing<Vec<u8>>>> {
        // Leading zeros, which some write, are not part of a number.
        let trimmed = |name: &str| {
            let number = self.number(name)?;
            let zeros = number.iter().take_while(|byte| **byte == 0).count();
            Ok(Zeroizing::new(number[zeros..].to_vec()))
        };
        Ok(PublicKeyComponents {
            n: trimmed("n")?,
            e: trimmed("e")?,
        })
    }

    /// A Base64urlUInt (RFC 7518 section 2).
    fn number(&self, name: &str) -> Result<Zeroizing<Vec<u8>>> {
        let text = match self.members.get(name) {
            Some(Value::String(text)) => text.as_str(),
            Some(_) => return Err(self.refused(&format!("its {name} is no text"))),
            None => return Err(self.refused(&format!("it has no {name}"))),
        };
        let number = decode_base64url_strict(text).map(Zeroizing::new);
        number.filter(|number| !number.is_empty()).ok_or_else(|| {
            let why = match text {
                "" => "is empty",
                _ if text.contains("...") || text.contains('…') => "is shortened with dots",
                _ if text.contains('*') => "is masked",
                _ if text.contains(['+', '/', '=']) => {
                    "is in base64 with `+`, `/` or `=`, and not in base64url without padding"
                }
                _ if text.contains(char::is_whitespace) => "has a blank in it",
                _ => "is no base64url number",
            };
            self.refused(&format!("its {name} {why}"))
        })
    }

    fn refused(&self, why: &str) -> Error {
        refused(self.what, why)
    }
}

impl Drop for Jwk {
    fn drop(&mut self) {
        self.members.values_mut().for_each(wipe);
    }
}

fn refused(what: &str, why: &str) -> Error {
    Error::invalid_argument(format!(
        "The {what} is no JSON Web Key that is of use: {why}."
    ))
}

#[cfg(test)]
mod tests {
    use super::super::{generate_key_pair, DecryptionKey, EncryptionKey};
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static KEY: LazyLock<DecryptionKey> = LazyLock::new(|| generate_key_pair(2048).unwrap());

    fn private() -> Map<String, Value> {
        serde_json::from_str(KEY.to_jwk().expose()).unwrap()
    }

    fn public() -> Map<String, Value> {
        serde_json::from_str(KEY.encryption_key().as_jwk()).unwrap()
    }

    fn text(members: &Map<String, Value>) -> String {
        serde_json::to_string(members).unwrap()
    }

    #[test]
    fn a_public_key_has_five_members_whatever_stood_around_it() {
        let mut members = public();
        let names: Vec<&str> = members.keys().map(String::as_str).collect();
        assert_eq!(names, ["alg", "e", "kty", "n", "use"]);
        assert_eq!(
            (&members["alg"], &members["use"]),
            (&"RSA-OAEP-256".into(), &"enc".into())
        );
        // As WebCrypto exports it, and as a directory of keys names it.
        members.insert("ext".to_owned(), true.into());
        members.insert("key_ops".to_owned(), serde_json::json!(["encrypt"]));
        members.insert("kid".to_owned(), "canary".into());
        let same = EncryptionKey::from_jwk(&text(&members)).unwrap();
        assert_eq!(&same, KEY.encryption_key());
        assert_eq!(same.as_jwk(), KEY.encryption_key().as_jwk());
        for name in ["alg", "use"] {
            members.remove(name);
        }
        assert_eq!(
            &EncryptionKey::from_jwk(&text(&members)).unwrap(),
            KEY.encryption_key()
        );
    }

    #[test]
    fn a_key_is_the_same_in_every_form() {
        let again = DecryptionKey::parse(KEY.to_jwk().expose()).unwrap();
        assert_eq!(again.to_pem(), KEY.to_pem());
        assert_eq!(again.to_jwk(), KEY.to_jwk());
        let of_pem = EncryptionKey::parse(KEY.encryption_key().as_pem()).unwrap();
        let of_jwk = EncryptionKey::parse(&format!(" {}\n", of_pem.as_jwk())).unwrap();
        assert_eq!(of_pem, of_jwk);
        assert_eq!(of_jwk.as_pem(), KEY.encryption_key().as_pem());
    }

    #[test]
    fn the_name_of_a_private_key_stays_with_it_and_does_not_travel() {
        for kid in ["2026-11", "", "\"quoted\" \\ \u{e9}\n"] {
            let mut members = private();
            members.insert("kid".to_owned(), kid.into());
            let named = DecryptionKey::from_jwk(&text(&members)).unwrap();
            let again = DecryptionKey::from_jwk(named.to_jwk().expose()).unwrap();
            assert!(again.is_named(kid), "{kid:?}");
            let written: Map<String, Value> =
                serde_json::from_str(again.to_jwk().expose()).unwrap();
            assert_eq!(written["kid"], kid);
            assert_eq!(
                again.encryption_key().as_jwk(),
                KEY.encryption_key().as_jwk()
            );
        }
    }

    #[test]
    fn a_private_key_given_as_encryption_key_is_refused_without_being_repeated() {
        let whole = KEY.to_jwk();
        let error = EncryptionKey::parse(whole.expose()).unwrap_err();
        assert!(error.to_string().contains("private key"), "{error}");
        for name in PRIVATE {
            let mut members = public();
            members.insert(name.to_owned(), "canary".into());
            let error = EncryptionKey::parse(&text(&members)).unwrap_err();
            assert_eq!(error.code(), "invalid_argument", "{name}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{name}");
        }
    }

    #[test]
    fn a_member_that_is_null_is_not_there() {
        let mut members = public();
        for name in PRIVATE.iter().chain(&["keys", "kid", "key_ops", "alg"]) {
            members.insert((*name).to_owned(), Value::Null);
        }
        let key = EncryptionKey::from_jwk(&text(&members)).unwrap();
        assert_eq!(&key, KEY.encryption_key());
        let mut members = private();
        members.insert("oth".to_owned(), Value::Null);
        let key = DecryptionKey::from_jwk(&text(&members)).unwrap();
        assert_eq!(key.to_pem(), KEY.to_pem());
        members.insert("d".to_owned(), Value::Null);
        let error = DecryptionKey::from_jwk(&text(&members)).unwrap_err();
        assert!(error.to_string().contains("it is a public key"), "{error}");
    }

    #[test]
    fn what_is_no_rsa_key_for_encryption_is_refused() {
        let with = |name: &str, value: Value| {
            let mut members = public();
            members.insert(name.to_owned(), value);
            text(&members)
        };
        let weak = encode_base64url(&[0xff; 128]);
        let huge = encode_base64url(&[0xff; 513]);
        let n = public()["n"].as_str().unwrap().to_owned();
        for jwk in [
            "{}".to_owned(),
            "{\"keys\":[]}".to_owned(),
            with("kty", "EC".into()),
            with("kty", Value::Null),
            with("alg", "RSA-OAEP".into()),
            with("alg", "RSA1_5".into()),
            with("use", "sig".into()),
            with("key_ops", serde_json::json!(["verify"])),
            with("key_ops", "encrypt".into()),
            with("n", weak.into()),
            with("n", huge.into()),
            with("n", "".into()),
            with("n", 5.into()),
            with("n", format!("{n}=").into()),
            with("n", format!(" {n}").into()),
            with("e", "AA".into()),
            with("e", "AQAC".into()),
            with("x", "x".repeat(LONGEST).into()),
            text(&public()).replacen('{', "{\"kty\":\"RSA\",", 1),
            text(&public()).replacen('{', "{\"\\u006bty\":\"RSA\",", 1),
            format!("{} {{}}", text(&public())),
        ] {
            let error = EncryptionKey::from_jwk(&jwk).expect_err(&jwk);
            assert_eq!(error.code(), "invalid_argument");
            let error = DecryptionKey::from_jwk(&jwk).expect_err(&jwk);
            assert_eq!(error.code(), "invalid_argument");
        }
    }

    #[test]
    fn a_private_key_of_which_a_number_is_missing_or_wrong_is_refused_and_not_quoted() {
        for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
            let mut missing = private();
            let number = missing.remove(name).unwrap();
            let mut wrong = private();
            let other = if name == "d" { "p" } else { "d" };
            wrong.insert(name.to_owned(), private()[other].clone());
            for jwk in [missing, wrong] {
                let error = DecryptionKey::from_jwk(&text(&jwk)).expect_err(name);
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains(number.as_str().unwrap()), "{name}: {shown}");
            }
        }
        let mut three_primes = private();
        three_primes.insert("oth".to_owned(), serde_json::json!([]));
        assert!(DecryptionKey::from_jwk(&text(&three_primes)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(jwk in "\\{?.*") {
            let _ = EncryptionKey::parse(&jwk);
            let _ = DecryptionKey::parse(&jwk);
        }

        #[test]
        fn no_members_make_the_reader_panic(
            members in proptest::collection::btree_map("(kty|n|e|d|p|q|dp|dq|qi|alg|use|key_ops|oth)", "[A-Za-z0-9_=-]{0,8}", 0..13)
        ) {
            let mut jwk = private();
            for (name, value) in members {
                jwk.insert(name, value.into());
            }
            let _ = EncryptionKey::parse(&text(&jwk));
            let _ = DecryptionKey::parse(&text(&jwk));
        }
    }
}
