//! A store that is an object of Python's.
//!
//! Its methods are called by threads of Python's ([`crate::inbox`]). Rust knows a number, under
//! which `relaypass/callbacks.py` finds the object, and while a call lasts its [`Caller`]. It holds
//! no other reference while the client lives; so Python's garbage collector sees all there is, even
//! a store that holds its own client.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use relaypass::store::{Record, StoreError};
use relaypass::surface::{HostStore, Thrown};
use tokio::sync::oneshot;

use crate::caller::Caller;
use crate::errands::errands;
use crate::exit;
use crate::inbox::MustStartAnother;
use crate::per_process::OfProcess;
use crate::released::{lock, Raised, Released};
use crate::runtime::away;
use crate::store_answer::{loaded, number, scanned, swapped, type_name, wrong};

/// Names a client's `Callbacks` of `relaypass/callbacks.py`.
pub(crate) type CallbacksNumber = u64;

/// The core's view of the store.
#[derive(Clone)]
pub(crate) struct PythonStore {
    callbacks: CallbacksNumber,
    /// What a client that is gone left for the work that goes on in the background.
    legacy: Arc<Mutex<Option<Released>>>,
}

impl PythonStore {
    pub(crate) fn new(callbacks: CallbacksNumber) -> Self {
        Self {
            callbacks,
            legacy: Arc::default(),
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
    pub(crate) async fn reopen(self) -> Result<Self, StoreError> {
        let read = |value: &Bound<'_, PyAny>| {
            number(value).ok_or_else(|| wrong("reopen", "a store", value))
        };
        let opened = self.ask("reopen", |py| Ok(PyTuple::empty(py)), read);
        opened.await.map(Self::new)
    }

    /// Has a thread of Python's call a method, and waits for what it returns.
    async fn ask<T: Send + 'static>(
        &self,
        method: &'static str,
        arguments: impl FnOnce(Python<'_>) -> PyResult<Bound<'_, PyTuple>> + Send + 'static,
        read: impl FnOnce(&Bound<'_, PyAny>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if exit::is_closed() {
            return Err(StoreError::new(
                "The interpreter is exiting; its stores can no longer be called.",
            ));
        }
        let (reply, answer) = oneshot::channel();
        let question = Question {
            arguments: Some(Box::new(arguments)),
            reply: Box::new((reply, read)),
        };
        let call = StoreCall {
            method,
            callbacks: self.callbacks,
            caller: Caller::of_this_task(),
            question: OfProcess::new(Mutex::new(Some(question))),
        };
        errands().put(Box::new(|py| Ok(Py::new(py, call)?.into_any())));
        let unanswered = || format!("The store's {method} was not called to its end.");
        let answered = answer.await;
        answered.unwrap_or_else(|_| Err(StoreError::new(unanswered())))
    }
}

impl HostStore for PythonStore {
    async fn load(&self, key: String) -> Result<Option<Record>, StoreError> {
        self.ask("load", |py| (key,).into_pyobject(py), loaded)
            .await
    }

    async fn compare_and_swap(
        &self,
        key: String,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> Result<bool, StoreError> {
        let asked = self.ask(
            "compare_and_swap",
            move |py| {
                let new = new.map(|new| {
                    let value = PyBytes::new(py, &new.value);
                    (value, new.version, new.due_at, new.expires_at)
                });
                (key, expected, new).into_pyobject(py)
            },
            swapped,
        );
        asked.await
    }

    async fn scan(
        &self,
        prefix: String,
        due_before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<String>, StoreError> {
        let asked = self.ask(
            "scan",
            move |py| (prefix, due_before, limit).into_pyobject(py),
            scanned,
        );
        asked.await
    }
}

type Arguments = Box<dyn FnOnce(Python<'_>) -> PyResult<Bound<'_, PyTuple>> + Send>;

/// What is asked, and where the answer goes.
struct Question {
    /// `None` once they are made.
    arguments: Option<Arguments>,
    reply: Box<dyn Reply>,
}

/// Where an answer goes, and how it is read.
trait Reply: Send {
    /// Nobody waits for the answer any more.
    fn is_given_up(&self) -> bool;

    /// Replies with what the method returned. Whether anybody waits for it does not matter.
    fn answer(self: Box<Self>, answer: Result<&Bound<'_, PyAny>, StoreError>);
}

impl<T, R> Reply for (oneshot::Sender<Result<T, StoreError>>, R)
where
    T: Send,
    R: FnOnce(&Bound<'_, PyAny>) -> Result<T, StoreError> + Send,
{
    fn is_given_up(&self) -> bool {
        self.0.is_closed()
    }

    fn answer(self: Box<Self>, answer: Result<&Bound<'_, PyAny>, StoreError>) {
        let (reply, read) = *self;
        let _ = reply.send(answer.and_then(read));
    }
}

/// A method to be called: `call.reply(…)` with what it returned, or `call.fail(…)` with what it
/// raised.
#[pyclass(frozen, module = "relaypass._native")]
pub(crate) struct StoreCall {
    method: &'static str,
    /// Whose store it is.
    #[pyo3(get)]
    callbacks: CallbacksNumber,
    /// `None`: in the background there is no caller.
    caller: Option<Caller>,
    /// `None` once it is answered. In a forked child, whoever waits for the answer is the parent's.
    question: OfProcess<Mutex<Option<Question>>>,
}

#[pymethods]
impl StoreCall {
    /// In whose name the method is called; nobody's in the background.
    #[getter]
    fn caller(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.caller.as_ref()?.object(py)
    }

    /// The method and its arguments, a record as a tuple of its members; nothing if nobody waits
    /// for the answer any more. It is asked for once.
    fn question<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Option<(&'static str, Bound<'py, PyTuple>)>> {
        let arguments = self.question.get().and_then(|question| {
            let mut question = lock(question);
            let question = question.as_mut().filter(|asked| !asked.reply.is_given_up());
            question?.arguments.take()
        });
        let arguments = arguments.map(|arguments| arguments(py)).transpose()?;
        Ok(arguments.map(|arguments| (self.method, arguments)))
    }

    /// The method returned this.
    fn reply(&self, answer: &Bound<'_, PyAny>) {
        self.answer(Ok(answer));
    }

    /// The method raised this.
    fn fail(&self, error: &Bound<'_, PyAny>) {
        let what = format!("The store's {} raised {}.", self.method, type_name(error));
        let raised = Raised::new(Some(Released::new(error.clone().unbind())));
        self.answer(Err(StoreError::caused_by(what, Thrown(raised))));
    }
}

impl StoreCall {
    fn answer(&self, answer: Result<&Bound<'_, PyAny>, StoreError>) {
        let question = self.question.get();
        if let Some(question) = question.and_then(|question| lock(question).take()) {
            question.reply.answer(answer);
        }
    }
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
