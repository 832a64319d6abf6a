//! From facts to findings, and their text.

mod evidence;
mod page;

use std::time::Duration;

use super::*;

/// What remains of every configuration.
const ALWAYS: [&str; 6] = [
    "hour_in_pass",
    "few_checks",
    "marked_alike",
    "paused_together",
    "known_as_relaypass",
    "seen_on_the_way",
];

/// The best that can be configured.
fn best() -> Facts {
    Facts {
        configured: Configured {
            anonymous: WayOut::Proxy,
            ways: 1,
            is_isolated: false,
            is_one_way: false,
            idle_timeout: Some(Duration::from_secs(20)),
            purchases: bought(120, 50, true, false),
            serves_callers: false,
            encrypts: false,
            is_shared: true,
        },
        seen: Seen::default(),
    }
}

fn bought(window: u64, pool: u32, is_filled: bool, is_bound: bool) -> Purchases {
    Purchases::ForVerifications {
        window: Duration::from_secs(window),
        pool,
        is_filled,
        is_bound,
    }
}

fn configured(change: impl FnOnce(&mut Configured)) -> Facts {
    let mut facts = best();
    change(&mut facts.configured);
    facts
}

fn seen(change: impl FnOnce(&mut Seen)) -> Facts {
    let mut facts = best();
    change(&mut facts.seen);
    facts
}

/// A strict client, with what others would be told of.
fn strict(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = configured(|it| {
        it.purchases = Purchases::InCommonHours;
        it.is_isolated = true;
    });
    change(&mut facts);
    facts
}

