//! A linearizable store in memory, with everything that the contract of [`Store`] allows: errors
//! before and after the effect, slow calls, and writes that land when nobody waits for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::executor::{Journey, Sim, TaskId};
use super::faults::{Effect, Faults, Mishap};
use super::watch::Watch;
use crate::future::BoxFuture;
use crate::store::{Record, Store, StoreError, Swap};

/// So many milliseconds after the error, a write lands all the same.
const LANDS_LATE: u64 = 4_000;

/// The store of every worker, and what is stored.
#[derive(Clone)]
pub(super) struct SimulatedStore {
    pub(super) sim: Arc<Sim>,
    pub(super) faults: Arc<Faults>,
    pub(super) watch: Arc<Watch>,
    pub(super) table: Arc<Mutex<Table>>,
}

#[derive(Default)]
pub(super) struct Table {
    records: BTreeMap<String, Record>,
    due: BTreeSet<(u64, String)>,
}

impl Table {
    fn swap(&mut self, key: &str, expected: Option<u64>, new: Option<Record>) -> Swap {
        let before = self.records.get(key);
        if before.map(|record| record.version) != expected {
            return Swap::Refused;
        }
        if let Some(due_at) = before.and_then(|record| record.due_at) {
            self.due.remove(&(due_at, key.to_owned()));
        }
        if let Some(due_at) = new.as_ref().and_then(|record| record.due_at) {
            self.due.insert((due_at, key.to_owned()));
        }
        match new {
            Some(record) => self.records.insert(key.to_owned(), record),
            None => self.records.remove(key),
        };
        Swap::Done
    }

    fn scan(&self, prefix: &str, due_before: Option<u64>, limit: usize) -> Vec<String> {
        let Some(due_before) = due_before else {
            let found = self.records.range(prefix.to_owned()..);
            let found = found.take_while(|(key, _)| key.starts_with(prefix));
            return found.map(|(key, _)| key.clone()).take(limit).collect();
        };
        let due = self
            .due
            .iter()
            .take_while(|(due_at, _)| *due_at <= due_before);
        let due = due.filter(|(_, key)| key.starts_with(prefix));
        due.map(|(_, key)| key.clone()).take(limit).collect()
    }
}

impl SimulatedStore {
    async fn call<T: Send + 'static>(
        &self,
        effect: Effect,
        work: impl FnOnce(&mut Table, &Watch, TaskId, u64) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sim, now) = (&self.sim, self.sim.now());
        let fate = sim.with_dice(|dice| self.faults.fate(effect, now, dice));
        let there = match fate.mishap {
            Mishap::NotSent => None,
            Mishap::LostThere => Some(fate.there + LANDS_LATE),
            _ => Some(fate.there),
        };
        let is_lost = matches!(fate.mishap, Mishap::LostBack | Mishap::LostThere);
        let journey = Journey {
            there,
            back: (!is_lost).then_some(fate.back),
            patience: fate.there + fate.back + 1,
            dies: fate.dies,
        };
        let (at, watch, table, task) = (
            sim.clone(),
            self.watch.clone(),
            self.table.clone(),
            sim.task(),
        );
        let done = sim.ask(journey, move || {
            let now = at.now();
            work(&mut table.lock().expect("not poisoned"), &watch, task, now)
        });
        done.await
            .ok_or_else(|| StoreError::new("The database is gone."))
    }
}

impl Store for SimulatedStore {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        let key = key.to_owned();
        Box::pin(self.call(Effect::Read, move |table, _, _, _| {
            table.records.get(&key).cloned()
        }))
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        let (key, sim) = (key.to_owned(), self.sim.clone());
        Box::pin(self.call(Effect::Write, move |table, watch, task, now| {
            let swap = table.swap(&key, expected, new.clone());
            if swap == Swap::Done {
                watch.stored(&key, new.as_ref(), task, now);
            }
            let swapped = if swap == Swap::Done {
                "stored"
            } else {
                "refused"
            };
            sim.trace(&[swapped, &key], || {
                let value = new.map_or_else(Vec::new, |record| record.value[3..].to_vec());
                String::from_utf8_lossy(&value).into_owned()
            });
            swap
        }))
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        let prefix = prefix.to_owned();
        Box::pin(self.call(Effect::Read, move |table, _, _, _| {
            table.scan(&prefix, due_before, limit)
        }))
    }
}
