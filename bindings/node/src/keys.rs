//! Key pairs for claims, as PEM texts.

use napi::bindgen_prelude::PromiseRaw;
use napi::Env;
use napi_derive::napi;
use relaypass::{generate_key_pair, DecryptionKey};

use crate::errors::{outcome, Outcome};

/// Both halves of a key pair in PEM.
#[napi(object, object_from_js = false)]
pub struct KeyPair {
    pub public_key_pem: String,
    pub private_key_pem: String,
}

impl From<DecryptionKey> for KeyPair {
    fn from(key: DecryptionKey) -> Self {
        Self {
            public_key_pem: key.encryption_key().as_pem().to_owned(),
            private_key_pem: key.to_pem().expose().clone(),
        }
    }
}

/// Generates a key pair on a thread where half a second of arithmetic blocks nobody.
#[napi(catch_unwind)]
pub fn generate_keys(env: &Env, bits: f64) -> napi::Result<PromiseRaw<'_, Outcome<KeyPair>>> {
    // `as` saturates: a number outside the range stays outside the range.
    let bits = bits as usize;
    env.spawn_future(async move {
        let generated = tokio::task::spawn_blocking(move || generate_key_pair(bits))
            .await
            .map_err(|stopped| napi::Error::from_reason(stopped.to_string()))?;
        Ok(outcome(generated))
    })
}

/// Reads a private key.
#[napi(catch_unwind)]
pub fn read_keys(private_key_pem: String) -> Outcome<KeyPair> {
    let private_key_pem = relaypass::Secret::new(private_key_pem);
    outcome(DecryptionKey::from_pem(private_key_pem.expose()))
}
