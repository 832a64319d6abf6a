//! What a redeemed relay says, in the clear or encrypted to the asker's key, and the ways to get it
//! wrong.

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use serde::Deserialize;
use serde_json::{json, Value};

use crate::encryption_key::{EncryptionKey, Form};
use crate::jwe;
use crate::keys::is_claim_type;
use crate::relays::{Outcome, Relay};
use crate::settings::{OaepHash, Settings};

/// How a claim is written into `claim-payload`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// The JSON text.
    Plain,
    /// RSA-OAEP of it, in base64: for a key in PEM.
    Oaep,
    /// A compact JWE of it: for a key as JWK.
    Jwe,
}

/// What is wrong with a claim on demand: the members of the fault `wrong_claim`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrongClaim {
    /// Whether the idempotency layer keeps the wrong claim.
    #[serde(default)]
    pub(crate) stored: bool,
    format: Option<Format>,
    /// Whether it is encrypted to a key that nobody can decrypt with.
    #[serde(default)]
    another_key: bool,
    claim_type: Option<String>,
    /// The protected header of a JWE, verbatim.
    jwe_header: Option<String>,
    /// The part that loses its second half, counted from 0; any other format has one part.
    cut_part: Option<usize>,
    /// How many parts of a JWE are sent.
    parts: Option<usize>,
}

impl WrongClaim {
    /// Refuses a fault that changes nothing or cannot be done.
    pub(crate) fn check(&self) -> Result<(), String> {
        let changes_something = self.format.is_some()
            || self.another_key
            || self.claim_type.is_some()
            || self.jwe_header.is_some()
            || self.cut_part.is_some()
            || self.parts.is_some();
        if !changes_something {
            return Err("say what is wrong with the claim".to_owned());
        }
        if (self.claim_type.as_deref()).is_some_and(|claim_type| !is_claim_type(claim_type)) {
            return Err("`claim_type` is not a claim type".to_owned());
        }
        if self.cut_part.is_some_and(|part| part > 4) || self.parts.is_some_and(|parts| parts > 4) {
            return Err("a JWE has the parts 0 to 4".to_owned());
        }
        Ok(())
    }
}

/// The `claim-payload` of a relay whose check came to `outcome`.
pub(crate) fn payload(
    relay: &Relay,
    outcome: Outcome,
    settings: &Settings,
    wrong: Option<&WrongClaim>,
) -> String {
    let right = WrongClaim::default();
    let wrong = wrong.unwrap_or(&right);
    let claim_type = wrong.claim_type.as_ref();
    let claim = claim(claim_type.unwrap_or(&relay.namespace.claim_type), outcome);

    let format = wrong.format.unwrap_or(match &relay.encryption_key {
        None => Format::Plain,
        Some(key) => match key.form {
            Form::Pem => Format::Oaep,
            Form::Jwk => Format::Jwe,
        },
    });
    let named = || match &relay.encryption_key {
        Some(key) => key,
        None => EncryptionKey::of_nobody(),
    };
    let key = || match wrong.another_key {
        true => EncryptionKey::of_nobody(),
        false => named(),
    };
    let payload = match format {
        Format::Plain => claim.to_string(),
        Format::Oaep => STANDARD.encode(oaep(key(), claim, settings.oaep_hash)),
        Format::Jwe => {
            let header = (wrong.jwe_header.clone())
                .unwrap_or_else(|| jwe::protected_header(named(), settings));
            jwe::encrypt(&header, key(), claim.to_string().as_bytes())
        }
    };
    cut(payload, format, wrong)
}

fn claim(claim_type: &str, outcome: Outcome) -> Value {
    let method = if claim_type == "live_human_presence" {
        "live_selfie"
    } else {
        "facial_age_estimation"
    };
    json!({
        "claim_type": claim_type,
        "claim_result": outcome.name(),
        "methodology": [{ "method": method, "result": outcome.name() }],
    })
}

/// The claim under RSA-OAEP, without its methodology if the key is too short for all of it.
fn oaep(key: &EncryptionKey, mut claim: Value, hash: OaepHash) -> Vec<u8> {
    if claim.to_string().len() > key.capacity(hash) {
        (claim.as_object_mut().expect("a claim is an object")).remove("methodology");
    }
    key.encrypt(claim.to_string().as_bytes(), hash)
}

/// The payload with as many parts, and as much of one, as the fault leaves.
fn cut(payload: String, format: Format, wrong: &WrongClaim) -> String {
    if wrong.cut_part.is_none() && wrong.parts.is_none() {
        return payload;
    }
    let parts: Vec<&str> = match format {
        Format::Jwe => payload.split('.').collect(),
        Format::Plain | Format::Oaep => vec![&payload],
    };
    let kept = wrong.parts.unwrap_or(parts.len()).min(parts.len());
    let parts: Vec<&str> = (parts[..kept].iter().enumerate())
        .map(|(number, part)| match wrong.cut_part {
            Some(cut) if cut == number => &part[..part.len() / 2],
            _ => part,
        })
        .collect();
    parts.join(".")
}
