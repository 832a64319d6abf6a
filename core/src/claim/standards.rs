//! Keys and JWEs that standards print: `standards.json` has them by RFC and section.
//!
//! None of these JWEs has the two algorithms that are taken here. So they prove what is read apart from
//! that: the five parts, the key in them, the header as associated data; and that the header alone is
//! reason enough to refuse.

use std::sync::LazyLock;

use aws_lc_rs::rsa::OAEP_SHA1_MGF1SHA1;
use serde_json::{Map, Value};

use super::jwe::tests::open_whatever_its_header_says;
use super::jwk::ALGORITHM;
use super::{open_claim, DecryptionKey, DecryptionKeys, EncryptionKey};
use crate::encoding::decode_base64url_strict;

static PRINTED: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("standards.json")).unwrap());

fn jwk(section: &str) -> Map<String, Value> {
    PRINTED["keys"][section].as_object().unwrap().clone()
}

fn text(members: &Map<String, Value>) -> String {
    serde_json::to_string(members).unwrap()
}

/// The key, without what says that it is for something else.
fn key(section: &str) -> DecryptionKey {
    let mut members = jwk(section);
    members.retain(|name, _| !["alg", "use"].contains(&name.as_str()));
    DecryptionKey::from_jwk(&text(&members)).unwrap()
}

#[test]
fn private_keys_are_read_and_written_as_they_are_printed() {
    for (section, printed) in PRINTED["keys"].as_object().unwrap() {
        let key = key(section);
        let written: Map<String, Value> = serde_json::from_str(key.to_jwk().expose()).unwrap();
        for name in ["kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"] {
            assert_eq!(written[name], printed[name], "{section}: {name}");
        }
        let public =
            Map::from_iter(["kty", "n", "e"].map(|name| (name.to_owned(), printed[name].clone())));
        let public = EncryptionKey::from_jwk(&text(&public)).unwrap();
        assert_eq!(key.encryption_key(), &public, "{section}");
        if let Some(kid) = printed["kid"].as_str() {
            assert!(key.is_named(kid) && !key.is_named("another"), "{section}");
        }
    }
}

#[test]
fn a_key_for_something_else_is_refused_as_printed() {
    for (section, why) in [
        ("RFC 7516 A.1", None),
        ("RFC 7517 C.1", None),
        ("RFC 7520 3.4", Some("its use is not enc")),
        ("RFC 7520 5.1", None),
        ("RFC 7520 5.2", Some("its alg is not RSA-OAEP-256")),
    ] {
        let read = DecryptionKey::from_jwk(&text(&jwk(section)));
        match (read, why) {
            (Ok(_), None) => {}
            (Err(refused), Some(why)) => assert!(refused.to_string().contains(why), "{refused}"),
            (read, _) => panic!("{section}: {read:?}"),
        }
        let given_away = EncryptionKey::from_jwk(&text(&jwk(section))).unwrap_err();
        assert_eq!(given_away.code(), "invalid_argument", "{section}");
    }
}

/// The example of RFC 7638's section 3.1, which is RFC 7517's A.1, too.
#[test]
fn a_public_key_has_the_thumbprint_that_is_printed() {
    const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let jwk = format!(r#"{{"kty":"RSA","n":"{N}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#);
    let refused = EncryptionKey::from_jwk(&jwk).unwrap_err();
    assert!(refused.to_string().contains("alg"), "{refused}");
    let key = EncryptionKey::from_jwk(&jwk.replace("RS256", ALGORITHM)).unwrap();
    assert_eq!(
        key.thumbprint(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

#[test]
fn a_jwe_of_another_algorithm_is_refused_under_its_own_key() {
    for (section, printed) in PRINTED["jwes"].as_object().unwrap() {
        let keys = DecryptionKeys::from(key(section));
        let jwe = printed["jwe"].as_str().unwrap();
        let error = open_claim(jwe, Some(&keys), None).unwrap_err();
        assert_eq!(error.code(), "decryption", "{section}");
    }
}

#[test]
fn the_parts_of_a_jwe_are_what_they_are_printed_to_be() {
    for section in ["RFC 7516 A.1", "RFC 7520 5.2"] {
        let printed = &PRINTED["jwes"][section];
        let jwe = printed["jwe"].as_str().unwrap();
        let parts: Vec<&str> = jwe.split('.').collect();
        let encrypted_key = decode_base64url_strict(parts[1]).unwrap();
        let content_key = key(section)
            .decrypt(&OAEP_SHA1_MGF1SHA1, &encrypted_key)
            .unwrap();
        if let Some(expected) = printed["content_key"].as_str() {
            assert_eq!(
                *content_key,
                decode_base64url_strict(expected).unwrap(),
                "{section}"
            );
        }
        let content = open_whatever_its_header_says(jwe, &content_key);
        assert_eq!(
            content.as_deref(),
            printed["content"].as_str().map(str::as_bytes),
            "{section}"
        );
        // All but the encrypted key is vouched for by the tag.
        for part in [0, 2, 3, 4] {
            let mut changed: Vec<String> = parts.iter().map(ToString::to_string).collect();
            let other = if changed[part].starts_with('A') {
                "B"
            } else {
                "A"
            };
            changed[part].replace_range(..1, other);
            let opened = open_whatever_its_header_says(&changed.join("."), &content_key);
            assert_eq!(opened, None, "{section}, part {part}");
        }
    }
}
