//! Step 3: a pass is spent, a relay's claim is told.
//!
//! Who presents what is settled first, outside the idempotency layer: the relay's secret, and that
//! the pass is genuine. Whether the pass is unspent, fits the relay, and whether the check is
//! finished, is settled inside.

use std::sync::Arc;

use aws_lc_rs::digest::{digest, SHA256};
use base64::engine::general_purpose::URL_SAFE_PAD_INDIFFERENT;
use base64::Engine as _;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::Value;

use crate::challenge::{self, Forgery};
use crate::claim::{self, WrongClaim};
use crate::clock::DAY;
use crate::keys::{Environment, Namespace};
use crate::mac_key::Binding;
use crate::relays::{Outcome, Relay};
use crate::wire::{Members, Received, Refusal, Reply};
use crate::world::{Sandboxed, World};

const PASS_LIFE: i64 = 90 * DAY;

/// Who asks, and with what.
pub(crate) enum Presented {
    /// No such relay, or not its secret: the same to the outside.
    UnknownRelay,
    Pass {
        relay: Arc<Relay>,
        pass: Pass,
    },
}

/// A pass that this issuer made and that has not expired.
pub(crate) struct Pass {
    nonce: String,
    namespace: Namespace,
}

/// Checks the relay's secret and that the pass is genuine.
pub(crate) async fn authenticate(
    sandboxed: &Sandboxed,
    world: &World,
    relay_token: &str,
    received: &Received,
    wrong_key_id: bool,
) -> Result<Presented, Refusal> {
    let secret = received.header("persona-relay-secret").unwrap_or_default();
    let Some(relay) = (world.relays.by_token(relay_token)).filter(|relay| relay.knows(secret))
    else {
        return Ok(Presented::UnknownRelay);
    };
    let Some(token) = private_token(received) else {
        return Err(pass_required(sandboxed, world, &relay, wrong_key_id).await);
    };
    let pass = check_pass(sandboxed, world, &relay, token)?;
    Ok(Presented::Pass { relay, pass })
}

/// `POST /api/privacy/v1/relays/{relay-token}/generate-claim`
pub(crate) fn generate_claim(
    world: &World,
    presented: Presented,
    received: &Received,
    wrong: Option<&WrongClaim>,
) -> Result<Reply, Refusal> {
    let Presented::Pass { relay, pass } = presented else {
        return Err(Refusal::not_found("relay-token is not found"));
    };
    if !received.body.is_empty() {
        Members::parse(received)?.finish()?;
    }
    let settings = world.settings();

    let outcome = {
        let mut spent = world.spent.lock().expect("no panic while spending");
        if spent.contains(&pass.nonce) {
            world.ledger.double_spends.add_one();
            return Err(pass_refused(
                settings.spent_status,
                "The Privacy Pass token is already spent",
            ));
        }
        if pass.namespace != relay.namespace {
            return Err(pass_refused(
                settings.mismatch_status,
                "The Privacy Pass token is for another claim type or environment",
            ));
        }
        let Some(outcome) = relay.outcome() else {
            return Err(pass_refused(
                settings.unfinished_status,
                "The verification is not finished",
            )
            .stored(settings.unfinished_stored));
        };
        match outcome {
            Outcome::Passed => {
                spent.insert(pass.nonce);
                world.ledger.redeemed.add_one();
            }
            Outcome::Failed => world.ledger.refunded.add_one(),
        }
        outcome
    };

    let payload = claim::payload(&relay, outcome, &settings, wrong);
    Ok(Reply {
        status: StatusCode::OK,
        members: vec![
            ("claim-payload", Value::String(payload)),
            ("token-consumed", Value::Bool(outcome == Outcome::Passed)),
        ],
    })
}

/// A wrong claim in the place of the one that a redemption was answered with.
pub(crate) fn wrong_payload(
    world: &World,
    relay_token: &str,
    wrong: &WrongClaim,
) -> Option<String> {
    let relay = world.relays.by_token(relay_token)?;
    let outcome = relay.outcome()?;
    Some(claim::payload(
        &relay,
        outcome,
        &world.settings(),
        Some(wrong),
    ))
}

/// The environment of the relay in the path, for the rate limit.
pub(crate) fn environment(world: &World, relay_token: &str) -> Environment {
    world
        .relays
        .by_token(relay_token)
        .map_or(Environment::Production, |relay| relay.namespace.environment)
}

