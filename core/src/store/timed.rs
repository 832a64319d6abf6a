//! A time limit for every method of a store.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::{Record, Store, StoreError, Swap};
use crate::future::BoxFuture;

/// A store whose methods fail when they take longer than `limit`.
pub(crate) struct Timed {
    store: Arc<dyn Store>,
    limit: Duration,
}

impl Timed {
    pub(crate) fn new(store: Arc<dyn Store>, limit: Duration) -> Self {
        Self { store, limit }
    }

    async fn limited<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        tokio::time::timeout(self.limit, work)
            .await
            .unwrap_or_else(|_| {
                Err(StoreError::new(format!(
                    "The store's {what} took longer than {} seconds.",
                    self.limit.as_secs_f64()
                )))
            })
    }
}

impl Store for Timed {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(self.limited("load", self.store.load(key)))
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(self.limited(
            "compare_and_swap",
            self.store.compare_and_swap(key, expected, new),
        ))
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(self.limited("scan", self.store.scan(prefix, due_before, limit)))
    }
}
