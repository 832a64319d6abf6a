//! Blind RSA signatures, RSABSSA-SHA384-PSS with a 48-byte salt and no message prefix.
//!
//! Keys of 2048, 3072 and 4096 bits have arithmetic of their own (`factor.rs`). For others, and to say
//! what is wrong where that finds something wrong, the numbers are those of `rsa` and `crypto-bigint`. All
//! of it works in constant time. Hashes and verification are AWS-LC's. The tests compare the two ways
//! with each other, with the vectors of RFC 9474 and with the crate `blind-rsa-signatures`
//! (`core/tests/blind_rsa.rs`).
//!
//! Source: RFC 9474, sections 4.2 (blind), 4.4 (finalize) and 5 (named variants: with PrepareIdentity,
//! this is RSABSSA-SHA384-PSS-Deterministic).

use std::sync::Arc;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PSS_2048_8192_SHA384};
use crypto_bigint::{BoxedUint, Gcd, NonZero, RandomMod};
use rsa::hazmat::rsa_encrypt;
use rsa::pkcs1::{DecodeRsaPublicKey, ALGORITHM_OID as RSA_ENCRYPTION};
use rsa::pkcs8::der::Decode;
use rsa::pkcs8::{EncodePublicKey, ObjectIdentifier, SubjectPublicKeyInfoRef};
use rsa::traits::PublicKeyParts;
use zeroize::{Zeroize, Zeroizing};

use super::emsa_pss::{self, SALT_LEN};
use super::factor::{self, Arithmetic, Factor};
use super::Malformed;
use crate::secret::rand_core::CryptoRng;
use crate::secret::Secret;

/// id-RSASSA-PSS (RFC 4055, section 3.1).
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// The longest SPKI that is looked at, in bytes. One of 4096 bits has about 600.
const LONGEST_SPKI: usize = 800;

/// So many blinding factors are tried. One that has no inverse shares a factor with the modulus: for a
/// sound key that never happens.
const MOST_FACTORS: usize = 64;

/// A public key of 2048 to 4096 bits with an odd modulus and e = 65537. Cloning it is cheap.
#[derive(Clone)]
pub struct PublicKey(Arc<Key>);

struct Key {
    key: rsa::PublicKey,
    /// PSS with SHA-384 throughout and a salt as long as the hash: 48 bytes.
    verifying: ParsedPublicKey,
    /// For the usual sizes.
    arithmetic: Option<Arc<dyn Arithmetic>>,
}

/// A blinded message and what undoes the blinding.
pub struct Blinding {
    /// What the signer gets: as long as the modulus.
    pub blinded_message: Vec<u8>,
    /// The inverse of the blinding factor: as long as the modulus. Whoever has it can link the
    /// signature to the request.
    pub inverse: Secret<Vec<u8>>,
}

/// The blind signature does not fit the request or does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature(pub &'static str);

