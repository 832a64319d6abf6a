//! What a redeemed relay says, in the clear or encrypted to the asker's key.

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use serde_json::json;

use crate::relays::{Outcome, Relay};
use crate::settings::OaepHash;

/// The `claim-payload` of a relay whose check came to `outcome`.
pub(crate) fn payload(relay: &Relay, outcome: Outcome, hash: OaepHash) -> String {
    let claim_type = &relay.namespace.claim_type;
    let method = if claim_type == "live_human_presence" {
        "live_selfie"
    } else {
        "facial_age_estimation"
    };
    let claim = json!({
        "claim_type": claim_type,
        "claim_result": outcome.name(),
        "methodology": [{ "method": method, "result": outcome.name() }],
    })
    .to_string();

    match &relay.encryption_key {
        None => claim,
        Some(key) => STANDARD.encode(key.encrypt(claim.as_bytes(), hash)),
    }
}
