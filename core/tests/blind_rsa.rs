//! Blind RSA against the vectors of RFC 9474 and Wycheproof, and against keys and signatures that
//! a hostile signer could send. The vectors lie beside the project and are not part of it.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use relaypass::pass::blind_rsa::PublicKey;
use relaypass::pass::{token_input, Challenge, PendingPass, TokenKey};
use relaypass::{os_random, SealKey, Secret};
use rsa::pkcs8::{DecodePublicKey, EncodePublicKey};
use rsa::traits::PublicKeyParts;
use rsa::BoxedUint;
use serde_json::Value;

use crate::support::script::Script;
use crate::support::signer::KeyPair;
use crate::support::vectors::{read, unhex};

fn spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| {
        BoxedUint::from_be_slice(bytes, u32::try_from(bytes.len() * 8).unwrap()).unwrap()
    };
    rsa::PublicKey::new_unchecked(number(modulus), number(exponent))
        .to_public_key_der()
        .unwrap()
        .into_vec()
}

/// What a signer has: a key pair, and a challenge that its key signs for.
struct Signer {
    pair: KeyPair,
}

impl Signer {
    fn new(bits: usize) -> Self {
        Self {
            pair: KeyPair::generate(bits),
        }
    }

    fn token_key(&self) -> TokenKey {
        TokenKey::decode(&URL_SAFE_NO_PAD.encode(self.pair.spki()), "key-1").unwrap()
    }

    fn blind(&self) -> PendingPass {
        let challenge = Challenge::decode(&URL_SAFE_NO_PAD.encode(
            r#"{"token_type":2,"mac":"m","expires_at":"2100-01-01T00:00:00Z","unknown": [1.0]}"#,
        ))
        .unwrap();
        PendingPass::blind(challenge, self.token_key(), &mut os_random()).unwrap()
    }

    fn sign(&self, pending: &PendingPass) -> Vec<u8> {
        self.pair.sign(pending.blinded_message())
    }
}

#[test]
fn the_vectors_of_rfc_9474_finalize() {
    let Some(file) = read("rfc9474.json") else {
        return;
    };
    let mut count = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let key = PublicKey::from_spki(&spki(&unhex(&vector["n"]), &unhex(&vector["e"]))).unwrap();
        let mut message = vector.get("msg_prefix").map(unhex).unwrap_or_default();
        message.extend(unhex(&vector["msg"]));
        let inverse = Secret::new(unhex(&vector["inv"]));
        let signature = unhex(&vector["sig"]);
        let finalized = key.finalize(&unhex(&vector["blind_sig"]), &inverse, &message);
        assert_eq!(finalized.as_ref(), Ok(&signature), "{}", vector["name"]);
        assert!(key.verify(&signature, &message).is_ok());
        assert!(key.verify(&signature, b"another message").is_err());
        count += 1;
    }
    assert!(count >= 2, "only {count} vectors");
}

#[test]
fn wycheproofs_pss_signatures_verify_as_they_should() {
    for name in [
        "rsa_pss_2048_sha384_mgf1_48_test.json",
        "rsa_pss_4096_sha384_mgf1_48_test.json",
    ] {
        let Some(file) = read(&format!("wycheproof/{name}")) else {
            continue;
        };
        let mut count = 0;
        for group in file["testGroups"].as_array().unwrap() {
            let key = PublicKey::from_spki(&unhex(&group["publicKeyDer"])).unwrap();
            for test in group["tests"].as_array().unwrap() {
                let verified = key
                    .verify(&unhex(&test["sig"]), &unhex(&test["msg"]))
                    .is_ok();
                assert_eq!(
                    verified,
                    test["result"] == "valid",
                    "{name}, test {}",
                    test["tcId"]
                );
                count += 1;
            }
        }
        assert_eq!(Some(count), file["numberOfTests"].as_u64());
    }
}

