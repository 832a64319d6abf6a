//! What was seen: by this client since it was made, and by all who share its store.

use super::facts::Facts;
use super::figures::{measured, Row};
use super::text::counted;
use super::{PrivacyCode, PrivacyFinding, PrivacySeverity};

/// The matcher's own tests say so: `tests/privacy/test_matcher.py`.
const ALONE_JOINS_ALL: &str =
    "The matcher joins every pass that has an identifier of its own, by that alone.";

pub(super) fn bought_while_asked(facts: &Facts) -> Option<PrivacyFinding> {
    let times = facts.seen.bought_while_asked;
    // Of those that are bound to a relay, another finding says that all are told.
    // A strict client buys none for whoever asks.
    let is_told = !facts.configured.is_bound() && !facts.configured.is_strict();
    (times > 0 && is_told).then(|| PrivacyFinding {
        code: PrivacyCode::BoughtWhileAsked,
        severity: PrivacySeverity::High,
        who: "Persona",
        links: "those relays with their signatures, and so with your API key",
        why: "Somebody asked for the answer before the pass was there, so it was bought then, a moment \
              before it was redeemed."
            .to_owned(),
        evidence: format!(
            "Seen since this client was made: {}. {}",
            counted(times, "such purchase"),
            measured(
                " for passes that are bought beside their relays",
                &Row::at_once(&facts.configured).both(),
                &facts.configured,
            )
        ),
        change: Some(
            "Ask when the visitor returns, not from the start; or hold passes ready: set pass_pool, and \
             background, which fills it.",
        ),
    })
}

pub(super) fn issuer_inconsistent(facts: &Facts) -> Option<PrivacyFinding> {
    let (times, issuers) = (facts.seen.inconsistencies, &facts.seen.issuers);
    let differing = issuers.iter().filter(|issuer| issuer.differs).count() as u64;
    (times > 0 || differing > 0).then(|| PrivacyFinding {
        code: PrivacyCode::IssuerInconsistent,
        severity: PrivacySeverity::High,
        who: "Persona",
        links: "passes with the API key that they were bought with, if what differs is one customer's own",
        why: match facts.configured.is_strict() {
            true => {
                "Persona gave two challenges, two keys or two ids of a key for the same hour, or a challenge that \
                 ends at an odd time. This client buys no pass for them, and drops those that it has; what was \
                 redeemed before it was seen carries the mark."
            }
            false => {
                "Persona gave two challenges, two keys or two ids of a key for the same hour, or a challenge \
                 that ends at an odd time. What differs goes with the pass."
            }
        }
        .to_owned(),
        evidence: format!(
            "Seen: {} since this client was made; {}{} with differences in the hours that are remembered. \
             {ALONE_JOINS_ALL}",
            counted(times, "difference"),
            at_least(facts),
            counted(differing, "claim type"),
        ),
        change: Some(match facts.configured.is_strict() {
            true => "Ask Persona why.",
            false => "Use no pass that was bought in those hours, and ask Persona why.",
        }),
    })
}

pub(super) fn key_id_mismatch(facts: &Facts) -> Option<PrivacyFinding> {
    // A strict client buys no pass for such a key.
    (facts.seen.key_id_mismatches > 0 && !facts.configured.is_strict()).then(|| PrivacyFinding {
        code: PrivacyCode::KeyIdMismatch,
        severity: PrivacySeverity::Medium,
        who: "Persona",
        links: "passes with the API key that they were bought with, if the id is one customer's own",
        why: "The id of Persona's key is not the SHA-256 of the key. It could be anything, and goes with \
              the signature and with the pass."
            .to_owned(),
        evidence: format!("Seen since this client was made. {ALONE_JOINS_ALL}"),
        change: Some("Ask Persona what her key ids are made of. Others who use relaypass should see the same."),
    })
}

pub(super) fn key_changed(facts: &Facts) -> Option<PrivacyFinding> {
    let (times, issuers) = (facts.seen.key_changes, &facts.seen.issuers);
    let changed = issuers.iter().filter(|issuer| issuer.keys > 1).count() as u64;
    (times > 0 || changed > 0).then(|| PrivacyFinding {
        code: PrivacyCode::KeyChanged,
        severity: PrivacySeverity::Medium,
        who: "Persona",
        links: "passes with the API key that they were bought with, if the new key is one customer's own",
        why: "Persona signs with another key than before. When she changes it for everybody, that joins \
              nothing."
            .to_owned(),
        evidence: format!(
            "Seen: {} since this client was made; {}{} with more than one key. {ALONE_JOINS_ALL}",
            counted(times, "change"),
            at_least(facts),
            counted(changed, "claim type"),
        ),
        change: Some("Compare when it changed with what Persona announces and with what others see."),
    })
}

pub(super) fn refunded_passes(facts: &Facts) -> Option<PrivacyFinding> {
    let passes = facts.seen.refunded;
    // A strict client takes none that was shown before.
    (passes > 0 && !facts.configured.is_strict()).then(|| PrivacyFinding {
        code: PrivacyCode::RefundedPasses,
        severity: PrivacySeverity::Medium,
        who: "Persona",
        links: "two relays with each other",
        why: "A pass that a verification did not consume goes back to the pool. If it was shown to Persona \
              before, she sees it again with another visitor's relay."
            .to_owned(),
        evidence: format!(
            "Seen in the store: {}{} that came back. The matcher joins the relays for which a pass is \
             shown twice.",
            at_least(facts),
            counted(passes.into(), "pass"),
        ),
        change: None,
    })
}

pub(super) fn compared_alone(facts: &Facts) -> Option<PrivacyFinding> {
    (!facts.configured.is_shared).then(|| PrivacyFinding {
        code: PrivacyCode::ComparedAlone,
        severity: PrivacySeverity::Low,
        who: "Persona",
        links: "passes with the API key that they were bought with, if she gives this process a \
                challenge or a key of its own",
        why: "What Persona gives is compared with what this process was given before, and with nothing \
              else: there is no store that others share."
            .to_owned(),
        evidence: "By design of relaypass: only those who share a store compare with each other.".to_owned(),
        change: Some("Set store to a database that your other processes use, too."),
    })
}

pub(super) fn issuer_seen_once(facts: &Facts) -> Option<PrivacyFinding> {
    let issuers = facts.seen.issuers.iter();
    let once = issuers.filter(|issuer| !issuer.is_confirmed).count() as u64;
    // A strict client buys after two fetches that agree.
    (once > 0 && !facts.configured.is_strict()).then(|| PrivacyFinding {
        code: PrivacyCode::IssuerSeenOnce,
        severity: PrivacySeverity::Low,
        who: "Persona",
        links: "a pass with the API key that it was bought with, if it was given a challenge or a key of \
                its own",
        why: "The newest challenge was fetched once: there is nothing to compare it with yet. One that was \
              fetched twice, maybe by the same client, is not told here."
            .to_owned(),
        evidence: format!(
            "Seen: {}{} of which that is so.",
            at_least(facts),
            counted(once, "claim type")
        ),
        change: None,
    })
}

/// Before what was counted in the store.
fn at_least(facts: &Facts) -> &'static str {
    match facts.seen.is_cut {
        true => "at least ",
        false => "",
    }
}
