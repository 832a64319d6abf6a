//! The kinds of fault in keys and JWEs that Project Wycheproof looks for, in `json_web_encryption` and
//! `json_web_key`, with keys of our own. What it finds in the parts of a JWE one by one (a part that is
//! changed, cut, too long, missing, missing with its dot) is in the tests of `jwe`.
//!
//! Not looked for: keys made by the library with the ROCA flaw (CVE-2017-15361). A key is its owner's.

use std::sync::LazyLock;

use aws_lc_rs::rsa::{
    Pkcs1PublicEncryptingKey, PublicEncryptingKey, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256,
    OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
};
use serde_json::{json, Value};

use super::jwe::tests::{seal, sealed_for};
use super::keys::tests::{encrypt, public_der};
use super::{generate_key_pair, open_claim, DecryptionKey, DecryptionKeys, EncryptionKey};
use crate::encoding::encode_base64url;

const HEADER: &str = r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#;
const CLAIM: &str = r#"{"claim_type":"age","claim_result":"passed"}"#;
const CONTENT_KEY: [u8; 32] = [7; 32];

static KEY: LazyLock<DecryptionKey> = LazyLock::new(|| generate_key_pair(2048).unwrap());
static KEYS: LazyLock<DecryptionKeys> = LazyLock::new(|| KEY.clone().into());

/// A JWE in which this is the encrypted key.
fn with_encrypted_key(header: &str, encrypted_key: &[u8]) -> String {
    sealed_for(header, CLAIM.as_bytes(), &CONTENT_KEY, encrypted_key)
}

/// RSA PKCS#1 v1.5, `RSA1_5`.
fn encrypted_in_the_old_way(message: &[u8]) -> Vec<u8> {
    let key = PublicEncryptingKey::from_der(&public_der(&KEY)).unwrap();
    let key = Pkcs1PublicEncryptingKey::new(key).unwrap();
    let mut ciphertext = vec![0; key.ciphertext_size()];
    key.encrypt(message, &mut ciphertext).unwrap();
    ciphertext
}

fn is_refused(jwe: &str, what: &str) {
    let error = open_claim(jwe, Some(&KEYS), None).expect_err(what);
    let opaque = open_claim("a.b.c.d.e", Some(&KEYS), None).unwrap_err();
    assert_eq!(format!("{error:?}"), format!("{opaque:?}"), "{what}");
}

#[test]
fn a_valid_one_opens() {
    let encrypted_key = encrypt(&KEY, &OAEP_SHA256_MGF1SHA256, &CONTENT_KEY);
    let jwe = with_encrypted_key(HEADER, &encrypted_key);
    assert!(open_claim(&jwe, Some(&KEYS), None).unwrap().passed());
}

/// `Pkcs15WithOaepKey`, with messages of all the sizes that it tries.
#[test]
fn a_key_encrypted_with_pkcs1_padding_is_refused_whatever_the_header_says() {
    for length in [0, 16, 24, 32] {
        let encrypted_key = encrypted_in_the_old_way(&CONTENT_KEY[..length]);
        for alg in ["RSA-OAEP-256", "RSA1_5"] {
            for enc in [
                "A256GCM",
                "A128GCM",
                "A192GCM",
                "A128CBC-HS256",
                "A192CBC-HS384",
                "A256CBC-HS512",
            ] {
                let header = json!({"alg": alg, "enc": enc}).to_string();
                let jwe = with_encrypted_key(&header, &encrypted_key);
                is_refused(&jwe, &format!("{length} bytes, {header}"));
            }
        }
    }
}

/// `InvalidPadding`, and what is no number below the modulus.
#[test]
fn an_encrypted_key_without_padding_or_beyond_the_modulus_is_refused() {
    let mut one = vec![0; 256];
    one[255] = 1;
    for encrypted_key in [vec![0; 256], one, vec![0x55; 256], vec![0xff; 256]] {
        is_refused(
            &with_encrypted_key(HEADER, &encrypted_key),
            &format!("{:x?}", &encrypted_key[254..]),
        );
    }
}

/// `WrongCipher`.
#[test]
fn a_key_encrypted_with_oaep_under_another_hash_is_refused() {
    for (hash, name) in [
        (&OAEP_SHA1_MGF1SHA1, "SHA-1"),
        (&OAEP_SHA384_MGF1SHA384, "SHA-384"),
        (&OAEP_SHA512_MGF1SHA512, "SHA-512"),
    ] {
        let encrypted_key = encrypt(&KEY, hash, &CONTENT_KEY);
        is_refused(&with_encrypted_key(HEADER, &encrypted_key), name);
    }
}

