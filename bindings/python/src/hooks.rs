//! What only tests need. No package that people install has it.

use pyo3::prelude::*;
use relaypass::{Error, ErrorKind, Event, EventKind};

use crate::answer::Nothing;
use crate::call::Call;
use crate::events::put;
use crate::outcome::Outcome;
use crate::store::CallbacksNumber;

pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // Not in `__all__`, which is what the package's stub is compared with.
    let failures = wrap_pyfunction!(example_failures, module)?;
    module.setattr("_example_failures", failures)?;
    module.setattr("_example_events", wrap_pyfunction!(example_events, module)?)?;
    module.setattr("_panic", wrap_pyfunction!(panic, module)?)
}

/// A failure of every kind there is, for the test that must not forget one.
#[pyfunction]
fn example_failures() -> Vec<Outcome> {
    let examples = ErrorKind::ALL.iter().copied().map(Error::example);
    examples.map(|error| Outcome(Some(Err(error)))).collect()
}

/// An event of every kind, as if the core had told of them: for the test that must not forget one.
#[pyfunction]
fn example_events(callbacks: CallbacksNumber) {
    for &kind in EventKind::ALL {
        put(callbacks, (&Event::example(kind)).into());
    }
}

/// A call that panics with a secret.
#[pyfunction]
fn panic() -> Call {
    Call::new::<Nothing>(async { panic!("canary") })
}
