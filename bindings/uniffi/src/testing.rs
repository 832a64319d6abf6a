//! The store suite, on a store in the host language.

use std::sync::Arc;

use relaypass::surface::{self, BACKGROUND};

use crate::answer::record;
use crate::call::drive;
use crate::errors::{thrown_in, CallError, ThrownNumber};
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

relaypass::check_records!(record, ThrownNumber, thrown_in);

/// See `relaypass::store::conformance::check`.
#[uniffi::export]
pub async fn check_store(
    store: Arc<dyn HostStore>,
    reopen: Option<Arc<dyn HostReopen>>,
) -> Result<CheckRecord, CallError> {
    let check = surface::check_store(StoreAdapter(store), reopen, |host| async move {
        let opened = host.reopen().await;
        let opened = opened.map_err(|failure| failure.of("reopen"))?;
        Ok(StoreAdapter(opened.store))
    });
    drive(BACKGROUND, true, Box::pin(check)).await
}
