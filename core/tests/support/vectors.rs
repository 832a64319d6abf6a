//! Test vectors that lie beside the project and are not part of it.

use serde_json::Value;

/// Reads a file of `../shared/vectors`, or of the folder that RELAYPASS_SHARED names. Absent, the test is skipped, loudly; where `REQUIRE_ALL`
/// is set, that is a failure.
pub fn read(name: &str) -> Option<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let shared = std::env::var("RELAYPASS_SHARED").unwrap_or_else(|_| beside.to_owned());
    match std::fs::read(format!("{shared}/vectors/{name}")) {
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

pub fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len() / 2)
        .map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap())
        .collect()
}
