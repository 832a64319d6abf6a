//! Encryption keys in both forms, claims encrypted to them, and claims that are wrong on demand.

use crate::support::{decode, Api, CLAIM_TYPE, CREATE};
use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_256_GCM};
use aws_lc_rs::digest::{digest, SHA256};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OaepAlgorithm, OaepPrivateDecryptingKey, PrivateDecryptingKey,
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256,
};
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::Engine as _;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{PrivateKey, PublicKey};
use serde_json::{json, Value};

/// The asker's key pair.
struct Asker {
    pem: String,
    jwk: Value,
    private: OaepPrivateDecryptingKey,
}

impl Asker {
    fn new(size: KeySize) -> Self {
        let pair = KeyPair::generate(size).unwrap();
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let private = PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref()).unwrap();
        let public = PublicKey::from(&PrivateKey::from_pkcs8_der(pkcs8.as_ref()).unwrap());
        Self {
            pem: public.to_public_key_pem(Default::default()).unwrap(),
            jwk: json!({
                "kty": "RSA",
                "n": URL_SAFE_NO_PAD.encode(public.n_bytes()),
                "e": "AQAB",
                "alg": "RSA-OAEP-256",
                "use": "enc",
            }),
            private: OaepPrivateDecryptingKey::new(private).unwrap(),
        }
    }

    fn decrypt(&self, algorithm: &'static OaepAlgorithm, ciphertext: &[u8]) -> Option<Vec<u8>> {
        let mut plaintext = vec![0; ciphertext.len()];
        let plaintext = (self.private).decrypt(algorithm, ciphertext, &mut plaintext, None);
        plaintext.ok().map(|plaintext| plaintext.to_vec())
    }

    /// The claim in base64 of an RSA-OAEP ciphertext.
    fn open_oaep(&self, payload: &str) -> Option<Value> {
        let ciphertext = STANDARD.decode(payload).ok()?;
        let claim = self.decrypt(&OAEP_SHA256_MGF1SHA256, &ciphertext)?;
        Some(serde_json::from_slice(&claim).unwrap())
    }

    /// The claim in a compact JWE (RFC 7516 section 5.2).
    fn open_jwe(&self, payload: &str) -> Option<Value> {
        let parts: Vec<_> = payload.split('.').collect();
        let [header, encrypted_key, iv, ciphertext, tag] = parts.try_into().ok()?;
        let bytes = |part| URL_SAFE_NO_PAD.decode(part).ok();
        let content_key = self.decrypt(&OAEP_SHA256_MGF1SHA256, &bytes(encrypted_key)?)?;
        let content_key = UnboundKey::new(&AES_256_GCM, &content_key).ok()?;
        let mut sealed = [bytes(ciphertext)?, bytes(tag)?].concat();
        let claim = LessSafeKey::new(content_key)
            .open_in_place(
                Nonce::try_assume_unique_for_key(&bytes(iv)?).ok()?,
                Aad::from(header.as_bytes()),
                &mut sealed,
            )
            .ok()?;
        Some(serde_json::from_slice(claim).unwrap())
    }
}

fn protected_header(jwe: &str) -> Value {
    serde_json::from_slice(&decode(jwe.split('.').next().unwrap())).unwrap()
}

fn pem_body(key: impl Into<Value>) -> Value {
    json!({ "claim-type": CLAIM_TYPE, "encryption-key-pem": key.into() })
}

fn jwk_body(key: impl Into<Value>) -> Value {
    json!({ "claim-type": CLAIM_TYPE, "encryption-key-jwk": key.into() })
}

/// What a new relay with this body is redeemed for.
async fn payload(api: &Api, body: Value) -> String {
    let relay = api.create_with(body).await;
    api.finish(&relay, "passed").await;
    let answer = api.redeem(&relay, &api.pass().await).await;
    (answer.json()["claim-payload"].as_str().unwrap()).to_owned()
}

