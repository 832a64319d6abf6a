//! Events on their way to Python: a thread of Python's fetches them, one after the other.

use pyo3::exceptions::{PyBaseException, PyRuntimeError};
use pyo3::prelude::*;
use relaypass::{Event, EventKind, Listener};

use crate::engine::Engine;
use crate::exit;
use crate::store::CallbacksNumber;

/// The members of `relaypass.Event`.
type EventTuple = (&'static str, Option<String>, Option<String>, String);

/// Who tells this client of events. It returns at once, and never enters Python.
pub(crate) fn listener(callbacks: CallbacksNumber) -> Listener {
    Listener::new(move |event: &Event| {
        if let Some(engine) = Engine::existing() {
            engine.events().put((callbacks, event.clone()));
        }
    })
}

/// Whether the caller must start the thread that tells of events.
#[pyfunction]
pub(crate) fn events_need_thread() -> PyResult<bool> {
    let engine = Engine::of_this_process()?;
    Ok(!exit::is_closed() && engine.events().needs_first_thread())
}

/// The thread that was to tell of events could not be started.
#[pyfunction]
pub(crate) fn event_thread_failed() -> PyResult<()> {
    Engine::of_this_process()?.events().thread_failed();
    Ok(())
}

/// Waits for an event, and says whom to tell.
#[pyfunction]
pub(crate) fn next_event(py: Python<'_>) -> PyResult<Option<(CallbacksNumber, EventTuple)>> {
    let engine = Engine::of_this_process()?;
    let next = engine.away(py, || engine.events().next());
    Ok(next.map(|((callbacks, event), _)| {
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
    }))
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

/// An event of every kind, as if the core had told of them: for the test that must not forget one.
#[pyfunction(name = "_example_events")]
pub(crate) fn example_events(callbacks: CallbacksNumber) -> PyResult<()> {
    let engine = Engine::of_this_process()?;
    for kind in EventKind::ALL {
        let event = Event {
            kind,
            verification_id: Some("an id".to_owned()),
            request_id: None,
            message: format!("an example of {}", kind.name()),
        };
        engine.events().put((callbacks, event));
    }
    Ok(())
}
