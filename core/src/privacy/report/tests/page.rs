//! Figures, codes and severities, held against `docs/privacy.md`.

use super::super::figures::{MEASURED_POOL, MEASURED_WINDOW, ROWS, WINDOW_WITHOUT_CONNECTIONS};
use super::*;

/// The page is no part of the crate that is published, and always there in the repository.
fn page() -> Option<String> {
    const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let page = std::fs::read_to_string(format!("{REPOSITORY}/docs/privacy.md"));
    let is_published = !std::path::Path::new(&format!("{REPOSITORY}/Cargo.toml")).exists();
    assert!(page.is_ok() || is_published, "docs/privacy.md is missing");
    page.ok()
}

#[test]
fn the_figures_are_those_of_the_page() {
    let Some(page) = page() else { return };
    // Of customers of equal size, which stand first.
    let table = page
        .split("| 20 customers of skewed size")
        .next()
        .expect("it has a table");
    for row in ROWS {
        let cells = row
            .shares
            .map(|(customers, signatures)| format!("{customers}, {signatures}"));
        let line = format!("| {} | {} | {} |", row.way, row.exits, cells.join(" | "));
        assert!(table.lines().any(|found| found == line), "{line}");
    }
    let flat = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let without =
        format!("if they shared none, it would be {WINDOW_WITHOUT_CONNECTIONS} of the relays");
    assert!(flat.contains(&without));
    assert!(flat.contains(
        "In every row at 10 and at 1,000 checks a day, the matcher names more than chance does."
    ));
    assert!(page.contains(&format!("`pass_pool={MEASURED_POOL}`")));
    assert_eq!(MEASURED_WINDOW, 120);
    assert!(flat.contains("`purchase_window`, 2 minutes by default"));
}

#[test]
fn the_page_has_every_code_with_its_severities() {
    let Some(page) = page() else { return };
    let told: Vec<_> = all_kinds()
        .iter()
        .flat_map(|(facts, _)| PrivacyReport::of(facts).findings)
        .collect();
    let table = page
        .split("| code | severity | what can be linked |\n")
        .nth(1);
    let rows = table
        .expect("it has the table")
        .split("\n\n")
        .next()
        .unwrap_or_default();
    let mut rows = rows.lines().skip(1);
    for code in PrivacyCode::ALL {
        let row = rows.next().unwrap_or_default();
        let severities: Vec<_> = PrivacySeverity::ALL
            .into_iter()
            .filter(|severity| {
                told.iter()
                    .any(|it| it.code == *code && it.severity == *severity)
            })
            .map(PrivacySeverity::name)
            .collect();
        let expected = format!("| `{}` | {} | ", code.name(), severities.join(" or "));
        assert!(row.starts_with(&expected), "{expected}: {row}");
    }
    assert_eq!(rows.next(), None);
}
