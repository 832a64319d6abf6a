//! How threads meet, where no Python is: `tests/loom` plays the models of these modules in every order. The
//! library itself is a module of Python's, and cannot be linked without it.
#![cfg(relaypass_loom)]
#![allow(dead_code, reason = "the rest of the library uses it")]

#[path = "../src/gate.rs"]
mod gate;
#[path = "../src/inbox.rs"]
mod inbox;
#[path = "../src/per_process.rs"]
mod per_process;
#[path = "../src/sync.rs"]
mod sync;
