//! Work for Python code that is not ours: a store's methods, and whoever listens to events.
//!
//! It is done by threads of Python's own (`relaypass/callbacks.py`), which come here and ask for
//! it. A thread of Rust's must not: CPython before 3.14 kills whoever runs Python code while the
//! interpreter ends, and that must not unwind a frame of Rust (see [`crate::exit`]).

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use crate::per_process::PerProcess;

/// What a thread of Python's is asked to do for a store: it takes what this makes, a method to
/// call, or an object to let go of.
pub(crate) type Errand = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// What stores are asked in this process.
pub(crate) fn errands() -> &'static Inbox<Errand> {
    static ERRANDS: PerProcess<Inbox<Errand>> = PerProcess::new();
    ERRANDS.get_or_make(|| Inbox::new(MOST_STORE_THREADS))
}

/// So many methods of stores run at once; the others wait for their turn.
const MOST_STORE_THREADS: usize = 256;

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
const MOST_IDLE: usize = 8;

impl<T> Inbox<T> {
    pub(crate) const fn new(most_threads: usize) -> Self {
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
