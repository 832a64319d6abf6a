//! A store that is an object of Python's.
//!
//! Its methods are called by threads of Python's ([`crate::inbox`]). Rust knows numbers, under which
//! `relaypass/callbacks.py` finds the object, and the context variables and event loop of whoever
//! called the client. It holds no reference while the client lives; so Python's garbage collector
//! sees all there is, even a store that holds its own client.

use std::{fmt, mem, process};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyInt, PyList, PyString, PyTuple, PyType};
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

use relaypass::store::{Record, Store, StoreError, Swap};
use relaypass::transport::BoxFuture;

use crate::engine::Engine;
use crate::exit;
use crate::inbox::MustStartAnother;

/// Names a client's `Callbacks` of `relaypass/callbacks.py`.
pub(crate) type CallbacksNumber = u64;

/// Names a `Caller` there.
pub(crate) type CallerNumber = u64;

tokio::task_local! {
    /// Who made the call that is under way in this task.
    static CALLER: CallerNumber;
}

/// Does the work of a call in the name of its caller.
pub(crate) async fn called_by<T>(caller: Option<CallerNumber>, work: impl Future<Output = T>) -> T {
    match caller {
        Some(caller) => CALLER.scope(caller, work).await,
        None => work.await,
    }
}

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
        let is_used = Engine::existing().is_some_and(|engine| engine.store_calls().is_served());
        if is_used {
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
        let engine = Engine::existing().filter(|_| !exit::is_closed());
        let engine = engine.ok_or_else(|| {
            StoreError::new("The interpreter is exiting; its stores can no longer be called.")
        })?;
        let (reply, answer) = oneshot::channel();
        let question = question(reply);
        let method = question.method();
        engine.store_calls().put(Errand::Call(StoreCall {
            pid: process::id(),
            callbacks: self.callbacks,
            caller: CALLER.try_with(|caller| *caller).ok(),
            question: Mutex::new(Some(question)),
        }));
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
    pid: u32,
    callbacks: CallbacksNumber,
    /// `None`: in the background there is no caller.
    caller: Option<CallerNumber>,
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
    fn caller(&self) -> Option<CallerNumber> {
        self.caller
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
            let raised = Raised::new(error);
            question.fail(StoreError::caused_by(what, raised));
        }
    }
}

impl StoreCall {
    fn take(&self) -> Option<Question> {
        let mut question = lock(&self.question);
        // In a forked child, whoever waits for the answer is the parent's.
        (self.pid == process::id()).then(|| question.take())?
    }
}

impl Drop for StoreCall {
    fn drop(&mut self) {
        if self.pid != process::id() {
            mem::forget(mem::replace(&mut self.question, Mutex::new(None)));
        }
    }
}

fn unanswered(method: &str) -> StoreError {
    StoreError::new(format!("The store's {method} was not called to its end."))
}

fn loaded(value: &Bound<'_, PyAny>) -> Result<Option<Record>, StoreError> {
    if value.is_none() {
        return Ok(None);
    }
    let is_record = record_class(value.py()).is_ok_and(|class| {
        value.is_instance(class).unwrap_or(false) // A metaclass that raises is not ours.
    });
    if !is_record {
        return Err(wrong("load", "a relaypass.StoreRecord or None", value));
    }
    Ok(Some(Record {
        value: member(value, "value", "bytes", |value| {
            Some(value.cast::<PyBytes>().ok()?.as_bytes().to_vec())
        })?,
        version: member(value, "version", NUMBER, number)?,
        due_at: member(value, "due_at", NUMBER_OR_NONE, number_or_none)?,
        expires_at: member(value, "expires_at", NUMBER_OR_NONE, number_or_none)?,
    }))
}

fn swapped(value: &Bound<'_, PyAny>) -> Result<Swap, StoreError> {
    match value.cast::<PyBool>() {
        Ok(done) if done.is_true() => Ok(Swap::Done),
        Ok(_) => Ok(Swap::Refused),
        Err(_) => Err(wrong("compare_and_swap", "True or False", value)),
    }
}

fn scanned(value: &Bound<'_, PyAny>) -> Result<Vec<String>, StoreError> {
    let Ok(keys) = value.cast::<PyList>() else {
        return Err(wrong("scan", "a list of str", value));
    };
    keys.iter()
        .map(|key| match key.cast::<PyString>() {
            Ok(key) => Ok(key.to_string_lossy().into_owned()),
            Err(_) => Err(wrong("scan", "a list with nothing but str", &key)),
        })
        .collect()
}

