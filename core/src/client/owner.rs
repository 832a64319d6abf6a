//! Whose a verification or a pass is, where several customers share one store.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::credential::ApiKey;
use crate::error::Result;
use crate::records::{NameKey, Vault};
use crate::secret::rand_core::CryptoRng;

/// So many hexadecimal digits stand for a customer.
const DIGITS: usize = 32;

/// What stands for an API key in names and records: half of a hash under the store's key of names.
/// Who knows an API key, and sees the table, does not see which rows are that customer's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Owner(String);

impl Owner {
    /// 32 hexadecimal digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Somebody for whom a client was derived, by his API key.
#[derive(Clone)]
pub(crate) struct Customer {
    api_key: Arc<ApiKey>,
    /// What he is called in the store, once that was asked.
    owner: Arc<OnceLock<Owner>>,
}

impl Customer {
    pub(super) fn new(api_key: &ApiKey) -> Self {
        Self {
            api_key: Arc::new(api_key.clone()),
            owner: Arc::default(),
        }
    }

    pub(super) fn api_key(&self) -> &Arc<ApiKey> {
        &self.api_key
    }

    /// What he is called in this store.
    ///
    /// # Errors
    /// Those of [`NameKey::of`].
    pub(super) async fn owner(&self, vault: &Vault, random: &mut impl CryptoRng) -> Result<Owner> {
        if let Some(owner) = self.owner.get() {
            return Ok(owner.clone());
        }
        let name = (NameKey::of(vault, random).await?).id("owner", &[self.api_key.expose()]);
        let (_, digits) = name.rsplit_once('/').expect("a name has two parts");
        let owner = Owner(digits[..DIGITS].to_owned());
        Ok(self.owner.get_or_init(|| owner).clone())
    }
}
