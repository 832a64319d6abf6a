//! `relaypass._native`: what the Python package stands on. Private; people import `relaypass`.
//!
//! This crate translates and never decides: rules about arguments are `relaypass::surface`,
//! everything else is `relaypass`. What is its own is how Rust and Python share a process:
//!
//! * [`call`]: a call that is prepared, and waited for either in this thread or by asyncio;
//! * [`outcome`]: what came of it, and why Python code raises the errors;
//! * [`runtime`]: the tokio runtime, made when it is first needed and again after `fork`;
//! * [`asyncio`]: how an answer gets back to the event loop;
//! * [`store`], [`events`]: how Python code that is not ours is called, [`inbox`]: by whom, and
//!   [`caller`]: in whose name;
//! * [`exit`]: why no thread of ours is inside Python while the interpreter ends.

mod answer;
mod arguments;
mod asyncio;
mod call;
mod caller;
mod client;
mod errands;
mod errors;
mod events;
mod exit;
mod gate;
#[cfg(feature = "test-hooks")]
mod hooks;
mod inbox;
mod keys;
mod outcome;
mod per_process;
mod released;
mod runtime;
mod store;
mod store_answer;
mod sync;
mod testing;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

#[pymodule(name = "_native", gil_used = true)]
mod native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::{
        asyncio::WhenDone,
        call::Call,
        client::Client,
        events::{event_thread_failed, events_need_thread, next_event, report_unraisable},
        keys::{generate_key_pair, open_claim, read_jwk, read_key_pair},
        outcome::Outcome,
        process_number,
        store::{next_store_call, store_needs_thread, store_thread_failed, StoreCall},
        testing::check_store,
    };

    #[pymodule_init]
    fn start(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::refuse_other_interpreters()?;
        crate::per_process::notice_forks()?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        #[cfg(feature = "test-hooks")]
        crate::hooks::add(module)?;
        crate::exit::watch(module)
    }
}

/// For threads of Python's, which end in a forked child.
#[pyfunction(name = "process")]
pub(crate) fn process_number() -> u64 {
    per_process::Process::current().0
}

/// Threads and the gate at exit belong to one interpreter, and pyo3's objects, too. Python 3.12 and
/// later say so themselves, except to sub-interpreters of the old kind.
fn refuse_other_interpreters() -> PyResult<()> {
    // SAFETY: this is called by Python, so that there is a present interpreter, which stays alive.
    let number = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if number == 0 {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "relaypass works in the main interpreter of a process only, and this is a sub-interpreter. \
         For mod_wsgi: WSGIApplicationGroup %{GLOBAL}. Elsewhere, use threads or processes.",
    ))
}
