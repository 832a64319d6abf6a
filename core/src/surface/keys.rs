//! Keys and claims, without a client.

use crate::claim::{generate_key_pair, DecryptionKey, KEY_SIZES};
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
    /// Generates a key pair: half a second of arithmetic.
    ///
    /// # Errors
    /// `invalid_argument` for a size that there is not.
    pub fn generate(self) -> Result<DecryptionKey> {
        // What is no size at all is none that there is.
        let bits = self.bits.map_or(Ok(KEY_SIZES[0]), usize::try_from);
        generate_key_pair(bits.unwrap_or(0))
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
        DecryptionKey::from_pem(self.private_pem.expose())
    }
}