#[test]
fn a_pass_of_every_key_size_verifies_over_the_98_bytes() {
    for bits in [2048, 2112, 3072, 4096] {
        let signer = Signer::new(bits);
        let pending = signer.blind();
        let signature = signer.sign(&pending);
        let pass = pending
            .finalize(&URL_SAFE_NO_PAD.encode(signature))
            .unwrap();
        let json = URL_SAFE_NO_PAD.decode(pass.expose()).unwrap();
        let text = String::from_utf8(json.clone()).unwrap();
        assert!(
            text.contains(r#""unknown": [1.0]"#),
            "the challenge is not echoed as it was"
        );
        let pass: Value = serde_json::from_slice(&json).unwrap();
        let nonce = pass["token_nonce"].as_str().unwrap();
        assert_eq!(nonce.len(), 64);
        let input = token_input(nonce, "m", "key-1");
        let signature = URL_SAFE_NO_PAD
            .decode(pass["signature"].as_str().unwrap())
            .unwrap();
        assert!(signer
            .token_key()
            .public_key()
            .verify(&signature, &input)
            .is_ok());
    }
}

#[test]
fn another_implementation_gives_the_same_signatures_and_verdicts() {
    for bits in [2048, 3072, 4096] {
        let pair = Signer::new(bits).pair;
        let key = PublicKey::from_spki(&pair.spki()).unwrap();
        for round in 0..8u8 {
            let message = [round; 98];
            let theirs = pair.blind(&message);
            let mut blind_signature = pair.sign(theirs.blinded_message());
            // Every other one is broken somewhere.
            if round % 2 == 1 {
                blind_signature[usize::from(round) * 7] ^= 1;
            }
            let ours = key.finalize(&blind_signature, &theirs.inverse(), &message);
            assert_eq!(ours.ok(), theirs.finalize(&blind_signature));
        }
    }
}

#[test]
fn another_implementation_verifies_what_is_blinded_here() {
    for bits in [2048, 3072, 4096] {
        let pair = Signer::new(bits).pair;
        let key = PublicKey::from_spki(&pair.spki()).unwrap();
        for round in 0..4u8 {
            let message = [round; 98];
            let blinding = key.blind(&message, &mut os_random()).unwrap();
            let blind_signature = pair.sign(&blinding.blinded_message);
            let signature = key.finalize(&blind_signature, &blinding.inverse, &message);
            assert!(pair.verifies(&signature.unwrap(), &message));
        }
    }
}

/// The reference blinds with a salt and a factor of its own. The same two make the same bytes here, at once and
/// with a factor that is made ahead.
#[test]
fn another_implementation_blinds_to_the_same_bytes() {
    for bits in [2048, 3072, 4096] {
        let pair = Signer::new(bits).pair;
        let key = PublicKey::from_spki(&pair.spki()).unwrap();
        let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bits as u32).unwrap();
        let public = rsa::PublicKey::from_public_key_der(&pair.spki()).unwrap();
        let modulus = public.n();
        // What is drawn here is taken for a factor times this power of 2: the form it is worked with.
        let mut form = BoxedUint::one_with_precision(bits as u32);
        let two = number(&[2]);
        for _ in 0..bits.div_ceil(60) * 60 {
            form = form.mul_mod(&two, modulus);
        }
        for round in 0..8u8 {
            let message = [round; 98];
            let (theirs, salt) = pair.blind_and_tell_the_salt(&message);
            let inverse = number(theirs.inverse().expose());
            let factor = inverse.invert_mod(modulus).unwrap();
            let draw = factor.mul_mod(&form, modulus).to_be_bytes();
            let mask = vec![round + 1; bits / 8];
            let mut factors = key.factors(1, &mut Script::new(&[&draw, &mask]));
            let ahead = key.blind_with(&message, factors.remove(0), &mut Script::new(&[&salt]));
            let at_once = key.blind(&message, &mut Script::new(&[&salt, &draw, &mask]));
            for blinding in [ahead.unwrap(), at_once.unwrap()] {
                assert_eq!(blinding.blinded_message, theirs.blinded_message());
                assert_eq!(blinding.inverse, theirs.inverse());
            }
        }
    }
}

#[test]
fn a_restart_between_asking_and_the_answer_makes_the_same_pass() {
    let signer = Signer::new(2048);
    let pending = signer.blind();
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(&pending));
    let key = SealKey::random(&mut os_random());
    let sealed = pending.seal(&key, &mut os_random());
    let again = PendingPass::unseal(&sealed, &key).unwrap();
    assert_eq!(again.blinded_message(), pending.blinded_message());
    assert_eq!(
        again.finalize(&signature).unwrap(),
        pending.finalize(&signature).unwrap()
    );
    let other = SealKey::random(&mut os_random());
    assert_eq!(
        PendingPass::unseal(&sealed, &other).err().unwrap().code(),
        "decryption"
    );
}

#[test]
fn sealed_state_shows_nothing_of_what_links() {
    let signer = Signer::new(2048);
    let pending = signer.blind();
    let sealed = pending.seal(&SealKey::random(&mut os_random()), &mut os_random());
    assert!(!sealed
        .windows(16)
        .any(|part| part == &pending.blinded_message()[..16]));
    let blinded = pending.blinded_token();
    assert!(!sealed
        .windows(16)
        .any(|part| part == &blinded.as_bytes()[..16]));
}

