//! A store that was opened, and used, before the process forked.
#![cfg(unix)]

#[path = "support/services.rs"]
mod services;

use std::future::Future;
use std::sync::Mutex;

use relaypass::store::{create_table, open, Record, Store, Swap};
use services::Services;

/// A fork in one test must not fall into the work of another.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Runs `work` in a forked child; whether it returned true.
fn in_child<F: Future<Output = bool>>(work: impl FnOnce() -> F) -> bool {
    // SAFETY: the child uses nothing that another thread of the parent may hold: a runtime of its
    // own, and the store, which is what is tested. glibc makes the allocator usable in children.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime().block_on(async {
                let limit = std::time::Duration::from_secs(20);
                tokio::time::timeout(limit, work()).await.unwrap_or(false)
            })
        }));
        // SAFETY: ends the child without the destructors and exit handlers of the parent's state.
        unsafe { libc::_exit(i32::from(!passed.unwrap_or(false))) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above; `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

async fn swap(store: &dyn Store, expected: Option<u64>) -> bool {
    let new = Record {
        value: b"value".to_vec(),
        version: expected.unwrap_or(0) + 1,
        due_at: None,
        expires_at: None,
    };
    let swap = store.compare_and_swap("key", expected, Some(new)).await;
    matches!(swap, Ok(Swap::Done))
}

async fn version(store: &dyn Store) -> Option<u64> {
    store.load("key").await.ok()?.map(|record| record.version)
}

/// Parent and child take turns with one store object.
fn parent_and_child_both_go_on(store: &dyn Store, reopened: &dyn Store) {
    let runtime = runtime();
    assert!(runtime.block_on(swap(store, None)));
    assert!(in_child(|| async {
        version(store).await == Some(1) && swap(store, Some(1)).await
    }));
    assert_eq!(runtime.block_on(version(store)), Some(2));
    assert!(runtime.block_on(swap(store, Some(2))));
    assert!(in_child(|| async {
        // And a grandchild.
        swap(store, Some(3)).await
            && std::thread::scope(|threads| {
                let forking = threads.spawn(|| in_child(|| swap(store, Some(4))));
                forking.join().unwrap()
            })
            && swap(store, Some(5)).await
    }));
    assert_eq!(runtime.block_on(version(store)), Some(6));
    assert_eq!(runtime.block_on(version(reopened)), Some(6));
}

#[test]
fn sqlite_works_in_parent_and_children() {
    let _alone = ONE_AT_A_TIME.lock();
    let folder = std::env::temp_dir().join(format!("relaypass-fork-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let url = format!("sqlite://{}/store.db", folder.display());
    parent_and_child_both_go_on(&*open(&url).unwrap(), &*open(&url).unwrap());

    // What a child wrote is there although the parent, the last one but the child, ended first: the
    // child holds locks of its own.
    let store = open(&url).unwrap();
    let before = runtime();
    assert_eq!(before.block_on(version(&*store)), Some(6));
    let (store_in_child, url_in_child) = (&store, &url);
    assert!(in_child(|| async {
        let opened = swap(&**store_in_child, Some(6)).await;
        // Another process that opens and closes the file must not clear the log away.
        let path = url_in_child.strip_prefix("sqlite://").unwrap();
        let other = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "opens_and_closes", "--nocapture"])
            .env("FORK_TEST_FILE", path)
            .stdout(std::process::Stdio::null())
            .status();
        let log_is_there = std::path::Path::new(&format!("{path}-wal")).exists();
        opened && other.unwrap().success() && log_is_there && swap(&**store_in_child, Some(7)).await
    }));
    assert_eq!(before.block_on(version(&*store)), Some(8));
    drop(store);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Not a test: another process, for the one above.
#[test]
fn opens_and_closes() {
    if let Ok(path) = std::env::var("FORK_TEST_FILE") {
        let store = open(&format!("sqlite://{path}")).unwrap();
        assert!(runtime().block_on(version(&*store)).is_some());
    }
}

#[test]
fn sqlite_says_so_when_it_was_at_work_in_the_moment_of_the_fork() {
    let _alone = ONE_AT_A_TIME.lock();
    let name = format!("relaypass-fork-busy-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).unwrap();
    let url = format!("sqlite://{}/store.db", folder.display());
    let store = open(&url).unwrap();
    let runtime = runtime();
    assert!(runtime.block_on(swap(&*store, None)));
    // A lock that keeps the next swap at work.
    let locker = rusqlite::Connection::open(folder.join("store.db")).unwrap();
    locker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut waiting = Box::pin(swap(&*store, Some(1)));
    let begun = runtime.block_on(async {
        let limit = std::time::Duration::from_millis(100);
        tokio::time::timeout(limit, waiting.as_mut()).await.is_err()
    });
    assert!(begun);
    assert!(in_child(|| async {
        let error = store.load("key").await.unwrap_err().to_string();
        let other = open("sqlite:other").unwrap().load("key").await;
        error.contains("forked") && other.is_err()
    }));
    locker.execute_batch("COMMIT").unwrap();
    assert!(runtime.block_on(waiting));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn postgres_works_in_parent_and_children() {
    let _alone = ONE_AT_A_TIME.lock();
    let runtime = runtime();
    let Some(url) = runtime.block_on(Services::start().postgres_database()) else {
        return;
    };
    runtime.block_on(create_table(&url)).unwrap();
    parent_and_child_both_go_on(&*open(&url).unwrap(), &*open(&url).unwrap());
}
