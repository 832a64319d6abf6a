//! `relaypass._native`: what the Python package stands on. Private; people import `relaypass`.
//!
//! This crate translates and never decides: rules about arguments are `relaypass::arguments`,
//! everything else is `relaypass`. What is its own is how Rust and Python share a process:
//!
//! * [`call`]: a call that is prepared, and waited for either in this thread or by asyncio;
//! * [`outcome`]: what came of it, and why Python code raises the errors;
//! * [`engine`]: the tokio runtime, made when it is first needed and again after `fork`;
//! * [`asyncio`]: how an answer gets back to the event loop;
//! * [`exit`]: why no thread of ours is inside Python while the interpreter ends.

mod answer;
mod argument;
mod asyncio;
mod call;
mod client;
mod engine;
mod errors;
mod exit;
mod keys;
mod outcome;
mod per_process;

use pyo3::prelude::*;

#[pymodule(name = "_native", gil_used = true)]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<client::Client>()?;
    module.add_class::<call::Call>()?;
    module.add_class::<asyncio::WhenDone>()?;
    module.add_class::<outcome::Outcome>()?;
    module.add_function(wrap_pyfunction!(keys::generate_key_pair, module)?)?;
    module.add_function(wrap_pyfunction!(keys::read_key_pair, module)?)?;
    module.add_function(wrap_pyfunction!(keys::open_claim, module)?)?;
    module.add_function(wrap_pyfunction!(outcome::example_failures, module)?)?;
    exit::watch(module)
}
