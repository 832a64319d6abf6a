//! What whoever looks after a built-in store does now and then.

use std::time::SystemTime;

use tokio::time::{timeout, timeout_at, Instant};

use super::Verifications;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{store_failed, AT_ONCE};

impl Verifications<'_> {
    /// Deletes the records that need not be kept any more, such as verifications that ended 30 days
    /// ago, and says how many those were. What is open stays. Once a day is enough.
    ///
    /// With [`Verifications::within`], it returns how many it deleted when that time is up.
    ///
    /// # Errors
    /// `invalid_argument` without a store, or with one of yours: delete there what `expires_at`
    /// allows. `store`; what was deleted before stays deleted.
    pub async fn prune(&self) -> Result<u64> {
        let prune = async {
            let _call = self.begin_call()?;
            let store = &self.client.inner.store_options()?.store;
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let now = now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
            let ends_at = self.limit.map(|limit| Instant::now() + limit);
            let mut deleted = 0;
            loop {
                let batch = store.keep_up("prune", |store| store.delete_expired(now, AT_ONCE));
                let batch = match ends_at {
                    None => batch.await,
                    Some(ends_at) => match timeout_at(ends_at, batch).await {
                        Ok(batch) => batch,
                        Err(_) => return Ok(deleted),
                    },
                };
                let batch = batch.map_err(store_failed)?.ok_or_else(not_built_in)?;
                deleted += batch as u64;
                if batch < AT_ONCE {
                    return Ok(deleted);
                }
            }
        };
        prune
            .await
            .map_err(|error: Error| error.in_operation("verifications.prune"))
    }

    /// Creates the table of a built-in store, unless it is there. Only PostgreSQL needs it: SQLite
    /// does it by itself, and memory has none.
    ///
    /// # Errors
    /// `invalid_argument` without a store, or with one of yours; `store` when the database fails or
    /// refuses; `timeout` with [`Verifications::within`].
    pub async fn create_table(&self) -> Result<()> {
        let create = async {
            let _call = self.begin_call()?;
            let store = &self.client.inner.store_options()?.store;
            let creating = store.keep_up("create_table", |store| store.create_table());
            let created = match self.limit {
                None => creating.await,
                Some(limit) => timeout(limit, creating).await.map_err(|_| {
                    Error::new(ErrorKind::Timeout, "The table was not there in time.")
                })?,
            };
            created.map_err(store_failed)?.ok_or_else(not_built_in)
        };
        create
            .await
            .map_err(|error: Error| error.in_operation("verifications.create_table"))
    }
}

fn not_built_in() -> Error {
    Error::invalid_argument(
        "Only a store that is named by its URL can do this: look after yours with its own means.",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::client::Client;
    use crate::store::{BoxFuture, MemoryStore, Record, Store, StoreError, Swap};

    fn client(store: Arc<dyn Store>) -> Client {
        Client::builder().store(store).build().unwrap()
    }

    #[tokio::test]
    async fn what_is_expired_goes_and_nothing_else() {
        let store = Arc::new(MemoryStore::new());
        for (key, expires_at) in [("goes", Some(1)), ("stays", None), ("too", Some(u64::MAX))] {
            let record = Record {
                value: vec![1],
                version: 1,
                due_at: None,
                expires_at,
            };
            let swap = store.compare_and_swap(key, None, Some(record)).await;
            assert_eq!(swap.unwrap(), Swap::Done);
        }
        let client = client(store.clone());
        client.verifications().create_table().await.unwrap();
        assert_eq!(client.verifications().prune().await.unwrap(), 1);
        assert_eq!(store.scan("", None, 9).await.unwrap(), ["stays", "too"]);
        assert_eq!(client.verifications().prune().await.unwrap(), 0);
    }

    /// A store that relaypass knows nothing of.
    struct Own(MemoryStore);

    impl Store for Own {
        fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
            self.0.load(key)
        }

        fn compare_and_swap<'a>(
            &'a self,
            key: &'a str,
            expected: Option<u64>,
            new: Option<Record>,
        ) -> BoxFuture<'a, Result<Swap, StoreError>> {
            self.0.compare_and_swap(key, expected, new)
        }

        fn scan<'a>(
            &'a self,
            prefix: &'a str,
            due_before: Option<u64>,
            limit: usize,
        ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
            self.0.scan(prefix, due_before, limit)
        }
    }

    #[tokio::test]
    async fn a_store_of_the_callers_is_left_to_him() {
        let client = client(Arc::new(Own(MemoryStore::new())));
        let verifications = client.verifications();
        let refused = [
            verifications.prune().await.unwrap_err(),
            verifications.create_table().await.unwrap_err(),
        ];
        assert!(refused
            .iter()
            .all(|error| error.code() == "invalid_argument"));
        let without = Client::builder().build().unwrap();
        let error = without.verifications().prune().await.unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert_eq!(error.operation(), "verifications.prune");
    }
}
