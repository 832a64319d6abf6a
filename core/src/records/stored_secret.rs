//! Secrets inside records.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result};
use crate::secret::{IdempotencyKey, Secret};

/// A secret text that is stored. Records are sealed before they reach a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredSecret(Secret<String>);

impl StoredSecret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The idempotency key that was kept.
    ///
    /// # Errors
    /// `store` when the record was damaged.
    pub(crate) fn as_key(&self) -> Result<IdempotencyKey> {
        IdempotencyKey::parse(self.expose()).map_err(|_| {
            Error::new(
                ErrorKind::Store,
                "The record is damaged: what should be a key is none. It was left untouched.",
            )
        })
    }
}

impl From<&IdempotencyKey> for StoredSecret {
    fn from(key: &IdempotencyKey) -> Self {
        Self::new(key.expose())
    }
}

impl Serialize for StoredSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for StoredSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
