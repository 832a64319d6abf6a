//! Opening a claim that was kept closed.

use napi_derive::napi;
use relaypass::arguments::OpenArguments;
use relaypass::Secret;

use crate::errors::{outcome, Outcome};
use crate::results::Claim;

/// See `relaypass::open_claim`.
#[napi(catch_unwind)]
pub fn open_claim(
    claim_payload: String,
    decryption_key: Option<String>,
    claim_type: Option<String>,
) -> Outcome<Claim> {
    let arguments = OpenArguments {
        claim_payload: Secret::new(claim_payload),
        decryption_key: decryption_key.map(Secret::new),
        claim_type,
    };
    outcome(arguments.open())
}
