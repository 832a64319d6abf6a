//! The ways to blind give the same bytes: those of RFC 9474.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use crypto_bigint::Resize;

use super::*;
use crate::pass::script::Script;
use crate::secret::os_random;
use crate::secret::rand_core::Rng;
use crate::test_vectors::{read, unhex};

fn key_of(modulus: BoxedUint, exponent: BoxedUint) -> PublicKey {
    let key = rsa::PublicKey::new(modulus, exponent).unwrap();
    PublicKey::from_spki(key.to_public_key_der().unwrap().as_bytes()).unwrap()
}

fn random_key(size: KeySize) -> PublicKey {
    let pair = KeyPair::generate(size).unwrap();
    let spki = pair.public_key().as_der().unwrap();
    PublicKey::from_spki(spki.as_ref()).unwrap()
}

/// Blinds with the factor that has this inverse: with arithmetic for any size, with that for this
/// size at once, and with a factor that is made ahead.
fn blind_in_every_way(key: &PublicKey, encoded: &[u8], inverse: &[u8]) -> [Blinding; 3] {
    let modulus = key.0.key.n();
    let inverse = key.number(inverse).unwrap();
    let factor = inverse.invert_mod(modulus).unwrap();
    let own = key.0.arithmetic.as_ref().expect("one of the usual sizes");
    // A draw is taken as a number in Montgomery's form.
    let wide = key.size() as u32 * 8;
    let radix = BoxedUint::one_with_precision(2 * wide).shl(wide.div_ceil(60) * 60);
    let radix = radix
        .rem(&modulus.resize(2 * wide).to_nz().unwrap())
        .resize(wide);
    let draw = factor.mul_mod(&radix, modulus).to_be_bytes();
    let mask = vec![0x5a; key.size()];
    let script = || Script::new(&[&draw, &mask]);
    let ahead = factor::make_factors(own, 1, &mut script()).pop().unwrap();
    [
        key.blind_by(encoded, &factor, inverse).unwrap(),
        own.blind_at_once(encoded, &mut script()).unwrap(),
        ahead.blind(encoded).unwrap(),
    ]
}

#[test]
fn the_vectors_of_rfc_9474_blind() {
    let Some(file) = read("rfc9474.json") else {
        return;
    };
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 2, "only {} vectors", vectors.len());
    for vector in vectors {
        let number = |name| BoxedUint::from_be_slice_vartime(&unhex(&vector[name]));
        let key = key_of(number("n"), number("e"));
        let salt = unhex(&vector["salt"]).try_into().unwrap();
        let message = unhex(&vector["prepared_msg"]);
        let encoded = emsa_pss::encode(&message, &salt, key.size());
        assert_eq!(encoded, unhex(&vector["encoded_msg"]));
        for blinding in blind_in_every_way(&key, &encoded, &unhex(&vector["inv"])) {
            assert_eq!(blinding.blinded_message, unhex(&vector["blinded_msg"]));
            assert_eq!(blinding.inverse.expose(), &unhex(&vector["inv"]));
        }
    }
}

#[test]
fn the_vectors_of_rfc_9474_unblind() {
    let Some(file) = read("rfc9474.json") else {
        return;
    };
    for vector in file["vectors"].as_array().unwrap() {
        let number = |name| BoxedUint::from_be_slice_vartime(&unhex(&vector[name]));
        let key = key_of(number("n"), number("e"));
        let own = key.0.arithmetic.as_ref().unwrap();
        let [blind, inverse] = ["blind_sig", "inv"].map(|name| unhex(&vector[name]));
        for signature in [
            own.unblind(&blind, &inverse),
            key.unblind_generally(&blind, &inverse),
        ] {
            assert_eq!(signature, Some(unhex(&vector["sig"])), "{}", vector["name"]);
        }
    }
}

#[test]
fn every_way_to_blind_and_unblind_gives_the_same_bytes() {
    for size in [KeySize::Rsa2048, KeySize::Rsa3072, KeySize::Rsa4096] {
        let key = random_key(size);
        let own = key.0.arithmetic.as_ref().unwrap();
        for round in 0..16u8 {
            let message = [round; 98];
            let salt = random_salt(&mut os_random());
            let encoded = emsa_pss::encode(&message, &salt, key.size());
            let mut inverse = vec![0; key.size()];
            os_random().fill_bytes(&mut inverse);
            inverse[0] &= 0x7f;
            let [first, others @ ..] = blind_in_every_way(&key, &encoded, &inverse);
            for other in others {
                assert_eq!(other.blinded_message, first.blinded_message);
                assert_eq!(other.inverse, first.inverse);
            }
            // Any number will do: what is signed with a key of one's own is another test's.
            let blind_signature = &first.blinded_message;
            assert_eq!(
                own.unblind(blind_signature, &inverse),
                key.unblind_generally(blind_signature, &inverse)
            );
        }
        let mut above = vec![0xff; key.size()];
        assert_eq!(own.unblind(&above, &[1]), None);
        above[0] = 0;
        assert_eq!(own.unblind(&above, &vec![0xff; key.size()]), None);
    }
}

#[test]
fn factors_that_are_made_together_are_those_that_are_made_one_by_one() {
    let key = random_key(KeySize::Rsa2048);
    let mut draws = vec![0; 5 * 256];
    os_random().fill_bytes(&mut draws);
    draws.iter_mut().step_by(256).for_each(|byte| *byte &= 0x7f);
    let draws: Vec<_> = draws.chunks(256).collect();
    let mut together = key.factors(4, &mut Script::new(&draws));
    together.reverse();
    let encoded = [0x11; 256];
    for (factor, draw) in together.into_iter().zip(&draws) {
        let alone = key.factors(1, &mut Script::new(&[draw, draws[4]]));
        let [alone] = <[Factor; 1]>::try_from(alone).ok().unwrap();
        let [together, alone] = [factor, alone].map(|own| own.blind(&encoded).unwrap());
        assert_eq!(together.blinded_message, alone.blinded_message);
        assert_eq!(together.inverse, alone.inverse);
    }
}

#[test]
fn a_key_whose_factors_are_known_is_no_reason_to_blind_what_would_show() {
    // 3 divides it, and the padded message.
    let modulus = BoxedUint::from_be_slice(&[0xff; 256], 2048).unwrap();
    let key = rsa::PublicKey::new_unchecked(modulus, BoxedUint::from(65_537u64));
    let key = PublicKey::from_spki(key.to_public_key_der().unwrap().as_bytes()).unwrap();
    let own = key.0.arithmetic.as_ref().unwrap();
    let mut encoded = vec![0; 256];
    encoded[255] = 9;
    assert!(own.blind_at_once(&encoded, &mut os_random()).is_none());
    assert!(key.blind_generally(&encoded, &mut os_random()).is_err());
    let factor = || (0..200).find_map(|_| key.factors(1, &mut os_random()).pop());
    assert!(factor().unwrap().blind(&encoded).is_none());
    encoded[255] = 1;
    assert!(factor().unwrap().blind(&encoded).is_some());
}

#[test]
fn a_factor_of_another_key_is_not_used() {
    let [one, other] = [KeySize::Rsa2048; 2].map(random_key);
    let factor = one.factors(1, &mut os_random()).pop().unwrap();
    let inverse = factor.inverse().clone();
    let blinding = other
        .blind_with(b"message", factor, &mut os_random())
        .unwrap();
    assert_ne!(blinding.inverse, inverse);
}
