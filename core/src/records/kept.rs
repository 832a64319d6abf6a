//! Secrets inside records.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::secret::{IdempotencyKey, Secret};

/// A secret text that is stored. Records are sealed before they reach a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept(Secret<String>);

impl Kept {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The idempotency key that was kept.
    pub(crate) fn as_key(&self) -> IdempotencyKey {
        IdempotencyKey::parse(self.expose()).expect("a key is stored as it was made")
    }
}

impl From<&IdempotencyKey> for Kept {
    fn from(key: &IdempotencyKey) -> Self {
        Self::new(key.expose())
    }
}

impl Serialize for Kept {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
