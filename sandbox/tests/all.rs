//! The sandbox's tests from outside, in one binary: each further one would link everything again.

mod control;
mod encryption;
mod faults;
mod http2;
mod idempotency;
mod issuing;
mod redeeming;
mod support;
mod wire;
