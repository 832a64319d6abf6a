//! The file that the matcher of `tests/privacy` and the core are both held against.

/// What stands in it; none where the crate is built as it is published, without it.
pub(crate) fn matchers_file() -> Option<serde_json::Value> {
    const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let file = std::fs::read_to_string(format!("{REPOSITORY}/tests/privacy/strict.json"));
    let is_published = !std::path::Path::new(&format!("{REPOSITORY}/Cargo.toml")).exists();
    assert!(file.is_ok() || is_published, "strict.json is missing");
    Some(serde_json::from_str(&file.ok()?).expect("it is JSON"))
}
