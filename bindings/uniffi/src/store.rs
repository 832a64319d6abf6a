//! A store in the host language, as the core's [`Store`].
//!
//! What the store throws cannot cross over. The package keeps it under a number, and only the number
//! travels: into the error, and back to the package, which hands the very object to the caller.

use std::fmt;
use std::sync::Arc;

use relaypass::store::{BoxFuture, Record, Store, StoreError, Swap};
use relaypass::surface::Thrown;

use crate::answer::record;
use crate::call::current_call;

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
            Self::Thrown { number } => StoreError::caused_by(
                format!("The store's {method} failed; the cause is what it threw."),
                Thrown(number),
            ),
            Self::Broken => StoreError::new(format!(
                "The store's {method} could not be called; this is a mistake of relaypass, please \
                 report it."
            )),
        }
    }
}

/// A host store behind the core's trait.
pub(crate) struct StoreAdapter(pub(crate) Arc<dyn HostStore>);

impl Store for StoreAdapter {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(async move {
            let found = self.0.load(current_call(), key.to_owned()).await;
            let found = found.map_err(|failure| failure.of("load"))?;
            Ok(found.map(Record::from))
        })
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(async move {
            let new = new.map(StoreRecord::from);
            let swapped = (self.0)
                .compare_and_swap(current_call(), key.to_owned(), expected, new)
                .await;
            match swapped.map_err(|failure| failure.of("compareAndSwap"))? {
                true => Ok(Swap::Done),
                false => Ok(Swap::Refused),
            }
        })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let prefix = prefix.to_owned();
            let found = (self.0)
                .scan(current_call(), prefix, due_before, limit as u64)
                .await;
            found.map_err(|failure| failure.of("scan"))
        })
    }
}

type Bytes = Vec<u8>;

relaypass::store_record!(record, u64, Bytes);
