//! Writes that wait together, fail together or alone, and those that nobody waits for.

use std::fs;
use std::path::Path;
use std::sync::{mpsc, Arc};
use std::time::Duration;

use rusqlite::Connection;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::store::sqlite::tests::{small_record, Folder};
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, Swap};

/// How many transactions the log holds: the frame that ends one says how large the file is then.
fn transactions(folder: &Folder) -> usize {
    let log = fs::read(folder.0.join("store.db-wal")).unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    let frames = log[32..].chunks_exact(24 + page);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn what_waits_together_is_one_transaction() {
    let folder = Folder::new("together");
    let store = Arc::new(SqliteStore::open(folder.file()));
    store.create_table().await.unwrap();
    let before = transactions(&folder);
    // Another process writes, and everybody waits.
    let mut other = Connection::open(folder.file()).unwrap();
    let lock = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    let mut writes = JoinSet::new();
    for number in 0..50 {
        let store = store.clone();
        writes.spawn(async move {
            let key = format!("key-{number}");
            store
                .compare_and_swap(&key, None, Some(small_record(1)))
                .await
        });
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(lock);
    let swaps = writes.join_all().await;
    assert!(swaps.into_iter().all(|swap| swap.unwrap() == Swap::Done));
    assert_eq!(store.scan("key-", None, 99).await.unwrap().len(), 50);
    // The first, which waited for the lock, and all others.
    assert!(transactions(&folder) - before <= 3);
    // Each is refused if it is done again.
    for number in 0..50 {
        let key = format!("key-{number}");
        let again = store.compare_and_swap(&key, None, Some(small_record(1)));
        assert_eq!(again.await.unwrap(), Swap::Refused);
    }
}

#[tokio::test]
async fn one_that_fails_takes_nobody_along() {
    let folder = Folder::new("one-fails");
    let store = Arc::new(SqliteStore::open(folder.file()));
    store.create_table().await.unwrap();
    let mut other = Connection::open(folder.file()).unwrap();
    let lock = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    let mut writes = JoinSet::new();
    for number in 0..9 {
        let store = store.clone();
        writes.spawn(async move {
            let write = move |connection: &Connection| match number {
                5 => connection.execute("DELETE FROM what_is_not_there", []),
                _ => connection.execute(
                    "INSERT INTO relaypass_records (key, value, version) VALUES (?1, x'', 1)",
                    [format!("key-{number}")],
                ),
            };
            (number, store.connections.write(Box::new(write)).await)
        });
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(lock);
    for (number, written) in writes.join_all().await {
        assert_eq!(written.is_err(), number == 5, "{number}");
    }
    assert_eq!(store.scan("key-", None, 99).await.unwrap().len(), 8);
}

#[tokio::test]
async fn what_nobody_waits_for_when_its_turn_comes_is_not_written() {
    let folder = Folder::new("given-up");
    let store = SqliteStore::open(folder.file());
    store.create_table().await.unwrap();
    let mut other = Connection::open(folder.file()).unwrap();
    let lock = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    let first = store.compare_and_swap("first", None, Some(small_record(1)));
    let given_up = async {
        // The first has begun, and waits for the lock.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let second = store.compare_and_swap("second", None, Some(small_record(1)));
        timeout(Duration::from_millis(50), second)
            .await
            .unwrap_err();
        drop(lock);
    };
    let (first, ()) = tokio::join!(first, given_up);
    assert_eq!(first.unwrap(), Swap::Done);
    assert!(store.load("second").await.unwrap().is_none());
}

/// A thread that the system does not give stands for one that is busy: either way the work is queued.
#[test]
fn what_finds_no_thread_holds_nobody_up_for_longer_than_it_waits() {
    let folder = Folder::new("no-thread");
    let store = SqliteStore::open(folder.file());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        store.create_table().await.unwrap();
        let (free, busy) = mpsc::channel::<()>();
        let held = tokio::task::spawn_blocking(move || busy.recv());
        for key in ["first", "second"] {
            let swap = store.compare_and_swap(key, None, Some(small_record(1)));
            timeout(Duration::from_millis(50), swap).await.unwrap_err();
            timeout(Duration::from_millis(50), store.load(key))
                .await
                .unwrap_err();
        }
        free.send(()).unwrap();
        held.await.unwrap().unwrap();
        let swap = store.compare_and_swap("third", None, Some(small_record(1)));
        assert_eq!(swap.await.unwrap(), Swap::Done);
        assert_eq!(store.scan("", None, 9).await.unwrap(), ["third"]);
    });
}

/// With what SQLite has laid beside it.
#[cfg(unix)]
fn rename(from: &Path, to: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let name = |file: &Path| format!("{}{suffix}", file.display());
        let _ = fs::remove_file(name(to));
        if Path::new(&name(from)).exists() {
            fs::rename(name(from), name(to)).unwrap();
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_was_removed_or_replaced_is_noticed() {
    let folder = Folder::new("removed");
    let store = SqliteStore::open(folder.file());
    let done = store.compare_and_swap("first", None, Some(small_record(1)));
    assert_eq!(done.await.unwrap(), Swap::Done);
    let away = folder.0.join("away.db");
    rename(&folder.file(), &away);
    let error = store.load("first").await.unwrap_err().to_string();
    assert!(error.contains("was removed or replaced"), "{error}");
    let lost = store.compare_and_swap("second", None, Some(small_record(1)));
    lost.await.unwrap_err();
    assert!(!folder.file().exists(), "nothing is made in its place");
    // Another file in its place is not the one that the rest is in.
    SqliteStore::open(folder.file())
        .create_table()
        .await
        .unwrap();
    let lost = store.compare_and_swap("second", None, Some(small_record(1)));
    lost.await.unwrap_err();
    // The right one is.
    rename(&away, &folder.file());
    assert!(store.load("first").await.unwrap().is_some());
    assert!(store.load("second").await.unwrap().is_none());
}
