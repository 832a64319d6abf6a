//! Events on their way to Python: a thread of Python's fetches them, one after the other.

use std::convert::Infallible;

use pyo3::exceptions::{PyBaseException, PyRuntimeError};
use pyo3::prelude::*;
use relaypass::{Event, Listener};

use crate::exit;
use crate::inbox::Inbox;
use crate::per_process::PerProcess;
use crate::runtime::away;
use crate::store::CallbacksNumber;

/// The members of `relaypass.Event`.
type EventTuple = (&'static str, Option<String>, Option<String>, String);

/// What happened in this process, and which client is to be told.
pub(crate) fn events() -> &'static Inbox<(CallbacksNumber, Event)> {
    static EVENTS: PerProcess<Inbox<(CallbacksNumber, Event)>> = PerProcess::new();
    // One thread keeps them in their order.
    let Ok(events) = EVENTS.get_or_try_make(|| Ok::<_, Infallible>(Inbox::new(1)));
    events
}

/// Who tells this client of events. It returns at once, and never enters Python.
pub(crate) fn listener(callbacks: CallbacksNumber) -> Listener {
    Listener::new(move |event: &Event| events().put((callbacks, event.clone())))
}

/// Whether the caller must start the thread that tells of events.
#[pyfunction]
pub(crate) fn events_need_thread() -> bool {
    !exit::is_closed() && events().needs_first_thread()
}

/// The thread that was to tell of events could not be started.
#[pyfunction]
pub(crate) fn event_thread_failed() {
    events().thread_failed();
}

/// Waits for an event, and says whom to tell.
#[pyfunction]
pub(crate) fn next_event(py: Python<'_>) -> Option<(CallbacksNumber, EventTuple)> {
    let next = away(py, || events().next());
    next.map(|((callbacks, event), _)| {
        let Event {
            kind,
            verification_id,
            request_id,
            message,
        } = event;
        (
            callbacks,
            (kind.name(), verification_id, request_id, message),
        )
    })
}

/// The interpreter's own way to report an exception that nobody can be given.
#[pyfunction]
pub(crate) fn report_unraisable(
    error: &Bound<'_, PyAny>,
    raised_by: &Bound<'_, PyAny>,
) -> PyResult<()> {
    if !error.is_instance_of::<PyBaseException>() {
        return Err(PyRuntimeError::new_err("this is no exception"));
    }
    PyErr::from_value(error.clone()).write_unraisable(error.py(), Some(raised_by));
    Ok(())
}