/// Everything that can be said, each at least once.
fn all_kinds() -> Vec<(Facts, &'static [&'static str])> {
    let buys = |window, pool, is_filled, is_bound| {
        configured(|it| it.purchases = bought(window, pool, is_filled, is_bound))
    };
    let issuer = |differs, keys, is_confirmed| {
        let issuer = IssuerSeen {
            differs,
            keys,
            is_confirmed,
        };
        seen(|it| {
            it.issuers = vec![
                IssuerSeen {
                    keys: 1,
                    is_confirmed: true,
                    differs: false,
                },
                issuer,
            ]
        })
    };
    vec![
        (
            best(),
            &["bought_within_window", "bought_ahead", "proxy_crowd"],
        ),
        (
            configured(|it| {
                it.anonymous = WayOut::Direct;
                it.is_one_way = true;
            }),
            &["one_address", "bought_within_window", "bought_ahead"],
        ),
        (
            configured(|it| it.anonymous = WayOut::Direct),
            &["own_address", "bought_within_window", "bought_ahead"],
        ),
        (
            configured(|it| it.is_one_way = true),
            &[
                "one_address",
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
            ],
        ),
        (
            configured(|it| it.anonymous = WayOut::Transport),
            &["bought_within_window", "bought_ahead", "proxy_crowd"],
        ),
        (
            configured(|it| it.purchases = Purchases::WhenCalled),
            &["bought_when_called", "proxy_crowd"],
        ),
        (
            configured(|it| it.purchases = Purchases::ByCallers),
            &["bought_when_called", "proxy_crowd"],
        ),
        (buys(0, 0, true, false), &["bought_at_once", "proxy_crowd"]),
        (
            buys(0, 9, true, false),
            &["bought_at_once", "bought_ahead", "proxy_crowd"],
        ),
        (
            configured(|it| it.serves_callers = true),
            &[
                "bought_when_called",
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
            ],
        ),
        (
            seen(|it| it.bought_when_called = 2),
            &[
                "bought_when_called",
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
            ],
        ),
        (
            configured(|it| {
                it.anonymous = WayOut::Transport;
                it.is_one_way = true;
                it.idle_timeout = None;
            }),
            &[
                "one_address",
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
            ],
        ),
        (
            buys(1, 0, false, false),
            &["bought_within_window", "proxy_crowd"],
        ),
        (
            buys(120, 9, false, false),
            &["bought_within_window", "proxy_crowd", "pool_not_filled"],
        ),
        (
            buys(0, 9, false, false),
            &["bought_at_once", "proxy_crowd", "pool_not_filled"],
        ),
        (buys(120, 0, true, true), &["bound_to_relay", "proxy_crowd"]),
        (buys(0, 9, true, true), &["bound_to_relay", "proxy_crowd"]),
        (
            configured(|it| it.encrypts = true),
            &[
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
                "encryption_key",
            ],
        ),
        (
            configured(|it| it.is_shared = false),
            &[
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
                "compared_alone",
            ],
        ),
        (
            seen(|it| it.bought_while_asked = 1),
            &[
                "bought_while_asked",
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
            ],
        ),
        (
            {
                let mut bound = buys(0, 0, true, true);
                bound.seen.bought_while_asked = 1;
                bound
            },
            &["bound_to_relay", "proxy_crowd"],
        ),
        (
            seen(|it| it.inconsistencies = 2),
            &[
                "issuer_inconsistent",
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
            ],
        ),
        (
            issuer(true, 1, true),
            &[
                "issuer_inconsistent",
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
            ],
        ),
        (
            issuer(false, 2, true),
            &[
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
                "key_changed",
            ],
        ),
        (
            seen(|it| it.key_changes = 1),
            &[
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
                "key_changed",
            ],
        ),
        (
            issuer(false, 1, false),
            &[
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
                "issuer_seen_once",
            ],
        ),
        (
            seen(|it| it.key_id_mismatches = 1),
            &[
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
                "key_id_mismatch",
            ],
        ),
        (
            seen(|it| it.refunded = 3),
            &[
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
                "refunded_passes",
            ],
        ),
        (
            configured(|it| it.is_isolated = true),
            &["bought_within_window", "bought_ahead", "proxy_crowd"],
        ),
        (
            configured(|it| {
                it.is_isolated = true;
                it.anonymous = WayOut::Transport;
                it.idle_timeout = None;
            }),
            &[
                "bought_within_window",
                "bought_ahead",
                "shared_connections",
                "proxy_crowd",
            ],
        ),
        (
            configured(|it| {
                it.ways = 3;
                it.is_one_way = true;
            }),
            &[
                "one_address",
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
            ],
        ),
        (strict(|_| {}), &["proxy_crowd"]),
        (
            strict(|facts| facts.seen.inconsistencies = 1),
            &["issuer_inconsistent", "proxy_crowd"],
        ),
        (
            strict(|facts| {
                facts.configured.anonymous = WayOut::Transport;
                facts.configured.idle_timeout = None;
            }),
            &["shared_connections", "proxy_crowd"],
        ),
        (
            seen(|it| it.has_several_keys = true),
            &[
                "bought_within_window",
                "bought_ahead",
                "proxy_crowd",
                "several_api_keys",
            ],
        ),
    ]
}

#[test]
fn what_strict_removes_is_not_told_and_what_stays_is() {
    let all_seen = |facts: &mut Facts| {
        facts.configured.serves_callers = true;
        facts.configured.encrypts = true;
        facts.configured.is_shared = false;
        facts.seen = Seen {
            bought_while_asked: 1,
            bought_when_called: 1,
            inconsistencies: 1,
            key_id_mismatches: 1,
            key_changes: 1,
            has_several_keys: true,
            issuers: vec![IssuerSeen::default()],
            refunded: 1,
            is_cut: false,
        };
    };
    assert_eq!(
        codes(&strict(all_seen)),
        [
            "issuer_inconsistent",
            "hour_in_pass",
            "proxy_crowd",
            "key_changed",
            "encryption_key",
            "several_api_keys",
            "few_checks",
            "compared_alone",
            "marked_alike",
            "paused_together",
            "known_as_relaypass",
            "seen_on_the_way",
        ]
    );
    let text = PrivacyReport::of(&strict(|_| {})).to_string();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("cannot see how many those are"), "{text}");
    assert!(text.contains("findings: 0 high"), "{text}");
}

fn codes(facts: &Facts) -> Vec<&'static str> {
    let findings = PrivacyReport::of(facts).findings;
    findings.iter().map(|finding| finding.code.name()).collect()
}

