//! The relays that step 1 makes: their secrets, their sessions and what became of the check.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};

use aws_lc_rs::hmac;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine as _;
use serde_json::json;
use subtle::ConstantTimeEq as _;

use crate::encryption_key::EncryptionKey;
use crate::keys::{Environment, Namespace};
use crate::random::{random_bytes, random_token};

/// A person has this long to finish the check.
const SESSION_SECONDS: i64 = 30 * 60;

pub(crate) struct Relay {
    pub(crate) token: String,
    secret: String,
    pub(crate) namespace: Namespace,
    pub(crate) encryption_key: Option<EncryptionKey>,
    /// Seconds since the epoch.
    session_ends: i64,
    outcome: Mutex<Option<Outcome>>,
}

impl Relay {
    /// A relay whose session begins now.
    pub(crate) fn new(
        token: String,
        secret: String,
        namespace: Namespace,
        encryption_key: Option<EncryptionKey>,
        now: i64,
    ) -> Self {
        Self {
            token,
            secret,
            namespace,
            encryption_key,
            session_ends: now + SESSION_SECONDS,
            outcome: Mutex::new(None),
        }
    }
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
    pub(crate) fn insert(&self, relay: Relay, now: i64) -> String {
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
