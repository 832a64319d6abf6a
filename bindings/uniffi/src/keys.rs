//! Keys and claims, without a client.

use relaypass::surface::{
    GenerateKeyArguments, IntoPlain, OpenArguments, ReadJwkArguments, ReadKeyArguments,
};

use crate::answer::{ClaimRecord, KeyPairRecord};
use crate::call::drive;
use crate::errors::CallError;

/// Generates a key pair on a thread where half a second of arithmetic blocks nobody.
#[uniffi::export]
pub async fn generate_keys(bits: Option<i64>, number: u64) -> Result<KeyPairRecord, CallError> {
    drive(
        number,
        false,
        Box::pin(GenerateKeyArguments { bits }.generate()),
    )
    .await
}

/// Reads a private key.
#[uniffi::export]
pub fn read_keys(private_pem: String) -> Result<KeyPairRecord, CallError> {
    let private_pem = private_pem.into_plain();
    Ok(ReadKeyArguments { private_pem }.read()?.into())
}

/// Reads a private key that is a JWK.
#[uniffi::export]
pub fn read_jwk(private_jwk: String) -> Result<KeyPairRecord, CallError> {
    let private_jwk = private_jwk.into_plain();
    Ok(ReadJwkArguments { private_jwk }.read()?.into())
}

/// See `relaypass::open_claim`.
#[uniffi::export]
pub fn open_claim(
    claim_payload: String,
    decryption_key: Option<Vec<String>>,
    claim_type: Option<String>,
) -> Result<ClaimRecord, CallError> {
    let arguments = OpenArguments {
        claim_payload: claim_payload.into_plain(),
        decryption_key: decryption_key.into_plain(),
        claim_type,
    };
    Ok(arguments.open()?.into())
}
