//! Whose a verification or a pass is, where several customers share one store.

use serde::{Deserialize, Serialize};

use crate::credential::ApiKey;
use crate::encoding::encode_hex;

/// What stands for an API key in names and records: half of a hash. Nobody can guess an API key, so
/// the hash shows nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner(String);

impl Owner {
    pub(super) fn of(api_key: &ApiKey) -> Self {
        let named = format!("relaypass owner\0{}", api_key.expose());
        let named = zeroize::Zeroizing::new(named);
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, named.as_bytes());
        Self(encode_hex(&hash.as_ref()[..16]))
    }

    /// 32 hexadecimal digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
