//! Step 1: a relay is created.

use hyper::StatusCode;
use serde_json::Value;

use crate::encryption_key::{EncryptionKey, Form};
use crate::keys::{is_claim_type, Environment, Namespace};
use crate::random::{random_token, random_uuid};
use crate::relays::Relay;
use crate::settings::EncryptionForms;
use crate::wire::{Members, Received, Refusal, Reply};
use crate::world::World;

const PEM: &str = "encryption-key-pem";
const JWK: &str = "encryption-key-jwk";

/// `POST /api/privacy/v1/relays`
pub(crate) fn create(world: &World, received: &Received) -> Result<Reply, Refusal> {
    let mut members = Members::parse(received)?;
    let claim_type = claim_type(&mut members)?;
    let encryption_key = encryption_key(&mut members, world.settings().encryption_forms)?;
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

/// Takes a claim type.
pub(crate) fn claim_type(members: &mut Members) -> Result<String, Refusal> {
    let claim_type = members.text("claim-type")?;
    if is_claim_type(&claim_type) {
        Ok(claim_type)
    } else {
        Err(Refusal::bad_request("claim-type is not a claim type"))
    }
}

/// Takes the encryption key. The body is closed: a form that is not taken is not known, and of two
/// forms only one may be there, null or not.
fn encryption_key(
    members: &mut Members,
    forms: EncryptionForms,
) -> Result<Option<EncryptionKey>, Refusal> {
    let form = match forms {
        EncryptionForms::Pem => Form::Pem,
        EncryptionForms::Jwk => Form::Jwk,
        EncryptionForms::Both => match (members.has(PEM), members.has(JWK)) {
            (true, true) => {
                return Err(Refusal::bad_request(format!(
                    "{PEM} and {JWK} must not be given together"
                )))
            }
            (false, true) => Form::Jwk,
            (_, false) => Form::Pem,
        },
    };
    match form {
        Form::Pem => (members.nullable_text(PEM)?)
            .map(|pem| {
                EncryptionKey::from_pem(&pem).ok_or_else(|| {
                    Refusal::bad_request(format!(
                        "{PEM} must be an RSA public key of 2048 to 4096 bits"
                    ))
                })
            })
            .transpose(),
        Form::Jwk => match members.take(JWK)? {
            Value::Null => Ok(None),
            Value::Object(jwk) => EncryptionKey::from_jwk(&jwk)
                .map(Some)
                .map_err(|wrong| Refusal::bad_request(format!("{JWK}.{wrong}"))),
            _ => Err(Refusal::bad_request(format!(
                "{JWK} must be an object or null"
            ))),
        },
    }
}
