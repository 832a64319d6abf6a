use super::*;
use crate::store::{LARGEST_VALUE, LONGEST_KEY};
use std::error::Error as _;
use std::path::PathBuf;

/// A folder that is gone when the test ends.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(test: &str) -> Self {
        let name = format!("relaypass-sqlite-{}-{test}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join("store.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn small_record(version: u64) -> Record {
    Record {
        value: Vec::new(),
        ..large_record(version)
    }
}

fn large_record(version: u64) -> Record {
    Record {
        value: b"canary".repeat(LARGEST_VALUE / 6),
        version,
        due_at: None,
        expires_at: None,
    }
}

fn assert_clear(error: &StoreError, words: &str, code: rusqlite::ErrorCode) {
    assert!(error.to_string().contains(words), "{error}");
    let cause = error.source().unwrap();
    assert!(!format!("{error} {error:?} {cause}").contains("canary"));
    let cause: &rusqlite::Error = cause.downcast_ref().unwrap();
    assert_eq!(cause.sqlite_error_code(), Some(code));
}

#[tokio::test]
async fn two_who_prune_at_once_delete_each_record_once_and_nothing_that_is_kept() {
    let folder = Folder::new("prune");
    let open = || SqliteStore::open(folder.file());
    let (one, other) = (open(), open());
    for number in 0..60 {
        let record = Record {
            expires_at: Some(if number % 2 == 0 { 1 } else { 3 }),
            ..large_record(1)
        };
        let key = format!("key-{number}");
        let stored = one.compare_and_swap(&key, None, Some(record));
        assert_eq!(stored.await.unwrap(), Swap::Done);
    }
    let prune = |store: SqliteStore| async move {
        let mut deleted = 0;
        loop {
            match store.delete_expired(2, 4).await.unwrap() {
                0 => return deleted,
                batch => deleted += batch,
            }
        }
    };
    let (first, second) = tokio::join!(tokio::spawn(prune(one)), tokio::spawn(prune(other)));
    assert_eq!(first.unwrap() + second.unwrap(), 30);
    assert_eq!(open().scan("", None, 99).await.unwrap().len(), 30);
}

#[tokio::test]
async fn the_disk_is_full() {
    let folder = Folder::new("full");
    let store =
        SqliteStore::with_pragmas(&folder.file(), "PRAGMA max_page_count = 10", BUSY_TIMEOUT);
    let error = store
        .compare_and_swap("key", None, Some(large_record(1)))
        .await
        .unwrap_err();
    assert_clear(&error, "no room", rusqlite::ErrorCode::DiskFull);
    assert!(store.load("key").await.unwrap().is_none());
    // There is room again.
    let store = SqliteStore::open(folder.file());
    let swap = store.compare_and_swap("key", None, Some(large_record(1)));
    assert_eq!(swap.await.unwrap(), Swap::Done);
}

#[tokio::test]
async fn the_file_may_not_be_written_to() {
    let folder = Folder::new("read-only");
    SqliteStore::open(folder.file())
        .create_table()
        .await
        .unwrap();
    let store = SqliteStore::with_pragmas(&folder.file(), "PRAGMA query_only = on", BUSY_TIMEOUT);
    let error = store
        .compare_and_swap("key", None, Some(large_record(1)))
        .await
        .unwrap_err();
    assert_clear(&error, "may not write", rusqlite::ErrorCode::ReadOnly);
}

#[tokio::test]
async fn the_file_is_something_else() {
    let folder = Folder::new("other");
    std::fs::write(folder.file(), b"canary".repeat(1000)).unwrap();
    let error = SqliteStore::open(folder.file())
        .load("key")
        .await
        .unwrap_err();
    assert_clear(&error, "no SQLite file", rusqlite::ErrorCode::NotADatabase);
    assert_eq!(
        std::fs::read(folder.file()).unwrap(),
        b"canary".repeat(1000)
    );
}

#[tokio::test]
async fn the_file_is_damaged() {
    let folder = Folder::new("damaged");
    let store = SqliteStore::open(folder.file());
    for index in 0..20 {
        let key = format!("{index}-{}", "k".repeat(LONGEST_KEY - 10));
        let swap = store.compare_and_swap(&key, None, Some(large_record(1)));
        assert_eq!(swap.await.unwrap(), Swap::Done);
    }
    drop(store);
    let mut bytes = std::fs::read(folder.file()).unwrap();
    // All but the first page, which says that it is a SQLite file and what tables it has.
    bytes[4096..].fill(0xAB);
    std::fs::write(folder.file(), bytes).unwrap();
    let store = SqliteStore::open(folder.file());
    let error = store.scan("", None, 100).await.unwrap_err();
    assert_clear(&error, "damage", rusqlite::ErrorCode::DatabaseCorrupt);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_created_is_for_its_owner_alone_and_what_is_there_stays_as_it_is() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = Folder::new("private");
    let mode = |name: &str| {
        let metadata = std::fs::metadata(folder.0.join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    let store = SqliteStore::open(folder.file());
    let swap = store.compare_and_swap("key", None, Some(large_record(1)));
    assert_eq!(swap.await.unwrap(), Swap::Done);
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    drop(store);
    let shared = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(folder.file(), shared).unwrap();
    let store = SqliteStore::open(folder.file());
    let swap = store.compare_and_swap("other", None, Some(large_record(1)));
    assert_eq!(swap.await.unwrap(), Swap::Done);
    assert_eq!(mode("store.db"), 0o640);
}

#[tokio::test]
async fn the_folder_does_not_exist() {
    let folder = Folder::new("none");
    let store = SqliteStore::open(folder.0.join("none/store.db"));
    let error = store.load("key").await.unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[tokio::test]
async fn a_scan_for_due_records_uses_the_index_alone() {
    let folder = Folder::new("plan");
    let store = SqliteStore::open(folder.file());
    let plan = store.connections.read(|connection| {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {SCAN_DUE}"))?;
        let steps = statement.query_map(params![1, "a", "b", 1], |row| row.get(3))?;
        steps.collect::<rusqlite::Result<Vec<String>>>()
    });
    let plan = plan.await.unwrap();
    // One step: no second one that sorts.
    assert_eq!(
        plan,
        ["SEARCH relaypass_records USING COVERING INDEX relaypass_records_due (due_at<?)"]
    );
}

#[tokio::test]
async fn a_wiped_secret_is_nowhere_in_the_file() {
    let folder = Folder::new("wiped");
    let store = SqliteStore::open(folder.file());
    let swap = store.compare_and_swap("key", None, Some(large_record(1)));
    assert_eq!(swap.await.unwrap(), Swap::Done);
    let wiped = Record {
        value: Vec::new(),
        ..large_record(2)
    };
    let swap = store.compare_and_swap("key", Some(1), Some(wiped));
    assert_eq!(swap.await.unwrap(), Swap::Done);
    drop(store);
    // The last one who closes the file merges the log into it and removes the log.
    let bytes = std::fs::read(folder.file()).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"canary"));
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[tokio::test]
async fn a_number_too_large_for_a_column_is_refused() {
    let folder = Folder::new("number");
    let store = SqliteStore::open(folder.file());
    let error = store
        .compare_and_swap("key", None, Some(large_record(u64::MAX)))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
    let record = large_record(i64::MAX as u64);
    let swap = store.compare_and_swap("key", None, Some(record));
    assert_eq!(swap.await.unwrap(), Swap::Done);
    assert!(store.scan("", Some(u64::MAX), 1).await.unwrap().is_empty());
}
