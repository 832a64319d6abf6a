//! Keys and claims, without a client.

use pyo3::prelude::*;
use relaypass::surface::{GenerateKeyArguments, OpenArguments, ReadJwkArguments, ReadKeyArguments};

use crate::answer::{ClaimRecord, KeyPairRecord};
use crate::arguments::{Given, Read};
use crate::outcome::Outcome;
use crate::runtime::{away, wait};

/// Generates a key pair: public and private PEM. Other threads go on, and Ctrl-C is heard.
#[pyfunction]
pub(crate) fn generate_key_pair(py: Python<'_>, bits: Given<'_, '_>) -> PyResult<Outcome> {
    let bits = bits.read("bits")?;
    let key = wait(py, Box::pin(GenerateKeyArguments { bits }.generate()))?;
    Ok(Outcome::of(key.map(KeyPairRecord::from)))
}

/// Reads a private key: public and private PEM.
#[pyfunction]
pub(crate) fn read_key_pair(py: Python<'_>, private_pem: &Bound<'_, PyAny>) -> PyResult<Outcome> {
    let private_pem = private_pem.read("private_pem")?;
    let key = away(py, || ReadKeyArguments { private_pem }.read());
    Ok(Outcome::of(key.map(KeyPairRecord::from)))
}

/// Reads a private key that is a JWK: public and private PEM.
#[pyfunction]
pub(crate) fn read_jwk(py: Python<'_>, private_jwk: &Bound<'_, PyAny>) -> PyResult<Outcome> {
    let private_jwk = private_jwk.read("private_jwk")?;
    let key = away(py, || ReadJwkArguments { private_jwk }.read());
    Ok(Outcome::of(key.map(KeyPairRecord::from)))
}

/// Opens a claim payload.
#[pyfunction]
#[pyo3(signature = (*, claim_payload, decryption_key=None, claim_type=None))]
pub(crate) fn open_claim(
    py: Python<'_>,
    claim_payload: &Bound<'_, PyAny>,
    decryption_key: Given<'_, '_>,
    claim_type: Given<'_, '_>,
) -> PyResult<Outcome> {
    let arguments = OpenArguments {
        claim_payload: claim_payload.read("claim_payload")?,
        decryption_key: decryption_key.read("decryption_key")?,
        claim_type: claim_type.read("claim_type")?,
    };
    let claim = away(py, || arguments.open());
    Ok(Outcome::of(claim.map(ClaimRecord::from)))
}
