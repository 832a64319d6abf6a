//! A suite that finds nothing is worth nothing: here are stores with one fault each, and the rule
//! that each of them breaks.

use std::sync::{Arc, Mutex};

use super::*;
use crate::store::{MemoryStore, Record, Swap};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    IgnoresExpectedVersion,
    OverwritesOnInsert,
    InsertsOnUpdate,
    DeletesAnyVersion,
    DeletesNothing,
    LoadsThenWrites,
    SaysRefusedThoughDone,
    SaysDoneThoughRefused,
    FailsInsteadOfRefusing,
    FailsForAbsentKeys,
    PrefixIsALikePattern,
    PrefixIgnoresCase,
    PrefixIsIgnored,
    KeysIgnoreCase,
    KeysAreCut,
    KeysSortByLocale,
    KeysAreUnsorted,
    LimitIsIgnored,
    DueIsIgnored,
    DueIsExclusive,
    DueSortsAsText,
    DueSortsByKey,
    DueTiesAreUnsorted,
    DueIncludesNever,
    DueIsOfTheFirstRecord,
    LosesDueAt,
    LosesExpiresAt,
    ZeroTimeIsNone,
    TimesAre32Bit,
    VersionsAreFloats,
    ValuesEndAtZero,
    ValuesAreText,
    ValuesAreCut,
    EmptyValuesAreNothing,
    LateWritesTear,
    LateWritesOverwrite,
    Hangs,
}

/// A memory store with a fault.
struct Broken {
    fault: Fault,
    records: Arc<MemoryStore>,
    first_due: Mutex<std::collections::BTreeMap<String, Option<u64>>>,
}

impl Broken {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            records: Arc::new(MemoryStore::new()),
            first_due: Mutex::default(),
        }
    }

    fn key(&self, key: &str) -> String {
        match self.fault {
            Fault::KeysIgnoreCase => key.to_lowercase(),
            Fault::KeysAreCut => key.chars().take(191).collect(),
            _ => key.to_owned(),
        }
    }

    fn kept(&self, mut record: Record) -> Record {
        let value = &mut record.value;
        match self.fault {
            Fault::ValuesEndAtZero => {
                let end = value.iter().position(|byte| *byte == 0);
                value.truncate(end.unwrap_or(value.len()));
            }
            Fault::ValuesAreText => *value = String::from_utf8_lossy(value).into_owned().into(),
            Fault::ValuesAreCut => value.truncate(65_535),
            Fault::LosesDueAt => record.due_at = None,
            Fault::LosesExpiresAt => record.expires_at = None,
            Fault::ZeroTimeIsNone => record.due_at = record.due_at.filter(|due| *due > 0),
            Fault::TimesAre32Bit => record.due_at = record.due_at.map(|due| due & 0xffff_ffff),
            Fault::VersionsAreFloats => record.version = record.version as f32 as u64,
            _ => {}
        }
        record
    }

    async fn swap(
        &self,
        key: &str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> Result<Swap, StoreError> {
        let there = self.records.load(key).await?;
        let version = there.as_ref().map(|record| record.version);
        let fits = version == expected;
        let overwrites = match self.fault {
            Fault::IgnoresExpectedVersion => expected.is_some() && there.is_some(),
            Fault::OverwritesOnInsert => expected.is_none() && new.is_some(),
            Fault::InsertsOnUpdate => there.is_none() && new.is_some(),
            Fault::DeletesAnyVersion => there.is_some() && new.is_none(),
            Fault::LoadsThenWrites => {
                tokio::task::yield_now().await;
                fits
            }
            _ => false,
        };
        match self.fault {
            Fault::DeletesNothing if new.is_none() && fits => return Ok(Swap::Done),
            Fault::FailsInsteadOfRefusing if !fits => return Err(StoreError::new("duplicate key")),
            Fault::SaysDoneThoughRefused if !fits => return Ok(Swap::Done),
            Fault::EmptyValuesAreNothing if new.as_ref().is_some_and(|r| r.value.is_empty()) => {
                return self.records.compare_and_swap(key, expected, None).await;
            }
            Fault::LateWritesTear if Self::is_given_up(&new) && fits => {
                let (mut old, new) = (there.expect("a version"), new.clone());
                let half = new.as_ref().map(|new| new.value.clone());
                old.value = half.unwrap_or_default();
                let torn = self.records.compare_and_swap(key, expected, Some(old));
                torn.await?;
                tokio::task::yield_now().await;
                return self.records.compare_and_swap(key, expected, new).await;
            }
            Fault::LateWritesOverwrite if Self::is_given_up(&new) && fits => {
                let (records, key) = (Arc::clone(&self.records), key.to_owned());
                let new = new.clone();
                let write = tokio::spawn(async move {
                    for _ in 0..5 {
                        tokio::task::yield_now().await;
                    }
                    let there = records.load(&key).await?.map(|record| record.version);
                    records.compare_and_swap(&key, there, new).await
                });
                return write.await.expect("it does not panic");
            }
            _ => {}
        }
        let expected = if overwrites {
            self.version(key).await?
        } else {
            expected
        };
        let swap = self.records.compare_and_swap(key, expected, new).await?;
        Ok(match self.fault {
            Fault::SaysRefusedThoughDone => Swap::Refused,
            _ => swap,
        })
    }

    /// Whether a write is one of those that the suite gives up: the faults below are seen there only.
    fn is_given_up(new: &Option<Record>) -> bool {
        new.as_ref()
            .is_some_and(|new| new.value.starts_with(b"LLLL"))
    }

    async fn version(&self, key: &str) -> Result<Option<u64>, StoreError> {
        Ok(self.records.load(key).await?.map(|record| record.version))
    }

    async fn keys(
        &self,
        prefix: &str,
        due_before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let all = usize::MAX;
        let begins = |key: &str| match self.fault {
            Fault::PrefixIgnoresCase => key.to_lowercase().starts_with(&prefix.to_lowercase()),
            Fault::PrefixIsALikePattern => {
                key.len() >= prefix.len()
                    && std::iter::zip(key.bytes(), prefix.bytes())
                        .all(|(byte, pattern)| byte == pattern || pattern == b'_')
            }
            Fault::PrefixIsIgnored => true,
            _ => key.starts_with(prefix),
        };
        let mut found = Vec::new();
        for key in self
            .records
            .scan("", None, all)
            .await?
            .into_iter()
            .filter(|key| begins(key))
        {
            let due_at = self
                .records
                .load(&key)
                .await?
                .and_then(|record| record.due_at);
            let due_at = match self.fault {
                Fault::DueIsOfTheFirstRecord => {
                    self.first_due.lock().unwrap().get(&key).copied().flatten()
                }
                Fault::DueIncludesNever => due_at.or(Some(0)),
                _ => due_at,
            };
            found.push((due_at, key));
        }
        match due_before {
            Some(due_before) if self.fault != Fault::DueIsIgnored => {
                found.retain(|(due_at, _)| match self.fault {
                    Fault::DueIsExclusive => due_at.is_some_and(|due| due < due_before),
                    _ => due_at.is_some_and(|due| due <= due_before),
                });
                match self.fault {
                    Fault::DueSortsByKey => {}
                    Fault::DueTiesAreUnsorted => {
                        found.reverse();
                        found.sort_by_key(|(due_at, _)| *due_at);
                    }
                    Fault::DueSortsAsText => {
                        found.sort_by_key(|(due_at, _)| due_at.map(|due| due.to_string()));
                    }
                    _ => found.sort(),
                }
            }
            _ if self.fault == Fault::KeysSortByLocale => {
                found.sort_by_key(|(_, key)| (key.to_lowercase(), key.clone()));
            }
            _ if self.fault == Fault::KeysAreUnsorted => found.reverse(),
            _ => {}
        }
        if self.fault != Fault::LimitIsIgnored {
            found.truncate(limit);
        }
        Ok(found.into_iter().map(|(_, key)| key).collect())
    }
}

