//! How a call is awaited in asyncio.
//!
//! The call runs on our runtime. When it ends, the messenger, the only thread of ours that ever
//! enters Python, tells the event loop to settle the `asyncio.Future` that the caller awaits. The
//! runtime's own threads never wait for Python's lock, and every reference to a Python object is
//! dropped inside Python. (pyo3-async-runtimes does neither, and cannot be kept out of an
//! interpreter that ends.)

use std::sync::mpsc::{self, Receiver, Sender};
use std::{io, mem, process, thread};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::task::AbortHandle;

use crate::answer::Answer;
use crate::call::Work;
use crate::engine::Engine;
use crate::errors;
use crate::exit::Gate;

/// Starts the call, and returns the `asyncio.Future` of its answer. Cancelling that drops the call.
pub(crate) fn start(py: Python<'_>, work: Work) -> PyResult<Bound<'_, PyAny>> {
    let engine = Engine::of_this_process()?;
    if engine.gate().is_closed() {
        return Err(PyRuntimeError::new_err(
            "the interpreter is exiting; asyncio calls are no longer possible",
        ));
    }
    let event_loop = py.import("asyncio")?.call_method0("get_running_loop")?;
    let future = event_loop.call_method0("create_future")?;
    let mut delivery = Delivery {
        letter: Some(Letter {
            event_loop: event_loop.unbind(),
            future: future.clone().unbind(),
            answer: None,
        }),
        outbox: engine.messenger()?.outbox.clone(),
    };
    let task = engine.runtime().spawn(async move {
        let answer = work.await;
        if let Some(letter) = &mut delivery.letter {
            letter.answer = Some(answer);
        }
    });
    let when_done = WhenDone {
        pid: process::id(),
        task: task.abort_handle(),
    };
    future.call_method1("add_done_callback", (when_done,))?;
    Ok(future)
}

/// Called by the future when it is settled or cancelled. Only then is there something to abort.
#[pyclass(frozen, module = "relaypass._native")]
struct WhenDone {
    pid: u32,
    task: AbortHandle,
}

#[pymethods]
impl WhenDone {
    fn __call__(&self, _future: &Bound<'_, PyAny>) {
        // In a forked child the task belongs to a runtime that must not be touched.
        if self.pid == process::id() {
            self.task.abort();
        }
    }
}

/// An answer and whom to tell.
struct Letter {
    event_loop: Py<PyAny>,
    future: Py<PyAny>,
    /// `None`: the call was aborted, or it panicked.
    answer: Option<relaypass::Result<Answer>>,
}

/// Sends its letter when it is dropped, which happens however the call ends.
struct Delivery {
    letter: Option<Letter>,
    outbox: Sender<Letter>,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(letter) = self.letter.take() {
            if let Err(unsent) = self.outbox.send(letter) {
                // The interpreter ends: its objects are not ours to drop any more.
                mem::forget(unsent);
            }
        }
    }
}

/// The thread that brings letters to event loops.
pub(crate) struct Messenger {
    outbox: Sender<Letter>,
}

impl Messenger {
    /// Starts the thread. It ends when nobody is left who could send a letter.
    pub(crate) fn start(gate: &'static Gate) -> io::Result<Self> {
        let (outbox, inbox) = mpsc::channel();
        thread::Builder::new()
            .name("relaypass-asyncio".to_owned())
            .spawn(move || bring(&inbox, gate))?;
        Ok(Self { outbox })
    }
}

/// Brings all letters that lie there in one visit to Python, for as long as Python is there.
fn bring(inbox: &Receiver<Letter>, gate: &Gate) {
    while let Ok(first) = inbox.recv() {
        let Some(pass) = gate.pass() else {
            mem::forget(first);
            return;
        };
        Python::attach(|py| {
            for letter in std::iter::once(first).chain(inbox.try_iter()) {
                letter.hand_over(py);
            }
        });
        drop(pass);
    }
}

impl Letter {
    fn hand_over(self, py: Python<'_>) {
        // A loop that was closed meanwhile refuses; then nobody is waiting any more.
        let _ = self.try_hand_over(py);
    }

    fn try_hand_over(self, py: Python<'_>) -> PyResult<()> {
        if is_done(self.future.bind(py))? {
            return Ok(());
        }
        let answer = match self.answer {
            Some(answer) => answer
                .map_err(|error| errors::exception(py, &error))
                .and_then(|answer| answer.into_pyobject(py)),
            None => Err(panicked()),
        };
        let (value, failed) = match answer {
            Ok(value) => (value, false),
            Err(error) => (error.into_value(py).into_bound(py).into_any(), true),
        };
        let settle = wrap_pyfunction!(settle, py)?;
        self.event_loop
            .bind(py)
            .call_method1("call_soon_threadsafe", (settle, self.future, value, failed))?;
        Ok(())
    }
}

/// Runs in the event loop's own thread; the future may have been cancelled on the way.
#[pyfunction]
fn settle(future: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>, failed: bool) -> PyResult<()> {
    if is_done(future)? {
        return Ok(());
    }
    let method = if failed {
        "set_exception"
    } else {
        "set_result"
    };
    future.call_method1(method, (value,))?;
    Ok(())
}

fn is_done(future: &Bound<'_, PyAny>) -> PyResult<bool> {
    future.call_method0("done")?.is_truthy()
}

fn panicked() -> PyErr {
    PyRuntimeError::new_err("relaypass failed inside; this is a mistake of ours, please report it")
}