/// The algorithms for keys and contents that the files have, and that are not ours.
#[test]
fn another_algorithm_is_refused_even_if_all_else_is_right() {
    const ALGS: &str =
        "RSA-OAEP RSA-OAEP-384 RSA-OAEP-512 RSA1_5 dir A128KW A192KW A256KW A128GCMKW \
                        A192GCMKW A256GCMKW ECDH-ES ECDH-ES+A128KW ECDH-ES+A192KW ECDH-ES+A256KW \
                        PBES2-HS256+A128KW";
    const ENCS: &str = "A128GCM A192GCM A128CBC-HS256 A192CBC-HS384 A256CBC-HS512";
    for alg in ALGS.split_whitespace() {
        let header = json!({"alg": alg, "enc": "A256GCM"}).to_string();
        is_refused(&seal(&KEY, &header, CLAIM.as_bytes()), alg);
    }
    for enc in ENCS.split_whitespace() {
        let header = json!({"alg": "RSA-OAEP-256", "enc": enc}).to_string();
        is_refused(&seal(&KEY, &header, CLAIM.as_bytes()), enc);
    }
    // `CompressedPlaintext`.
    let header = json!({"alg": "RSA-OAEP-256", "enc": "A256GCM", "zip": "DEF"}).to_string();
    is_refused(&seal(&KEY, &header, CLAIM.as_bytes()), "zip");
}

/// `JsonSerialization`: it looks like JSON, and so like a claim that nobody encrypted.
#[test]
fn a_jwe_in_json_is_no_encrypted_claim() {
    let jwe = seal(&KEY, HEADER, CLAIM.as_bytes());
    let parts: Vec<&str> = jwe.split('.').collect();
    let flat = json!({
        "protected": parts[0], "encrypted_key": parts[1], "iv": parts[2], "ciphertext": parts[3],
        "tag": parts[4],
    });
    let mut general = flat.clone();
    general["recipients"] = json!([{ "encrypted_key": parts[1] }]);
    for jwe in [flat, general] {
        let error = open_claim(&jwe.to_string(), Some(&KEYS), None).unwrap_err();
        assert_eq!(error.code(), "claim_mismatch");
        let error = open_claim(&jwe.to_string(), None, None).unwrap_err();
        assert_eq!(error.code(), "protocol");
    }
}

/// `json_web_key`: keys of the wrong kind or use, too small, with an exponent that hides nothing, and
/// sets of keys.
#[test]
fn a_key_that_is_of_no_use_is_refused() {
    let public: Value = serde_json::from_str(KEY.encryption_key().as_jwk()).unwrap();
    let private: Value = serde_json::from_str(KEY.to_jwk().expose()).unwrap();
    let changed = |name: &str, value: Value| {
        [&public, &private].map(|jwk| {
            let mut jwk = jwk.clone();
            jwk[name] = value.clone();
            jwk
        })
    };
    let octets = encode_base64url(&[7; 32]);
    let point = json!({"kty": "EC", "crv": "P-256", "x": octets, "y": octets, "d": octets});
    let mut keys = vec![
        json!({"kty": "oct", "k": octets, "alg": "A256GCM"}),
        json!({"kty": "oct", "k": octets, "alg": "A256KW", "use": "enc"}),
        json!({"kty": "oct", "k": "", "alg": "RSA-OAEP-256"}),
        json!({"kty": "OKP", "crv": "X25519", "x": octets, "d": octets}),
        point,
        json!({"keys": [public]}),
        json!({"keys": [private, private]}),
        json!({"keys": [public, {"kty": "oct", "k": octets}]}),
    ];
    for (name, value) in [
        ("use", json!("sig")),
        ("use", json!(["enc"])),
        ("kty", json!("EC")),
        ("kty", json!("rsa")),
        ("alg", json!("RS256")),
        ("alg", json!("PS256")),
        ("alg", json!("RSA-OAEP")),
        ("alg", json!("RSA1_5")),
        ("key_ops", json!(["sign", "verify"])),
        ("n", json!(encode_base64url(&[0xff; 128]))),
        // The exponents 1 and 2, and none at all.
        ("e", json!("AQ")),
        ("e", json!("Ag")),
        ("e", json!("")),
    ] {
        keys.extend(changed(name, value));
    }
    for jwk in keys {
        let jwk = jwk.to_string();
        let error = EncryptionKey::parse(&jwk).expect_err(&jwk);
        assert_eq!(error.code(), "invalid_argument", "{jwk}");
        let error = DecryptionKey::parse(&jwk).expect_err(&jwk);
        assert_eq!(error.code(), "invalid_argument", "{jwk}");
    }
}

/// `DuplicateKid`: a name that is two keys' picks neither, and both are tried.
#[test]
fn two_keys_of_one_name_both_open() {
    let named = |key: &DecryptionKey| {
        let jwk = key.to_jwk().expose().replacen('{', r#"{"kid":"twin","#, 1);
        DecryptionKey::parse(&jwk).unwrap()
    };
    let twins = [&KEY, &generate_key_pair(2048).unwrap()].map(named);
    let keys = DecryptionKeys::new(twins.to_vec()).unwrap();
    let header = HEADER.replacen('{', r#"{"kid":"twin","#, 1);
    for twin in &twins {
        let jwe = seal(twin, &header, CLAIM.as_bytes());
        assert!(open_claim(&jwe, Some(&keys), None).unwrap().passed());
    }
}
