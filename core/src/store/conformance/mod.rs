//! The store suite: does a store keep the contract of [`Store`]?
//!
//! Run it against your own store before you trust it with verifications:
//!
//! ```no_run
//! # async fn example(store: std::sync::Arc<dyn relaypass::store::Store>) {
//! match relaypass::store::conformance::check(store, None).await {
//!     Ok(report) => println!("{report}"),
//!     Err(violation) => panic!("{violation}"),
//! }
//! # }
//! ```

mod bench;
mod rules;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{BoxFuture, Store, StoreError, Timed};
use bench::Bench;

/// How long a method may take before the suite calls it broken.
const LIMIT: Duration = Duration::from_secs(10);

/// Gives another handle on the same data: a second connection or object, as another process would
/// have it. Called several times.
pub type Reopen =
    Box<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Store>, StoreError>> + Send + Sync>;

/// Checks a store, in a second or two. Keys begin with `conformance/` and a random part, so it may
/// run on a store in use, and several times at once; it deletes what it made, also when it fails.
///
/// With `reopen` it checks as well what one handle sees of another's work, and that writers with
/// different handles exclude each other. What no program can check on itself is that a record
/// survives a crash of the machine.
///
/// Must be called within a tokio runtime with timers.
///
/// # Errors
/// The first [`Violation`] found.
pub async fn check(store: Arc<dyn Store>, reopen: Option<Reopen>) -> Result<Report, Violation> {
    let bench = Bench::new(timed(store), reopen);
    let result = run(&bench).await;
    bench.clean_up().await;
    result
}

async fn run(bench: &Bench) -> Result<Report, Violation> {
    let mut report = Report {
        passed: Vec::new(),
        skipped: Vec::new(),
    };
    let one_handle: [(&'static str, BoxFuture<'_, Checked>); 12] = [
        ("insert", Box::pin(rules::insert(bench))),
        ("swap", Box::pin(rules::swap(bench))),
        ("delete", Box::pin(rules::delete(bench))),
        ("values", Box::pin(rules::values(bench))),
        ("keys", Box::pin(rules::keys(bench))),
        ("numbers", Box::pin(rules::numbers(bench))),
        ("prefixes", Box::pin(rules::prefixes(bench))),
        ("scan order", Box::pin(rules::scan_order(bench))),
        ("due records", Box::pin(rules::due_records(bench))),
        ("one winner", Box::pin(rules::one_winner(bench))),
        (
            "concurrent writers",
            Box::pin(rules::concurrent_writers(bench)),
        ),
        ("late writes", Box::pin(rules::late_writes(bench))),
    ];
    for (name, rule) in one_handle {
        rule.await?;
        report.passed.push(name);
    }
    if bench.can_reopen() {
        rules::reopened(bench).await?;
        report.passed.push("reopening");
    } else {
        report.skipped.push("reopening");
    }
    Ok(report)
}

type Checked = Result<(), Violation>;

fn timed(store: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Timed::new(store, LIMIT))
}

/// What was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The parts of the suite that passed.
    pub passed: Vec<&'static str>,
    /// The parts that could not run: `reopening`, without a way to reopen.
    pub skipped: Vec<&'static str>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "The store keeps the contract: {}",
            self.passed.join(", ")
        )?;
        if !self.skipped.is_empty() {
            write!(f, "; not checked: {}", self.skipped.join(", "))?;
        }
        f.write_str(".")
    }
}

/// A rule that the store broke.
#[derive(Debug)]
pub struct Violation {
    rule: &'static str,
    found: String,
    source: Option<StoreError>,
}

impl Violation {
    fn new(rule: &'static str, found: impl Into<String>) -> Self {
        Self {
            rule,
            found: found.into(),
            source: None,
        }
    }

    fn failed(during: &str, source: StoreError) -> Self {
        Self {
            rule: "A method must do its work when nothing stands in its way.",
            found: format!("During {during} it failed: {source}"),
            source: Some(source),
        }
    }

    /// The rule, in one sentence.
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    /// What happened instead.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// The store's own error, if it had one.
    pub fn store_error(&self) -> Option<&StoreError> {
        self.source.as_ref()
    }

    /// Takes the store's own error out, for languages that hand the original object back.
    pub fn into_store_error(self) -> Option<StoreError> {
        self.source
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "The store breaks the contract. {} {}",
            self.rule, self.found
        )
    }
}

impl std::error::Error for Violation {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.source.as_ref();
        source.map(|error| error as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests;
