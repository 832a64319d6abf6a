//! Payloads of claims: plain text, base64, JWEs. With a key none of them opens, because nobody has its
//! public half; and none makes a parser panic.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use relaypass::{generate_key_pair, open_claim, DecryptionKeys};

static KEYS: LazyLock<DecryptionKeys> =
    LazyLock::new(|| generate_key_pair(2048).expect("a size that there is").into());

fuzz_target!(|payload: &str| {
    assert!(open_claim(payload, Some(&KEYS), None).is_err());
    let _ = open_claim(payload, None, None);
});
