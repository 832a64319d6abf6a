//! Blind RSA signatures, RSABSSA-SHA384-PSS with a 48-byte salt and no message prefix.
//!
//! The one place that knows the crate `blind-rsa-signatures`. Its types are wrapped: they print
//! and keep their secrets. It blinds; the unblinded signature is verified by AWS-LC, which takes a
//! third of the time and gives the same verdicts (`core/tests/blind_rsa.rs` compares).
//!
//! Source: RFC 9474, sections 4.2 (blind), 4.4 (finalize) and 5 (named variants: with PrepareIdentity,
//! this is RSABSSA-SHA384-PSS-Deterministic).

use std::sync::Arc;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PSS_2048_8192_SHA384};
use blind_rsa_signatures::{BlindingResult, Deterministic, Sha384, PSS};
use rsa::traits::PublicKeyParts;
use rsa::BoxedUint;
use zeroize::Zeroize;

use super::Malformed;
use crate::secret::rand_core::CryptoRng;
use crate::secret::Secret;

type CrateKey = blind_rsa_signatures::PublicKey<Sha384, PSS, Deterministic>;

/// A public key of 2048 to 4096 bits with an odd modulus and e = 65537.
#[derive(Clone)]
pub struct PublicKey {
    blinding: CrateKey,
    /// PSS with SHA-384 throughout and a salt as long as the hash: 48 bytes.
    verifying: Arc<ParsedPublicKey>,
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
        let key = CrateKey::from_der(der)
            .or_else(|_| CrateKey::from_spki(der))
            .map_err(|_| Malformed("the key is not RSA with 2048 to 4096 bits and e = 65537"))?;
        let broken = || Malformed("the key is not a usable RSA key");
        let plain = key.to_der().map_err(|_| broken())?;
        let verifying = ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, plain);
        let key = Self {
            blinding: key,
            verifying: Arc::new(verifying.map_err(|_| broken())?),
        };
        if !(2048..=4096).contains(&key.bits()) {
            return Err(Malformed("the key does not have 2048 to 4096 bits"));
        }
        // The crate pads numbers to whole machine words, and then finds its own results too long:
        // better refused here than after the pass is billed. Real keys have 2048, 3072 or 4096.
        if !key.bits().is_multiple_of(64) {
            return Err(Malformed("the key's size is not a multiple of 64 bits"));
        }
        let exponent = key.blinding.components().e();
        let leading_zeros = exponent.iter().take_while(|byte| **byte == 0).count();
        if exponent[leading_zeros..] != [1, 0, 1] {
            return Err(Malformed("the key's public exponent is not 65537"));
        }
        if key.modulus().last().is_none_or(|byte| byte & 1 == 0) {
            return Err(Malformed("the key's modulus is even"));
        }
        Ok(key)
    }

    /// The length of modulus, blinded messages and signatures, in bytes.
    pub fn size(&self) -> usize {
        self.blinding.as_ref().size()
    }

    fn bits(&self) -> u32 {
        self.blinding.as_ref().n().bits()
    }

    fn modulus(&self) -> Vec<u8> {
        self.blinding.components().n()
    }

    /// Blinds a message with a fresh salt and blinding factor from `rng`.
    ///
    /// # Errors
    /// When the padded message shares a factor with the modulus: the key is broken.
    pub fn blind(&self, message: &[u8], rng: &mut impl CryptoRng) -> Result<Blinding, Malformed> {
        let BlindingResult {
            blind_message,
            secret,
            ..
        } = self
            .blinding
            .blind(rng, message)
            .map_err(|_| Malformed("the key cannot blind this message"))?;
        Ok(Blinding {
            blinded_message: blind_message.0,
            inverse: Secret::new(secret.0),
        })
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
        if blind_signature >= &self.modulus()[..] {
            return Err(BadSignature("the blind signature is not below the modulus"));
        }
        let bits = self.blinding.as_ref().n().bits_precision();
        let number = |bytes: &[u8]| {
            BoxedUint::from_be_slice(bytes, bits)
                .map_err(|_| BadSignature("the blind signature is not as long as the key"))
        };
        let mut inverse = number(inverse.expose())?;
        let unblinded = number(blind_signature)?.mul_mod(&inverse, self.blinding.as_ref().n());
        inverse.zeroize();
        let signature = unblinded.to_be_bytes().to_vec();
        self.verify(&signature, message)?;
        Ok(signature)
    }

    /// Verifies an unblinded signature.
    ///
    /// # Errors
    /// When it does not verify.
    pub fn verify(&self, signature: &[u8], message: &[u8]) -> Result<(), BadSignature> {
        self.verifying
            .verify_sig(message, signature)
            .map_err(|_| BadSignature("the signature does not verify"))
    }
}
