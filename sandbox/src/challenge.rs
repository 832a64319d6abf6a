//! Step 2a, and the challenge object itself:
//!
//! ```text
//! {"token_type":2,"issuer_name":"…","origin_info":"…","expires_at":"…","mac":"<64 hex digits>"}
//! ```
//!
//! The MAC is an HMAC-SHA256 over the bytes of the object with the MAC's own text left out, and
//! over what the challenge is good for. So a redeemed challenge must come back byte for byte.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine as _;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::clock::{self, HOUR};
use crate::create::claim_type;
use crate::keys::{Environment, Namespace};
use crate::mac_key::{Binding, MacKey};
use crate::random::{hex, random_bytes};
use crate::settings::{ExtraField, Settings};
use crate::wire::{Members, Received, Refusal, Reply};
use crate::world::{Sandboxed, World};

const ISSUER_NAME: &str = "withpersona.com/api/v1/privacy-passes";
const ORIGIN_INFO: &str = "/api/privacy/v1/relays";

/// What a client needs to ask for a pass.
pub(crate) struct Materials {
    pub(crate) challenge: String,
    pub(crate) token_key: String,
    pub(crate) token_key_id: String,
}

/// `POST /api/privacy/v1/relays/challenge`
pub(crate) async fn request(
    sandboxed: &Sandboxed,
    world: &World,
    received: &Received,
    wrong_key_id: bool,
) -> Result<Reply, Refusal> {
    let mut members = Members::parse(received)?;
    let namespace = Namespace {
        claim_type: claim_type(&mut members)?,
        environment: Environment::from_flag(members.flag("sandbox")?),
    };
    members.finish()?;

    let binding = Binding::ClaimType(&namespace);
    let materials = materials(sandboxed, world, &namespace, &binding, wrong_key_id).await;
    Ok(Reply {
        status: StatusCode::OK,
        members: vec![
            ("challenge", Value::String(materials.challenge)),
            ("token-key", Value::String(materials.token_key)),
            ("token-key-id", Value::String(materials.token_key_id)),
        ],
    })
}

pub(crate) async fn materials(
    sandboxed: &Sandboxed,
    world: &World,
    namespace: &Namespace,
    binding: &Binding<'_>,
    wrong_key_id: bool,
) -> Materials {
    let settings = world.settings();
    let key = sandboxed.keys.current(namespace, settings.key_bits).await;
    let object = issue(&world.mac_key, &settings, binding, world.clock.now());
    Materials {
        challenge: URL_SAFE_NO_PAD.encode(object),
        token_key: key.token_key.clone(),
        token_key_id: if wrong_key_id {
            hex(&random_bytes::<32>())
        } else {
            key.id(settings.opaque_key_id).to_owned()
        },
    }
}

fn issue(mac_key: &MacKey, settings: &Settings, binding: &Binding<'_>, now: i64) -> String {
    // One to two hours ahead, on the hour: the same for everybody who asks within the hour.
    let expires_at = clock::rfc3339(now - now.rem_euclid(HOUR) + 2 * HOUR);
    let extra = match settings.extra_challenge_field {
        ExtraField::None => "",
        ExtraField::Compact => r#","x_note":"a field of tomorrow""#,
        // A client that parses and writes this anew loses the spaces and the escapes.
        ExtraField::Verbatim => r#","x_note" : "caf\u00e9 \/ na\u00efve""#,
    };
    let head = format!(
        r#"{{"token_type":2,"issuer_name":"{ISSUER_NAME}","origin_info":"{ORIGIN_INFO}","expires_at":"{expires_at}","mac":""#
    );
    let tail = format!("\"{extra}}}");
    let mac = if settings.challenge_per_client {
        mac_key.tagged(&hex(&random_bytes::<16>()), binding, &head, &tail)
    } else {
        mac_key.mac("", binding, &head, &tail)
    };
    format!("{head}{mac}{tail}")
}

/// Why an echoed challenge is refused.
#[derive(Debug)]
pub(crate) enum Forgery {
    Malformed,
    Mac,
    OriginInfo,
}

/// A challenge that this issuer made.
#[derive(Debug)]
pub(crate) struct Genuine {
    pub(crate) mac: String,
    /// Seconds since the epoch.
    pub(crate) expires_at: i64,
}

#[derive(Deserialize)]
struct Fields {
    token_type: u16,
    issuer_name: String,
    origin_info: String,
    expires_at: String,
    mac: String,
}

/// Checks an echoed challenge against everything it may be good for.
pub(crate) fn check(
    mac_key: &MacKey,
    echoed: &str,
    bindings: &[Binding<'_>],
) -> Result<Genuine, Forgery> {
    let fields: Fields = serde_json::from_str(echoed).map_err(|_| Forgery::Malformed)?;
    let member = format!(r#""mac":"{}""#, fields.mac);
    let Some((head, tail)) = echoed.split_once(&member) else {
        return Err(Forgery::Mac);
    };
    let head = format!(r#"{head}"mac":""#);
    let tail = format!("\"{tail}");

    if !(bindings.iter()).any(|binding| mac_key.made(&fields.mac, binding, &head, &tail)) {
        return Err(Forgery::Mac);
    }
    if fields.token_type != 2
        || fields.issuer_name != ISSUER_NAME
        || fields.origin_info != ORIGIN_INFO
    {
        return Err(Forgery::OriginInfo);
    }
    let expires_at = clock::parse_rfc3339(&fields.expires_at).ok_or(Forgery::Malformed)?;
    Ok(Genuine {
        mac: fields.mac,
        expires_at,
    })
}
