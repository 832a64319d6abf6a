//! Which key a PEM text holds, and if it is of no use, why. Both halves by the same rules.
//!
//! A key is known by what it is, not by its label: tools mix up PKCS#1 and PKCS#8. `pkcs1` and `pkcs8`
//! look at numbers here, to say what is wrong with a key that AWS-LC refused; no arithmetic is done.

use aws_lc_rs::rsa::KeyPair;
use rsa::pkcs1::{DecodeRsaPublicKey, RsaPrivateKeyRef, RsaPublicKeyRef, Version};
use rsa::pkcs8::der::Decode;
use rsa::pkcs8::{DecodePublicKey, ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef};
use rsa::PublicKey;
use zeroize::Zeroizing;

use crate::encoding::pem::{self, Fault, Section};
use crate::error::{Error, Result};

/// The longest PEM text that is looked at, in bytes. A 4096-bit private key has about 3,300, and there
/// may be certificates around it.
const LONGEST_PEM: usize = 65_536;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const RSA_OAEP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.7");
const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
/// Ed25519, X25519, Ed448 and X448 (RFC 8410).
const EDWARDS: [&str; 4] = ["1.3.101.110", "1.3.101.111", "1.3.101.112", "1.3.101.113"];

/// The bits that an RSA key may have.
pub(super) const BITS: std::ops::RangeInclusive<u32> = 2048..=4096;

/// Reads the one public key of a PEM text.
pub(super) fn read_public(text: &str) -> Result<PublicKey> {
    let refused = |reason: &str| refused("encryption", reason);
    let sections = sections(text, "encryption")?;
    if sections.iter().any(is_private) {
        return Err(Error::invalid_argument(
            "The encryption key is a private key. Give its public half: Persona must only ever see \
             that.",
        ));
    }
    let is_public = |section: &&Section| section.label().ends_with("PUBLIC KEY");
    let section = the_only(&sections, is_public, "public").map_err(|reason| refused(&reason))?;
    let der = section.der().map_err(|Fault(reason)| refused(&reason))?;
    let key = match SubjectPublicKeyInfoRef::from_der(&der) {
        Ok(info) if info.algorithm.oid == RSA => PublicKey::from_public_key_der(&der).ok(),
        Ok(info) => return Err(refused(&another_algorithm(&info.algorithm.oid))),
        Err(_) => PublicKey::from_pkcs1_der(&der).ok(),
    };
    key.ok_or_else(|| refused(&why_no_public_key(&der)))
}

/// Reads the one private key of a PEM text.
pub(super) fn read_private(text: &str) -> Result<KeyPair> {
    let refused = |reason: &str| refused("decryption", reason);
    let sections = sections(text, "decryption")?;
    let section = the_only(&sections, |section| is_private(section), "private");
    let section = section.map_err(|reason| refused(&reason))?;
    if section.is_encrypted() {
        return Err(Error::invalid_argument(
            "The decryption key is protected by a passphrase. Decrypt it first: `openssl pkey -in \
             FILE -out NEW`.",
        ));
    }
    if section.label() == "OPENSSH PRIVATE KEY" {
        return Err(refused(
            "is in the format of OpenSSH. `ssh-keygen -p -m PKCS8 -f FILE` writes it anew in PEM",
        ));
    }
    let der = section.der().map_err(|Fault(reason)| refused(&reason))?;
    // AWS-LC takes some keys of other algorithms for plain ones.
    match PrivateKeyInfoRef::try_from(der.as_slice()) {
        Ok(info) if info.algorithm.oid != RSA => {
            return Err(refused(&another_algorithm(&info.algorithm.oid)))
        }
        _ => {}
    }
    let pair = KeyPair::from_pkcs8(&der).or_else(|_| KeyPair::from_der(&der));
    pair.map_err(|_| refused(&why_no_private_key(&der)))
}

/// What a key of a wrong size is told.
pub(super) fn wrong_size(half: &str, bits: u32) -> Error {
    refused(half, &size_reason(bits))
}

fn size_reason(bits: u32) -> String {
    format!("has {bits} bits: it must be an RSA key of 2048 to 4096 bits")
}

fn refused(half: &str, reason: &str) -> Error {
    Error::invalid_argument(format!("The {half} key {reason}."))
}

