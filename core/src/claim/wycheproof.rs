//! Wycheproof's RSA-OAEP vectors. They lie beside the project and are not part of it.

use aws_lc_rs::rsa::{OaepAlgorithm, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256};

use super::{DecryptionKey, DecryptionKeys};
use crate::test_vectors::{read, unhex};

/// `hash`: the one of ours that is this file's; none, if it must open nothing.
fn check(name: &str, hash: Option<&'static OaepAlgorithm>) {
    let Some(file) = read(&format!("wycheproof/{name}")) else {
        return;
    };
    let mut count = 0;
    for group in file["testGroups"].as_array().unwrap() {
        let key = DecryptionKey::from_pem(group["privateKeyPem"].as_str().unwrap()).unwrap();
        let keys = DecryptionKeys::from(key.clone());
        for test in group["tests"].as_array().unwrap() {
            // Persona uses no label, so whatever has one must not open.
            let opens = hash.is_some() && test["result"] == "valid" && test["label"] == "";
            let expected = opens.then(|| unhex(&test["msg"]));
            let ciphertext = unhex(&test["ct"]);
            let mut plaintexts = vec![keys.decrypt_oaep(&ciphertext)];
            plaintexts.extend(hash.map(|hash| key.decrypt(hash, &ciphertext)));
            for plaintext in plaintexts {
                let plaintext = plaintext.map(|plaintext| plaintext.to_vec());
                assert_eq!(plaintext, expected, "{name}, test {}", test["tcId"]);
            }
            count += 1;
        }
    }
    assert_eq!(Some(count), file["numberOfTests"].as_u64());
}

#[test]
fn sha1() {
    check(
        "rsa_oaep_2048_sha1_mgf1sha1_test.json",
        Some(&OAEP_SHA1_MGF1SHA1),
    );
}

#[test]
fn sha256_with_mgf1_sha1_is_not_guessed() {
    check("rsa_oaep_2048_sha256_mgf1sha1_test.json", None);
}

#[test]
fn sha256() {
    for bits in [2048, 3072, 4096] {
        let name = format!("rsa_oaep_{bits}_sha256_mgf1sha256_test.json");
        check(&name, Some(&OAEP_SHA256_MGF1SHA256));
    }
}
