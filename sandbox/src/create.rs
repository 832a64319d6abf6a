//! Step 1: a relay is created.

use hyper::StatusCode;
use serde_json::Value;

use crate::encryption_key::EncryptionKey;
use crate::keys::{Environment, Namespace};
use crate::random::{random_token, random_uuid};
use crate::relays::Relay;
use crate::wire::{Members, Received, Refusal, Reply};
use crate::world::World;

/// No claim type that Persona publishes is a quarter as long.
const LONGEST_CLAIM_TYPE: usize = 128;

/// `POST /api/privacy/v1/relays`
pub(crate) fn create(world: &World, received: &Received) -> Result<Reply, Refusal> {
    let mut members = Members::parse(received)?;
    let claim_type = claim_type(&mut members)?;
    let encryption_key = members
        .nullable_text("encryption-key-pem")?
        .map(|pem| encryption_key(&pem))
        .transpose()?;
    let environment = Environment::from_flag(members.flag("sandbox")?);
    members.finish()?;

    let now = world.clock.now();
    let token = random_token("relay_");
    let secret = random_uuid();
    let namespace = Namespace {
        environment,
        claim_type,
    };
    let relay = Relay::new(
        token.clone(),
        secret.clone(),
        namespace,
        encryption_key,
        now,
    );
    let session_access_token = world.relays.insert(relay, now);
    world.ledger.relays.add_one();
    Ok(Reply {
        status: StatusCode::CREATED,
        members: vec![
            ("relay-token", Value::String(token)),
            ("relay-secret", Value::String(secret)),
            (
                "relay-session-access-token",
                Value::String(session_access_token),
            ),
        ],
    })
}

/// Takes a claim type. Persona's set is open, so any name in its style will do.
pub(crate) fn claim_type(members: &mut Members) -> Result<String, Refusal> {
    let claim_type = members.text("claim-type")?;
    let is_name = !claim_type.is_empty()
        && claim_type.len() <= LONGEST_CLAIM_TYPE
        && (claim_type.bytes()).all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_name {
        Ok(claim_type)
    } else {
        Err(Refusal::bad_request("claim-type is not a claim type"))
    }
}

fn encryption_key(pem: &str) -> Result<EncryptionKey, Refusal> {
    EncryptionKey::from_pem(pem).ok_or_else(|| {
        Refusal::bad_request("encryption-key-pem must be an RSA public key of 2048 to 4096 bits")
    })
}