fn sections(text: &str, half: &str) -> Result<Vec<Section>> {
    if text.len() > LONGEST_PEM {
        return Err(refused(
            half,
            "is too long for a key: it has more than 64 KiB",
        ));
    }
    pem::read(text).map_err(|Fault(reason)| refused(half, &reason))
}

fn is_private(section: &Section) -> bool {
    section.label().ends_with("PRIVATE KEY")
}

/// The section that is the key. Certificates and parameters may stand around it.
fn the_only<'a>(
    sections: &'a [Section],
    is_the_key: impl Fn(&&Section) -> bool,
    half: &str,
) -> std::result::Result<&'a Section, String> {
    let mut keys = sections.iter().filter(is_the_key);
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => Err(format!(
            "must be one key, and there are several {half} keys"
        )),
        (None, _) => Err(match sections[0].label() {
            label @ ("CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
                if half == "public" =>
            {
                format!(
                    "is a certificate ({label}). `openssl x509 -in FILE -pubkey -noout` prints its \
                     public key"
                )
            }
            "CERTIFICATE" => {
                "is a certificate, and holds no private key: that is in another file".to_owned()
            }
            label if label.ends_with("PUBLIC KEY") => {
                format!("is a public key ({label}): its private half opens claims")
            }
            label => format!("holds no {half} key, but {label}"),
        }),
    }
}

fn another_algorithm(algorithm: &ObjectIdentifier) -> String {
    let what = match *algorithm {
        RSA_PSS => {
            return "is an RSA key for signatures alone (RSASSA-PSS), which encrypts nothing. Generate \
                    a plain RSA key (`relaypass keygen`)"
                .to_owned()
        }
        RSA_OAEP => "is marked for RSAES-OAEP alone",
        ELLIPTIC => "is a key on an elliptic curve",
        DSA => "is a DSA key",
        other if EDWARDS.contains(&other.to_string().as_str()) => {
            "is a key on an Edwards or Montgomery curve (Ed25519, X25519)"
        }
        _ => "is a key of another algorithm",
    };
    format!("{what}: it must be a plain RSA key of 2048 to 4096 bits (`relaypass keygen`)")
}

/// What is wrong with a private key that AWS-LC does not take.
fn why_no_private_key(der: &Zeroizing<Vec<u8>>) -> String {
    let inner = match PrivateKeyInfoRef::try_from(der.as_slice()) {
        Ok(info) => info.private_key.as_bytes(),
        Err(_) => der,
    };
    let Ok(key) = RsaPrivateKeyRef::from_der(inner) else {
        return match is_sec1(inner) {
            true => another_algorithm(&ELLIPTIC),
            false => "holds no RSA key in the form of PKCS#8 or PKCS#1".to_owned(),
        };
    };
    if key.version() != Version::TwoPrime {
        return "is an RSA key of more than two primes, which few programs take. Generate one of two \
                (`relaypass keygen`)"
            .to_owned();
    }
    let bits = bits(key.modulus.as_bytes());
    match BITS.contains(&bits) {
        true => "is an RSA key whose numbers do not belong together, or are of no use".to_owned(),
        false => size_reason(bits),
    }
}

fn why_no_public_key(der: &[u8]) -> String {
    let info = SubjectPublicKeyInfoRef::from_der(der).ok();
    let inner = info
        .as_ref()
        .and_then(|info| info.subject_public_key.as_bytes());
    match RsaPublicKeyRef::from_der(inner.unwrap_or(der)) {
        Ok(key) if !BITS.contains(&bits(key.modulus.as_bytes())) => {
            size_reason(bits(key.modulus.as_bytes()))
        }
        Ok(_) => "is an RSA key whose numbers are of no use".to_owned(),
        Err(_) => "holds no RSA key in the form of SPKI or PKCS#1".to_owned(),
    }
}

fn bits(modulus: &[u8]) -> u32 {
    let zeros = modulus.first().map_or(0, |byte| byte.leading_zeros());
    u32::try_from(modulus.len() * 8)
        .unwrap_or(u32::MAX)
        .saturating_sub(zeros)
}

/// Whether this is an elliptic key as RFC 5915 writes it: version 1, then an octet string.
fn is_sec1(der: &[u8]) -> bool {
    const VERSION_AND_OCTETS: [u8; 4] = [0x02, 0x01, 0x01, 0x04];
    der.windows(4)
        .take(4)
        .any(|window| window == VERSION_AND_OCTETS)
}

#[cfg(test)]
mod tests;