#[tokio::test]
async fn a_claim_for_a_pem_cannot_be_decrypted() {
    let api = Api::start().await;
    let asker = Asker::new(KeySize::Rsa3072);
    for (hash, algorithm) in [
        ("sha256", &OAEP_SHA256_MGF1SHA256),
        ("sha1", &OAEP_SHA1_MGF1SHA1),
    ] {
        api.set("oaep_hash", hash).await;
        let payload = payload(&api, pem_body(&*asker.pem)).await;
        let ciphertext = STANDARD.decode(payload).unwrap();
        assert_eq!(ciphertext.len(), 384);
        let claim = asker.decrypt(algorithm, &ciphertext).unwrap();
        let claim: Value = serde_json::from_slice(&claim).unwrap();
        assert_eq!(claim["claim_result"], "passed", "{hash}");
    }
}

#[tokio::test]
async fn a_claim_for_a_jwk_cannot_be_decrypted() {
    let api = Api::start().await;
    // Of PEM only: a JWE has SHA-256 always.
    api.set("oaep_hash", "sha1").await;
    for size in [KeySize::Rsa2048, KeySize::Rsa4096] {
        let asker = Asker::new(size);
        let (one, two) = (
            payload(&api, jwk_body(asker.jwk.clone())).await,
            payload(&api, jwk_body(asker.jwk.clone())).await,
        );
        let claim = asker.open_jwe(&one).unwrap();
        assert_eq!(
            claim,
            json!({
                "claim_type": CLAIM_TYPE,
                "claim_result": "passed",
                "methodology": [{ "method": "facial_age_estimation", "result": "passed" }],
            })
        );
        assert_eq!(asker.open_jwe(&two).unwrap(), claim);
        for (one, two) in one.split('.').zip(two.split('.')).skip(1) {
            assert_ne!(one, two, "keys and IVs are drawn anew");
        }
    }
}

