//! The native half of the relaypass packages for Kotlin and Swift; `kotlin/` and `swift/` are the
//! halves that people import.
//!
//! This crate translates and never decides: it turns plain records into `relaypass::surface`, and
//! results and errors into plain records.
//!
//! Two rules keep it sound:
//! * Every call of the core is driven by [`relaypass::surface::Driven`], and nowhere else. The
//!   future that uniffi drives only waits for it, so it needs no reactor, and it may be dropped on
//!   any thread.
//! * A call is cancelled by its number, and gives its outcome even then if that is there: the
//!   packages never drop its future before.

mod answer;
mod arguments;
mod call;
mod client;
mod errors;
mod events;
#[cfg(feature = "test-hooks")]
mod hooks;
mod keys;
mod store;
mod testing;

uniffi::setup_scaffolding!();
