//! What remains whatever is configured.

use super::facts::Facts;
use super::figures::ISOLATED;
use super::{PrivacyCode, PrivacyFinding, PrivacySeverity};

pub(super) fn hour_in_pass(facts: &Facts) -> Option<PrivacyFinding> {
    if facts.configured.is_strict() {
        return Some(common_hour_in_pass());
    }
    Some(PrivacyFinding {
        code: PrivacyCode::HourInPass,
        severity: PrivacySeverity::High,
        who: "Persona",
        links: "a relay with the customers who bought passes in one hour",
        why: "A pass carries the hour in which it was bought, and Persona's MAC covers it. Whoever bought \
              nothing in that hour did not buy it; whoever was alone in it is named."
            .to_owned(),
        evidence: format!(
            "Measured with nothing else to go by than that hour and when passes are bought: {}.",
            ISOLATED.customers()
        ),
        change: None,
    })
}

/// What is left of it for a strict client.
fn common_hour_in_pass() -> PrivacyFinding {
    PrivacyFinding {
        code: PrivacyCode::HourInPass,
        severity: PrivacySeverity::Medium,
        who: "Persona",
        links: "a relay with your API key, if no other strict client of your claim type bought passes in that hour",
        why: "A pass carries the common hour in which it was bought. Its crowd are the strict clients of the same \
              claim type that bought in that hour, and relaypass cannot see how many those are. On other days \
              than Tuesday only those buy that are new, or have less than half of their pool: that may be you \
              alone."
            .to_owned(),
        evidence: "By the protocol: Persona's MAC covers the hour. Measured were crowds of strict customers of \
                   equal size, with pools that last; their figures are in docs/privacy.md."
            .to_owned(),
        change: Some(
            "Set pass_pool to twice as many passes as you use in a week: then passes are bought on Tuesdays only.",
        ),
    }
}

pub(super) fn few_checks(facts: &Facts) -> Option<PrivacyFinding> {
    Some(PrivacyFinding {
        code: PrivacyCode::FewChecks,
        severity: PrivacySeverity::Medium,
        who: "Persona",
        links: "a relay with your API key, where there is hardly anybody else",
        why: "A relay hides among those of all customers with the same claim type at the same time, and a \
              pass among those that were bought in the same hour. relaypass cannot see how many those are."
            .to_owned(),
        evidence: match facts.configured.is_strict() {
            true => {
                "By design of relaypass: nobody tells a client how many others there are. Measured was with 20 \
                 strict customers and more (docs/privacy.md), not with fewer."
            }
            false => {
                "Measured with 20 customers: in every row of the table at 10 and at 1,000 checks a day, the \
                 matcher names more than chance does."
            }
        }
        .to_owned(),
        change: None,
    })
}

pub(super) fn marked_alike(_: &Facts) -> Option<PrivacyFinding> {
    Some(PrivacyFinding {
        code: PrivacyCode::MarkedAlike,
        severity: PrivacySeverity::Low,
        who: "Persona",
        links: "passes with your API key, if she gives all who share your store a challenge or a key of \
                their own",
        why: "What Persona gives is compared among those who share a store. Where they are all given the \
              same mark, nothing differs."
            .to_owned(),
        evidence: "By design of relaypass: there is nobody else to compare with. Not measured.".to_owned(),
        change: None,
    })
}

pub(super) fn paused_together(_: &Facts) -> Option<PrivacyFinding> {
    Some(PrivacyFinding {
        code: PrivacyCode::PausedTogether,
        severity: PrivacySeverity::Low,
        who: "Persona",
        links: "relays with each other, after she has made their calls wait",
        why: "After a 429, all calls under one API key, or of one environment, wait together. Those that \
              go on together she can take for one client's."
            .to_owned(),
        evidence: "By design of relaypass. Not measured.".to_owned(),
        change: None,
    })
}

pub(super) fn known_as_relaypass(_: &Facts) -> Option<PrivacyFinding> {
    Some(PrivacyFinding {
        code: PrivacyCode::KnownAsRelaypass,
        severity: PrivacySeverity::Low,
        who: "Persona",
        links: "calls with relaypass: the crowd is its users, not all who use Relay",
        why: "Every call has the same headers in every language, and says User-Agent: relaypass."
            .to_owned(),
        evidence: "By design of relaypass. Not measured.".to_owned(),
        change: None,
    })
}

pub(super) fn seen_on_the_way(_: &Facts) -> Option<PrivacyFinding> {
    Some(PrivacyFinding {
        code: PrivacyCode::SeenOnTheWay,
        severity: PrivacySeverity::Low,
        who: "Whoever runs a network or a proxy on the way",
        links: "you with Persona, and how many calls you make and when",
        why:
            "TLS hides what is said. It does not hide that this machine, or its proxy, speaks with \
              Persona's address, nor when."
                .to_owned(),
        evidence: "By how TLS works. Not measured.".to_owned(),
        change: None,
    })
}
