//! Writes that wait together, fail together or alone, and those that nobody waits for; the file itself.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, JoinAll};
use futures_util::FutureExt as _;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::time::timeout;

use super::LARGEST_BATCH;
use crate::store::sqlite::tests::{small_record, Folder};
use crate::store::sqlite::{SqliteStore, BUSY_TIMEOUT};
use crate::store::{BoxFuture, Store, StoreError, Swap};

const SOON: Duration = Duration::from_millis(50);

async fn store_in(folder: &Folder, busy_timeout: Duration) -> SqliteStore {
    let store = SqliteStore::with_pragmas(&folder.file(), "", busy_timeout);
    store.create_table().await.unwrap();
    store
}

/// Another process writes, for as long as this lives.
fn lock(other: &mut Connection) -> Transaction<'_> {
    let behavior = TransactionBehavior::Immediate;
    other.transaction_with_behavior(behavior).unwrap()
}

/// Has a number of writes wait, which their future waits for.
async fn queue<'a>(
    store: &'a SqliteStore,
    count: usize,
    sql_of: impl Fn(usize) -> &'static str,
) -> JoinAll<BoxFuture<'a, Result<usize, StoreError>>> {
    let mut writes = join_all((0..count).map(|number| {
        let (key, sql) = (format!("key-{number:03}"), sql_of(number));
        let write = move |connection: &Connection| connection.execute(sql, [&key]);
        Box::pin(store.connections.write(Box::new(write))) as BoxFuture<'a, _>
    }));
    assert!((&mut writes).now_or_never().is_none());
    // Nobody may be given up before the thread has taken the first.
    while store.connections.writes.len() == count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    writes
}

const INSERT: &str = "INSERT INTO relaypass_records (key, value, version) VALUES (?1, x'', 1)";

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
    let store = store_in(&folder, BUSY_TIMEOUT).await;
    let before = transactions(&folder);
    let mut other = Connection::open(folder.file()).unwrap();
    let lock = lock(&mut other);
    let count = 1 + LARGEST_BATCH + 10;
    let writes = queue(&store, count, |_| INSERT).await;
    drop(lock);
    for changed in writes.await {
        assert_eq!(changed.unwrap(), 1);
    }
    assert_eq!(store.scan("key-", None, 99).await.unwrap().len(), count);
    // Those that the thread found when it began, as many as go into one, and the rest.
    let transactions = transactions(&folder) - before;
    assert!((2..=3).contains(&transactions), "{transactions}");
}

#[tokio::test]
async fn one_that_fails_takes_nobody_along() {
    let folder = Folder::new("one-fails");
    let store = store_in(&folder, BUSY_TIMEOUT).await;
    let mut other = Connection::open(folder.file()).unwrap();
    let lock = lock(&mut other);
    let writes = queue(&store, 9, |number| match number {
        5 => "DELETE FROM what_is_not_there WHERE key = ?1",
        _ => INSERT,
    })
    .await;
    drop(lock);
    for (number, written) in writes.await.into_iter().enumerate() {
        assert_eq!(written.is_err(), number == 5, "{number}");
    }
    assert_eq!(store.scan("key-", None, 99).await.unwrap().len(), 8);
}

#[tokio::test]
async fn a_lock_that_lasts_is_waited_for_once_by_all_together() {
    let folder = Folder::new("lock");
    let store = store_in(&folder, 4 * SOON).await;
    let mut other = Connection::open(folder.file()).unwrap();
    let lock = lock(&mut other);
    let began = Instant::now();
    let writes = queue(&store, 40, |_| INSERT).await;
    for written in writes.await {
        let error = written.unwrap_err().to_string();
        assert!(error.contains("another process keeps a lock"), "{error}");
    }
    // Once by those that the thread found when it began, and once by all others.
    assert!(began.elapsed() < 20 * 4 * SOON, "{:?}", began.elapsed());
    drop(lock);
    let swap = store.compare_and_swap("key", None, Some(small_record(1)));
    assert_eq!(swap.await.unwrap(), Swap::Done);
}

#[tokio::test]
async fn what_nobody_waits_for_when_its_turn_comes_is_not_written() {
    let folder = Folder::new("given-up");
    let store = store_in(&folder, BUSY_TIMEOUT).await;
    let mut other = Connection::open(folder.file()).unwrap();
    let lock = lock(&mut other);
    let first = queue(&store, 1, |_| INSERT).await;
    let second = store.compare_and_swap("second", None, Some(small_record(1)));
    timeout(SOON, second).await.unwrap_err();
    drop(lock);
    assert!(first.await[0].is_ok());
    assert!(store.load("second").await.unwrap().is_none());
}

