//! Wycheproof's RSA-OAEP vectors. They lie beside the project and are not part of it.

use super::DecryptionKey;

#[path = "../../tests/support/vectors.rs"]
mod vectors;

use vectors::{read, unhex};

fn check(name: &str) {
    let Some(file) = read(&format!("wycheproof/{name}")) else {
        return;
    };
    let mut count = 0;
    for group in file["testGroups"].as_array().unwrap() {
        let key = DecryptionKey::from_pem(group["privateKeyPem"].as_str().unwrap()).unwrap();
        for test in group["tests"].as_array().unwrap() {
            // Persona uses no label, so whatever has one must not open.
            let opens = test["result"] == "valid" && test["label"] == "";
            let plaintext = key.decrypt(&unhex(&test["ct"]));
            let expected = opens.then(|| unhex(&test["msg"]));
            let plaintext = plaintext.ok().map(|plaintext| plaintext.to_vec());
            assert_eq!(plaintext, expected, "{name}, test {}", test["tcId"]);
            count += 1;
        }
    }
    assert_eq!(Some(count), file["numberOfTests"].as_u64());
}

#[test]
fn sha1() {
    check("rsa_oaep_2048_sha1_mgf1sha1_test.json");
}

#[test]
fn sha256_with_mgf1_sha1() {
    check("rsa_oaep_2048_sha256_mgf1sha1_test.json");
}

#[test]
fn sha256() {
    check("rsa_oaep_2048_sha256_mgf1sha256_test.json");
    check("rsa_oaep_3072_sha256_mgf1sha256_test.json");
    check("rsa_oaep_4096_sha256_mgf1sha256_test.json");
}
