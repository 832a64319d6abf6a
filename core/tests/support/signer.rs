//! A signer, and another client, that share nothing with ours: the crate `blind-rsa-signatures`.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use blind_rsa_signatures::reexports::rand::{self, CryptoRng, RngCore};
use blind_rsa_signatures::{BlindSignature, BlindingResult, DefaultRng, Hash, Options, Signature};
use relaypass::Secret;

pub struct KeyPair(blind_rsa_signatures::KeyPair);

/// SHA-384, and a salt as long as the hash: what Privacy Pass signs with.
fn options() -> Options {
    Options::new(Hash::Sha384, false, 48)
}

impl KeyPair {
    pub fn generate(bits: usize) -> Self {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            // Much slower.
            _ => {
                return Self(
                    blind_rsa_signatures::KeyPair::generate(&mut DefaultRng, bits).unwrap(),
                )
            }
        };
        let pair = aws_lc_rs::rsa::KeyPair::generate(size).unwrap();
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let sk = blind_rsa_signatures::SecretKey::from_der(pkcs8.as_ref()).unwrap();
        let pk = sk.public_key().unwrap();
        Self(blind_rsa_signatures::KeyPair { pk, sk })
    }

    /// The public key, of algorithm rsaEncryption.
    pub fn spki(&self) -> Vec<u8> {
        self.0.pk.to_der().unwrap()
    }

    /// The public key, of algorithm RSASSA-PSS.
    pub fn pss_spki(&self) -> Vec<u8> {
        self.0.pk.to_spki(Some(&options())).unwrap()
    }

    pub fn sign(&self, blinded_message: &[u8]) -> Vec<u8> {
        let signed = (self.0.sk).blind_sign(&mut DefaultRng, blinded_message, &options());
        signed.unwrap().0
    }

    pub fn blind(&self, message: &[u8]) -> Blinded<'_> {
        let blinding = self.0.pk.blind(&mut DefaultRng, message, false, &options());
        Blinded {
            pair: self,
            message: message.to_vec(),
            blinding: blinding.unwrap(),
        }
    }

    /// The same, and the salt: the first that is drawn.
    pub fn blind_and_tell_the_salt(&self, message: &[u8]) -> (Blinded<'_>, Vec<u8>) {
        let mut rng = Recorder(Vec::new());
        let blinding = self.0.pk.blind(&mut rng, message, false, &options());
        let blinded = Blinded {
            pair: self,
            message: message.to_vec(),
            blinding: blinding.unwrap(),
        };
        rng.0.truncate(48);
        (blinded, rng.0)
    }

    pub fn verifies(&self, signature: &[u8], message: &[u8]) -> bool {
        let signature = Signature(signature.to_vec());
        signature
            .verify(&self.0.pk, None, message, &options())
            .is_ok()
    }
}

/// A message that the other client has blinded.
pub struct Blinded<'a> {
    pair: &'a KeyPair,
    message: Vec<u8>,
    blinding: BlindingResult,
}

impl Blinded<'_> {
    pub fn blinded_message(&self) -> &[u8] {
        &self.blinding.blind_msg
    }

    pub fn inverse(&self) -> Secret<Vec<u8>> {
        Secret::new(self.blinding.secret.0.clone())
    }

    pub fn finalize(&self, blind_signature: &[u8]) -> Option<Vec<u8>> {
        let blind_signature = BlindSignature(blind_signature.to_vec());
        let signature = self.pair.0.pk.finalize(
            &blind_signature,
            &self.blinding.secret,
            None,
            &self.message,
            &options(),
        );
        signature.ok().map(|signature| signature.0)
    }
}

/// Randomness that remembers what it gave.
struct Recorder(Vec<u8>);

impl RngCore for Recorder {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        DefaultRng.fill_bytes(bytes);
        self.0.extend_from_slice(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Recorder {}
