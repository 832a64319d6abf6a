//! Step 2b: signing a blinded token. The one call that is billed.

use std::sync::Arc;

use base64::engine::general_purpose::{URL_SAFE_NO_PAD, URL_SAFE_PAD_INDIFFERENT};
use base64::Engine as _;
use hyper::StatusCode;
use serde_json::Value;

use crate::keys::{Environment, IssuerKey};
use crate::settings::Settings;
use crate::wire::{Members, Received, Refusal, Reply};
use crate::world::{Sandboxed, World};

/// The environment that the request's API key belongs to.
pub(crate) fn authenticate(
    sandboxed: &Sandboxed,
    received: &Received,
) -> Result<Environment, Refusal> {
    received
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .and_then(|api_key| sandboxed.environment_of(api_key))
        .ok_or_else(Refusal::unauthenticated)
}

/// `POST /api/v1/privacy-passes`
pub(crate) async fn create(
    sandboxed: &Sandboxed,
    world: &World,
    environment: Environment,
    received: &Received,
    wrong_signature: bool,
) -> Result<Reply, Refusal> {
    authorize(&world.settings())?;
    let (key, blinded_message) = parse(sandboxed, environment, received)?;
    let message = if wrong_signature {
        key.random_message()
    } else {
        blinded_message
    };
    let blind_signature = key.blind_sign(message).await;
    if environment == Environment::Production {
        world.ledger.billed.add_one();
    }
    Ok(Reply {
        status: StatusCode::CREATED,
        members: vec![(
            "blind-sig",
            Value::String(URL_SAFE_NO_PAD.encode(blind_signature)),
        )],
    })
}

/// Whether the organization's plan, and then the key's permissions, allow signing.
fn authorize(settings: &Settings) -> Result<(), Refusal> {
    if !settings.relay_enabled {
        return Err(Refusal::with_status(
            settings.not_enabled_status,
            "Privacy Pass for Relay is not enabled",
        ));
    }
    if !settings.privacy_pass_write {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "API key does not have the permission privacy_pass.write",
        ));
    }
    Ok(())
}

/// The key to sign with, and a blinded message that it can sign.
fn parse(
    sandboxed: &Sandboxed,
    environment: Environment,
    received: &Received,
) -> Result<(Arc<IssuerKey>, Vec<u8>), Refusal> {
    let mut members = Members::parse(received)?;
    let blinded_token = members.text("blinded-token")?;
    let key_id = members.text("key-id")?;
    members.finish()?;

    let key = sandboxed
        .keys
        .by_id(&key_id)
        .filter(|key| key.namespace.environment == environment && !key.is_retired())
        .ok_or_else(|| Refusal::not_found("key-id is not found"))?;
    let blinded_message = URL_SAFE_PAD_INDIFFERENT
        .decode(&blinded_token)
        .ok()
        .filter(|message| key.takes(message))
        .ok_or_else(|| {
            Refusal::bad_request("blinded-token must be base64url of a number below the key")
        })?;
    Ok((key, blinded_message))
}

/// A valid signature of something else: an answer to a request that was answered rightly.
pub(crate) async fn other_signature(sandboxed: &Sandboxed, received: &Received) -> Option<String> {
    let key_id = Members::parse(received).ok()?.text("key-id").ok()?;
    let key = sandboxed.keys.by_id(&key_id)?;
    let message = key.random_message();
    Some(URL_SAFE_NO_PAD.encode(key.blind_sign(message).await))
}
