//! What a report may say.

/// How grave a finding is. The string ([`PrivacySeverity::name`]) is public API and the same in every
/// language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrivacySeverity {
    /// It joins relays with the customer who bought their passes: the promise does not hold. The matcher
    /// has measured it, or it was seen.
    High,
    /// It joins relays with each other; or with the customer, under a condition that relaypass cannot see.
    Medium,
    /// By itself it joins nothing: it makes the crowd smaller, or tells something else.
    Low,
}

impl PrivacySeverity {
    /// Every severity, the gravest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// `high`, `medium` or `low`.
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

macro_rules! codes {
    ($($(#[$about:meta])* $code:ident = $name:literal,)*) => {
        /// What a finding is about. The string ([`PrivacyCode::name`]) is public API and the same in every
        /// language.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum PrivacyCode {
            $($(#[$about])* $code,)*
        }

        impl PrivacyCode {
            /// Every code, for tests and tables that must not forget one.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            /// The stable name of this code, the same in every language.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }
        }
    };
}

codes! {
    /// Both lanes leave by the same address.
    OneAddress = "one_address",
    /// The calls that must not name the customer leave from this machine's own address.
    OwnAddress = "own_address",
    /// Who else uses the way out of the calls that must not name the customer cannot be seen from here.
    ProxyCrowd = "proxy_crowd",
    /// Passes are bought when the program, or its caller, buys one.
    BoughtWhenCalled = "bought_when_called",
    /// A verification buys its pass as soon as it begins.
    BoughtAtOnce = "bought_at_once",
    /// A verification buys its pass within the purchase window.
    BoughtWithinWindow = "bought_within_window",
    /// Passes come from a pool, which is refilled as they are used.
    BoughtAhead = "bought_ahead",
    /// A pass is bought for one relay, which its challenge names.
    BoundToRelay = "bound_to_relay",
    /// A pool is wanted, and nothing fills it.
    PoolNotFilled = "pool_not_filled",
    /// Passes were bought in the call that asks for the answer.
    BoughtWhileAsked = "bought_while_asked",
    /// A pass carries the hour in which it was bought.
    HourInPass = "hour_in_pass",
    /// Anonymous calls of several relays may share a connection.
    SharedConnections = "shared_connections",
    /// Every relay is created with the same public key.
    EncryptionKey = "encryption_key",
    /// Calls under several API keys come from one server.
    SeveralApiKeys = "several_api_keys",
    /// Persona gave two challenges, two keys or two ids of a key for the same hour, or an odd time.
    IssuerInconsistent = "issuer_inconsistent",
    /// The id of Persona's key is not the digest of the key.
    KeyIdMismatch = "key_id_mismatch",
    /// Persona signs with another key than before.
    KeyChanged = "key_changed",
    /// The pool holds passes that came back, and may have been shown to Persona before.
    RefundedPasses = "refunded_passes",
    /// What Persona gives is compared within this process only.
    ComparedAlone = "compared_alone",
    /// What Persona gave last was fetched once: there is nothing to compare it with yet.
    IssuerSeenOnce = "issuer_seen_once",
    /// A mark that all who share the store are given would not be seen.
    MarkedAlike = "marked_alike",
    /// Where checks are few, there is hardly anybody else.
    FewChecks = "few_checks",
    /// Calls that Persona makes wait go on together.
    PausedTogether = "paused_together",
    /// The crowd is the users of relaypass.
    KnownAsRelaypass = "known_as_relaypass",
    /// Networks and proxies on the way see when calls are made.
    SeenOnTheWay = "seen_on_the_way",
}
