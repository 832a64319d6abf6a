//! When passes are bought.

use std::time::Duration;

use super::facts::{Facts, Purchases};
use super::figures::{measured, Row, MEASURED_POOL, MEASURED_WINDOW};
use super::text::counted;
use super::{PrivacyCode, PrivacyFinding, PrivacySeverity};

const HOLD_READY: &str = "Hold passes ready: set pass_pool, and background, which fills it.";
const HOLD_ENOUGH: &str =
    "Hold so many passes that the pool is not empty when a visitor comes; passes.prefetch fills \
                           it before the first one.";
const WHEN_EMPTY: &str = "Whenever the pool is empty, as it is at first for each claim type,";

const BUY_LONG_BEFORE: &str =
    "Have callers buy passes long before they are needed, and redeem them in another order.";

pub(super) fn bought_when_called(facts: &Facts) -> Option<PrivacyFinding> {
    let times = facts.seen.bought_when_called;
    let (why, change) = match &facts.configured.purchases {
        Purchases::ForVerifications { .. } if facts.configured.serves_callers => (
            "Whoever calls with an API key of his own buys a pass at that moment. Beside its relay, or \
             beside its redemption, time alone joins the two.",
            BUY_LONG_BEFORE,
        ),
        Purchases::ForVerifications { .. } if times > 0 => (
            "Passes were bought with relays.issue_privacy_pass, at the moment of the call. Beside its \
             relay, or beside its redemption, time alone joins the two.",
            "Use verifications with pass_pool and background; or buy passes long before they are \
             needed, and redeem them in another order.",
        ),
        // Nobody who calls is sold one.
        Purchases::ForVerifications { .. } | Purchases::InCommonHours => return None,
        Purchases::WhenCalled => (
            "Without a store, a pass is bought at the moment when your program buys one. Beside its \
             relay, or beside its redemption, time alone joins the two.",
            "Set store, and use verifications with pass_pool and background; or buy passes long \
             before they are needed, and redeem them in another order.",
        ),
        Purchases::ByCallers => (
            "This client has no API key: whoever calls with one buys a pass at that moment. Beside \
             its relay, or beside its redemption, time alone joins the two.",
            BUY_LONG_BEFORE,
        ),
    };
    let mut finding = beside_the_relay(facts, PrivacyCode::BoughtWhenCalled, why, change);
    let by_callers = matches!(facts.configured.purchases, Purchases::ByCallers);
    if by_callers || facts.configured.serves_callers {
        finding.links = "a relay with the signature for its pass, and so with the caller's API key";
    }
    if times > 0 {
        let seen = counted(times, "such purchase");
        finding.evidence = format!(
            "Seen since this client was made: {seen}. {}",
            finding.evidence
        );
    }
    Some(finding)
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
    for_relays(facts, Duration::is_zero).map(|(_, has_pool)| {
        let (why, change) = match has_pool {
            true => (
                format!(
                    "purchase_window is 0. {WHEN_EMPTY} a verification buys its pass as soon as it \
                     begins, so its relay has a signature with your API key beside it."
                ),
                "Set purchase_window to 120 seconds or more, and hold so many passes that the pool is \
                 not empty when a visitor comes.",
            ),
            false => (
                "purchase_window is 0: a verification buys its pass as soon as it begins, so each \
                 relay has a signature with your API key beside it."
                    .to_owned(),
                "Set purchase_window to 120 seconds or more. Better, hold passes ready: set pass_pool, \
                 and background, which fills it.",
            ),
        };
        beside_the_relay(
            facts,
            PrivacyCode::BoughtAtOnce,
            &why,
            change,
        )
    })
}

pub(super) fn bought_within_window(facts: &Facts) -> Option<PrivacyFinding> {
    let (window, has_pool) = for_relays(facts, |window| !window.is_zero())?;
    let (whoever, change) = match has_pool {
        true => (format!("{WHEN_EMPTY} a verification"), HOLD_ENOUGH),
        false => ("A verification".to_owned(), HOLD_READY),
    };
    Some(PrivacyFinding {
        code: PrivacyCode::BoughtWithinWindow,
        severity: PrivacySeverity::High,
        who: "Persona",
        links: "a relay with the signature for its pass, and so with your API key",
        why: format!(
            "{whoever} buys its pass within {} seconds of its relay. By the clock, the signature \
             may be for any relay of that time, of all customers with the same claim type: where those \
             are few, it is for yours.",
            window.as_secs_f64()
        ),
        evidence: measured(
            &format!(" with a window of {MEASURED_WINDOW} seconds"),
            &Row::within_window(&facts.configured).both(),
            &facts.configured,
        ),
        change: Some(change),
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
    let smaller = match pool < MEASURED_POOL {
        true => format!(" The figures are for {MEASURED_POOL}: a smaller pool hides less."),
        false => String::new(),
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
        evidence: measured(
            &format!(" with a pool of {MEASURED_POOL}"),
            &Row::of(&facts.configured).both(),
            &facts.configured,
        ) + &smaller,
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

/// The purchase window, if passes may be bought for their relays and it is such a one; and whether that
/// is only when the pool is empty.
fn for_relays(facts: &Facts, is_such: impl Fn(&Duration) -> bool) -> Option<(Duration, bool)> {
    match facts.configured.purchases {
        Purchases::ForVerifications {
            window,
            pool,
            is_filled,
            is_bound: false,
        } => is_such(&window).then_some((window, pool > 0 && is_filled)),
        Purchases::ForVerifications { .. }
        | Purchases::WhenCalled
        | Purchases::ByCallers
        | Purchases::InCommonHours => None,
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
        evidence: measured(
            " for passes that are bought beside their relays",
            &Row::at_once(&facts.configured).both(),
            &facts.configured,
        ),
        change: Some(change),
    }
}