impl Store for Broken {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(async move {
            let found = self.records.load(&self.key(key)).await?;
            match self.fault {
                Fault::FailsForAbsentKeys if found.is_none() => Err(StoreError::new("no row")),
                Fault::Hangs => std::future::pending().await,
                _ => Ok(found),
            }
        })
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(async move {
            if let (None, Some(new)) = (expected, &new) {
                let mut first_due = self.first_due.lock().unwrap();
                first_due.insert(key.to_owned(), new.due_at);
            }
            let new = new.map(|new| self.kept(new));
            self.swap(&self.key(key), expected, new).await
        })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(self.keys(prefix, due_before, limit))
    }
}

async fn caught(fault: Fault, rule: &str) {
    let violation = check(Arc::new(Broken::new(fault)), None)
        .await
        .expect_err("the fault was not found");
    assert!(violation.rule().contains(rule), "{fault:?}: {violation}");
}

/// One test per fault: its name, the fault, and a piece of the rule.
macro_rules! faults {
    ($($name:ident: $fault:ident breaks $rule:literal;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            caught(Fault::$fault, $rule).await;
        }
    )*};
}

faults! {
    the_expected_version_is_ignored: IgnoresExpectedVersion breaks "another version must be refused";
    an_insert_overwrites: OverwritesOnInsert breaks "when a record is there";
    an_update_inserts: InsertsOnUpdate breaks "another version must be refused";
    a_deletion_ignores_the_version: DeletesAnyVersion breaks "A deletion that expects another";
    a_deletion_does_nothing: DeletesNothing breaks "was deleted";
    a_write_follows_a_load: LoadsThenWrites breaks "exactly one must succeed";
    refused_is_said_though_it_was_done: SaysRefusedThoughDone breaks "must be done";
    done_is_said_though_it_was_refused: SaysDoneThoughRefused breaks "must be refused";
    an_error_comes_for_a_refusal: FailsInsteadOfRefusing breaks "must do its work";
    an_error_comes_for_an_absent_key: FailsForAbsentKeys breaks "must do its work";
    a_prefix_is_a_pattern: PrefixIsALikePattern breaks "begin with the prefix";
    a_prefix_ignores_case: PrefixIgnoresCase breaks "begin with the prefix";
    a_prefix_is_ignored: PrefixIsIgnored breaks "begin with the prefix";
    keys_ignore_case: KeysIgnoreCase breaks "compared byte for byte";
    keys_are_cut: KeysAreCut breaks "up to 255";
    keys_sort_by_locale: KeysSortByLocale breaks "byte by byte";
    keys_are_unsorted: KeysAreUnsorted breaks "byte by byte";
    the_limit_is_ignored: LimitIsIgnored breaks "up to the limit";
    due_is_ignored: DueIsIgnored breaks "due_at is at or before";
    due_is_exclusive: DueIsExclusive breaks "begin with the prefix";
    due_sorts_as_text: DueSortsAsText breaks "oldest due_at first";
    due_sorts_by_key: DueSortsByKey breaks "oldest due_at first";
    due_ties_are_unsorted: DueTiesAreUnsorted breaks "order of keys";
    due_includes_never: DueIncludesNever breaks "due_at is at or before";
    due_is_of_the_first_record: DueIsOfTheFirstRecord breaks "latest swap";
    due_at_is_lost: LosesDueAt breaks "exactly as it was put";
    expires_at_is_lost: LosesExpiresAt breaks "Versions and times";
    the_time_zero_is_none: ZeroTimeIsNone breaks "not the time 0";
    times_are_32_bit: TimesAre32Bit breaks "up to 2^53";
    versions_are_floats: VersionsAreFloats breaks "up to 2^53";
    values_end_at_zero: ValuesEndAtZero breaks "any bytes";
    values_are_text: ValuesAreText breaks "any bytes";
    values_are_cut: ValuesAreCut breaks "64 KiB";
    empty_values_are_nothing: EmptyValuesAreNothing breaks "any bytes";
    late_writes_tear: LateWritesTear breaks "given up";
    late_writes_overwrite: LateWritesOverwrite breaks "given up";
    a_method_hangs: Hangs breaks "must do its work";
}

