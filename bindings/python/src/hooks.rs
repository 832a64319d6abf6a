//! What only tests need. No package that people install has it.

use pyo3::prelude::*;
use relaypass::{Error, ErrorKind, Event, EventKind};

use crate::answer::Nothing;
use crate::call::Call;
use crate::events::put;
use crate::outcome::Outcome;
use crate::store::CallbacksNumber;

pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(example_failures, module)?)?;
    module.add_function(wrap_pyfunction!(example_events, module)?)?;
    module.add_function(wrap_pyfunction!(panic, module)?)
}

/// A failure of every kind there is, for the test that must not forget one.
#[pyfunction(name = "_example_failures")]
fn example_failures() -> Vec<Outcome> {
    let examples = ErrorKind::ALL.into_iter().map(Error::example);
    examples.map(|error| Outcome::new(Err(error))).collect()
}

/// An event of every kind, as if the core had told of them: for the test that must not forget one.
#[pyfunction(name = "_example_events")]
fn example_events(callbacks: CallbacksNumber) {
    for kind in EventKind::ALL {
        let event = Event {
            kind,
            verification_id: Some("an id".to_owned()),
            request_id: None,
            message: format!("an example of {}", kind.name()),
        };
        put(callbacks, event);
    }
}

/// A call that panics with a secret.
#[pyfunction(name = "_panic")]
fn panic() -> Call {
    Call::new::<Nothing>(async { panic!("canary") })
}
