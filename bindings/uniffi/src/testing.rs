//! The store suite, on a store in the host language.

use std::sync::Arc;

use relaypass::store::conformance::{self, Reopen};
use relaypass::store::Store;
use relaypass::surface::{caught, Thrown};

use crate::answer::record;
use crate::errors::{CallError, ThrownNumber};
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
) -> Result<Checked, CallError> {
    let checking = conformance::check(Arc::new(StoreAdapter(store)), reopen.map(opener));
    Ok(match spawn(caught(async { Ok(checking.await) })).await? {
        Ok(report) => Checked::Passed {
            report: ReportRecord::from(&report),
        },
        Err(violation) => Checked::Broken {
            violation: ViolationRecord::new(
                &violation,
                Thrown::among_causes_of(&violation).copied(),
            ),
        },
    })
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

relaypass::check_records!(record, ThrownNumber);

/// What came of it.
#[derive(uniffi::Enum)]
pub enum Checked {
    Passed { report: ReportRecord },
    Broken { violation: ViolationRecord },
}