/// The token of `Authorization: PrivateToken token=…`, quoted or not.
fn private_token(received: &Received) -> Option<&str> {
    let value = received.header("authorization")?;
    let token = value.strip_prefix("PrivateToken ")?.trim();
    let token = token.strip_prefix("token=")?;
    Some(token.trim_matches('"'))
}

/// The documented 401 and, in the first generation, a challenge for this relay.
async fn pass_required(
    sandboxed: &Sandboxed,
    world: &World,
    relay: &Relay,
    wrong_key_id: bool,
) -> Refusal {
    let refusal = Refusal::new(
        StatusCode::UNAUTHORIZED,
        "Privacy Pass token required",
        "Request a challenge to obtain a token",
    );
    if !world.settings().relay_bound_challenges {
        return refusal;
    }
    let binding = Binding::Relay(&relay.token);
    let materials =
        challenge::materials(sandboxed, world, &relay.namespace, &binding, wrong_key_id).await;
    refusal.challenging(format!(
        r#"PrivateToken challenge="{}", token-key="{}", token-key-id="{}""#,
        materials.challenge, materials.token_key, materials.token_key_id
    ))
}

/// The pass as it travels; the challenge is kept byte for byte.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded<'a> {
    token_nonce: String,
    signature: String,
    key_id: String,
    #[serde(borrow)]
    challenge: &'a RawValue,
}

/// MAC, expiry, origin, signature: in the order that Persona documents.
fn check_pass(
    sandboxed: &Sandboxed,
    world: &World,
    relay: &Relay,
    token: &str,
) -> Result<Pass, Refusal> {
    let refused = |details: &str| pass_refused(401, details);
    let malformed = || refused("The Privacy Pass token is malformed");

    let json = (URL_SAFE_PAD_INDIFFERENT.decode(token)).map_err(|_| malformed())?;
    let encoded: Encoded<'_> = serde_json::from_slice(&json).map_err(|_| malformed())?;
    let signature = URL_SAFE_PAD_INDIFFERENT
        .decode(&encoded.signature)
        .map_err(|_| malformed())?;
    if !is_nonce(&encoded.token_nonce) {
        return Err(malformed());
    }
    let key = (sandboxed.keys.by_id(&encoded.key_id))
        .ok_or_else(|| refused("The key of the Privacy Pass token is unknown"))?;

    let bindings = [
        Binding::ClaimType(&key.namespace),
        Binding::Relay(&relay.token),
    ];
    let challenge = challenge::check(&world.mac_key, encoded.challenge.get(), &bindings).map_err(
        |forgery| match forgery {
            Forgery::Malformed => malformed(),
            Forgery::Mac => refused("The MAC of the challenge is not valid"),
            Forgery::OriginInfo => refused("The challenge is not for this origin"),
        },
    )?;
    if world.clock.now() >= challenge.expires_at + PASS_LIFE {
        return Err(refused("The Privacy Pass token has expired"));
    }
    let input = token_input(&encoded.token_nonce, &challenge.mac, &encoded.key_id);
    if !key.verifies(&input, &signature) {
        return Err(refused(
            "The signature of the Privacy Pass token is not valid",
        ));
    }
    Ok(Pass {
        nonce: encoded.token_nonce,
        namespace: key.namespace.clone(),
    })
}

/// 64 lower-case hex digits.
fn is_nonce(text: &str) -> bool {
    text.len() == 64 && (text.bytes()).all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `0002 || SHA-256(nonce) || SHA-256(mac) || SHA-256(key id)`, each over the text: 98 bytes.
fn token_input(nonce: &str, mac: &str, key_id: &str) -> Vec<u8> {
    let mut input = vec![0x00, 0x02];
    for text in [nonce, mac, key_id] {
        input.extend_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    }
    input
}

/// A refusal of the pass. A 401 of this endpoint has its own title and must have details.
fn pass_refused(status: u16, details: &str) -> Refusal {
    if status == 401 {
        return Refusal::new(
            StatusCode::UNAUTHORIZED,
            "Privacy Pass token is invalid",
            details,
        );
    }
    Refusal::with_status(status, details)
}

#[cfg(test)]
mod tests {
    use super::token_input;
    use crate::random::hex;

    #[test]
    fn the_token_input_differs_from_the_known_answer() {
        let input = token_input(&"a".repeat(64), &"b".repeat(64), &"c".repeat(64));
        assert_eq!(
            hex(&input),
            "0002ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb\
             a0fab1377f49a759b57f63318262ebe89fabfc990e8e93ceac2984561482b9d4\
             52b6419d27bd7f547cee3b92f8c17a908b8a49601ecbec161e5030de1dfe9e0a"
        );
    }
}
