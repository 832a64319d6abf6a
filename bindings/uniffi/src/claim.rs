//! Opening a claim that was kept closed.

use relaypass::arguments::OpenArguments;
use relaypass::Secret;

use crate::errors::CallError;
use crate::results::ClaimRecord;

/// See `relaypass::open_claim`.
#[uniffi::export]
pub fn open_claim(
    claim_payload: String,
    decryption_key: Option<String>,
    claim_type: Option<String>,
) -> Result<ClaimRecord, CallError> {
    let arguments = OpenArguments {
        claim_payload: Secret::new(claim_payload),
        decryption_key: decryption_key.map(Secret::new),
        claim_type,
    };
    Ok(arguments.open()?.into())
}
