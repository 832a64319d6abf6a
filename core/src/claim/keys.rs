//! The keys that claims are encrypted with, in the forms that people have them in: PEM and JWK.
//!
//! Private-key arithmetic is AWS-LC's: it blinds and checks the padding in constant time. The
//! `rsa` crate, which has RUSTSEC-2023-0071, only ever sees public keys.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OaepAlgorithm, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use rsa::pkcs8::der::pem::{encode_string, LineEnding};
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use rsa::PublicKey;
use zeroize::Zeroizing;

use super::jwk_text::json_of;
use super::{jwk, key_text};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// The public key that Persona encrypts a claim with: RSA, 2048 to 4096 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptionKey {
    pem: String,
    jwk: String,
    thumbprint: String,
}

impl EncryptionKey {
    /// Reads a public key in PEM ([`EncryptionKey::from_pem`]) or as a JWK
    /// ([`EncryptionKey::from_jwk`]). It is the key itself, never the name of a file.
    ///
    /// # Errors
    /// `invalid_argument` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        match json_of(text) {
            Some(json) => Self::from_jwk(&json),
            None => Self::from_pem(text),
        }
    }

    /// Reads a public key in PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`), also where its line breaks were
    /// written as backslash and n, or where it is quoted, indented, or in base64 as a whole.
    ///
    /// # Errors
    /// `invalid_argument`, with the reason, for a private key (which must never leave this machine),
    /// several keys, another algorithm, another size, or no key at all.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let key = key_text::read_public(pem)?;
        Self::of(&key).ok_or_else(|| key_text::wrong_size("encryption", key.n().bit_width()))
    }

    /// Reads a public key as the JSON text of a JWK (RFC 7517): `kty` is `RSA`; `alg`, if it is there,
    /// `RSA-OAEP-256`; `use`, if it is there, `enc`. Other members are dropped.
    ///
    /// # Errors
    /// As [`EncryptionKey::from_pem`].
    ///
    /// # Example
    /// ```
    /// let key = relaypass::generate_key_pair(2048)?;
    /// let jwk = key.encryption_key().as_jwk();
    /// assert!(jwk.starts_with(r#"{"kty":"RSA","n":""#));
    /// assert_eq!(&relaypass::EncryptionKey::from_jwk(jwk)?, key.encryption_key());
    /// # Ok::<(), relaypass::Error>(())
    /// ```
    pub fn from_jwk(jwk: &str) -> Result<Self> {
        let der = jwk::read_public(jwk)?;
        let key = PublicKey::from_public_key_der(&der).ok();
        key.and_then(|key| Self::of(&key)).ok_or_else(|| {
            Error::invalid_argument("The encryption key must be an RSA key of 2048 to 4096 bits.")
        })
    }

    /// Written anew: what stands around a key (comments, names, line ends) would tell its owner
    /// apart, on a call that must not name us.
    fn of(key: &PublicKey) -> Option<Self> {
        if !key_text::BITS.contains(&key.n().bit_width()) {
            return None;
        }
        let (n, e) = (key.n_bytes(), key.e_bytes());
        let components = aws_lc_rs::rsa::PublicKeyComponents { n: &n, e: &e };
        let der: PublicKeyX509Der<'_> = components.as_der().ok()?;
        Some(Self {
            pem: encode_string("PUBLIC KEY", LineEnding::LF, der.as_ref()).ok()?,
            jwk: jwk::write_public(&n, &e),
            thumbprint: jwk::thumbprint(&n, &e),
        })
    }

    /// The key in PEM.
    pub fn as_pem(&self) -> &str {
        &self.pem
    }

    /// The key as the JSON text of a JWK, with the members `kty`, `n`, `e`, `alg` and `use`.
    pub fn as_jwk(&self) -> &str {
        &self.jwk
    }

    /// The key's SHA-256 thumbprint in base64url (RFC 7638).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }
}

/// The private key that opens claims: RSA, 2048 to 4096 bits. It never leaves this process.
#[derive(Clone)]
pub struct DecryptionKey {
    key: Arc<OaepPrivateDecryptingKey>,
    pkcs8: Secret<Vec<u8>>,
    encryption_key: EncryptionKey,
    /// What its owner calls it.
    kid: Option<String>,
    #[cfg(test)]
    operations: Arc<std::sync::atomic::AtomicUsize>,
}

