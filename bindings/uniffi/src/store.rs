//! A store in the host language, as the core's own.
//!
//! What the store throws cannot cross over. The package keeps it under a number, and only the
//! number travels: into the error, and back to the package, which hands the very object to the
//! caller.

use std::fmt;
use std::sync::Arc;

use relaypass::store::{Record, StoreError};
use relaypass::surface::{self, current_call, store_threw};

use crate::answer::record;

/// The three methods of a store in the host language. `call` is the number of the call that they
/// are called in; 0: in the background.
#[uniffi::export(foreign)]
#[async_trait::async_trait]
pub trait HostStore: Send + Sync {
    async fn load(&self, call: u64, key: String) -> Result<Option<StoreRecord>, HostFailure>;

    /// Whether the swap was done.
    async fn compare_and_swap(
        &self,
        call: u64,
        key: String,
        expected: Option<u64>,
        new: Option<StoreRecord>,
    ) -> Result<bool, HostFailure>;

    async fn scan(
        &self,
        call: u64,
        prefix: String,
        due_before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<String>, HostFailure>;
}

/// Why a method of the host language brought no answer.
#[derive(Debug, uniffi::Error)]
pub enum HostFailure {
    /// It threw: the package keeps that under this number; 0: it does not.
    Thrown { number: u64 },
    /// The adapter itself broke, which is a mistake of ours.
    Broken,
}

impl fmt::Display for HostFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a method of the host language failed")
    }
}

impl From<uniffi::UnexpectedUniFFICallbackError> for HostFailure {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        // What it says may hold anything.
        Self::Broken
    }
}

impl HostFailure {
    /// The error of the store's method of this name.
    pub(crate) fn of(self, method: &str) -> StoreError {
        match self {
            Self::Thrown { number } => store_threw(method, number),
            Self::Broken => StoreError::new(format!(
                "The store's {method} could not be called; this is a mistake of relaypass, please \
                 report it."
            )),
        }
    }
}

/// A host store as the core calls it.
pub(crate) struct StoreAdapter(pub(crate) Arc<dyn HostStore>);

impl surface::HostStore for StoreAdapter {
    async fn load(&self, key: String) -> Result<Option<Record>, StoreError> {
        let found = self.0.load(current_call(), key).await;
        let found = found.map_err(|failure| failure.of("load"))?;
        Ok(found.map(Record::from))
    }

    async fn compare_and_swap(
        &self,
        key: String,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> Result<bool, StoreError> {
        let new = new.map(StoreRecord::from);
        let swapped = (self.0)
            .compare_and_swap(current_call(), key, expected, new)
            .await;
        swapped.map_err(|failure| failure.of("compareAndSwap"))
    }

    async fn scan(
        &self,
        prefix: String,
        due_before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<String>, StoreError> {
        let found = self.0.scan(current_call(), prefix, due_before, limit);
        found.await.map_err(|failure| failure.of("scan"))
    }
}

type Bytes = Vec<u8>;

relaypass::store_record!(record, u64, Bytes);
