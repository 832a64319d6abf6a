//! What an issuer gave once.

use serde::{Deserialize, Serialize};

use super::Sighting;

/// A challenge and the key that signs for it, as they came: public, and the same for everybody if all is well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fetched {
    pub(crate) challenge: String,
    pub(crate) token_key: String,
    pub(crate) token_key_id: String,
    pub(crate) seen: Sighting,
}
