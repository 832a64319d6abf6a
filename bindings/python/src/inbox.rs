//! Work for Python code that is not ours: a store's methods, and whoever listens to events.
//!
//! It is done by threads of Python's own (`relaypass/callbacks.py`), which come here and ask for
//! it. A thread of Rust's must not: CPython before 3.14 kills whoever runs Python code while the
//! interpreter ends, and that must not unwind a frame of Rust (see [`crate::exit`]).

use std::collections::VecDeque;
use std::sync::PoisonError;

use crate::sync::{Condvar, Mutex, MutexGuard};

/// A queue, and the threads that serve it.
pub(crate) struct Inbox<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    /// There are never more threads than this.
    most_threads: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    /// Those that serve, counted from the moment it is decided to start them.
    threads: usize,
    /// Those of them that wait for work.
    idle: usize,
}

/// More threads than this do not wait for work; the others end.
const MOST_IDLE: usize = if cfg!(all(test, relaypass_loom)) {
    1
} else {
    8
};

impl<T> Inbox<T> {
    pub(crate) fn new(most_threads: usize) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                threads: 0,
                idle: 0,
            }),
            arrived: Condvar::new(),
            most_threads,
        }
    }

    /// Leaves work here. From any thread, inside Python or not.
    pub(crate) fn put(&self, work: T) {
        self.put_up_to(usize::MAX, work);
    }

    /// [`Inbox::put`], unless so much waits already.
    pub(crate) fn put_up_to(&self, most: usize, work: T) {
        let mut state = self.state();
        if state.waiting.len() < most {
            state.waiting.push_back(work);
            self.arrived.notify_one();
        }
    }

    /// Whether the caller must start the first thread.
    pub(crate) fn needs_first_thread(&self) -> bool {
        let mut state = self.state();
        let first = state.threads == 0;
        state.threads += usize::from(first);
        first
    }

    /// Whether any thread serves.
    pub(crate) fn is_served(&self) -> bool {
        self.state().threads > 0
    }

    /// A thread that was to be started could not be.
    pub(crate) fn thread_failed(&self) {
        let mut state = self.state();
        state.threads = state.threads.saturating_sub(1);
    }

    /// Waits for work, outside Python. Whoever takes it and leaves nobody behind who waits must
    /// first start another thread, so that work that never ends keeps nobody else waiting.
    ///
    /// `None`: enough threads wait; this one is to end.
    pub(crate) fn next(&self) -> Option<(T, MustStartAnother)> {
        let mut state = self.state();
        if state.idle >= MOST_IDLE {
            state.threads = state.threads.saturating_sub(1);
            return None;
        }
        state.idle += 1;
        let work = loop {
            if let Some(work) = state.waiting.pop_front() {
                break work;
            }
            let waited = self.arrived.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        };
        state.idle -= 1;
        let another = state.idle == 0 && state.threads < self.most_threads;
        state.threads += usize::from(another);
        Some((work, another))
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the thread that took work must start another.
pub(crate) type MustStartAnother = bool;

#[cfg(all(test, relaypass_loom))]
mod models {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::Arc;

    use loom::thread::{spawn, yield_now, JoinHandle};

    use super::*;
    use crate::sync::play;

    enum Work {
        /// A method that never returns.
        Endless,
        Short,
        /// The thread that takes it ends.
        Last,
    }

    struct Served {
        inbox: Inbox<Work>,
        done: AtomicUsize,
        threads: AtomicUsize,
    }

    impl Served {
        /// An inbox that a first thread serves.
        fn new(most_threads: usize) -> (Arc<Self>, JoinHandle<()>) {
            let served = Arc::new(Self {
                inbox: Inbox::new(most_threads),
                done: AtomicUsize::new(0),
                threads: AtomicUsize::new(0),
            });
            assert!(served.inbox.needs_first_thread());
            let thread = served.start();
            (served, thread)
        }

        fn start(self: &Arc<Self>) -> JoinHandle<()> {
            let before = self.threads.fetch_add(1, SeqCst);
            assert!(before < self.inbox.most_threads);
            let served = self.clone();
            spawn(move || served.serve())
        }

        /// What `_serve_stores` of `callbacks.py` does.
        fn serve(self: Arc<Self>) {
            while let Some((work, must_start_another)) = self.inbox.next() {
                if must_start_another && !matches!(work, Work::Last) {
                    self.start();
                } else if must_start_another {
                    self.inbox.thread_failed();
                }
                match work {
                    Work::Short => self.done.fetch_add(1, SeqCst),
                    Work::Endless => {
                        self.done.fetch_add(1, SeqCst);
                        return;
                    }
                    Work::Last => {
                        self.inbox.thread_failed();
                        break;
                    }
                };
            }
            self.threads.fetch_sub(1, SeqCst);
        }

        /// Loom fails the model where this never comes to its end.
        fn wait_for(&self, done: usize) {
            while self.done.load(SeqCst) < done {
                yield_now();
            }
        }
    }

    #[test]
    fn what_never_ends_keeps_nobody_else_waiting() {
        play(|| {
            let (served, thread) = Served::new(2);
            let other = served.clone();
            let other = spawn(move || other.inbox.put(Work::Endless));
            served.inbox.put(Work::Endless);
            other.join().unwrap();
            thread.join().unwrap();
            served.wait_for(2);
        });
    }

    #[test]
    fn a_thread_that_ends_leaves_nothing_undone() {
        play(|| {
            let (served, thread) = Served::new(2);
            served.inbox.put(Work::Short);
            served.inbox.put(Work::Short);
            served.wait_for(2);
            assert!(served.inbox.is_served(), "one stays");
            while served.inbox.is_served() {
                served.inbox.put(Work::Last);
                yield_now();
            }
            thread.join().unwrap();
            let state = served.inbox.state();
            assert_eq!((state.threads, state.idle), (0, 0));
        });
    }

    #[test]
    fn one_of_those_who_come_at_once_starts_the_first_thread() {
        play(|| {
            let inbox = Arc::new(Inbox::<()>::new(1));
            let coming = [(); 2].map(|()| {
                let inbox = inbox.clone();
                spawn(move || inbox.needs_first_thread())
            });
            let here = inbox.needs_first_thread();
            let first = coming.map(|thread| thread.join().unwrap());
            assert_eq!(first.iter().chain([&here]).filter(|it| **it).count(), 1);
            // It could not be started: the next one who comes may.
            inbox.thread_failed();
            assert!(inbox.needs_first_thread());
        });
    }
}
