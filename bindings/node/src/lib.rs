//! The native half of the `relaypass` npm package; `node/src` is the half people import.
//!
//! This crate translates and never decides: it turns JavaScript values into `relaypass::surface`,
//! and results and errors into plain records. Types of arguments are checked in TypeScript, their
//! meaning in the core.
//!
//! Two rules keep it sound (measured; `async fn(&self)` of napi-rs breaks both):
//! * No future borrows from a JavaScript object. Methods are plain functions that clone what they
//!   need and hand an owned future to [`call::promise`], so a worker thread may end while its calls
//!   are in flight.
//! * A call that failed *resolves*, with a [`ErrorRecord`](errors::ErrorRecord) in place of the
//!   result. A promise of ours rejects only if the glue itself is broken.

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
