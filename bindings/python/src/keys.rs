//! Keys and claims, without a client.

use pyo3::prelude::*;
use relaypass::surface::{GenerateKeyArguments, OpenArguments, ReadKeyArguments};

use crate::answer::Answer;
use crate::arguments::{given, Given};
use crate::outcome::Outcome;
use crate::runtime::{away, Engine};

/// Generates a key pair: public and private PEM. Other threads go on, and Ctrl-C is heard.
#[pyfunction]
pub(crate) fn generate_key_pair(py: Python<'_>, bits: Given<'_, '_>) -> PyResult<Outcome> {
    let arguments = given!(GenerateKeyArguments { bits });
    let engine = Engine::of_this_process()?;
    let generating = engine
        .runtime()
        .spawn_blocking(move || arguments.generate());
    match engine.wait(py, Box::pin(generating))? {
        Ok(key) => Ok(Outcome::new(key.map(Answer::KeyPair))),
        // It panicked: nobody aborts it.
        Err(_) => Ok(Outcome::none()),
    }
}

/// Reads a private key: public and private PEM.
#[pyfunction]
pub(crate) fn read_key_pair(py: Python<'_>, private_pem: &Bound<'_, PyAny>) -> PyResult<Outcome> {
    let arguments = given!(ReadKeyArguments { private_pem });
    let key = away(py, || arguments.read());
    Ok(Outcome::new(key.map(Answer::KeyPair)))
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
    let arguments = given!(OpenArguments {
        claim_payload,
        decryption_key,
        claim_type
    });
    let claim = away(py, || arguments.open());
    Ok(Outcome::new(claim.map(Answer::Claim)))
}
