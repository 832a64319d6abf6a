//! What each finding says of how sure it is, word for word.

use super::*;
use PrivacyCode as Code;

const WORLDS: &str = "with 20 customers of equal size at 10, 1,000 and 100,000 checks a day";
const IF_MANY: &str =
    " That holds if many others use the exits of this proxy; else the matcher names 100.0 %.";

/// The matcher's figures of a row, by its name.
fn customers(shares: &str, row: &str) -> String {
    format!("the matcher names the customer of {shares} of the relays, {WORLDS} ({row})")
}

fn both(shares: &str, row: &str, signatures: &str) -> String {
    let customers = customers(shares, row);
    format!("{customers}; it finds the signature of {signatures}")
}

/// How passes are bought, and how the calls leave.
fn of(purchases: Purchases, change: impl FnOnce(&mut Configured)) -> Facts {
    configured(|it| {
        it.purchases = purchases;
        change(it);
    })
}

fn direct(it: &mut Configured) {
    it.anonymous = WayOut::Direct;
}

fn one_proxy(it: &mut Configured) {
    it.is_one_way = true;
}

fn as_it_is(_: &mut Configured) {}

/// Over all branches that quote the matcher.
fn measured() -> Vec<(Facts, Code, String)> {
    let window = || bought(120, 0, true, false);
    let at_once = || bought(0, 0, true, false);
    let pool = || bought(120, 50, true, false);
    let all = "100.0 %, 100.0 % and 100.0 %";
    let beside = both(
        "100.0 %, 99.8 % and 100.0 %",
        "purchase_window=0, shared exits",
        "100.0 %, 99.8 % and 99.8 %",
    );
    let beside_own = both(
        all,
        "purchase_window=0, own address",
        "100.0 %, 100.0 % and 99.8 %",
    );
    let for_those = "for passes that are bought beside their relays";
    let of_window = both(
        "100.0 %, 94.2 % and 99.1 %",
        "standard, shared exits",
        "100.0 %, 94.5 % and 72.9 %",
    );
    let of_window_own = both(all, "standard, own address", "100.0 %, 99.8 % and 73.6 %");
    let of_pool = both(
        "100.0 %, 94.4 % and 99.9 %",
        "standard, pass_pool=50, shared exits",
        "57.2 %, 51.1 % and 3.8 %",
    );
    let of_pool_own = both(
        all,
        "standard, pass_pool=50, own address",
        "57.2 %, 53.9 % and 3.5 %",
    );
    let only = |figures: &str| {
        let end = figures.find("; it finds").expect("it has both");
        figures[..end].to_owned()
    };
    let not_this = "for one address and not for this proxy";
    let one_joins = "One address joins them anyway.";
    let time_joins = "Time joins them anyway.";
    vec![
        (
            of(pool(), |it| {
                direct(it);
                it.is_one_way = true;
            }),
            Code::OneAddress,
            format!("Measured: {}.", only(&of_pool_own)),
        ),
        (
            of(window(), one_proxy),
            Code::OneAddress,
            format!("Measured, {not_this}: {}.", only(&of_window_own)),
        ),
        (
            of(window(), one_proxy),
            Code::BoughtWithinWindow,
            format!("Measured with a window of 120 seconds, {not_this}: {of_window_own}."),
        ),
        (
            of(at_once(), one_proxy),
            Code::BoughtAtOnce,
            format!("Measured {for_those}, {not_this}: {beside_own}."),
        ),
        (
            of(pool(), one_proxy),
            Code::BoughtAhead,
            format!("Measured with a pool of 50, {not_this}: {of_pool_own}."),
        ),
        (
            of(at_once(), as_it_is),
            Code::BoughtAtOnce,
            format!("Measured {for_those}: {beside}.{IF_MANY}"),
        ),
        (
            of(at_once(), direct),
            Code::BoughtAtOnce,
            format!("Measured {for_those}: {beside_own}."),
        ),
        (
            of(bought(0, 0, true, true), as_it_is),
            Code::BoundToRelay,
            format!("Measured {for_those}: {beside}.{IF_MANY}"),
        ),
        (
            of(Purchases::WhenCalled, as_it_is),
            Code::BoughtWhenCalled,
            format!("Measured {for_those}: {beside}.{IF_MANY}"),
        ),
        (
            of(Purchases::ByCallers, direct),
            Code::BoughtWhenCalled,
            format!("Measured {for_those}: {beside_own}."),
        ),
        (
            configured(|it| it.serves_callers = true),
            Code::BoughtWhenCalled,
            format!("Measured {for_those}: {beside}.{IF_MANY}"),
        ),
        (
            seen(|it| it.bought_when_called = 1),
            Code::BoughtWhenCalled,
            format!(
                "Seen since this client was made: 1 such purchase. Measured {for_those}: \
                 {beside}.{IF_MANY}"
            ),
        ),
        (
            seen(|it| it.bought_while_asked = 2),
            Code::BoughtWhileAsked,
            format!(
                "Seen since this client was made: 2 such purchases. Measured {for_those}: \
                 {beside}.{IF_MANY}"
            ),
        ),
        (
            of(window(), as_it_is),
            Code::BoughtWithinWindow,
            format!("Measured with a window of 120 seconds: {of_window}.{IF_MANY}"),
        ),
        // Beside a pool, too: the figures are those of the window.
        (
            best(),
            Code::BoughtWithinWindow,
            format!("Measured with a window of 120 seconds: {of_window}.{IF_MANY}"),
        ),
        (
            of(bought(0, 50, true, false), direct),
            Code::BoughtAtOnce,
            format!("Measured {for_those}: {beside_own}."),
        ),
        (
            best(),
            Code::BoughtAhead,
            format!("Measured with a pool of 50: {of_pool}.{IF_MANY}"),
        ),
        (
            of(bought(120, 49, true, false), direct),
            Code::BoughtAhead,
            format!(
                "Measured with a pool of 50: {of_pool_own}. The figures are for 50: a smaller pool \
                 hides less."
            ),
        ),
        (
            best(),
            Code::SharedConnections,
            format!(
                "Measured: {}.{IF_MANY} Through shared exits, if relays shared no connection, it would name 8.1 % at \
                 100,000 checks a day.",
                only(&of_pool)
            ),
        ),
        (
            of(window(), as_it_is),
            Code::SharedConnections,
            format!(
                "Measured: {}.{IF_MANY} Through shared exits, if relays shared no connection, it would name 51.1 % at \
                 100,000 checks a day.",
                only(&of_window)
            ),
        ),
        (
            of(at_once(), as_it_is),
            Code::SharedConnections,
            format!("Measured: {}.{IF_MANY} {time_joins}", only(&beside)),
        ),
        (
            of(bought(120, 0, true, true), as_it_is),
            Code::SharedConnections,
            format!("Measured: {}.{IF_MANY} {time_joins}", only(&beside)),
        ),
        (
            of(Purchases::WhenCalled, as_it_is),
            Code::SharedConnections,
            format!("Measured: {}.{IF_MANY} {time_joins}", only(&beside)),
        ),
        (
            of(Purchases::ByCallers, direct),
            Code::SharedConnections,
            format!("Measured: {}. {time_joins}", only(&beside_own)),
        ),
        (
            of(pool(), direct),
            Code::SharedConnections,
            format!("Measured: {}. {one_joins}", only(&of_pool_own)),
        ),
        (
            of(window(), one_proxy),
            Code::SharedConnections,
            format!(
                "Measured, {not_this}: {}. {one_joins}",
                only(&of_window_own)
            ),
        ),
    ]
}

