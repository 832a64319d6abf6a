//! What calls have in common.

use super::facts::Facts;
use super::figures::{
    measured, Row, AT_ONCE_SHARED, ISOLATED, POOL_SHARED, WINDOW_WITHOUT_CONNECTIONS,
};
use super::{PrivacyCode, PrivacyFinding, PrivacySeverity};

pub(super) fn shared_connections(facts: &Facts) -> Option<PrivacyFinding> {
    let configured = &facts.configured;
    if configured.is_isolated {
        return own_transport_may_share(facts);
    }
    // What an address tells already, connections add nothing to.
    let severity = match configured.is_direct() {
        true => PrivacySeverity::Medium,
        false => PrivacySeverity::High,
    };
    let row = Row::of(configured);
    let without = if row.way == AT_ONCE_SHARED.way {
        "Time joins them anyway.".to_owned()
    } else if configured.is_one_address() {
        "One address joins them anyway.".to_owned()
    } else {
        let named = match row.way == POOL_SHARED.way {
            true => ISOLATED.many_customers(),
            false => WINDOW_WITHOUT_CONNECTIONS,
        };
        format!(
            "Through shared exits, if relays shared no connection, it would name {named} at 100,000 \
             checks a day."
        )
    };
    let (why, change) = match configured.idle_timeout {
        Some(time) => (
            format!(
                "Calls of several relays share connections: one that nobody uses is used again for {} \
                 seconds.",
                time.as_secs_f64()
            ),
            Some("Set isolation to \"relay\": each anonymous call then has a connection of its own. Else do not make \
                  idle_timeout longer: a connection that is used again for longer joins more relays."),
        ),
        None => (
            "Calls of several relays may share connections: your transport decides.".to_owned(),
            Some("Set isolation to \"relay\", and have your transport open a connection for each call that asks for \
                  a fresh one."),
        ),
    };
    Some(PrivacyFinding {
        code: PrivacyCode::SharedConnections,
        severity,
        who: "Persona",
        links: "relays with each other; where one of them is named, all are",
        why,
        evidence: format!("{} {without}", measured("", &row.customers(), configured)),
        change,
    })
}

/// An isolated client asks for a connection of its own for each anonymous call. A transport of the caller's may
/// give it another one.
fn own_transport_may_share(facts: &Facts) -> Option<PrivacyFinding> {
    let is_ours = facts.configured.idle_timeout.is_some();
    (!is_ours).then(|| PrivacyFinding {
        code: PrivacyCode::SharedConnections,
        severity: PrivacySeverity::Medium,
        who: "Persona",
        links: "relays with each other, if your transport gives two calls one connection",
        why: "Each anonymous call asks for a connection of its own. Your transport decides whether it gets one, \
              and whether that leaves by a circuit of its own."
            .to_owned(),
        evidence: "By design of relaypass: it cannot see what your transport does. Not measured.".to_owned(),
        change: Some("Have your transport open a connection for each call that asks for a fresh one."),
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
    facts.seen.has_several_keys.then(|| PrivacyFinding {
        code: PrivacyCode::SeveralApiKeys,
        severity: PrivacySeverity::Medium,
        who: "Persona",
        links: "the API keys that are used here with each other",
        why: "Calls under several API keys leave from one server and share connections.".to_owned(),
        evidence:
            "Seen since this client was made: passes were signed under several API keys. That calls \
                   share connections is by design of relaypass."
                .to_owned(),
        change: Some(
            "Where Persona must not know it, run a process for each API key, on addresses of \
                      their own.",
        ),
    })
}
