//! A store that is an object of Python's.
//!
//! Its methods are called by threads of Python's ([`crate::inbox`]). Rust knows a number, under which
//! `relaypass/callbacks.py` finds the object, and while a call lasts its [`Caller`]. It holds no
//! other reference while the client lives; so Python's garbage collector sees all there is, even a
//! store that holds its own client.

use std::mem;
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use relaypass::store::{Record, Store, StoreError, Swap};
use relaypass::surface::Thrown;
use relaypass::transport::BoxFuture;
use tokio::sync::oneshot;

use crate::caller::Caller;
use crate::exit;
use crate::inbox::{errands, MustStartAnother};
use crate::per_process::Process;
use crate::released::{lock, Raised, Released};
use crate::runtime::away;
use crate::store_answer::{loaded, number, scanned, swapped, type_name, wrong};

/// Names a client's `Callbacks` of `relaypass/callbacks.py`.
pub(crate) type CallbacksNumber = u64;

/// The core's view of the store.
pub(crate) struct PythonStore {
    callbacks: CallbacksNumber,
    /// What a client that is gone left for the work that goes on in the background.
    legacy: Mutex<Option<Released>>,
}

impl PythonStore {
    pub(crate) fn new(callbacks: CallbacksNumber) -> Self {
        Self {
            callbacks,
            legacy: Mutex::new(None),
        }
    }

    /// The client that owned the callbacks is gone. Whoever still uses the store keeps them.
    pub(crate) fn inherit(&self, callbacks: Py<PyAny>) {
        // If nobody ever called a store in this process, nobody does now.
        if errands().is_served() {
            *lock(&self.legacy) = Some(Released::new(callbacks));
        }
    }

    /// Opens another handle on the same data, with a method that only `relaypass/testing.py` has.
    pub(crate) async fn reopen(&self) -> Result<Self, StoreError> {
        let opened = self.ask(|reply| Question::Reopen { reply });
        opened.await.map(Self::new)
    }

    /// Has a thread of Python's call a method, and waits for what it returns.
    async fn ask<T>(&self, question: impl FnOnce(Reply<T>) -> Question) -> Result<T, StoreError> {
        if exit::is_closed() {
            return Err(StoreError::new(
                "The interpreter is exiting; its stores can no longer be called.",
            ));
        }
        let (reply, answer) = oneshot::channel();
        let question = question(reply);
        let method = question.method();
        let call = StoreCall {
            process: Process::current(),
            callbacks: self.callbacks,
            caller: Caller::of_this_task(),
            question: Mutex::new(Some(question)),
        };
        errands().put(Box::new(|py| Ok(Py::new(py, call)?.into_any())));
        answer.await.unwrap_or_else(|_| Err(unanswered(method)))
    }
}

impl Store for PythonStore {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        let key = key.to_owned();
        Box::pin(self.ask(|reply| Question::Load { key, reply }))
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        let key = key.to_owned();
        Box::pin(self.ask(move |reply| Question::CompareAndSwap {
            key,
            expected,
            new,
            reply,
        }))
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        let prefix = prefix.to_owned();
        Box::pin(self.ask(move |reply| Question::Scan {
            prefix,
            due_before,
            limit,
            reply,
        }))
    }
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

enum Question {
    Load {
        key: String,
        reply: Reply<Option<Record>>,
    },
    CompareAndSwap {
        key: String,
        expected: Option<u64>,
        new: Option<Record>,
        reply: Reply<Swap>,
    },
    Scan {
        prefix: String,
        due_before: Option<u64>,
        limit: usize,
        reply: Reply<Vec<String>>,
    },
    Reopen {
        reply: Reply<CallbacksNumber>,
    },
}

