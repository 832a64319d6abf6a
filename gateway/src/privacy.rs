//! What can be linked as a gateway is configured, for whoever runs it.

use std::sync::Arc;

use relaypass::store::{BoxFuture, BuiltInStore, Record, Store, StoreError, Swap};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app;
use crate::options::{Options, StartError};

/// What can be linked, by whom, and how sure that is. No address, URL or key is in it.
#[derive(Serialize, ToSchema)]
pub struct PrivacyReport {
    /// The gravest first. There is always one.
    findings: Vec<Finding>,
    /// The same as plain text.
    text: String,
}

/// Something that somebody can link with something.
#[derive(Serialize, ToSchema)]
struct Finding {
    /// What it is about; later versions may add others.
    #[schema(example = "one_address")]
    code: &'static str,
    /// `high`, `medium` or `low`.
    #[schema(example = "high")]
    severity: &'static str,
    /// Who can link.
    #[schema(example = "Persona")]
    who: &'static str,
    /// What with what.
    links: &'static str,
    /// Why that is so here.
    why: String,
    /// How sure it is: what was measured, seen, or follows from the protocol.
    evidence: String,
    /// What to change; null where relaypass offers nothing.
    #[schema(required)]
    change: Option<&'static str>,
}

impl PrivacyReport {
    /// The report as plain text, in lines.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl From<relaypass::PrivacyReport> for PrivacyReport {
    fn from(report: relaypass::PrivacyReport) -> Self {
        Self {
            text: report.to_string(),
            findings: report.findings.into_iter().map(Finding::from).collect(),
        }
    }
}

impl From<relaypass::PrivacyFinding> for Finding {
    fn from(finding: relaypass::PrivacyFinding) -> Self {
        Self {
            code: finding.code.name(),
            severity: finding.severity.name(),
            who: finding.who,
            links: finding.links,
            why: finding.why,
            evidence: finding.evidence,
            change: finding.change,
        }
    }
}

/// What can be linked as a gateway with these options is configured, and by what its store has seen. No
/// gateway is started, nothing is sent, and nothing is created or changed: a SQLite file that is not there, or
/// is empty, has seen nothing, and needs no seal key; a PostgreSQL table that is not there is an error.
///
/// # Errors
/// Which option is wrong, and how; `store`, if it cannot be read.
pub async fn privacy_report(options: Options) -> Result<PrivacyReport, StartError> {
    let built_in = app::store_named(&options, BuiltInStore::open_to_read)?;
    let store: Arc<dyn Store> = match &built_in {
        store if store.is_there() => {
            app::check_seal_keys(&options, store)?;
            store.store()
        }
        _ => Arc::new(NothingYet),
    };
    let client = app::open_client(&options, |builder| builder.store(store.clone()))?;
    let report = client.durable_relays().privacy_report().await;
    report
        .map(PrivacyReport::from)
        .map_err(|error| StartError::new("store", error.message()))
}

/// The store of a gateway that was never started.
struct NothingYet;

impl Store for NothingYet {
    fn load<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    fn compare_and_swap<'a>(
        &'a self,
        _: &'a str,
        _: Option<u64>,
        _: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(async { Err(StoreError::new("Nothing is stored for a report.")) })
    }

    fn scan<'a>(
        &'a self,
        _: &'a str,
        _: Option<u64>,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
