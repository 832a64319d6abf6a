//! Wycheproof's RSA-OAEP vectors. They lie beside the project and are not part of it.

use serde_json::Value;

use super::DecryptionKey;

/// Reads a file of `../shared/vectors`. Absent, the test is skipped, loudly; where `REQUIRE_ALL`
/// is set, that is a failure.
fn read(name: &str) -> Option<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/vectors/wycheproof/"
    );
    match std::fs::read(format!("{path}{name}")) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(_) if std::env::var("REQUIRE_ALL").is_ok_and(|value| value == "1") => {
            panic!("{name} is missing and REQUIRE_ALL is set")
        }
        Err(_) => {
            eprintln!("SKIPPED: {name} is not beside the project");
            None
        }
    }
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len() / 2)
        .map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap())
        .collect()
}

fn check(name: &str) {
    let Some(file) = read(name) else { return };
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
