//! A store as a client holds it: with a time limit for every method, until the client is closed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::{Record, Store, StoreError, Swap, Upkeep};
use crate::callback::called;
use crate::future::BoxFuture;
use crate::releasable::Releasable;

/// A store whose methods fail when they take longer than `limit`, or after it was released.
pub(crate) struct Timed {
    store: Releasable<dyn Store>,
    limit: Duration,
}

impl Timed {
    pub(crate) fn new(store: Arc<dyn Store>, limit: Duration) -> Self {
        Self {
            store: Releasable::new(store),
            limit,
        }
    }

    /// Lets go of the store: no method of it is called any more.
    pub(crate) fn release(&self) -> Option<Arc<dyn Store>> {
        self.store.release()
    }

    /// What a store that comes with relaypass does beside; nothing if it is the caller's own.
    pub(crate) async fn keep_up<T>(
        &self,
        what: &str,
        work: impl FnOnce(&dyn Upkeep) -> BoxFuture<'_, Result<T, StoreError>> + Send,
    ) -> Result<Option<T>, StoreError> {
        let work = move |store: Arc<dyn Store>| async move {
            match store.upkeep() {
                Some(upkeep) => work(upkeep).await.map(Some),
                None => Ok(None),
            }
        };
        self.limited(what, work).await
    }

    /// Whether other processes may have the same records: a store of the caller's own may be shared.
    pub(crate) fn is_shared(&self) -> bool {
        let store = self.store.get();
        store.is_none_or(|store| store.upkeep().is_none_or(|upkeep| upkeep.is_shared()))
    }

    async fn limited<T, Working>(
        &self,
        what: &str,
        work: impl FnOnce(Arc<dyn Store>) -> Working,
    ) -> Result<T, StoreError>
    where
        Working: Future<Output = Result<T, StoreError>> + Send,
    {
        let Some(store) = self.store.get() else {
            return Err(StoreError::new(
                "The client was closed, and its store with it.",
            ));
        };
        tokio::time::timeout(self.limit, called(work(store)))
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
        Box::pin(self.limited("load", move |store| async move { store.load(key).await }))
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(self.limited("compare_and_swap", move |store| async move {
            store.compare_and_swap(key, expected, new).await
        }))
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(self.limited("scan", move |store| async move {
            store.scan(prefix, due_before, limit).await
        }))
    }
}