impl Question {
    fn method(&self) -> &'static str {
        match self {
            Question::Load { .. } => "load",
            Question::CompareAndSwap { .. } => "compare_and_swap",
            Question::Scan { .. } => "scan",
            Question::Reopen { .. } => "reopen",
        }
    }

    /// Nobody waits for the answer any more.
    fn is_given_up(&self) -> bool {
        match self {
            Question::Load { reply, .. } => reply.is_closed(),
            Question::CompareAndSwap { reply, .. } => reply.is_closed(),
            Question::Scan { reply, .. } => reply.is_closed(),
            Question::Reopen { reply } => reply.is_closed(),
        }
    }

    /// Replies with what the method returned. Whether anybody waits for it does not matter.
    fn answer(self, value: &Bound<'_, PyAny>) {
        match self {
            Question::Load { reply, .. } => drop(reply.send(loaded(value))),
            Question::CompareAndSwap { reply, .. } => drop(reply.send(swapped(value))),
            Question::Scan { reply, .. } => drop(reply.send(scanned(value))),
            Question::Reopen { reply } => {
                let number = number(value).ok_or_else(|| wrong("reopen", "a store", value));
                drop(reply.send(number));
            }
        }
    }

    fn fail(self, error: StoreError) {
        match self {
            Question::Load { reply, .. } => drop(reply.send(Err(error))),
            Question::CompareAndSwap { reply, .. } => drop(reply.send(Err(error))),
            Question::Scan { reply, .. } => drop(reply.send(Err(error))),
            Question::Reopen { reply } => drop(reply.send(Err(error))),
        }
    }
}

/// A method to be called: `call.reply(…)` with what it returned, or `call.fail(…)` with what it
/// raised.
#[pyclass(frozen, module = "relaypass._native")]
pub(crate) struct StoreCall {
    process: Process,
    callbacks: CallbacksNumber,
    /// `None`: in the background there is no caller.
    caller: Option<Arc<Caller>>,
    /// `None` once it is answered.
    question: Mutex<Option<Question>>,
}

#[pymethods]
impl StoreCall {
    /// Whose store it is.
    #[getter]
    fn callbacks(&self) -> CallbacksNumber {
        self.callbacks
    }

    /// In whose name the method is called; nobody's in the background.
    #[getter]
    fn caller(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.caller.as_ref()?.object(py)
    }

    /// The method and its arguments, a record as a tuple of its members; nothing if nobody waits
    /// for the answer any more.
    fn question<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Option<(&'static str, Bound<'py, PyTuple>)>> {
        let question = lock(&self.question);
        let Some(question) = question.as_ref().filter(|question| !question.is_given_up()) else {
            return Ok(None);
        };
        let arguments = match question {
            Question::Load { key, .. } => (key,).into_pyobject(py)?,
            Question::CompareAndSwap {
                key, expected, new, ..
            } => {
                let new = new.as_ref().map(|new| {
                    let value = PyBytes::new(py, &new.value);
                    (value, new.version, new.due_at, new.expires_at)
                });
                (key, expected, new).into_pyobject(py)?
            }
            Question::Scan {
                prefix,
                due_before,
                limit,
                ..
            } => (prefix, due_before, limit).into_pyobject(py)?,
            Question::Reopen { .. } => PyTuple::empty(py),
        };
        Ok(Some((question.method(), arguments)))
    }

    /// The method returned this.
    fn reply(&self, answer: &Bound<'_, PyAny>) {
        if let Some(question) = self.take() {
            question.answer(answer);
        }
    }

    /// The method raised this.
    fn fail(&self, error: &Bound<'_, PyAny>) {
        if let Some(question) = self.take() {
            let what = format!(
                "The store's {} raised {}.",
                question.method(),
                type_name(error)
            );
            let raised = Raised::new(Some(Released::new(error.clone().unbind())));
            question.fail(StoreError::caused_by(what, Thrown(raised)));
        }
    }
}

impl StoreCall {
    fn take(&self) -> Option<Question> {
        let mut question = lock(&self.question);
        // In a forked child, whoever waits for the answer is the parent's.
        (self.process == Process::current()).then(|| question.take())?
    }
}

impl Drop for StoreCall {
    fn drop(&mut self) {
        if self.process != Process::current() {
            mem::forget(mem::replace(&mut self.question, Mutex::new(None)));
        }
    }
}

fn unanswered(method: &str) -> StoreError {
    StoreError::new(format!("The store's {method} was not called to its end."))
}

/// Whether the caller must start the first thread that serves stores.
#[pyfunction]
pub(crate) fn store_needs_thread() -> bool {
    !exit::is_closed() && errands().needs_first_thread()
}

/// A thread that was to serve stores could not be started.
#[pyfunction]
pub(crate) fn store_thread_failed() {
    errands().thread_failed();
}

/// Waits for a method to be called, and says whether another thread must be started first.
/// Nothing: this thread is to end. Instead of a call there may be an object to let go of.
#[pyfunction]
pub(crate) fn next_store_call(py: Python<'_>) -> PyResult<Option<(Py<PyAny>, MustStartAnother)>> {
    match away(py, || errands().next()) {
        None => Ok(None),
        Some((errand, another)) => Ok(Some((errand(py)?, another))),
    }
}
