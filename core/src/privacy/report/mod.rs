//! What can be linked with a configuration, by whom, and how sure that is.
//!
//! Each finding is a rule of its own: a function of the facts, in [`RULES`]. What the matcher of
//! `tests/privacy` has measured is quoted with its figures; what it has not says so. A configuration
//! without any finding there is none: limits are findings, too.
//!
//! Pure: facts are arguments, and hold no secret.

mod addresses;
mod code;
mod facts;
mod figures;
mod in_common;
mod limits;
mod purchases;
mod sights;
#[cfg(test)]
mod tests;
mod text;

pub use code::{PrivacyCode, PrivacySeverity};
pub(crate) use facts::{Configured, Facts, IssuerSeen, Purchases, Seen, WayOut};

/// What can be linked with the present configuration, and by what was seen: see
/// [`Client::privacy_report`](crate::Client::privacy_report). It holds no secret.
///
/// [`Display`](std::fmt::Display) is the plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrivacyReport {
    /// The gravest first. There is always one: some limits remain whatever is configured.
    pub findings: Vec<PrivacyFinding>,
}

/// Something that somebody can link with something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrivacyFinding {
    /// What it is about; later versions may add others.
    pub code: PrivacyCode,
    /// How grave it is.
    pub severity: PrivacySeverity,
    /// Who can link: `Persona`, or somebody on the way.
    pub who: &'static str,
    /// What with what.
    pub links: &'static str,
    /// Why that is so here.
    pub why: String,
    /// How sure it is: what was measured, seen, or follows from the protocol.
    pub evidence: String,
    /// What to change; none where relaypass offers nothing. Options are named in snake case.
    pub change: Option<&'static str>,
}

/// What the facts say of one thing.
type Rule = fn(&Facts) -> Option<PrivacyFinding>;

/// In the order in which findings of one severity are told.
const RULES: &[Rule] = &[
    addresses::one_address,
    addresses::own_address,
    sights::issuer_inconsistent,
    sights::bought_while_asked,
    purchases::bought_when_called,
    purchases::bound_to_relay,
    purchases::bought_at_once,
    purchases::bought_within_window,
    purchases::bought_ahead,
    limits::hour_in_pass,
    in_common::shared_connections,
    addresses::proxy_crowd,
    sights::key_id_mismatch,
    sights::key_changed,
    sights::refunded_passes,
    in_common::encryption_key,
    in_common::several_api_keys,
    purchases::pool_not_filled,
    limits::few_checks,
    sights::compared_alone,
    sights::issuer_seen_once,
    limits::marked_alike,
    limits::paused_together,
    limits::known_as_relaypass,
    limits::seen_on_the_way,
];

impl PrivacyReport {
    /// Everything that these facts allow to be linked.
    pub(crate) fn of(facts: &Facts) -> Self {
        let mut findings: Vec<_> = RULES.iter().filter_map(|rule| rule(facts)).collect();
        // Stable: those of one severity stay in the order of the rules.
        findings.sort_by_key(|finding| finding.severity);
        Self { findings }
    }
}