impl DecryptionKey {
    /// Reads a private key in PEM ([`DecryptionKey::from_pem`]) or as a JWK
    /// ([`DecryptionKey::from_jwk`]). It is the key itself, never the name of a file.
    ///
    /// # Errors
    /// `invalid_argument` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        match json_of(text) {
            Some(json) => Self::from_jwk(&json),
            None => Self::from_pem(text),
        }
    }

    /// Reads a private key in PEM: PKCS#8 (`PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`), without a
    /// passphrase, wrapped in any way that [`EncryptionKey::from_pem`] reads. Certificates may stand
    /// beside it.
    ///
    /// # Errors
    /// `invalid_argument`, with the reason, for anything else.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let pair = key_text::read_private(pem)?;
        let bits = u32::try_from(pair.public_modulus_len() * 8).unwrap_or(u32::MAX);
        Self::of(&pair, None).ok_or_else(|| key_text::wrong_size("decryption", bits))
    }

    /// Reads a private key as the JSON text of a JWK (RFC 7517), with `d`, `p`, `q`, `dp`, `dq` and
    /// `qi`. Its `kid`, if it has one, is the name by which a JWE may call it.
    ///
    /// # Errors
    /// `invalid_argument` for anything else, and for numbers that do not belong together.
    pub fn from_jwk(jwk: &str) -> Result<Self> {
        let (pair, kid) = jwk::read_private(jwk)?;
        Self::of(&pair, kid).ok_or_else(|| {
            Error::invalid_argument("The decryption key must be an RSA key of 2048 to 4096 bits.")
        })
    }

    fn of(pair: &KeyPair, kid: Option<String>) -> Option<Self> {
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(pair).ok()?;
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref()).ok()?;
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(&key.public_key()).ok()?;
        let public = PublicKey::from_public_key_der(public.as_ref()).ok()?;
        Some(Self {
            pkcs8: Secret::new(pkcs8.as_ref().to_vec()),
            encryption_key: EncryptionKey::of(&public)?,
            key: Arc::new(OaepPrivateDecryptingKey::new(key).ok()?),
            kid,
            #[cfg(test)]
            operations: Arc::default(),
        })
    }

    /// The public half: what Persona gets.
    pub fn encryption_key(&self) -> &EncryptionKey {
        &self.encryption_key
    }

    /// The private key in PEM (PKCS#8), to be kept where secrets are kept.
    pub fn to_pem(&self) -> Secret<String> {
        let pem = encode_string("PRIVATE KEY", LineEnding::LF, self.pkcs8.expose())
            .expect("a label and bytes always make PEM");
        Secret::new(pem)
    }

    /// The private key as the JSON text of a JWK, with its `kid`, if it was read with one, to be kept
    /// where secrets are kept.
    pub fn to_jwk(&self) -> Secret<String> {
        let written = jwk::write_private(self.pkcs8.expose(), self.kid.as_deref());
        written.expect("AWS-LC has written it")
    }

    /// Whether a JWE means this key by a name.
    pub(super) fn is_named(&self, kid: &str) -> bool {
        self.kid.as_deref() == Some(kid) || self.encryption_key.thumbprint == kid
    }

    /// One private operation: RSA-OAEP under this algorithm. One answer to every fault.
    pub(super) fn decrypt(
        &self,
        algorithm: &'static OaepAlgorithm,
        ciphertext: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        // It cannot be for this key, and costs nothing.
        if ciphertext.len() != self.key.key_size_bytes() {
            return None;
        }
        #[cfg(test)]
        self.operations
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut plaintext = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let opened = self
            .key
            .decrypt(algorithm, ciphertext, &mut plaintext, None);
        let length = opened.ok()?.len();
        plaintext.truncate(length);
        Some(plaintext)
    }

    /// How many private operations were done with this key and its copies.
    #[cfg(test)]
    pub(super) fn operations(&self) -> usize {
        self.operations.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey")
            .field("encryption_key", &self.encryption_key)
            .finish_non_exhaustive()
    }
}

/// The sizes that keys are generated in, the usual one first.
pub(crate) const KEY_SIZES: [usize; 3] = [2048, 3072, 4096];

