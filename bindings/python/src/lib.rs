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
mod errors;
mod events;
mod exit;
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
mod testing;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

#[pymodule(name = "_native", gil_used = true)]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    refuse_other_interpreters()?;
    per_process::count_forks()?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<client::Client>()?;
    module.add_class::<call::Call>()?;
    module.add_class::<asyncio::WhenDone>()?;
    module.add_class::<outcome::Outcome>()?;
    module.add_function(wrap_pyfunction!(keys::generate_key_pair, module)?)?;
    module.add_function(wrap_pyfunction!(keys::read_key_pair, module)?)?;
    module.add_function(wrap_pyfunction!(keys::read_jwk, module)?)?;
    module.add_function(wrap_pyfunction!(keys::open_claim, module)?)?;
    module.add_class::<store::StoreCall>()?;
    module.add_function(wrap_pyfunction!(store::store_needs_thread, module)?)?;
    module.add_function(wrap_pyfunction!(store::store_thread_failed, module)?)?;
    module.add_function(wrap_pyfunction!(store::next_store_call, module)?)?;
    module.add_function(wrap_pyfunction!(events::report_unraisable, module)?)?;
    module.add_function(wrap_pyfunction!(testing::check_store, module)?)?;
    module.add_function(wrap_pyfunction!(events::events_need_thread, module)?)?;
    module.add_function(wrap_pyfunction!(events::event_thread_failed, module)?)?;
    module.add_function(wrap_pyfunction!(events::next_event, module)?)?;
    module.add_function(wrap_pyfunction!(per_process::process_number, module)?)?;
    #[cfg(feature = "test-hooks")]
    hooks::add(module)?;
    exit::watch(module)
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