#[test]
fn two_passes_share_no_nonce_and_no_blind() {
    let signer = Signer::new(2048);
    let [first, second] = [signer.blind(), signer.blind()];
    assert_ne!(first.blinded_message(), second.blinded_message());
    let pass = |pending: &PendingPass| {
        let signature = URL_SAFE_NO_PAD.encode(signer.sign(pending));
        let pass = pending.finalize(&signature).unwrap();
        let json = URL_SAFE_NO_PAD.decode(pass.expose()).unwrap();
        serde_json::from_slice::<Value>(&json).unwrap()["token_nonce"].clone()
    };
    assert_ne!(pass(&first), pass(&second));
}

#[test]
fn a_signature_that_does_not_fit_is_never_a_pass() {
    let signer = Signer::new(2048);
    let pending = signer.blind();
    let right = signer.sign(&pending);
    let mut too_long = right.clone();
    too_long.insert(0, 0);
    let mut changed = right.clone();
    changed[10] ^= 1;
    let another = signer.sign(&signer.blind());
    for (fear, signature) in [
        ("too short", &right[1..]),
        ("too long", &too_long[..]),
        ("not below the modulus", &[0xff; 256][..]),
        ("zero", &[0; 256][..]),
        ("changed", &changed[..]),
        ("for another message", &another[..]),
        ("empty", &[][..]),
    ] {
        assert!(
            pending
                .finalize(&URL_SAFE_NO_PAD.encode(signature))
                .is_err(),
            "{fear}"
        );
    }
    assert!(pending.finalize("***").is_err(), "not base64url");
    assert!(pending.finalize(&URL_SAFE_NO_PAD.encode(&right)).is_ok());
}

#[test]
fn a_key_that_could_mark_who_asks_is_refused() {
    let modulus = [0xff; 256];
    let key = |modulus: &[u8], exponent: &[u8]| {
        TokenKey::decode(&URL_SAFE_NO_PAD.encode(spki(modulus, exponent)), "id").map(drop)
    };
    assert!(key(&modulus, &[1, 0, 1]).is_ok());
    assert!(key(&modulus, &[3]).is_err(), "e = 3");
    assert!(key(&modulus, &[1, 0, 3]).is_err(), "another e");
    assert!(key(&modulus[1..], &[1, 0, 1]).is_err(), "2040 bits");
    assert!(key(&[0xff; 128], &[1, 0, 1]).is_err(), "1024 bits");
    assert!(key(&[0xff; 513], &[1, 0, 1]).is_err(), "4104 bits");
    assert!(key(&[0xff; 1024], &[1, 0, 1]).is_err(), "8192 bits");
    assert!(key(&[0xff; 257], &[1, 0, 1]).is_err(), "2056 bits");
    // The exponent (02 03 01 00 01) stands behind the modulus.
    let mut even = spki(&modulus, &[1, 0, 1]);
    let last = even.len() - 6;
    even[last] = 0xfe;
    assert!(
        TokenKey::decode(&URL_SAFE_NO_PAD.encode(even), "id").is_err(),
        "even"
    );
}

#[test]
fn a_key_that_is_not_rsa_or_not_a_key_is_refused() {
    let ec = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D7gS2XpJFbZiItSs3m9-9Ue6GnvHw_GW2ZZaVtszggXIw";
    for (fear, key) in [
        ("EC", ec),
        ("garbage", "AAAA"),
        ("empty", ""),
        ("no base64url", "***"),
    ] {
        assert!(TokenKey::decode(key, "id").is_err(), "{fear}");
    }
}

#[test]
fn a_key_id_that_could_not_travel_is_refused() {
    let key = URL_SAFE_NO_PAD.encode(spki(&[0xff; 256], &[1, 0, 1]));
    for id in ["", "a b", "a\n", &"a".repeat(257)] {
        assert!(TokenKey::decode(&key, id).is_err());
    }
    assert!(!TokenKey::decode(&key, "opaque").unwrap().id_is_digest());
}

#[test]
fn a_key_in_rsassa_pss_spki_is_the_same_key() {
    let signer = Signer::new(2048);
    let pss = PublicKey::from_spki(&signer.pair.pss_spki()).unwrap();
    let pending = signer.blind();
    let signature = signer.sign(&pending);
    assert_eq!(pss.size(), signature.len());
    let blinding = pss.blind(b"message", &mut os_random()).unwrap();
    let blind_signature = signer.pair.sign(&blinding.blinded_message);
    assert!(pss
        .finalize(&blind_signature, &blinding.inverse, b"message")
        .is_ok());
}

#[test]
fn numbers_of_another_length_are_refused() {
    let signer = Signer::new(2048);
    let token_key = signer.token_key();
    let key = token_key.public_key();
    for (signature, inverse) in [(256, 300), (256, 255), (300, 256), (0, 0)] {
        let inverse = Secret::new(vec![1; inverse]);
        assert!(key.finalize(&vec![1; signature], &inverse, b"m").is_err());
    }
}
