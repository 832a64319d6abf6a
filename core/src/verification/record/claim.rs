//! A claim as it is stored.

use serde::{Deserialize, Serialize};

use crate::claim::{Claim, Method};

/// A claim as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredClaim {
    claim_type: String,
    claim_result: String,
    methodology: Vec<(String, String)>,
}

impl From<&Claim> for StoredClaim {
    fn from(claim: &Claim) -> Self {
        let methodology = claim.methodology.iter();
        Self {
            claim_type: claim.claim_type.clone(),
            claim_result: claim.claim_result.clone(),
            methodology: methodology
                .map(|method| (method.method.clone(), method.result.clone()))
                .collect(),
        }
    }
}

impl From<&StoredClaim> for Claim {
    fn from(claim: &StoredClaim) -> Self {
        let methodology = claim.methodology.iter().cloned();
        Self {
            claim_type: claim.claim_type.clone(),
            claim_result: claim.claim_result.clone(),
            methodology: methodology
                .map(|(method, result)| Method { method, result })
                .collect(),
        }
    }
}
