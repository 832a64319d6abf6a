//! Keys and certificates that people give.

use rsa::pkcs8::der::pem::{encode_string, LineEnding};
use rustls::RootCertStore;

use super::{is_one_of, keeps_secrets};
use crate::claim::{DecryptionKey, EncryptionKey};
use crate::encoding::pem;
use crate::tls::{read_certificates, read_private_key, trust};

const BEGIN: &str = "-----BEGIN";

/// Keys as JSON: whatever is taken is written anew, and read again as the same key in both forms.
pub fn jwk(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    is_the_same_key(text);
}

/// PEM: keys, certificates, and whatever stands around them.
pub fn pem(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    is_the_same_key(text);
    if let Err(error) = keeps_secrets(text, |text| read_certificates(text, "it")) {
        is_one_of(&error, &["invalid_argument"]);
    }
    let trusts = |text: &str| trust(&mut RootCertStore::empty(), text, "it");
    if let Err(error) = keeps_secrets(text, trusts) {
        is_one_of(&error, &["invalid_argument"]);
    }
    if let Err(error) = keeps_secrets(text, |text| read_private_key(text, "it")) {
        is_one_of(&error, &["invalid_argument"]);
    }
    let Ok(sections) = pem::read(text) else {
        return;
    };
    // Each BEGIN is read or refused. What `#` and backslashes mean, other tests say.
    let begins = text.matches(BEGIN).count();
    if begins > 0 && text.is_ascii() && !text.contains(['#', '\\']) {
        assert_eq!(sections.len(), begins, "something was dropped");
    }
    for section in &sections {
        let Ok(der) = section.der() else {
            continue;
        };
        let label = section.label();
        let strict = encode_string(label, LineEnding::LF, &der);
        // Some labels that people use are none to RFC 7468.
        let Ok(strict) = strict else {
            continue;
        };
        let again = pem::read(&strict).expect("the strict form");
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].label(), label);
        assert_eq!(again[0].der().expect("the strict form"), der);
    }
}

fn is_the_same_key(text: &str) {
    match keeps_secrets(text, EncryptionKey::parse) {
        Ok(key) => {
            for same in [key.as_pem(), key.as_jwk()] {
                assert_eq!(EncryptionKey::parse(same).expect("our own text"), key);
            }
        }
        Err(error) => is_one_of(&error, &["invalid_argument"]),
    }
    match keeps_secrets(text, DecryptionKey::parse) {
        Ok(key) => {
            for same in [key.to_pem(), key.to_jwk()] {
                let same = DecryptionKey::parse(same.expose()).expect("our own text");
                assert_eq!(same.encryption_key(), key.encryption_key());
                assert_eq!(same.to_pem(), key.to_pem());
            }
            // Whoever would send it to Persona is kept from it.
            assert!(EncryptionKey::parse(text).is_err());
        }
        Err(error) => is_one_of(&error, &["invalid_argument"]),
    }
}
