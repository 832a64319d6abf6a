//! When passes are bought.

use std::time::Duration;

use super::facts::{Facts, Purchases};
use super::figures::{Row, MEASURED_POOL, MEASURED_WINDOW};
use super::{PrivacyCode, PrivacyFinding, PrivacySeverity};

const HOLD_READY: &str = "Hold passes ready: set pass_pool, and background, which fills it.";

pub(super) fn bought_when_called(facts: &Facts) -> Option<PrivacyFinding> {
    let (why, change) = match &facts.configured.purchases {
        Purchases::ForVerifications { .. } => return None,
        Purchases::WhenCalled => (
            "Without a store, a pass is bought at the moment when your program buys one. Beside its \
             relay, or beside its redemption, time alone joins the two.",
            "Set store, and use verifications with pass_pool and background; or buy passes long \
             before they are needed, and redeem them in another order.",
        ),
        Purchases::ByCallers => (
            "This client has no API key: whoever calls with one buys a pass at that moment. Beside \
             its relay, or beside its redemption, time alone joins the two.",
            "Have callers buy passes long before they are needed, and redeem them in another order.",
        ),
    };
    Some(beside_the_relay(
        facts,
        PrivacyCode::BoughtWhenCalled,
        why,
        change,
    ))
}

pub(super) fn bound_to_relay(facts: &Facts) -> Option<PrivacyFinding> {
    facts.configured.is_bound().then(|| {
        beside_the_relay(
            facts,
            PrivacyCode::BoundToRelay,
            "pass_binding is \"relay\": a challenge that names the relay is fetched right before your \
             API key asks for the signature. Such passes cannot be bought ahead, and their challenges \
             are not compared.",
            "Leave pass_binding at \"claim_type\".",
        )
    })
}

pub(super) fn bought_at_once(facts: &Facts) -> Option<PrivacyFinding> {
    for_relays(facts, Duration::is_zero).map(|_| {
        beside_the_relay(
            facts,
            PrivacyCode::BoughtAtOnce,
            "purchase_window is 0: a verification buys its pass as soon as it begins, so each relay \
             has a signature with your API key beside it.",
            "Set purchase_window to 120 seconds or more. Better, hold passes ready: set pass_pool, \
             and background, which fills it.",
        )
    })
}

pub(super) fn bought_within_window(facts: &Facts) -> Option<PrivacyFinding> {
    let window = for_relays(facts, |window| !window.is_zero())?;
    Some(PrivacyFinding {
        code: PrivacyCode::BoughtWithinWindow,
        severity: PrivacySeverity::High,
        who: "Persona",
        links: "a relay with the signature for its pass, and so with your API key",
        why: format!(
            "A verification buys its pass within {} seconds of its relay. By the clock, the signature \
             may be for any relay of that time, of all customers with the same claim type: where those \
             are few, it is for yours.",
            window.as_secs_f64()
        ),
        evidence: format!(
            "Measured with a window of {MEASURED_WINDOW} seconds: {}.",
            Row::of(&facts.configured).both()
        ),
        change: Some(HOLD_READY),
    })
}

pub(super) fn bought_ahead(facts: &Facts) -> Option<PrivacyFinding> {
    let &Purchases::ForVerifications {
        pool: pool @ 1..,
        is_filled: true,
        is_bound: false,
        ..
    } = &facts.configured.purchases
    else {
        return None;
    };
    Some(PrivacyFinding {
        code: PrivacyCode::BoughtAhead,
        severity: PrivacySeverity::High,
        who: "Persona",
        links: "a relay with the signature for its pass, and so with your API key",
        why: format!(
            "Passes come from a pool of {pool}, which is refilled as they are used. What is bought tells \
             how many were used, and about when."
        ),
        evidence: format!(
            "Measured with a pool of {MEASURED_POOL}: {}.",
            Row::of(&facts.configured).both()
        ),
        change: None,
    })
}

pub(super) fn pool_not_filled(facts: &Facts) -> Option<PrivacyFinding> {
    let &Purchases::ForVerifications {
        pool: pool @ 1..,
        is_filled: false,
        ..
    } = &facts.configured.purchases
    else {
        return None;
    };
    Some(PrivacyFinding {
        code: PrivacyCode::PoolNotFilled,
        severity: PrivacySeverity::Medium,
        who: "Persona",
        links: "a relay with the signature for its pass, as without a pool",
        why: format!(
            "pass_pool is {pool}, and background is off, which fills the pool. A verification that finds \
             no pass buys one for its relay."
        ),
        evidence: "By design of relaypass: only the task in the background fills the pool by itself."
            .to_owned(),
        change: Some("Set background, or call passes.prefetch at times that follow no visitor."),
    })
}

/// The purchase window, if passes are bought for their relays and it is such a one.
fn for_relays(facts: &Facts, is_such: impl Fn(&Duration) -> bool) -> Option<Duration> {
    match &facts.configured.purchases {
        Purchases::ForVerifications { is_bound: true, .. }
        | Purchases::ForVerifications {
            pool: 1..,
            is_filled: true,
            ..
        } => None,
        Purchases::ForVerifications { window, .. } => Some(*window).filter(is_such),
        Purchases::WhenCalled | Purchases::ByCallers => None,
    }
}

fn beside_the_relay(
    facts: &Facts,
    code: PrivacyCode,
    why: &str,
    change: &'static str,
) -> PrivacyFinding {
    PrivacyFinding {
        code,
        severity: PrivacySeverity::High,
        who: "Persona",
        links: "a relay with the signature for its pass, and so with your API key",
        why: why.to_owned(),
        evidence: format!(
            "Measured for passes that are bought beside their relays: {}.",
            Row::at_once(&facts.configured).both()
        ),
        change: Some(change),
    }
}
