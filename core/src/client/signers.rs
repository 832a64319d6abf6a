//! Under whose API keys passes were signed: only for a report.

use std::sync::{Arc, Mutex, PoisonError};

use super::Inner;
use crate::credential::ApiKey;

/// Since the client was made, of it and of those derived from it.
#[derive(Default)]
pub(crate) struct Signers(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The first who is not the client that was built.
    first: Option<Arc<ApiKey>>,
    are_several: bool,
}

impl Signers {
    /// Whether Persona could see several API keys from here.
    pub(crate) fn are_several(&self) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.are_several
    }

    fn note(&self, api_key: &Arc<ApiKey>, has_own_key: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = known.first.get_or_insert_with(|| api_key.clone());
        let is_another = first != api_key;
        known.are_several |= has_own_key || is_another;
    }
}

impl Inner {
    /// Notes that Persona has signed for this client.
    pub(super) fn note_signature(&self) {
        if let (Some(customer), Some(built)) = (&self.customer, &self.built) {
            let has_own_key = built.identified.is_some();
            (self.seen.signers).note(customer.api_key(), has_own_key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_is_several_only_beside_one_of_ones_own() {
        let [one, other] = ["persona_sandbox_one", "persona_sandbox_two"]
            .map(|key| Arc::new(ApiKey::parse(key).unwrap()));
        let beside_an_own = Signers::default();
        assert!(!beside_an_own.are_several());
        beside_an_own.note(&one, true);
        assert!(beside_an_own.are_several());
        let callers = Signers::default();
        callers.note(&one, false);
        callers.note(&one, false);
        assert!(!callers.are_several());
        callers.note(&other, false);
        assert!(callers.are_several());
    }
}