/// Generates an RSA key pair of 2048, 3072 or 4096 bits with the operating system's randomness.
///
/// # Errors
/// `invalid_argument` for another size.
///
/// # Example
/// ```
/// let key = relaypass::generate_key_pair(2048)?;
/// assert!(key.encryption_key().as_pem().starts_with("-----BEGIN PUBLIC KEY-----"));
/// # Ok::<(), relaypass::Error>(())
/// ```
pub fn generate_key_pair(bits: usize) -> Result<DecryptionKey> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        _ => {
            return Err(Error::invalid_argument(
                "A key pair has 2048, 3072 or 4096 bits.",
            ))
        }
    };
    let pair = KeyPair::generate(size)
        .expect("AWS-LC generates keys as long as the operating system has randomness");
    Ok(DecryptionKey::of(&pair, None).expect("AWS-LC reads what it has generated"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use aws_lc_rs::rsa::{OaepPublicEncryptingKey, PublicEncryptingKey, OAEP_SHA1_MGF1SHA1};

    pub(in crate::claim) fn public_der(key: &DecryptionKey) -> Zeroizing<Vec<u8>> {
        let sections = crate::encoding::pem::read(key.encryption_key().as_pem());
        sections.unwrap()[0].der().unwrap()
    }

    pub(in crate::claim) fn encrypt(
        key: &DecryptionKey,
        algorithm: &'static OaepAlgorithm,
        plaintext: &[u8],
    ) -> Vec<u8> {
        let public = PublicEncryptingKey::from_der(&public_der(key)).unwrap();
        let public = OaepPublicEncryptingKey::new(public).unwrap();
        let mut ciphertext = vec![0; public.ciphertext_size()];
        public
            .encrypt(algorithm, plaintext, &mut ciphertext, None)
            .unwrap();
        ciphertext
    }

    #[test]
    fn a_private_key_given_as_encryption_key_is_refused_without_being_repeated() {
        let key = generate_key_pair(2048).unwrap();
        let pem = key.to_pem();
        let error = EncryptionKey::from_pem(pem.expose()).unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert!(error.to_string().contains("private key"));
        assert!(!format!("{error:?}").contains(&pem.expose()[60..100]));
        assert!(!format!("{key:?}").contains(&pem.expose()[60..100]));
    }

    #[test]
    fn what_is_no_rsa_key_of_the_right_size_is_refused() {
        const EC: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMKBCTNIcKUSDii11ySs3526iDZ8A\niTo7Tu6KPAqv7D7gS2XpJFbZiItSs3m9+9Ue6GnvHw/GW2ZZaVtszggXIw==\n-----END PUBLIC KEY-----\n";
        for pem in [
            "",
            "garbage",
            EC,
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        ] {
            assert_eq!(
                EncryptionKey::from_pem(pem).unwrap_err().code(),
                "invalid_argument"
            );
            assert_eq!(
                DecryptionKey::from_pem(pem).unwrap_err().code(),
                "invalid_argument"
            );
        }
        assert_eq!(
            generate_key_pair(1024).unwrap_err().code(),
            "invalid_argument"
        );
    }

    #[test]
    fn what_stands_around_a_public_key_does_not_travel() {
        use rsa::pkcs1::EncodeRsaPublicKey;
        let key = generate_key_pair(2048).unwrap();
        let pem = key.encryption_key().as_pem();
        let pkcs1 = PublicKey::from_public_key_pem(pem).unwrap();
        let pkcs1 = pkcs1.to_pkcs1_pem(LineEnding::LF).unwrap();
        for same in [
            format!("Bag Attributes\n    friendlyName: canary\n{pem}"),
            pem.replace('\n', "\r\n"),
            format!("{pem}\ncanary"),
            pkcs1,
        ] {
            assert_eq!(EncryptionKey::from_pem(&same).unwrap().as_pem(), pem);
        }
        assert!(EncryptionKey::from_pem(&format!("{pem}{pem}")).is_err());
    }

    #[test]
    fn a_key_pair_survives_its_pem() {
        let key = generate_key_pair(3072).unwrap();
        let again = DecryptionKey::from_pem(key.to_pem().expose()).unwrap();
        assert_eq!(again.encryption_key(), key.encryption_key());
        let public = EncryptionKey::from_pem(key.encryption_key().as_pem()).unwrap();
        assert_eq!(&public, key.encryption_key());
        let ciphertext = encrypt(&key, &OAEP_SHA1_MGF1SHA1, b"claim");
        let opened = again.decrypt(&OAEP_SHA1_MGF1SHA1, &ciphertext);
        assert_eq!(&opened.unwrap()[..], b"claim");
    }
}