impl PublicKey {
    /// Reads an SPKI in DER, of algorithm rsaEncryption or RSASSA-PSS.
    ///
    /// # Errors
    /// For anything but an RSA key of 2048 to 4096 bits (a multiple of 64) with an odd modulus and
    /// e = 65537. Smaller
    /// keys are weak; with other exponents or an even modulus a signer could mark who asked
    /// (RFC 9474, section 7.3).
    pub fn from_spki(der: &[u8]) -> Result<Self, Malformed> {
        let broken = || Malformed("the key is not a usable RSA key");
        let key = read_spki(der).ok_or(Malformed(
            "the key is not RSA with 2048 to 4096 bits and e = 65537",
        ))?;
        let bits = key.n().bit_width();
        if !(2048..=4096).contains(&bits) {
            return Err(Malformed("the key does not have 2048 to 4096 bits"));
        }
        // Numbers are whole machine words, so a message of another length would be told apart by
        // its padding. Real keys have 2048, 3072 or 4096.
        if !bits.is_multiple_of(64) {
            return Err(Malformed("the key's size is not a multiple of 64 bits"));
        }
        if *key.e_bytes() != [1, 0, 1] {
            return Err(Malformed("the key's public exponent is not 65537"));
        }
        let plain = key.to_public_key_der().map_err(|_| broken())?;
        let verifying = ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, plain.as_bytes());
        Ok(Self(Arc::new(Key {
            arithmetic: factor::arithmetic(&key.n_bytes()),
            key,
            verifying: verifying.map_err(|_| broken())?,
        })))
    }

    /// The length of modulus, blinded messages and signatures, in bytes.
    pub fn size(&self) -> usize {
        self.0.key.size()
    }

    /// Makes blinding factors ahead: for each, less than half the work of making one at once with the
    /// message. Each is drawn from `rng` by itself.
    ///
    /// There are none for a key that is neither of 2048, 3072 nor 4096 bits, nor for one that is broken.
    #[doc(hidden)]
    pub fn factors(&self, count: usize, rng: &mut impl CryptoRng) -> Vec<Factor> {
        let arithmetic = self.0.arithmetic.as_ref();
        arithmetic.map_or_else(Vec::new, |own| factor::make_factors(own, count, rng))
    }

    /// Blinds a message with a fresh salt and blinding factor from `rng`.
    ///
    /// # Errors
    /// When the padded message shares a factor with the modulus: the key is broken.
    pub fn blind(&self, message: &[u8], rng: &mut impl CryptoRng) -> Result<Blinding, Malformed> {
        let salt = random_salt(rng);
        let arithmetic = self.0.arithmetic.as_ref();
        let encoded = Zeroizing::new(emsa_pss::encode(message, &salt, self.size()));
        let blinding = arithmetic.and_then(|own| own.blind_at_once(&encoded, rng));
        match blinding {
            Some(blinding) => Ok(blinding),
            None => self.blind_generally(&encoded, rng),
        }
    }

    /// Blinds a message with a fresh salt and a factor that was made ahead. With one of another key, it
    /// is [`PublicKey::blind`].
    ///
    /// # Errors
    /// As those.
    #[doc(hidden)]
    pub fn blind_with(
        &self,
        message: &[u8],
        factor: Factor,
        rng: &mut impl CryptoRng,
    ) -> Result<Blinding, Malformed> {
        if !(self.0.arithmetic.as_ref()).is_some_and(|own| factor.is_of(own)) {
            return self.blind(message, rng);
        }
        let salt = random_salt(rng);
        let encoded = Zeroizing::new(emsa_pss::encode(message, &salt, self.size()));
        factor.blind(&encoded).ok_or(CANNOT_BLIND)
    }

    /// With a key of any size.
    fn blind_generally(
        &self,
        encoded: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Blinding, Malformed> {
        let modulus = self.0.key.n();
        for _ in 0..MOST_FACTORS {
            let mut factor = BoxedUint::random_mod_vartime(rng, modulus);
            let inverse: Option<BoxedUint> = factor.invert_mod(modulus).into();
            let blinded = inverse.map(|inverse| self.blind_by(encoded, &factor, inverse));
            factor.zeroize();
            if let Some(blinding) = blinded {
                return blinding;
            }
        }
        Err(CANNOT_BLIND)
    }

    /// RFC 9474, section 4.2, from step 3 on, with a factor (`r`) that has this inverse (`inv`).
    fn blind_by(
        &self,
        encoded: &[u8],
        factor: &BoxedUint,
        mut inverse: BoxedUint,
    ) -> Result<Blinding, Malformed> {
        let modulus = self.0.key.n();
        let mut encoded = self.number(encoded).ok_or(CANNOT_BLIND)?;
        if encoded.gcd(modulus.as_ref()) != BoxedUint::one_with_precision(modulus.bits_precision())
        {
            return Err(CANNOT_BLIND);
        }
        let mut power = rsa_encrypt(&self.0.key, factor).map_err(|_| CANNOT_BLIND)?;
        let blinded = encoded.mul_mod(&power, modulus);
        let blinding = Blinding {
            blinded_message: blinded.to_be_bytes().into_vec(),
            inverse: Secret::new(inverse.to_be_bytes().into_vec()),
        };
        encoded.zeroize();
        power.zeroize();
        inverse.zeroize();
        Ok(blinding)
    }

    /// Undoes the blinding and verifies the signature.
    ///
    /// # Errors
    /// When the blind signature has another length than the modulus, is not below it, or the
    /// result does not verify for `message`.
    pub fn finalize(
        &self,
        blind_signature: &[u8],
        inverse: &Secret<Vec<u8>>,
        message: &[u8],
    ) -> Result<Vec<u8>, BadSignature> {
        if blind_signature.len() != self.size() {
            return Err(BadSignature(
                "the blind signature is not as long as the key",
            ));
        }
        let signature = match &self.0.arithmetic {
            Some(own) => own.unblind(blind_signature, inverse.expose()),
            None => self.unblind_generally(blind_signature, inverse.expose()),
        }
        .ok_or(BadSignature("the blind signature is not below the modulus"))?;
        self.verify(&signature, message)?;
        Ok(signature)
    }

    /// With a key of any size.
    fn unblind_generally(&self, blind_signature: &[u8], inverse: &[u8]) -> Option<Vec<u8>> {
        let blind_signature = self.number(blind_signature)?;
        let mut inverse = self.number(inverse)?;
        let unblinded = blind_signature.mul_mod(&inverse, self.0.key.n());
        inverse.zeroize();
        Some(unblinded.to_be_bytes().into_vec())
    }

    /// Verifies an unblinded signature.
    ///
    /// # Errors
    /// When it does not verify.
    pub fn verify(&self, signature: &[u8], message: &[u8]) -> Result<(), BadSignature> {
        (self.0.verifying)
            .verify_sig(message, signature)
            .map_err(|_| BadSignature("the signature does not verify"))
    }

    /// A number below the modulus, as wide as it, from big-endian bytes.
    fn number(&self, bytes: &[u8]) -> Option<BoxedUint> {
        let modulus: &NonZero<BoxedUint> = self.0.key.n();
        let number = BoxedUint::from_be_slice(bytes, modulus.bits_precision()).ok()?;
        (number < *modulus.as_ref()).then_some(number)
    }
}

fn random_salt(rng: &mut impl CryptoRng) -> Zeroizing<[u8; SALT_LEN]> {
    let mut salt = Zeroizing::new([0; SALT_LEN]);
    rng.fill_bytes(&mut *salt);
    salt
}

const CANNOT_BLIND: Malformed = Malformed("the key cannot blind this message");

/// The RSA key in an SPKI, whichever of the two algorithms it names. Parameters of RSASSA-PSS are not
/// looked at: what is signed here is of one kind.
fn read_spki(der: &[u8]) -> Option<rsa::PublicKey> {
    if der.len() > LONGEST_SPKI {
        return None;
    }
    let spki = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    let is_plain = spki.algorithm.oid == RSA_ENCRYPTION
        && (spki.algorithm.parameters).is_some_and(|parameters| parameters.is_null());
    if !is_plain && spki.algorithm.oid != RSASSA_PSS {
        return None;
    }
    rsa::PublicKey::from_pkcs1_der(spki.subject_public_key.as_bytes()?).ok()
}

#[cfg(test)]
mod tests;
