//! How a call is awaited in asyncio.
//!
//! The call runs on our runtime. When it ends, the messenger, the only thread of ours that ever
//! enters Python, tells the event loop to settle the `asyncio.Future` that the caller awaits. The
//! runtime's own threads never wait for Python's lock, and every reference to a Python object is
//! dropped inside Python. (pyo3-async-runtimes does neither, and cannot be kept out of an
//! interpreter that ends.) What asyncio itself has to do with it is in `relaypass/outcomes.py`.

use std::sync::mpsc::{self, Receiver, Sender};
use std::{mem, thread};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use relaypass::surface::no_threads;
use tokio::task::AbortHandle;

use crate::answer::Work;
use crate::caller::{called_by, Caller};
use crate::exit;
use crate::outcome::Outcome;
use crate::per_process::{OfProcess, PerProcess};
use crate::runtime::{runtime, unstarted};

/// Starts the call in the name of `caller`, and returns what aborts it.
pub(crate) fn start(
    work: Work,
    caller: Option<Caller>,
    call_soon_threadsafe: Py<PyAny>,
    settle: Py<PyAny>,
) -> PyResult<WhenDone> {
    if exit::has_begun() {
        return Err(PyRuntimeError::new_err(
            "the interpreter is exiting; asyncio calls are no longer possible",
        ));
    }
    let runtime = runtime()?;
    let mut delivery = Delivery {
        letter: Some(Letter {
            call_soon_threadsafe,
            settle,
            outcome: Outcome(None),
            caller: caller.clone(),
        }),
        outbox: outbox()?.clone(),
    };
    let task = runtime.spawn(async move {
        let result = called_by(caller, work).await;
        if let Some(letter) = &mut delivery.letter {
            letter.outcome = Outcome(Some(result));
        }
    });
    Ok(WhenDone(OfProcess::new(task.abort_handle())))
}

/// Called by the future when it is settled or cancelled. Only then is there something to abort.
#[pyclass(frozen, module = "relaypass._native")]
pub(crate) struct WhenDone(OfProcess<AbortHandle>);

#[pymethods]
impl WhenDone {
    fn __call__(&self, _future: &Bound<'_, PyAny>) {
        // In a forked child the task belongs to a runtime that must not be touched.
        self.0.get().inspect(|task| task.abort());
    }
}

/// An outcome and whom to tell.
struct Letter {
    call_soon_threadsafe: Py<PyAny>,
    settle: Py<PyAny>,
    outcome: Outcome,
    /// Held until here, inside Python.
    caller: Option<Caller>,
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

/// Where letters are left for the thread that brings them to event loops. It starts when it is
/// first asked for, and ends when nobody is left who could send one.
fn outbox() -> PyResult<&'static Sender<Letter>> {
    static OUTBOX: PerProcess<Sender<Letter>> = PerProcess::new();
    OUTBOX.get_or_try_make(|| {
        let (outbox, inbox) = mpsc::channel();
        let messenger = thread::Builder::new().name("relaypass-asyncio".to_owned());
        let started = messenger.spawn(move || bring(&inbox)).map(|_| outbox);
        started.map_err(|error| unstarted(no_threads(&error)))
    })
}

/// Brings all letters that lie there in one visit to Python, for as long as Python is there.
fn bring(inbox: &Receiver<Letter>) {
    while let Ok(first) = inbox.recv() {
        let Some(pass) = exit::pass() else {
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
        let call_soon = self.call_soon_threadsafe.bind(py);
        let _ = call_soon.call1((self.settle, self.outcome));
        drop(self.caller);
    }
}
