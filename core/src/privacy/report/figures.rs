//! What the matcher of `tests/privacy` names and finds, as `docs/privacy.md` has it. A test compares.

use super::facts::{Configured, Purchases};

/// A row of the table: of each rate, the share of relays whose customer is named, and the share whose
/// signature is found.
pub(super) struct Row {
    pub(super) way: &'static str,
    pub(super) exits: &'static str,
    pub(super) shares: [(&'static str, &'static str); 3],
}

pub(super) const AT_ONCE_OWN: Row = Row {
    way: "`purchase_window=0`",
    exits: "own address",
    shares: [
        ("100.0 %", "100.0 %"),
        ("100.0 %", "100.0 %"),
        ("100.0 %", "99.8 %"),
    ],
};
pub(super) const WINDOW_OWN: Row = Row {
    way: "standard",
    exits: "own address",
    shares: [
        ("100.0 %", "100.0 %"),
        ("100.0 %", "99.8 %"),
        ("100.0 %", "73.6 %"),
    ],
};
pub(super) const POOL_OWN: Row = Row {
    way: "standard, `pass_pool=50`",
    exits: "own address",
    shares: [
        ("100.0 %", "57.2 %"),
        ("100.0 %", "53.9 %"),
        ("100.0 %", "3.5 %"),
    ],
};
pub(super) const AT_ONCE_SHARED: Row = Row {
    way: "`purchase_window=0`",
    exits: "shared exits",
    shares: [
        ("100.0 %", "100.0 %"),
        ("99.8 %", "99.8 %"),
        ("100.0 %", "99.8 %"),
    ],
};
pub(super) const WINDOW_SHARED: Row = Row {
    way: "standard",
    exits: "shared exits",
    shares: [
        ("100.0 %", "100.0 %"),
        ("94.2 %", "94.5 %"),
        ("99.1 %", "72.9 %"),
    ],
};
pub(super) const POOL_SHARED: Row = Row {
    way: "standard, `pass_pool=50`",
    exits: "shared exits",
    shares: [
        ("100.0 %", "57.2 %"),
        ("94.4 %", "51.1 %"),
        ("99.9 %", "3.8 %"),
    ],
};
/// Nothing to go by but the hour in the pass, and when passes are bought.
pub(super) const ISOLATED: Row = Row {
    way: "pool only, isolated relays",
    exits: "shared exits",
    shares: [
        ("100.0 %", "57.3 %"),
        ("84.8 %", "49.2 %"),
        ("8.1 %", "0.4 %"),
    ],
};
/// The same, from an address of the customer's own.
pub(super) const OWN_PROXY: Row = Row {
    way: "pool only, isolated relays, refilled by halves",
    exits: "a proxy of one's own",
    shares: [
        ("100.0 %", "3.2 %"),
        ("100.0 %", "8.5 %"),
        ("100.0 %", "3.1 %"),
    ],
};
#[cfg(test)]
pub(super) const ROWS: [&Row; 8] = [
    &AT_ONCE_OWN,
    &WINDOW_OWN,
    &POOL_OWN,
    &AT_ONCE_SHARED,
    &WINDOW_SHARED,
    &POOL_SHARED,
    &ISOLATED,
    &OWN_PROXY,
];

/// Of the relays of the row standard through shared exits at the highest rate, how many would be named
/// if they shared no connection.
pub(super) const WINDOW_WITHOUT_CONNECTIONS: &str = "51.1 %";

/// The seconds of the window, and the passes of the pool, that were measured.
pub(super) const MEASURED_WINDOW: u64 = 120;
pub(super) const MEASURED_POOL: u32 = 50;

impl Row {
    /// The row for how this client buys and leaves.
    pub(super) fn of(configured: &Configured) -> &'static Self {
        of_exits(configured, of_both_exits(&configured.purchases))
    }

    /// The row for passes that are bought beside their relays, and for how this client leaves.
    pub(super) fn at_once(configured: &Configured) -> &'static Self {
        of_exits(configured, [&AT_ONCE_OWN, &AT_ONCE_SHARED])
    }

    /// The row for passes that are bought within the window, and for how this client leaves.
    pub(super) fn within_window(configured: &Configured) -> &'static Self {
        of_exits(configured, [&WINDOW_OWN, &WINDOW_SHARED])
    }

    /// The share of relays whose customer is named at the highest rate.
    pub(super) fn many_customers(&self) -> &'static str {
        self.shares[2].0
    }

    /// Whose customer is named, in a sentence.
    pub(super) fn customers(&self) -> String {
        let [few, more, many] = self.shares.map(|(customers, _)| customers);
        format!(
            "the matcher names the customer of {few}, {more} and {many} of the relays, {AT_RATES} ({}, {})",
            self.plain_way(),
            self.exits
        )
    }

    /// Whose customer is named and whose signature is found, in a sentence.
    pub(super) fn both(&self) -> String {
        let [few, more, many] = self.shares.map(|(_, signatures)| signatures);
        format!(
            "{}; it finds the signature of {few}, {more} and {many}",
            self.customers()
        )
    }

    fn plain_way(&self) -> String {
        self.way.replace('`', "")
    }
}

/// `Measured`, under which condition, and for which way out.
pub(super) fn measured(condition: &str, figures: &str, configured: &Configured) -> String {
    let way_out = configured.way_out();
    if configured.is_direct() {
        format!("Measured{condition}: {figures}.")
    } else if configured.is_one_way {
        format!("Measured{condition}, for one address and not for {way_out}: {figures}.")
    } else {
        let alone = OWN_PROXY.many_customers();
        // The rows of strict privacy were measured so.
        let shared = match configured.is_isolated && !configured.is_strict() {
            true => {
                " What was measured are relays that share connections; this client's share none."
            }
            false => "",
        };
        format!(
            "Measured{condition}: {figures}. That holds if many others use the exits of {way_out}; \
             else the matcher names {alone}.{shared}"
        )
    }
}

/// All rows are of the same worlds.
const AT_RATES: &str = "with 20 customers of equal size at 10, 1,000 and 100,000 checks a day";

fn of_exits(configured: &Configured, [own, shared]: [&'static Row; 2]) -> &'static Row {
    match configured.is_one_address() {
        true => own,
        false => shared,
    }
}

/// From an address of one's own, and through shared exits.
fn of_both_exits(purchases: &Purchases) -> [&'static Row; 2] {
    match purchases {
        Purchases::WhenCalled
        | Purchases::ByCallers
        | Purchases::ForVerifications { is_bound: true, .. } => [&AT_ONCE_OWN, &AT_ONCE_SHARED],
        Purchases::ForVerifications {
            pool: 1..,
            is_filled: true,
            ..
        } => [&POOL_OWN, &POOL_SHARED],
        Purchases::ForVerifications { window, .. } if window.is_zero() => {
            [&AT_ONCE_OWN, &AT_ONCE_SHARED]
        }
        Purchases::ForVerifications { .. } => [&WINDOW_OWN, &WINDOW_SHARED],
        // What strict would be worth without its common hours.
        Purchases::InCommonHours => [&OWN_PROXY, &ISOLATED],
    }
}
