//! The public key that a relay's claim is encrypted to, in the two forms that Persona's docs have
//! shown: a PEM text, and a JSON Web Key.

use std::sync::OnceLock;

use aws_lc_rs::digest::{digest, SHA256};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    OaepAlgorithm, OaepPublicEncryptingKey, PublicEncryptingKey, OAEP_SHA1_MGF1SHA1,
    OAEP_SHA256_MGF1SHA256,
};
use aws_lc_rs::signature::RsaPublicKeyComponents;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine as _;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::PublicKey;
use serde_json::{Map, Value};

use crate::multi_prime::{PrivateKey, PUBLIC_EXPONENT};
use crate::settings::OaepHash;

/// The members that a JSON Web Key may have; all but `use` must be there.
const JWK_MEMBERS: [&str; 5] = ["kty", "n", "e", "alg", "use"];

pub(crate) struct EncryptionKey {
    pub(crate) form: Form,
    /// The JWK thumbprint (RFC 7638), whatever the form.
    pub(crate) thumbprint: String,
    oaep: OaepPublicEncryptingKey,
}

/// How the key came, which decides how the claim goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Pem,
    Jwk,
}

impl EncryptionKey {
    /// The RSA key in a PEM text, as SPKI or PKCS#1. `None` if there is none of 2048 to 4096 bits.
    pub(crate) fn from_pem(pem: &str) -> Option<Self> {
        let pem = pem.trim();
        let key = PublicKey::from_public_key_pem(pem)
            .or_else(|_| PublicKey::from_pkcs1_pem(pem))
            .ok()?;
        Self::of(Form::Pem, &key.n_bytes(), &key.e_bytes())
    }

    /// The RSA key in a JSON Web Key (RFC 7517, RFC 7518 section 6.3.1), or what is wrong with it.
    pub(crate) fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, String> {
        if let Some(name) = (jwk.keys()).find(|name| !JWK_MEMBERS.contains(&name.as_str())) {
            return Err(format!("{name} is not a known property"));
        }
        let text = |name: &str| match jwk.get(name) {
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(_) => Err(format!("{name} must be a string")),
            None => Err(format!("{name} is missing")),
        };
        let must_be = |name: &str, wanted: &str| match text(name)? {
            found if found == wanted => Ok(()),
            _ => Err(format!("{name} must be {wanted}")),
        };
        must_be("kty", "RSA")?;
        must_be("alg", "RSA-OAEP-256")?;
        if jwk.contains_key("use") {
            must_be("use", "enc")?;
        }
        let (n, e) = (number(text("n")?, "n")?, number(text("e")?, "e")?);
        Self::of(Form::Jwk, &n, &e)
            .ok_or_else(|| "n and e must be an RSA public key of 2048 to 4096 bits".to_owned())
    }

    /// A key to which nobody has the other half. The same one at every call.
    pub(crate) fn of_nobody() -> &'static Self {
        static KEY: OnceLock<EncryptionKey> = OnceLock::new();
        KEY.get_or_init(|| {
            let key = PrivateKey::generate(2048);
            Self::of(Form::Jwk, key.modulus(), &PUBLIC_EXPONENT).expect("a sound key is taken")
        })
    }

    /// Modulus and exponent, big-endian and without leading zeros.
    fn of(form: Form, n: &[u8], e: &[u8]) -> Option<Self> {
        let spki: PublicKeyX509Der<'_> = RsaPublicKeyComponents { n, e }.as_der().ok()?;
        let key = PublicEncryptingKey::from_der(spki.as_ref()).ok()?;
        if !(2048..=4096).contains(&key.key_size_bits()) {
            return None;
        }
        let [n, e] = [n, e].map(|number| URL_SAFE_NO_PAD.encode(number));
        let required_members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
        Some(Self {
            form,
            thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, required_members.as_bytes())),
            oaep: OaepPublicEncryptingKey::new(key).ok()?,
        })
    }

    /// The longest message that [`encrypt`](Self::encrypt) takes, in bytes.
    pub(crate) fn capacity(&self, hash: OaepHash) -> usize {
        self.oaep.max_plaintext_size(algorithm(hash))
    }

    /// RSAES-OAEP-ENCRYPT (RFC 8017 section 7.1.1) with an empty label.
    pub(crate) fn encrypt(&self, message: &[u8], hash: OaepHash) -> Vec<u8> {
        let mut ciphertext = vec![0; self.oaep.ciphertext_size()];
        self.oaep
            .encrypt(algorithm(hash), message, &mut ciphertext, None)
            .expect("the message is no longer than the capacity");
        ciphertext
    }
}

fn algorithm(hash: OaepHash) -> &'static OaepAlgorithm {
    match hash {
        OaepHash::Sha256 => &OAEP_SHA256_MGF1SHA256,
        OaepHash::Sha1 => &OAEP_SHA1_MGF1SHA1,
    }
}

/// A Base64urlUInt (RFC 7518 section 2): unpadded base64url, big-endian, no leading zero.
fn number(text: &str, name: &str) -> Result<Vec<u8>, String> {
    match URL_SAFE_NO_PAD.decode(text) {
        Ok(bytes) if bytes.first().is_some_and(|first| *first != 0) => Ok(bytes),
        _ => Err(format!("{name} must be a Base64urlUInt")),
    }
}
