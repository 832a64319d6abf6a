//! Events on their way to Python: a thread of Python's fetches them, one after the other.

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use relaypass::Listener;

use crate::answer::EventRecord;
use crate::caller::Caller;
use crate::exit;
use crate::inbox::Inbox;
use crate::per_process::PerProcess;
use crate::runtime::away;
use crate::store::CallbacksNumber;

/// Which client is to be told, in whose call it happened, and what.
type Told = (CallbacksNumber, Option<Caller>, EventRecord);

/// The same for Python, without a caller in the background.
type Telling<'py> = (CallbacksNumber, Option<Py<PyAny>>, Bound<'py, PyDict>);

/// So many events wait for a listener that is busy. Those that happen meanwhile are not told.
const MOST_EVENTS: usize = 10_000;

/// What happened in this process.
fn events() -> &'static Inbox<Told> {
    static EVENTS: PerProcess<Inbox<Told>> = PerProcess::new();
    // One thread keeps them in their order.
    EVENTS.get_or_make(|| Inbox::new(1))
}

/// Who tells this client of events. It returns at once, and never enters Python.
pub(crate) fn listener(callbacks: CallbacksNumber) -> Listener {
    Listener::new(move |event| put(callbacks, event.into()))
}

pub(crate) fn put(callbacks: CallbacksNumber, event: EventRecord) {
    events().put_up_to(MOST_EVENTS, (callbacks, Caller::of_this_task(), event));
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

/// Waits for an event, and says whom to tell, and in whose name.
#[pyfunction]
pub(crate) fn next_event(py: Python<'_>) -> PyResult<Option<Telling<'_>>> {
    let Some(((callbacks, caller, event), _)) = away(py, || events().next()) else {
        return Ok(None);
    };
    let caller = caller.and_then(|caller| caller.object(py));
    Ok(Some((callbacks, caller, (&event).into_pyobject(py)?)))
}

/// The interpreter's own way to report an exception that nobody can be given.
#[pyfunction]
pub(crate) fn report_unraisable(error: &Bound<'_, PyBaseException>, raised_by: &Bound<'_, PyAny>) {
    PyErr::from_value(error.clone().into_any()).write_unraisable(error.py(), Some(raised_by));
}
