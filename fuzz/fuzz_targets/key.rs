//! Keys: PEM and JWKs. Whatever is taken is written anew and read again as the same key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relaypass::{DecryptionKey, EncryptionKey};

fuzz_target!(|text: &str| {
    if let Ok(key) = EncryptionKey::parse(text) {
        for same in [key.as_pem(), key.as_jwk()] {
            assert_eq!(EncryptionKey::parse(same).expect("our own text"), key);
        }
    }
    let _ = DecryptionKey::parse(text);
});
