//! Keys and claims, without a client.

use napi::Env;
use napi_derive::napi;
use relaypass::surface::{
    GenerateKeyArguments, IntoPlain, OpenArguments, ReadJwkArguments, ReadKeyArguments,
};

use crate::answer::{ClaimRecord, KeyPairRecord};
use crate::call::{promise, Promised, Way};
use crate::errors::{outcome, Outcome};

/// Generates a key pair on a thread where half a second of arithmetic blocks nobody.
#[napi(catch_unwind)]
pub fn generate_keys(env: &Env, bits: Option<f64>) -> napi::Result<Promised<'_, KeyPairRecord>> {
    let bits = bits.into_plain();
    promise(env, Way::AT_ONCE, GenerateKeyArguments { bits }.generate())
}

/// Reads a private key.
#[napi(catch_unwind)]
pub fn read_keys(private_pem: String) -> Outcome<KeyPairRecord> {
    let private_pem = private_pem.into_plain();
    outcome(ReadKeyArguments { private_pem }.read())
}

/// Reads a private key that is a JWK.
#[napi(catch_unwind)]
pub fn read_jwk(private_jwk: String) -> Outcome<KeyPairRecord> {
    let private_jwk = private_jwk.into_plain();
    outcome(ReadJwkArguments { private_jwk }.read())
}

/// See `relaypass::open_claim`.
#[napi(catch_unwind)]
pub fn open_claim(
    claim_payload: String,
    decryption_key: Option<Vec<String>>,
    claim_type: Option<String>,
) -> Outcome<ClaimRecord> {
    let arguments = OpenArguments {
        claim_payload: claim_payload.into_plain(),
        decryption_key: decryption_key.into_plain(),
        claim_type,
    };
    outcome(arguments.open())
}
