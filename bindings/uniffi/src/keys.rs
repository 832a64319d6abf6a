//! Key pairs for claims, as PEM texts.

use relaypass::{generate_key_pair, DecryptionKey, Secret};

use crate::call::drive;
use crate::errors::CallError;

/// Both halves of a key pair in PEM.
#[derive(uniffi::Record)]
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
#[uniffi::export]
pub async fn generate_keys(bits: u32, number: u64) -> Result<KeyPair, CallError> {
    drive(number, async move {
        let generated = tokio::task::spawn_blocking(move || generate_key_pair(bits as usize));
        match generated.await {
            Ok(generated) => generated,
            Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
        }
    })
    .await
}

/// Reads a private key.
#[uniffi::export]
pub fn read_keys(private_key_pem: String) -> Result<KeyPair, CallError> {
    let private_key_pem = Secret::new(private_key_pem);
    Ok(DecryptionKey::from_pem(private_key_pem.expose())?.into())
}
