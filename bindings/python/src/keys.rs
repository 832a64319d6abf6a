//! Keys and claims, without a client.

use pyo3::prelude::*;
use relaypass::arguments::OpenArguments;
use relaypass::DecryptionKey;

use crate::answer::Answer;
use crate::argument::{optional, secret, text, whole};
use crate::engine::Engine;
use crate::outcome::Outcome;

/// Generates a key pair: public and private PEM. Other threads go on, and Ctrl-C is heard.
#[pyfunction]
pub(crate) fn generate_key_pair(py: Python<'_>, bits: &Bound<'_, PyAny>) -> PyResult<Outcome> {
    // A negative size is no size; the core says which there are.
    let bits = usize::try_from(whole(bits, "bits")?).unwrap_or(0);
    let engine = Engine::of_this_process()?;
    let generating = engine
        .runtime()
        .spawn_blocking(move || relaypass::generate_key_pair(bits));
    let key = engine
        .wait(py, Box::pin(generating))?
        .expect("it is not aborted, and generating a key does not panic");
    Ok(Outcome::new(key.map(Answer::KeyPair)))
}

/// Reads a private key: public and private PEM.
#[pyfunction]
pub(crate) fn read_key_pair(private_pem: &Bound<'_, PyAny>) -> PyResult<Outcome> {
    let pem = secret(private_pem, "private_pem")?;
    let key = DecryptionKey::from_pem(pem.expose());
    Ok(Outcome::new(key.map(Answer::KeyPair)))
}

/// Opens a claim payload.
#[pyfunction]
#[pyo3(signature = (*, claim_payload, decryption_key=None, claim_type=None))]
pub(crate) fn open_claim(
    claim_payload: &Bound<'_, PyAny>,
    decryption_key: Option<&Bound<'_, PyAny>>,
    claim_type: Option<&Bound<'_, PyAny>>,
) -> PyResult<Outcome> {
    let arguments = OpenArguments {
        claim_payload: secret(claim_payload, "claim_payload")?,
        decryption_key: optional(secret, decryption_key, "decryption_key")?,
        claim_type: optional(text, claim_type, "claim_type")?,
    };
    Ok(Outcome::new(arguments.open().map(Answer::Claim)))
}