#[test]
fn the_figures_are_those_of_the_way_out_and_of_how_passes_are_bought() {
    for (facts, code, expected) in measured() {
        let findings = PrivacyReport::of(&facts).findings;
        let found = findings.into_iter().find(|finding| finding.code == code);
        let finding = found.unwrap_or_else(|| panic!("{} is not told: {facts:?}", code.name()));
        assert_eq!(finding.evidence, expected, "{}", code.name());
    }
}

#[test]
fn one_report_quotes_no_row_of_another_way_out() {
    for change in [direct, one_proxy] {
        for purchases in [bought(0, 0, true, false), bought(120, 50, true, false)] {
            for finding in PrivacyReport::of(&of(purchases, change)).findings {
                // The hour in the pass is measured apart from any address.
                let is_apart = finding.code == Code::HourInPass;
                assert!(
                    is_apart || !finding.evidence.contains("shared exits"),
                    "{finding}"
                );
            }
        }
    }
}

#[test]
fn a_window_beside_a_pool_is_for_when_the_pool_is_empty() {
    for (window, code) in [(0, Code::BoughtAtOnce), (120, Code::BoughtWithinWindow)] {
        let why = |pool| {
            let facts = of(bought(window, pool, true, false), as_it_is);
            let findings = PrivacyReport::of(&facts).findings;
            let found = findings.into_iter().find(|finding| finding.code == code);
            found.expect("it is told").why
        };
        assert!(
            why(1).contains("Whenever the pool is empty, "),
            "{}",
            why(1)
        );
        assert!(!why(0).contains("Whenever"));
    }
}

#[test]
fn a_transport_of_ones_own_has_connections_of_its_own() {
    let facts = configured(|it| {
        it.anonymous = WayOut::Transport;
        it.idle_timeout = None;
    });
    let text = PrivacyReport::of(&facts).to_string();
    assert!(
        !text.contains("is used again for") && !text.contains("idle_timeout"),
        "{text}"
    );
}

#[test]
fn what_is_more_than_was_looked_at_is_counted_as_at_least() {
    for (is_cut, expected) in [(false, ": 3 passes"), (true, ": at least 3 passes")] {
        let facts = seen(|it| {
            it.refunded = 3;
            it.is_cut = is_cut;
        });
        let text = PrivacyReport::of(&facts).to_string();
        assert!(
            text.contains(&format!("Seen in the store{expected} that came back")),
            "{text}"
        );
    }
}

#[test]
fn what_callers_buy_is_linked_with_their_keys() {
    let links = |facts: &Facts| {
        let findings = PrivacyReport::of(facts).findings;
        let mut found = findings.into_iter();
        let found = found.find(|finding| finding.code == Code::BoughtWhenCalled);
        found.expect("it is told").links
    };
    for facts in [
        of(Purchases::ByCallers, as_it_is),
        configured(|it| it.serves_callers = true),
    ] {
        assert!(links(&facts).ends_with("the caller's API key"));
    }
    let own = of(Purchases::WhenCalled, as_it_is);
    assert!(links(&own).ends_with("your API key"));
}
