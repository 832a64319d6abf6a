//! Where a store is put to the test: its handles, the keys that were made, and plain questions.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::{timed, Checked, Reopen, Violation};
use crate::secret::{os_random, rand_core::Rng};
use crate::store::{Record, Store, Swap};

/// How often the suite tries to delete one of its keys.
const DELETIONS: usize = 3;

pub(super) struct Bench {
    store: Arc<dyn Store>,
    reopen: Option<Reopen>,
    prefix: String,
    made: Mutex<BTreeSet<String>>,
}

impl Bench {
    pub(super) fn new(store: Arc<dyn Store>, reopen: Option<Reopen>) -> Self {
        let random = u128::from(os_random().next_u64()) << 64 | u128::from(os_random().next_u64());
        Self {
            store,
            reopen,
            prefix: format!("conformance/{random:032x}/"),
            made: Mutex::default(),
        }
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    pub(super) fn can_reopen(&self) -> bool {
        self.reopen.is_some()
    }

    /// Another handle on the same data, or the same handle where there is no other.
    pub(super) async fn another_store(&self) -> Result<Arc<dyn Store>, Violation> {
        let Some(reopen) = &self.reopen else {
            return Ok(self.store());
        };
        let store = reopen().await;
        Ok(timed(
            store.map_err(|error| Violation::failed("reopening", error))?,
        ))
    }

    /// A key of this run. It is deleted in the end.
    pub(super) fn key(&self, name: &str) -> String {
        let key = format!("{}{name}", self.prefix);
        self.made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.clone());
        key
    }

    pub(super) async fn load(&self, key: &str) -> Result<Option<Record>, Violation> {
        load(&*self.store, key).await
    }

    pub(super) async fn swap(
        &self,
        key: &str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> Result<Swap, Violation> {
        swap(&*self.store, key, expected, new).await
    }

    /// Keys without the prefix of this run.
    pub(super) async fn scan(
        &self,
        prefix: &str,
        due_before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<String>, Violation> {
        let prefix = format!("{}{prefix}", self.prefix);
        let keys = self.store.scan(&prefix, due_before, limit).await;
        let keys = keys.map_err(|error| Violation::failed("scan", error))?;
        let short = |key: &String| key.strip_prefix(&self.prefix).unwrap_or(key).to_owned();
        Ok(keys.iter().map(short).collect())
    }

    /// A swap that nothing stands against.
    pub(super) async fn put(
        &self,
        rule: &'static str,
        key: &str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> Checked {
        put(&*self.store, rule, key, expected, new).await
    }

    pub(super) async fn expect(
        &self,
        rule: &'static str,
        key: &str,
        expected: Option<&Record>,
    ) -> Checked {
        expect(&*self.store, rule, key, expected).await
    }

    pub(super) async fn clean_up(&self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        for key in made {
            // Late writes may still land, so one try may not be enough. A store too broken to
            // delete from is left as it is.
            for _ in 0..DELETIONS {
                let Ok(Some(record)) = self.store.load(&key).await else {
                    break;
                };
                let deleted = self
                    .store
                    .compare_and_swap(&key, Some(record.version), None);
                let _ = deleted.await;
            }
        }
    }
}

pub(super) async fn load(store: &dyn Store, key: &str) -> Result<Option<Record>, Violation> {
    let record = store.load(key).await;
    record.map_err(|error| Violation::failed("load", error))
}

pub(super) async fn swap(
    store: &dyn Store,
    key: &str,
    expected: Option<u64>,
    new: Option<Record>,
) -> Result<Swap, Violation> {
    let swap = store.compare_and_swap(key, expected, new).await;
    swap.map_err(|error| Violation::failed("compare_and_swap", error))
}

pub(super) async fn put(
    store: &dyn Store,
    rule: &'static str,
    key: &str,
    expected: Option<u64>,
    new: Option<Record>,
) -> Checked {
    match swap(store, key, expected, new).await? {
        Swap::Done => Ok(()),
        Swap::Refused => Err(Violation::new(rule, "It said: refused.")),
    }
}

pub(super) async fn expect(
    store: &dyn Store,
    rule: &'static str,
    key: &str,
    expected: Option<&Record>,
) -> Checked {
    let found = load(store, key).await?;
    if found.as_ref() == expected {
        return Ok(());
    }
    let difference = match (expected, &found) {
        (None, _) => "A record is there that should not be.".to_owned(),
        (Some(_), None) => "There was no record.".to_owned(),
        (Some(expected), Some(found)) if expected.value != found.value => format!(
            "The value is another: {} bytes are expected, {} were found.",
            expected.value.len(),
            found.value.len()
        ),
        (Some(expected), Some(found)) => format!("Expected {expected:?}, found {found:?}."),
    };
    Err(Violation::new(rule, difference))
}

/// A record without times.
pub(super) fn record(version: u64, value: impl AsRef<[u8]>) -> Record {
    Record {
        value: value.as_ref().to_vec(),
        version,
        due_at: None,
        expires_at: None,
    }
}
