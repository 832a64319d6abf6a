//! SQLite and fork.
//!
//! SQLite remembers, once per process and file, which locks the process holds, and a forked child
//! inherits that memory but not the locks. A connection that the child opens beside an inherited
//! one would rely on locks that nobody has, and another process could delete the log that the child
//! writes to. So before the child opens anything, all inherited connections are closed: with the
//! last one SQLite forgets. That is sound as long as none of them was at work in the moment of the
//! fork; if one was, its thread is gone, its state is half done, and SQLite may not be used any
//! more in this child.

use std::sync::{Arc, PoisonError, Weak};

use super::connections::Connections;
use crate::store::StoreError;
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};
use crate::sync::{process_wide, Mutex};

process_wide! {
    /// The process that the rest of this speaks of; 0 before the first use.
    static PROCESS: AtomicU32 = AtomicU32::new(0);
}
process_wide! {
    static AT_WORK: AtomicUsize = AtomicUsize::new(0);
}
process_wide! {
    static UNUSABLE: AtomicBool = AtomicBool::new(false);
}
process_wide! {
    /// Held for moments when a store is made, and in a child's first use of one.
    static ALL: Mutex<Vec<Weak<Connections>>> = Mutex::new(Vec::new());
}

/// Somebody uses SQLite, or waits for a turn to.
pub(super) struct AtWork(());

impl AtWork {
    pub(super) fn begin() -> Result<Self, StoreError> {
        if !is_ours() {
            take_over();
        }
        if UNUSABLE.load(SeqCst) {
            return Err(StoreError::new(
                "This process was forked while a SQLite store was at work, and SQLite cannot be \
                 used in it. Fork before the first use of the store, or while it is idle.",
            ));
        }
        AT_WORK.fetch_add(1, SeqCst);
        Ok(Self(()))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        AT_WORK.fetch_sub(1, SeqCst);
    }
}

/// Whether the present process has used SQLite before, so that connections are its own.
pub(super) fn is_ours() -> bool {
    PROCESS.load(SeqCst) == std::process::id()
}

pub(super) fn register(connections: &Arc<Connections>) {
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|known| known.strong_count() > 0);
    all.push(Arc::downgrade(connections));
}

/// The first use of SQLite in this process: of the first process, or of a child.
fn take_over() {
    let all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if is_ours() {
        return; // Another thread was quicker.
    }
    // The last of one may be ours, and what it begins when it is dropped must find the process taken over.
    let inherited: Vec<_> = all.iter().filter_map(Weak::upgrade).collect();
    if AT_WORK.load(SeqCst) == 0 {
        for connections in &inherited {
            connections.close_idle();
        }
    } else {
        UNUSABLE.store(true, SeqCst);
    }
    PROCESS.store(std::process::id(), SeqCst);
}

#[cfg(all(test, relaypass_loom))]
mod models {
    use std::time::Duration;

    use rusqlite::Connection;

    use super::*;
    use crate::sync::{play, spawn};

    /// A store that this process inherited from its parent, with a connection.
    fn inherited() -> Arc<Connections> {
        let connections = Connections::new("store.db".into(), "", false, Duration::ZERO);
        connections.give_back(Connection::open_in_memory().expect("there is memory"));
        PROCESS.store(std::process::id() + 1, SeqCst);
        connections
    }

    #[test]
    fn no_thread_of_a_child_begins_before_what_it_inherited_is_closed() {
        play(|| {
            let connections = inherited();
            let beginning = [(); 2].map(|()| {
                let connections = connections.clone();
                spawn(move || {
                    let _at_work = AtWork::begin().expect("the parent was idle");
                    assert!(!connections.has_idle());
                })
            });
            let _at_work = AtWork::begin().expect("the parent was idle");
            assert!(!connections.has_idle());
            for thread in beginning {
                thread.join().unwrap();
            }
        });
    }

    #[test]
    fn no_thread_of_a_child_begins_if_its_parent_was_at_work() {
        play(|| {
            let connections = inherited();
            AT_WORK.store(1, SeqCst);
            let beginning = [(); 2].map(|()| spawn(|| AtWork::begin().is_err()));
            assert!(AtWork::begin().is_err());
            assert!(beginning
                .map(|thread| thread.join().unwrap())
                .iter()
                .all(|it| *it));
            assert!(connections.has_idle(), "it is the parent's");
        });
    }
}
