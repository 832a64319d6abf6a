//! Step 1, and the relays it makes: their secrets, their sessions and what became of the check.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};

use aws_lc_rs::hmac;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine as _;
use hyper::StatusCode;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::RsaPublicKey;
use serde_json::{json, Value};
use subtle::ConstantTimeEq as _;

use crate::keys::{Environment, Namespace};
use crate::random::{random_bytes, random_token, random_uuid};
use crate::wire::{Members, Received, Refusal, Reply};
use crate::world::World;

/// A person has this long to finish the check.
const SESSION_SECONDS: i64 = 30 * 60;

/// No claim type that Persona publishes is a quarter as long.
const LONGEST_CLAIM_TYPE: usize = 128;

pub(crate) struct Relay {
    pub(crate) token: String,
    secret: String,
    pub(crate) namespace: Namespace,
    pub(crate) encryption_key: Option<RsaPublicKey>,
    /// Seconds since the epoch.
    session_ends: i64,
    outcome: Mutex<Option<Outcome>>,
}

/// What became of the person's check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
}

impl Outcome {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "passed" => Some(Self::Passed),
            "failed" => Some(Self::Failed),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }
}

/// The session is over: nobody can finish the check any more.
pub(crate) struct SessionOver;

impl Relay {
    /// Whether somebody can still finish the check.
    pub(crate) fn session_is_open(&self, now: i64) -> bool {
        now < self.session_ends
    }

    pub(crate) fn finish(&self, outcome: Outcome, now: i64) -> Result<(), SessionOver> {
        if !self.session_is_open(now) {
            return Err(SessionOver);
        }
        *self.outcome.lock().expect("no panic while finishing") = Some(outcome);
        Ok(())
    }

    /// What the person's check came to; a relay of the sandbox environment has always passed.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self.namespace.environment {
            Environment::Sandbox => Some(Outcome::Passed),
            Environment::Production => self.finished(),
        }
    }

    /// What the person, or a test in the person's place, chose.
    pub(crate) fn finished(&self) -> Option<Outcome> {
        *self.outcome.lock().expect("no panic while finishing")
    }

    pub(crate) fn knows(&self, secret: &str) -> bool {
        self.secret.as_bytes().ct_eq(secret.as_bytes()).into()
    }
}

pub(crate) struct Relays {
    by_token: RwLock<HashMap<String, Arc<Relay>>>,
    by_session: RwLock<HashMap<String, Arc<Relay>>>,
    session_key: hmac::Key,
}

impl Default for Relays {
    fn default() -> Self {
        Self {
            by_token: RwLock::default(),
            by_session: RwLock::default(),
            session_key: hmac::Key::new(hmac::HMAC_SHA256, &random_bytes::<32>()),
        }
    }
}

impl Relays {
    pub(crate) fn by_token(&self, token: &str) -> Option<Arc<Relay>> {
        let by_token = self.by_token.read().expect("no panic while looking up");
        by_token.get(token).map(Arc::clone)
    }

    pub(crate) fn by_session(&self, session_access_token: &str) -> Option<Arc<Relay>> {
        let by_session = self.by_session.read().expect("no panic while looking up");
        by_session.get(session_access_token).map(Arc::clone)
    }

    /// Keeps the relay and gives its session access token.
    fn insert(&self, relay: Relay, now: i64) -> String {
        let session = self.session_access_token(now, relay.session_ends);
        let relay = Arc::new(relay);
        let mut by_token = self.by_token.write().expect("no panic while inserting");
        by_token.insert(relay.token.clone(), Arc::clone(&relay));
        let mut by_session = self.by_session.write().expect("no panic while inserting");
        by_session.insert(session.clone(), relay);
        session
    }

    /// A JWT that names a session and not the relay: it is the one thing a browser may see.
    fn session_access_token(&self, now: i64, session_ends: i64) -> String {
        let header = json!({ "alg": "HS256", "typ": "JWT" });
        let claims = json!({
            "iss": "relaypass-sandbox",
            "sub": random_token("relsess_"),
            "iat": now,
            "exp": session_ends,
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = hmac::sign(&self.session_key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

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
    let relay = Relay {
        token: token.clone(),
        secret: secret.clone(),
        namespace: Namespace {
            environment,
            claim_type,
        },
        encryption_key,
        session_ends: now + SESSION_SECONDS,
        outcome: Mutex::new(None),
    };
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

fn encryption_key(pem: &str) -> Result<RsaPublicKey, Refusal> {
    let refused = || {
        Refusal::bad_request("encryption-key-pem must be an RSA public key of 2048 to 4096 bits")
    };
    let pem = pem.trim();
    let key = RsaPublicKey::from_public_key_pem(pem)
        .or_else(|_| RsaPublicKey::from_pkcs1_pem(pem))
        .map_err(|_| refused())?;
    if (2048..=4096).contains(&key.n().bits()) {
        Ok(key)
    } else {
        Err(refused())
    }
}
