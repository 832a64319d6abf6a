//! A store that was opened, and used, before the process forked. Each test has a process of its own: a
//! fork must not fall into the work of another test.
#![cfg(unix)]

use std::future::Future;

use crate::support::own_process::in_own_process;
use crate::support::services::Services;
use relaypass::store::{create_table, open, Record, Store, Swap};

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
    if !in_own_process("fork::sqlite_works_in_parent_and_children", &[]) {
        return;
    }
    let folder = std::env::temp_dir().join(format!("relaypass-fork-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let url = format!("sqlite://{}/store.db", folder.display());
    parent_and_child_both_go_on(&*open(&url).unwrap(), &*open(&url).unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A daemon: its parent used the store, forked, and ended. The log that the daemon writes to must
/// not be cleared away by the next process that opens the file.
#[test]
fn sqlite_in_an_orphaned_child_holds_locks_of_its_own() {
    let name = "fork::sqlite_in_an_orphaned_child_holds_locks_of_its_own";
    if in_own_process(name, &[]) {
        an_orphan_keeps_what_it_stored(false);
    }
}

/// It lets the store go that it inherited, before it uses any, and opens one of its own.
#[test]
fn sqlite_in_an_orphaned_child_that_drops_its_parents_store_first_holds_locks_of_its_own() {
    let name = "fork::sqlite_in_an_orphaned_child_that_drops_its_parents_store_first_holds_locks_of_its_own";
    if in_own_process(name, &[]) {
        an_orphan_keeps_what_it_stored(true);
    }
}

fn an_orphan_keeps_what_it_stored(drops_first: bool) {
    let name = format!("relaypass-fork-orphan-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("store.db");
    let verdict = folder.join("verdict");
    let url = format!("sqlite://{}", file.display());
    let parent_ended = in_child(|| async {
        let store = open(&url).unwrap();
        let used = swap(&*store, None).await;
        let parent = std::process::id();
        // SAFETY: as in `in_child`.
        if unsafe { libc::fork() } == 0 {
            let orphan = || {
                let store = match drops_first {
                    true => {
                        drop(store);
                        open(&url).unwrap()
                    }
                    false => store,
                };
                while std::os::unix::process::parent_id() == parent {
                    std::thread::yield_now();
                }
                runtime().block_on(async {
                    let before = swap(&*store, Some(1)).await;
                    let other = std::process::Command::new(std::env::current_exe().unwrap())
                        .args(["--exact", "fork::opens_and_closes"])
                        .env("FORK_TEST_FILE", &file)
                        .stdout(std::process::Stdio::null())
                        .status();
                    before
                        && other.unwrap().success()
                        && swap(&*store, Some(2)).await
                        && version(&*open(&url).unwrap()).await == Some(3)
                })
            };
            let works = std::thread::scope(|threads| threads.spawn(orphan).join());
            let works = works.unwrap_or(false);
            std::fs::write(folder.join("new"), works.to_string()).unwrap();
            std::fs::rename(folder.join("new"), &verdict).unwrap();
            // SAFETY: as in `in_child`.
            unsafe { libc::_exit(0) };
        }
        used
    });
    assert!(parent_ended);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !verdict.exists() && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(std::fs::read_to_string(&verdict).unwrap(), "true");
    // And a process that was never near those.
    let version_now = runtime().block_on(version(&*open(&url).unwrap()));
    assert_eq!(version_now, Some(3));
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
    if !in_own_process(
        "fork::sqlite_says_so_when_it_was_at_work_in_the_moment_of_the_fork",
        &[],
    ) {
        return;
    }
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
    // Its thread goes on, although nobody waits for it any more.
    drop(waiting);
    assert!(in_child(|| async {
        let error = store.load("key").await.unwrap_err().to_string();
        let other = open("sqlite:other").unwrap().load("key").await;
        error.contains("forked") && other.is_err()
    }));
    locker.execute_batch("COMMIT").unwrap();
    assert!(runtime.block_on(swap(&*store, Some(2))));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// What a child inherits is its parent's, also where SQLite may not be used any more.
#[cfg(target_os = "linux")]
#[test]
fn sqlite_closes_nothing_of_a_parent_that_was_at_work() {
    if !in_own_process(
        "fork::sqlite_closes_nothing_of_a_parent_that_was_at_work",
        &[],
    ) {
        return;
    }
    let name = format!("relaypass-fork-closes-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).unwrap();
    let open_file = |file: &str| open(&format!("sqlite://{}/{file}", folder.display())).unwrap();
    let (busy, idle) = (open_file("busy.db"), open_file("idle.db"));
    let runtime = runtime();
    assert!(runtime.block_on(swap(&*busy, None)) && runtime.block_on(swap(&*idle, None)));
    // A lock that keeps the next swap at work.
    let locker = rusqlite::Connection::open(folder.join("busy.db")).unwrap();
    locker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut waiting = Box::pin(swap(&*busy, Some(1)));
    let begun = runtime.block_on(async {
        let limit = std::time::Duration::from_millis(100);
        tokio::time::timeout(limit, waiting.as_mut()).await.is_err()
    });
    assert!(begun);
    drop(waiting);
    let mut idle = Some(idle);
    assert!(in_child(|| {
        let idle = idle.take();
        async move {
            let before = open_files("idle.db");
            let refused = idle.as_ref().unwrap().load("key").await.is_err();
            drop(idle);
            refused && before > 0 && open_files("idle.db") == before
        }
    }));
    locker.execute_batch("COMMIT").unwrap();
    assert!(runtime.block_on(swap(&**idle.as_ref().unwrap(), Some(1))));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// How many files with this in their names the process has open.
#[cfg(target_os = "linux")]
fn open_files(name: &str) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    let is_it = |target: &std::path::PathBuf| target.to_string_lossy().contains(name);
    targets.filter(is_it).count()
}

#[test]
fn postgres_works_in_parent_and_children() {
    if !in_own_process("fork::postgres_works_in_parent_and_children", &[]) {
        return;
    }
    let runtime = runtime();
    let Some(url) = runtime.block_on(Services::start().postgres_database()) else {
        return;
    };
    runtime.block_on(create_table(&url)).unwrap();
    parent_and_child_both_go_on(&*open(&url).unwrap(), &*open(&url).unwrap());
}