/// A member of the record that `load` returned.
fn member<T>(
    record: &Bound<'_, PyAny>,
    name: &str,
    expected: &str,
    read: impl FnOnce(&Bound<'_, PyAny>) -> Option<T>,
) -> Result<T, StoreError> {
    let value = record.getattr(name);
    let value = value.unwrap_or_else(|_| record.py().None().into_bound(record.py()));
    read(&value).ok_or_else(|| {
        StoreError::new(format!(
            "The store's load returned a record whose {name} must be {expected}, not {}.",
            type_name(&value)
        ))
    })
}

const NUMBER: &str = "an int of at least 0";
const NUMBER_OR_NONE: &str = "an int of at least 0 or None";

/// In Python, a bool is an int; here it is a mistake.
fn number(value: &Bound<'_, PyAny>) -> Option<u64> {
    let is_number = value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>();
    is_number.then(|| value.extract().ok())?
}

#[expect(
    clippy::option_option,
    reason = "the outer one says whether the type is right"
)]
fn number_or_none(value: &Bound<'_, PyAny>) -> Option<Option<u64>> {
    if value.is_none() {
        return Some(None);
    }
    number(value).map(Some)
}

/// Names the type of the value, never the value.
fn wrong(method: &str, expected: &str, value: &Bound<'_, PyAny>) -> StoreError {
    StoreError::new(format!(
        "The store's {method} must return {expected}, not {}.",
        type_name(value)
    ))
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    let name = value.get_type().name();
    name.map_or_else(|_| "something else".to_owned(), |name| name.to_string())
}

fn record_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "relaypass.stores", "StoreRecord")
}

/// What a store's method raised, on its way back to the caller.
pub(crate) struct Raised(Mutex<Option<Released>>);

impl Raised {
    fn new(exception: &Bound<'_, PyAny>) -> Self {
        let exception = Released::new(exception.clone().unbind());
        Self(Mutex::new(Some(exception)))
    }

    /// Gives the exception back. It is here once.
    pub(crate) fn take<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        Some(lock(&self.0).take()?.into_inner()?.into_bound(py))
    }
}

impl fmt::Debug for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Raised")
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an exception of the store's own")
    }
}

impl std::error::Error for Raised {}

/// A Python object that a thread of Python's lets go of, wherever Rust drops it: what is behind it
/// may run code that is not ours.
struct Released {
    pid: u32,
    object: Option<Py<PyAny>>,
}

impl Released {
    fn new(object: Py<PyAny>) -> Self {
        Self {
            pid: process::id(),
            object: Some(object),
        }
    }

    fn into_inner(mut self) -> Option<Py<PyAny>> {
        self.object.take()
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else {
            return;
        };
        match Engine::existing() {
            Some(engine) if self.pid == process::id() => {
                engine.store_calls().put(Errand::Drop(object));
            }
            // In a forked child it is a copy of the parent's.
            _ => mem::forget(object),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a thread of Python's is asked to do for a store.
pub(crate) enum Errand {
    Call(StoreCall),
    /// To let go of an object.
    Drop(Py<PyAny>),
}

/// Whether the caller must start the first thread that serves stores.
#[pyfunction]
pub(crate) fn store_needs_thread() -> PyResult<bool> {
    let engine = Engine::of_this_process()?;
    Ok(engine.store_calls().needs_first_thread())
}

/// A thread that was to serve stores could not be started.
#[pyfunction]
pub(crate) fn store_thread_failed() -> PyResult<()> {
    Engine::of_this_process()?.store_calls().thread_failed();
    Ok(())
}

/// Waits for a method to be called, and says whether another thread must be started first.
/// Nothing: this thread is to end. Instead of a call there may be an object to let go of.
#[pyfunction]
pub(crate) fn next_store_call(py: Python<'_>) -> PyResult<Option<(Py<PyAny>, MustStartAnother)>> {
    let engine = Engine::of_this_process()?;
    match engine.away(py, || engine.store_calls().next()) {
        None => Ok(None),
        Some((Errand::Call(call), another)) => Ok(Some((Py::new(py, call)?.into_any(), another))),
        Some((Errand::Drop(object), another)) => Ok(Some((object, another))),
    }
}

/// The interpreter's own way to report an exception that nobody can be given.
#[pyfunction]
pub(crate) fn report_unraisable(
    error: &Bound<'_, PyAny>,
    raised_by: &Bound<'_, PyAny>,
) -> PyResult<()> {
    if !error.is_instance_of::<pyo3::exceptions::PyBaseException>() {
        return Err(PyRuntimeError::new_err("this is no exception"));
    }
    PyErr::from_value(error.clone()).write_unraisable(error.py(), Some(raised_by));
    Ok(())
}
