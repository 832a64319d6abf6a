//! Keys and claims, without a client.

use tokio::task::spawn_blocking;

use super::caught::{caught_now, mistake};
use crate::claim::{generate_key_pair, open_claim, Claim, ClaimType, DecryptionKey, KEY_SIZES};
use crate::client::parse_keys;
use crate::described::{described, Plain, Rule};
use crate::error::Result;
use crate::secret::Secret;

described! {
    /// The arguments of `generate_key_pair`.
    pub struct GenerateKeyArguments {
        /// The size of the key.
        pub bits: Option<i64> => Rule::one_of(&SIZES).by_default(SIZES[0]),
    }
}

const SIZES: [Plain; KEY_SIZES.len()] = {
    let mut sizes = [Plain::Number(0); KEY_SIZES.len()];
    let mut index = 0;
    while index < sizes.len() {
        sizes[index] = Plain::Number(KEY_SIZES[index] as u64);
        index += 1;
    }
    sizes
};

impl GenerateKeyArguments {
    /// Generates a key pair, on a thread where half a second of arithmetic blocks nobody.
    ///
    /// # Errors
    /// `invalid_argument` for a size that there is not.
    pub async fn generate(self) -> Result<DecryptionKey> {
        // What is no size at all is none that there is.
        let bits = self.bits.map_or(Ok(KEY_SIZES[0]), usize::try_from);
        let generating =
            spawn_blocking(move || caught_now(|| generate_key_pair(bits.unwrap_or(0))));
        let generated = generating.await.unwrap_or_else(|_| Err(mistake()));
        generated.map_err(|error| error.in_operation("generate_key_pair"))
    }
}

described! {
    /// The arguments of `read_key_pair`.
    pub struct ReadKeyArguments {
        /// A private key in PEM.
        pub private_pem: Secret<String>,
    }
}

impl ReadKeyArguments {
    /// Reads a private key: [`DecryptionKey::from_pem`].
    ///
    /// # Errors
    /// `invalid_argument` for a text that is no such key.
    pub fn read(self) -> Result<DecryptionKey> {
        let read = caught_now(|| DecryptionKey::from_pem(self.private_pem.expose()));
        read.map_err(|error| error.in_operation("read_key_pair"))
    }
}

described! {
    /// The arguments of `read_jwk`.
    pub struct ReadJwkArguments {
        /// A private key as the JSON text of a JWK.
        pub private_jwk: Secret<String>,
    }
}

impl ReadJwkArguments {
    /// Reads a private key: [`DecryptionKey::from_jwk`].
    ///
    /// # Errors
    /// `invalid_argument` for a text that is no such key.
    pub fn read(self) -> Result<DecryptionKey> {
        caught_now(|| DecryptionKey::from_jwk(self.private_jwk.expose()))
    }
}

described! {
    /// The arguments of `open_claim`.
    pub struct OpenArguments {
        /// The payload as Persona sent it.
        pub claim_payload: Secret<String>,
        /// Private keys, each in PEM or as a JWK.
        pub decryption_key: Option<Vec<Secret<String>>>,
        /// What was asked.
        pub claim_type: Option<String>,
    }
}

impl OpenArguments {
    /// Checks the arguments and opens the claim: [`open_claim`].
    ///
    /// # Errors
    /// `invalid_argument`, and those of [`open_claim`].
    pub fn open(self) -> Result<Claim> {
        let open = || {
            let keys = self.decryption_key.as_deref().map(parse_keys);
            let keys = keys.transpose()?;
            let asked = self.claim_type.map(ClaimType::parse).transpose()?;
            open_claim(self.claim_payload.expose(), keys.as_ref(), asked.as_ref())
        };
        caught_now(open).map_err(|error| error.in_operation("open_claim"))
    }
}
