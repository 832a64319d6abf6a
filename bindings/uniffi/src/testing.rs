//! The store suite, on a store in the host language.

use std::fmt;
use std::sync::Arc;

use relaypass::store::conformance::{self, Reopen};
use relaypass::store::Store;

use crate::errors::thrown_among_causes_of;
use crate::runtime::spawn;
use crate::store::{HostFailure, HostStore, StoreAdapter};

/// Gives another handle on the same data.
#[uniffi::export(foreign)]
#[async_trait::async_trait]
pub trait HostReopen: Send + Sync {
    async fn reopen(&self) -> Result<Reopened, HostFailure>;
}

/// A store in a record: uniffi cannot take one bare out of an async foreign method.
#[derive(uniffi::Record)]
pub struct Reopened {
    pub store: Arc<dyn HostStore>,
}

/// See `relaypass::store::conformance::check`.
#[uniffi::export]
pub async fn check_store(
    store: Arc<dyn HostStore>,
    reopen: Option<Arc<dyn HostReopen>>,
) -> Result<StoreReport, CheckError> {
    spawn(async move {
        let reopen = reopen.map(opener);
        match conformance::check(Arc::new(StoreAdapter(store)), reopen).await {
            Ok(report) => Ok(report.into()),
            Err(violation) => Err(violation.into()),
        }
    })
    .await
}

fn opener(host: Arc<dyn HostReopen>) -> Reopen {
    Box::new(move || {
        let host = Arc::clone(&host);
        Box::pin(async move {
            let opened = host.reopen().await;
            let opened = opened.map_err(|failure| failure.of("reopen"))?;
            let store: Arc<dyn Store> = Arc::new(StoreAdapter(opened.store));
            Ok(store)
        })
    })
}

/// See `relaypass::store::conformance::Report`.
#[derive(uniffi::Record)]
pub struct StoreReport {
    pub passed: Vec<String>,
    pub skipped: Vec<String>,
}

impl From<conformance::Report> for StoreReport {
    fn from(report: conformance::Report) -> Self {
        let own = |names: Vec<&'static str>| names.into_iter().map(str::to_owned).collect();
        Self {
            passed: own(report.passed),
            skipped: own(report.skipped),
        }
    }
}

/// What keeps a store from passing.
#[derive(Debug, uniffi::Error)]
pub enum CheckError {
    /// See `relaypass::store::conformance::Violation`. `thrown`: see `Failure`.
    Violation {
        text: String,
        rule: String,
        found: String,
        thrown: Option<u64>,
    },
}

impl From<conformance::Violation> for CheckError {
    fn from(violation: conformance::Violation) -> Self {
        Self::Violation {
            text: violation.to_string(),
            rule: violation.rule().to_owned(),
            found: violation.found().to_owned(),
            thrown: thrown_among_causes_of(&violation),
        }
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Violation { text, .. } = self;
        f.write_str(text)
    }
}
