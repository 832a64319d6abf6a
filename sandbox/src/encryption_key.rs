//! The public key that a relay's claim is encrypted to.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    OaepPublicEncryptingKey, PublicEncryptingKey, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256,
};
use aws_lc_rs::signature::RsaPublicKeyComponents;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::RsaPublicKey;

use crate::settings::OaepHash;

pub(crate) struct EncryptionKey(OaepPublicEncryptingKey);

impl EncryptionKey {
    /// The RSA key in a PEM text, as SPKI or PKCS#1. `None` if there is none of 2048 to 4096 bits.
    pub(crate) fn from_pem(pem: &str) -> Option<Self> {
        let pem = pem.trim();
        let key = RsaPublicKey::from_public_key_pem(pem)
            .or_else(|_| RsaPublicKey::from_pkcs1_pem(pem))
            .ok()?;
        Self::of(&key.n_bytes(), &key.e_bytes())
    }

    /// Modulus and exponent, big-endian and without leading zeros.
    fn of(n: &[u8], e: &[u8]) -> Option<Self> {
        let spki: PublicKeyX509Der<'_> = RsaPublicKeyComponents { n, e }.as_der().ok()?;
        let key = PublicEncryptingKey::from_der(spki.as_ref()).ok()?;
        if !(2048..=4096).contains(&key.key_size_bits()) {
            return None;
        }
        OaepPublicEncryptingKey::new(key).ok().map(Self)
    }

    /// RSAES-OAEP-ENCRYPT (RFC 8017 section 7.1.1) with an empty label.
    pub(crate) fn encrypt(&self, message: &[u8], hash: OaepHash) -> Vec<u8> {
        let algorithm = match hash {
            OaepHash::Sha256 => &OAEP_SHA256_MGF1SHA256,
            OaepHash::Sha1 => &OAEP_SHA1_MGF1SHA1,
        };
        let mut ciphertext = vec![0; self.0.ciphertext_size()];
        self.0
            .encrypt(algorithm, message, &mut ciphertext, None)
            .expect("a claim is shorter than what 2048 bits can carry");
        ciphertext
    }
}