#[test]
fn each_configuration_and_each_sight_has_its_findings_beside_those_that_remain() {
    for (facts, expected) in all_kinds() {
        let mut own = codes(&facts);
        for code in ALWAYS {
            assert!(own.contains(&code), "{code} is missing: {facts:?}");
        }
        own.retain(|code| !ALWAYS.contains(code));
        // Who is not isolated shares connections, whatever else is configured.
        let shares = own.iter().position(|code| *code == "shared_connections");
        if !facts.configured.is_isolated {
            own.remove(shares.expect("connections are shared"));
        }
        assert_eq!(own, expected, "{facts:?}");
    }
}

#[test]
fn every_code_can_be_told() {
    let told: Vec<_> = all_kinds()
        .iter()
        .flat_map(|(facts, _)| codes(facts))
        .collect();
    for code in PrivacyCode::ALL {
        assert!(told.contains(&code.name()), "{}", code.name());
    }
    assert_eq!(PrivacyCode::ALL.len(), RULES.len());
}

#[test]
fn the_gravest_come_first_and_what_is_grave_was_measured_or_seen() {
    for (facts, _) in all_kinds() {
        let findings = PrivacyReport::of(&facts).findings;
        assert!(findings.is_sorted_by_key(|finding| finding.severity));
        for finding in findings {
            let begins_with = |word| finding.evidence.starts_with(word);
            let is_shown = begins_with("Measured") || begins_with("Seen");
            assert!(
                is_shown || finding.severity != PrivacySeverity::High,
                "{finding}"
            );
            let has_measured = finding.evidence.contains("easured");
            let has_reason = ["Seen", "By "].iter().any(|word| begins_with(word));
            assert!(has_measured || has_reason, "{finding}");
        }
    }
}

#[test]
fn a_window_and_a_pool_are_told_as_they_are_configured() {
    let of = |window, pool| {
        let facts = configured(|it| it.purchases = bought(window, pool, true, false));
        PrivacyReport::of(&facts).to_string()
    };
    assert!(of(300, 0).contains("within 300 seconds"));
    assert!(of(120, 7).contains("a pool of 7"));
    assert!(of(120, 7).contains("Measured with a pool of 50"));
}

#[test]
fn of_several_proxies_it_is_told_that_one_may_be_joined_to_the_api_key() {
    let says = |mut facts: Facts, ways| {
        facts.configured.ways = ways;
        let findings = PrivacyReport::of(&facts).findings.into_iter();
        let mut whys = findings.map(|finding| finding.why);
        whys.any(|why| why.contains("to your API key") && why.contains("by time Persona may join"))
    };
    assert!(says(best(), 2) && !says(best(), 1));
    assert!(says(strict(|_| {}), 2) && !says(strict(|_| {}), 1));
    // Each relay's exit, where challenges are signed at once or are bound to relays.
    for purchases in [bought(0, 0, true, false), bought(120, 0, true, true)] {
        let facts = |ways| {
            let mut facts = configured(|it| it.purchases = purchases.clone());
            facts.configured.ways = ways;
            PrivacyReport::of(&facts).to_string()
        };
        let said = facts(2).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("each of these exits"), "{said}");
        assert!(!facts(1).contains("each of these"));
    }
}

#[test]
fn the_text_has_every_part_and_no_long_line() {
    for (facts, _) in all_kinds() {
        let report = PrivacyReport::of(&facts);
        let text = report.to_string();
        assert!(
            text.lines().all(|line| line.chars().count() <= 101),
            "{text}"
        );
        assert!(text.ends_with(".\n"));
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for finding in &report.findings {
            for part in [
                finding.code.name(),
                finding.links,
                &finding.why,
                &finding.evidence,
            ] {
                assert!(flat.contains(part), "{part}");
            }
            assert!(finding.change.is_none_or(|change| flat.contains(change)));
        }
        for promise in [
            "anonymous.",
            "you are anonymous",
            "cannot be linked",
            "safe",
        ] {
            assert!(!text.contains(promise), "{promise}");
        }
    }
}