#[tokio::test]
async fn the_header_of_a_jwe_is_not_as_set() {
    let api = Api::start().await;
    let asker = Asker::new(KeySize::Rsa2048);
    let plain = json!({ "alg": "RSA-OAEP-256", "enc": "A256GCM" });
    let ask = async || payload(&api, jwk_body(asker.jwk.clone())).await;
    assert_eq!(protected_header(&ask().await), plain);

    api.set("jwe_kid", "thumbprint").await;
    api.set("jwe_typ_and_cty", true).await;
    let jwe = ask().await;
    let n = asker.jwk["n"].as_str().unwrap();
    let members = format!(r#"{{"e":"AQAB","kty":"RSA","n":"{n}"}}"#);
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()));
    assert_eq!(
        protected_header(&jwe),
        json!({
            "alg": "RSA-OAEP-256", "enc": "A256GCM",
            "kid": thumbprint, "typ": "JWE", "cty": "json",
        })
    );
    assert!(asker.open_jwe(&jwe).is_some());

    api.set("jwe_kid", "unknown").await;
    api.set("jwe_typ_and_cty", false).await;
    let header = protected_header(&ask().await);
    assert!(header["kid"].is_string() && header["kid"] != thumbprint);
    assert_eq!(header.as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn a_form_that_is_not_taken_is_taken() {
    let api = Api::start().await;
    let asker = Asker::new(KeySize::Rsa2048);
    let both = |pem: Value, jwk: Value| {
        let mut body = pem_body(pem);
        body["encryption-key-jwk"] = jwk;
        body
    };
    for (forms, pem, jwk) in [("both", 201, 201), ("pem", 201, 400), ("jwk", 400, 201)] {
        api.set("encryption_forms", forms).await;
        for (body, status) in [
            (pem_body(&*asker.pem), pem),
            (pem_body(Value::Null), pem),
            (jwk_body(asker.jwk.clone()), jwk),
            (jwk_body(Value::Null), jwk),
            (json!({ "claim-type": CLAIM_TYPE }), 400),
            (both(json!(asker.pem), asker.jwk.clone()), 400),
            (both(Value::Null, asker.jwk.clone()), 400),
            (both(json!(asker.pem), Value::Null), 400),
        ] {
            let answer = api.post(CREATE, &[], body.clone()).await;
            assert_eq!(answer.status, status, "{forms}: {body}");
            if status == 400 {
                assert_eq!(answer.title(), "Bad Request");
                assert!(answer.json()["errors"][0]["details"].is_string());
            }
        }
    }
}

#[tokio::test]
async fn an_unfit_pem_is_taken() {
    let api = Api::start().await;
    for key in [
        json!("garbage"),
        json!(""),
        json!(7),
        json!(SMALL_RSA),
        json!(ELLIPTIC),
    ] {
        let answer = api.post(CREATE, &[], pem_body(key.clone())).await;
        assert_eq!(answer.status, 400, "{key}");
    }
    assert_eq!(api.ledger("relays").await, 0);
}

#[tokio::test]
async fn a_jwk_out_of_contract_is_taken() {
    let api = Api::start().await;
    let good = Asker::new(KeySize::Rsa2048).jwk;
    let n = decode(good["n"].as_str().unwrap());
    let even = URL_SAFE_NO_PAD.encode([&n[..255], &[0]].concat());
    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let without = |name: &str| {
        let mut jwk = good.clone();
        jwk.as_object_mut().unwrap().remove(name);
        jwk
    };
    let refused = [
        without("kty"),
        without("n"),
        without("e"),
        without("alg"),
        with("kty", json!("EC")),
        with("alg", json!("RSA-OAEP")),
        with("alg", json!("RSA-OAEP-512")),
        with("use", json!("sig")),
        with("use", Value::Null),
        with("kid", json!("one")),
        with("d", json!("AQAB")),
        with("key_ops", json!(["encrypt"])),
        with("n", json!(7)),
        with("n", json!("")),
        with("n", json!("!")),
        with("n", json!(format!("{}==", good["n"].as_str().unwrap()))),
        with("n", json!(URL_SAFE_NO_PAD.encode([&[0], &n[..]].concat()))),
        with("n", json!(URL_SAFE_NO_PAD.encode(&n[..128]))),
        with("n", json!(even)),
        with("e", json!("AAEAAQ")),
        with("e", json!("AQ")),
        with("e", json!("BA")),
        json!([]),
        json!(good.to_string()),
    ];
    for jwk in refused {
        let answer = api.post(CREATE, &[], jwk_body(jwk.clone())).await;
        assert_eq!(answer.status, 400, "{jwk}");
    }
    assert_eq!(api.ledger("relays").await, 0);
    for jwk in [good.clone(), without("use")] {
        assert_eq!(api.post(CREATE, &[], jwk_body(jwk)).await.status, 201);
    }
}

#[tokio::test]
async fn wrong_claim_is_right() {
    let api = Api::start().await;
    let asker = Asker::new(KeySize::Rsa2048);
    let (pem, jwk) = (pem_body(&*asker.pem), jwk_body(asker.jwk.clone()));
    let wrong = async |body: &Value, members: Value| {
        let mut fault = json!({ "step": "redeem", "fault": "wrong_claim" });
        let fault_members = fault.as_object_mut().unwrap();
        fault_members.extend(members.as_object().unwrap().clone());
        api.fault(fault).await;
        payload(&api, body.clone()).await
    };

    // Another format than the relay was created for.
    for body in [&pem, &jwk] {
        let plain = wrong(body, json!({ "format": "plain" })).await;
        let claim: Value = serde_json::from_str(&plain).unwrap();
        assert_eq!(claim["claim_result"], "passed");
    }
    let oaep = wrong(&jwk, json!({ "format": "oaep" })).await;
    assert_eq!(asker.open_oaep(&oaep).unwrap()["claim_result"], "passed");
    let jwe = wrong(&pem, json!({ "format": "jwe" })).await;
    assert_eq!(asker.open_jwe(&jwe).unwrap()["claim_result"], "passed");
    let unasked = wrong(&pem_body(Value::Null), json!({ "format": "jwe" })).await;
    assert!(asker.open_jwe(&unasked).is_none());

    // The right format, and not for the asker.
    let oaep = wrong(&pem, json!({ "another_key": true })).await;
    assert_eq!(STANDARD.decode(&oaep).unwrap().len(), 256);
    assert!(asker.open_oaep(&oaep).is_none());
    let jwe = wrong(&jwk, json!({ "another_key": true })).await;
    assert_eq!(protected_header(&jwe)["alg"], "RSA-OAEP-256");
    assert!(asker.open_jwe(&jwe).is_none());

    // Of another claim type; the longest name just fits.
    let longest = "x".repeat(128);
    for claim_type in ["live_human_presence", &longest] {
        let members = json!({ "claim_type": claim_type });
        let oaep = wrong(&pem, members.clone()).await;
        assert_eq!(asker.open_oaep(&oaep).unwrap()["claim_type"], claim_type);
        let jwe = wrong(&jwk, members).await;
        assert_eq!(asker.open_jwe(&jwe).unwrap()["claim_type"], claim_type);
    }

    // A header that a client must refuse, duly authenticated.
    let header = r#"{"alg":"RSA-OAEP-256","alg":"dir","enc":"A256GCM","zip":"DEF"}"#;
    let jwe = wrong(&jwk, json!({ "jwe_header": header })).await;
    assert_eq!(decode(jwe.split('.').next().unwrap()), header.as_bytes());
    assert!(asker.open_jwe(&jwe).is_some());

    // Cut.
    let lengths = |jwe: &str| jwe.split('.').map(str::len).collect::<Vec<_>>();
    let whole = lengths(&payload(&api, jwk.clone()).await);
    for part in 0..5 {
        let cut = lengths(&wrong(&jwk, json!({ "cut_part": part })).await);
        let mut expected = whole.clone();
        expected[part] /= 2;
        assert_eq!(cut, expected, "part {part}");
    }
    for parts in 0..5 {
        let cut = wrong(&jwk, json!({ "parts": parts })).await;
        assert_eq!(
            cut.split('.').filter(|part| !part.is_empty()).count(),
            parts
        );
    }
    let cut = wrong(&pem, json!({ "cut_part": 0 })).await;
    assert_eq!(cut.len(), 344 / 2);
}

#[tokio::test]
async fn wrong_claim_stays_or_goes_unasked() {
    for stored in [false, true] {
        let api = Api::start().await;
        let asker = Asker::new(KeySize::Rsa2048);
        let relay = api.create_with(jwk_body(asker.jwk.clone())).await;
        api.finish(&relay, "passed").await;
        let pass = api.pass().await;
        api.fault(json!({
            "step": "redeem", "fault": "wrong_claim", "another_key": true, "stored": stored,
        }))
        .await;
        let opened = async || {
            let answer = api.redeem_under(&relay, &pass, "one").await;
            assert_eq!(answer.json()["token-consumed"], true);
            let payload = answer.json()["claim-payload"].clone();
            asker.open_jwe(payload.as_str().unwrap()).is_some()
        };
        assert!(!opened().await);
        assert_eq!(opened().await, !stored);
        assert_eq!(api.ledger("redeemed").await, 1);
    }
}

/// 1024 bits.
const SMALL_RSA: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC9vtK3I/ybmz14COxpOtacPMD2
io92vV13Eep3muYlWRvDkeF0cCExMVZPGjxuFeDthy5Yzv0mJpI2eTTZmw+tAWw7
q80KUDcDfL0kaICxQz7X/+zSP4TcoSc0DRUaxtW5ZXYKkMMfvryCSg0JOvcCgOJE
B6AqW30ktmcC3GIS+wIDAQAB
-----END PUBLIC KEY-----
";

/// P-256.
const ELLIPTIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFTRI3fJz9L6ntwYe7TLniAvc08BM
5ziUFusvya06I6Fbbtg9pu/L1aA0j8a4Uu1hKwDFP0a/mZWgFQtWlTlgOQ==
-----END PUBLIC KEY-----
";