#[tokio::test]
async fn a_write_that_panics_ends_for_its_caller_and_nobody_else() {
    let folder = Folder::new("panic");
    let store = store_in(&folder, BUSY_TIMEOUT).await;
    let panics = store.connections.write(Box::new(|_| panic!("canary")));
    let error = panics.await.unwrap_err().to_string();
    assert!(!error.contains("canary"), "{error}");
    let swap = store.compare_and_swap("key", None, Some(small_record(1)));
    assert_eq!(swap.await.unwrap(), Swap::Done);
}

/// A thread that is busy stands for one that the system does not give: either way the work is queued.
#[test]
fn what_finds_no_thread_holds_nobody_up_for_longer_than_it_waits() {
    let folder = Folder::new("no-thread");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = store_in(&folder, BUSY_TIMEOUT).await;
        let (free, busy) = mpsc::channel::<()>();
        let held = tokio::task::spawn_blocking(move || busy.recv());
        for key in ["first", "second"] {
            let swap = store.compare_and_swap(key, None, Some(small_record(1)));
            timeout(SOON, swap).await.unwrap_err();
            timeout(SOON, store.load(key)).await.unwrap_err();
        }
        free.send(()).unwrap();
        held.await.unwrap().unwrap();
        let swap = store.compare_and_swap("third", None, Some(small_record(1)));
        assert_eq!(swap.await.unwrap(), Swap::Done);
        assert_eq!(store.scan("", None, 9).await.unwrap(), ["third"]);
    });
}

#[test]
fn without_a_runtime_it_says_so() {
    let folder = Folder::new("no-runtime");
    let store = SqliteStore::open(folder.file());
    let load = store.load("key").now_or_never();
    let error = load.unwrap().unwrap_err().to_string();
    assert!(error.contains("within a tokio runtime"), "{error}");
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
async fn a_file_that_was_removed_or_replaced_is_noticed_for_good() {
    let folder = Folder::new("removed");
    let store = store_in(&folder, BUSY_TIMEOUT).await;
    let swap = |key| store.compare_and_swap(key, None, Some(small_record(1)));
    assert_eq!(swap("first").await.unwrap(), Swap::Done);
    let away = folder.0.join("away.db");
    rename(&folder.file(), &away);
    let error = store.load("first").await.unwrap_err().to_string();
    assert!(error.contains("was removed or replaced"), "{error}");
    swap("second").await.unwrap_err();
    assert!(!folder.file().exists(), "nothing is made in its place");
    // Another file in its place, which may have the same number, is not the one that the rest is in.
    let other = SqliteStore::open(folder.file());
    other.create_table().await.unwrap();
    swap("second").await.unwrap_err();
    drop(other);
    // Nor does it go on with a file that others may have been at meanwhile, until it begins anew.
    rename(&away, &folder.file());
    store.load("first").await.unwrap_err();
    let store = SqliteStore::open(folder.file());
    assert!(store.load("first").await.unwrap().is_some());
    assert!(store.load("second").await.unwrap().is_none());
}

#[cfg(unix)]
#[tokio::test]
async fn a_write_into_a_file_that_is_removed_meanwhile_is_not_said_to_be_done() {
    let folder = Folder::new("removed-meanwhile");
    let store = store_in(&folder, BUSY_TIMEOUT).await;
    let mut other = Connection::open(folder.file()).unwrap();
    let lock = lock(&mut other);
    let writes = queue(&store, 2, |_| INSERT).await;
    fs::remove_file(folder.file()).unwrap();
    drop(lock);
    for written in writes.await {
        let error = written.unwrap_err().to_string();
        assert!(error.contains("was removed or replaced"), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_created_is_for_its_owner_alone_also_through_a_link() {
    use std::os::unix::fs::{symlink, PermissionsExt as _};

    let folder = Folder::new("private");
    let target = folder.0.join("target.db");
    symlink("target.db", folder.0.join("link.db")).unwrap();
    symlink("link.db", folder.file()).unwrap();
    let store = store_in(&folder, BUSY_TIMEOUT).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&target), 0o600);
    drop(store);
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    store_in(&folder, BUSY_TIMEOUT).await;
    assert_eq!(mode(&target), 0o640, "what is there stays as it is");
}