/// Reopens as something else than was written to.
fn reopening(
    other: impl Fn(&Arc<MemoryStore>) -> Arc<dyn Store> + Send + Sync + 'static,
) -> (Arc<dyn Store>, Reopen) {
    let store = Arc::new(MemoryStore::new());
    let data = Arc::clone(&store);
    let reopen: Reopen = Box::new(move || {
        let other = other(&data);
        Box::pin(async move { Ok(other) })
    });
    (store, reopen)
}

/// A replica that is behind: it shows what was there when it was first looked at.
struct Cached {
    data: Arc<MemoryStore>,
    seen: Mutex<std::collections::BTreeMap<String, Option<Record>>>,
}

impl Store for Cached {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(async move {
            let now = self.data.load(key).await?;
            Ok(self
                .seen
                .lock()
                .unwrap()
                .entry(key.to_owned())
                .or_insert(now)
                .clone())
        })
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        self.data.compare_and_swap(key, expected, new)
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.data.scan(prefix, due_before, limit)
    }
}

#[tokio::test]
async fn nothing_is_there_after_reopening() {
    let (store, reopen) = reopening(|_| Arc::new(MemoryStore::new()));
    let violation = check(store, Some(reopen)).await.unwrap_err();
    // Two handles on different data have two winners: that is found first.
    assert!(violation.rule().contains("exactly one"), "{violation}");
}

#[tokio::test]
async fn another_handle_reads_from_a_cache() {
    let (store, reopen) = reopening(|data| {
        Arc::new(Cached {
            data: Arc::clone(data),
            seen: Mutex::default(),
        })
    });
    let violation = check(store, Some(reopen)).await.unwrap_err();
    assert!(
        violation.rule().contains("version that is there"),
        "{violation}"
    );
}

#[tokio::test]
async fn reopening_fails() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let reopen: Reopen = Box::new(|| Box::pin(async { Err(StoreError::new("gone")) }));
    let violation = check(store, Some(reopen)).await.unwrap_err();
    assert!(violation.found().contains("reopening"), "{violation}");
    assert_eq!(violation.store_error().unwrap().to_string(), "gone");
}

#[tokio::test]
async fn a_good_store_passes_and_is_left_as_it_was() {
    let (store, reopen) = reopening(|data| Arc::clone(data) as Arc<dyn Store>);
    let report = check(Arc::clone(&store), Some(reopen)).await.unwrap();
    assert_eq!((report.passed.len(), report.skipped.len()), (13, 0));
    let report = check(Arc::clone(&store), None).await.unwrap();
    assert_eq!(report.skipped, ["reopening"]);
    assert!(store.scan("", None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_broken_store_is_left_as_it_was_too() {
    let store = Arc::new(Broken::new(Fault::DueSortsByKey));
    let records = Arc::clone(&store.records);
    assert!(check(store, None).await.is_err());
    assert!(records.scan("", None, 10).await.unwrap().is_empty());
}
