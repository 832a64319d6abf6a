//! The books: what was charged and what was spent, for tests that count.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{json, Value};

#[derive(Default)]
pub(crate) struct Ledger {
    /// Passes signed for the production key; sandbox passes are free.
    pub(crate) billed: Count,
    /// Claims that passed and consumed their pass, in both environments.
    pub(crate) redeemed: Count,
    /// Passes given back because the claim did not pass.
    pub(crate) refunded: Count,
    /// Attempts to redeem a spent pass, other than replays under the same idempotency key.
    pub(crate) double_spends: Count,
    /// Relays created.
    pub(crate) relays: Count,
}

impl Ledger {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "billed": self.billed.value(),
            "redeemed": self.redeemed.value(),
            "refunded": self.refunded.value(),
            "double_spends": self.double_spends.value(),
            "relays": self.relays.value(),
        })
    }
}

#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
