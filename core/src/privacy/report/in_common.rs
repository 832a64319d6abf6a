//! What calls have in common.

use super::facts::Facts;
use super::figures::{Row, ISOLATED, POOL_SHARED, WINDOW_SHARED, WINDOW_WITHOUT_CONNECTIONS};
use super::{PrivacyCode, PrivacyFinding, PrivacySeverity};

pub(super) fn shared_connections(facts: &Facts) -> Option<PrivacyFinding> {
    let configured = &facts.configured;
    // What an address tells already, connections add nothing to.
    let severity = match configured.is_direct() {
        true => PrivacySeverity::Medium,
        false => PrivacySeverity::High,
    };
    let row = Row::of(configured);
    let is_pooled = row.way == POOL_SHARED.way;
    let (with, without) = match is_pooled {
        true => (POOL_SHARED.many_customers(), ISOLATED.many_customers()),
        false => (WINDOW_SHARED.many_customers(), WINDOW_WITHOUT_CONNECTIONS),
    };
    Some(PrivacyFinding {
        code: PrivacyCode::SharedConnections,
        severity,
        who: "Persona",
        links: "relays with each other; where one of them is named, all are",
        why: format!(
            "Calls of several relays share connections: one that nobody uses is used again for {} \
             seconds.",
            configured.idle_timeout.as_secs_f64()
        ),
        evidence: format!(
            "Measured with 20 customers at 100,000 checks a day, through shared exits: the matcher names \
             the customer of {with} of the relays, and would name {without} if they shared none."
        ),
        change: Some("Do not make idle_timeout longer: a connection that is used again for longer joins more relays."),
    })
}

pub(super) fn encryption_key(facts: &Facts) -> Option<PrivacyFinding> {
    facts.configured.encrypts.then(|| PrivacyFinding {
        code: PrivacyCode::EncryptionKey,
        severity: PrivacySeverity::Medium,
        who: "Persona",
        links: "your relays with each other",
        why: "Every relay is created with the public half of decryption_key. A key that only you use \
              is a name for all of them."
            .to_owned(),
        evidence: "By the protocol: Persona receives the key with each relay. Nothing had to be measured."
            .to_owned(),
        change: Some(
            "Put a new key first in decryption_key now and then; the older ones still open what was \
             encrypted for them.",
        ),
    })
}

pub(super) fn several_api_keys(facts: &Facts) -> Option<PrivacyFinding> {
    facts.seen.speaks_for_others.then(|| PrivacyFinding {
        code: PrivacyCode::SeveralApiKeys,
        severity: PrivacySeverity::Medium,
        who: "Persona",
        links: "the API keys that are used here with each other",
        why: "Calls under several API keys leave from one server and share connections.".to_owned(),
        evidence:
            "Seen since this client was made: another API key than its own was used. That calls \
                   share connections is by design of relaypass."
                .to_owned(),
        change: Some(
            "Where Persona must not know it, run a process for each API key, on addresses of \
                      their own.",
        ),
    })
}
