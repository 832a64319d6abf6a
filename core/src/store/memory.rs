//! Memory: for tests, trials, and verifications that may be lost with the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{BoxFuture, Record, Store, StoreError, Swap, Upkeep};

/// A store that ends with the process.
#[derive(Default)]
pub struct MemoryStore {
    records: Mutex<BTreeMap<String, Record>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        // Nothing below panics between two changes, so a poisoned map is still a whole one.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn swap(&self, key: &str, expected: Option<u64>, new: Option<Record>) -> Swap {
        let mut records = self.records();
        if records.get(key).map(|record| record.version) != expected {
            return Swap::Refused;
        }
        match new {
            Some(record) => records.insert(key.to_owned(), record),
            None => records.remove(key),
        };
        Swap::Done
    }

    /// Deletes up to `most` records that may be dropped since before `now`.
    pub(super) fn delete_expired(&self, now: u64, most: usize) -> usize {
        let mut deleted = 0;
        self.records().retain(|_, record| {
            let goes = deleted < most && record.expires_at.is_some_and(|at| at < now);
            deleted += usize::from(goes);
            !goes
        });
        deleted
    }

    fn keys(&self, prefix: &str, due_before: Option<u64>, limit: usize) -> Vec<String> {
        let records = self.records();
        let found = records
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix));
        let Some(due_before) = due_before else {
            return found.map(|(key, _)| key.clone()).take(limit).collect();
        };
        let mut due: Vec<(u64, &String)> = found
            .filter_map(|(key, record)| Some((record.due_at?, key)))
            .filter(|(due_at, _)| *due_at <= due_before)
            .collect();
        due.sort_unstable();
        let due = due.into_iter().take(limit);
        due.map(|(_, key)| key.clone()).collect()
    }
}

impl Upkeep for MemoryStore {
    fn delete_expired(&self, now: u64, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move { Ok(MemoryStore::delete_expired(self, now, most)) })
    }

    fn create_table(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn is_shared(&self) -> bool {
        false
    }
}

impl Store for MemoryStore {
    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }

    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(async move { Ok(self.records().get(key).cloned()) })
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(async move { Ok(self.swap(key, expected, new)) })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move { Ok(self.keys(prefix, due_before, limit)) })
    }
}
