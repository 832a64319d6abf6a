//! What a report is made of: plain facts. No address, URL or key is among them.

use std::time::Duration;

/// All that a report may go by.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) configured: Configured,
    pub(crate) seen: Seen,
}

/// How a client is configured.
#[derive(Clone, Debug)]
pub(crate) struct Configured {
    /// By which way the calls leave that must not name the customer.
    pub(crate) anonymous: WayOut,
    /// How many such ways there are.
    pub(crate) ways: usize,
    /// Whether the call that names the customer leaves by the same, or by one of them.
    pub(crate) is_one_way: bool,
    /// Whether each anonymous call asks for a connection of its own.
    pub(crate) is_isolated: bool,
    /// For how long an unused connection is used again, if the connections are ours.
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) purchases: Purchases,
    /// Whether callers buy passes with API keys of their own.
    pub(crate) serves_callers: bool,
    /// Whether relays are created with an encryption key of the client's.
    pub(crate) encrypts: bool,
    /// Whether other processes have the same store, as far as can be told.
    pub(crate) is_shared: bool,
}

/// One lane's way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WayOut {
    /// From this machine's own address.
    Direct,
    Proxy,
    /// By a transport of the caller's own.
    Transport,
}

impl WayOut {
    /// In a sentence.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "address",
            Self::Proxy => "proxy",
            Self::Transport => "transport",
        }
    }
}

/// When passes are bought.
#[derive(Clone, Debug)]
pub(crate) enum Purchases {
    /// When the program buys one: there is no store.
    WhenCalled,
    /// When a caller buys one who brings an API key: the client has none.
    ByCallers,
    /// For verifications.
    ForVerifications {
        /// How long after its relay.
        window: Duration,
        /// How many are to be held ready.
        pool: u32,
        /// Whether something fills the pool.
        is_filled: bool,
        /// Whether each is bought for one relay.
        is_bound: bool,
    },
    /// For a strict pool, in the hours in which all strict clients buy, and for nobody who calls.
    InCommonHours,
}

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// How often a pass was bought in the call that asks, since the client was made.
    pub(crate) bought_while_asked: u64,
    /// Likewise, how often a pass was bought with the step that buys one.
    pub(crate) bought_when_called: u64,
    /// How often Persona was found inconsistent, since the client was made.
    pub(crate) inconsistencies: u64,
    /// Likewise, how often a key's id was not its digest.
    pub(crate) key_id_mismatches: u64,
    /// Likewise, how often a key was another one than before.
    pub(crate) key_changes: u64,
    /// Whether passes were signed under several API keys.
    pub(crate) has_several_keys: bool,
    /// What is known of each issuer, by all who share the store.
    pub(crate) issuers: Vec<IssuerSeen>,
    /// How many passes of the pool came back from a verification.
    pub(crate) refunded: u32,
    /// Whether there were more records than were looked at.
    pub(crate) is_cut: bool,
}

/// What is known of the issuer of one claim type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IssuerSeen {
    /// Whether two fetches of one hour differed, of the hours that are remembered.
    pub(crate) differs: bool,
    /// How many keys are remembered.
    pub(crate) keys: usize,
    /// Whether the newest hour was fetched more than once.
    pub(crate) is_confirmed: bool,
}

impl Configured {
    /// Whether each pass is bought for one relay, which its challenge names.
    pub(super) fn is_bound(&self) -> bool {
        matches!(
            self.purchases,
            Purchases::ForVerifications { is_bound: true, .. }
        )
    }

    /// Whether what Persona could join is refused.
    pub(super) fn is_strict(&self) -> bool {
        matches!(self.purchases, Purchases::InCommonHours)
    }

    /// The way of the calls that must not name the customer, in a sentence: `this proxy`, or `these 3 proxies`.
    pub(super) fn way_out(&self) -> String {
        match self.ways {
            ..=1 => format!("this {}", self.anonymous.name()),
            several => format!("these {several} proxies"),
        }
    }

    /// Whether the calls that must not name the customer leave from this machine's own address.
    pub(super) fn is_direct(&self) -> bool {
        self.anonymous == WayOut::Direct
    }

    /// Whether all relays come from one address that is one's own, as far as can be told.
    pub(super) fn is_one_address(&self) -> bool {
        self.is_direct() || self.is_one_way
    }
}
