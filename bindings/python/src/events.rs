//! Events on their way to Python: a thread of Python's fetches them, one after the other.

use pyo3::prelude::*;
use relaypass::{Event, EventKind, Listener};

use crate::engine::Engine;
use crate::store::CallbacksNumber;

/// The members of `relaypass.Event`, after whom to tell.
type EventTuple = (
    CallbacksNumber,
    &'static str,
    Option<String>,
    Option<String>,
    String,
);

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
    Ok(engine.events().needs_first_thread())
}

/// The thread that was to tell of events could not be started.
#[pyfunction]
pub(crate) fn event_thread_failed() -> PyResult<()> {
    Engine::of_this_process()?.events().thread_failed();
    Ok(())
}

/// Waits for an event.
#[pyfunction]
pub(crate) fn next_event(py: Python<'_>) -> PyResult<Option<EventTuple>> {
    let engine = Engine::of_this_process()?;
    let next = engine.away(py, || engine.events().next());
    Ok(next.map(|((callbacks, event), _)| {
        (
            callbacks,
            event.kind.name(),
            event.verification_id,
            event.request_id,
            event.message,
        )
    }))
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
