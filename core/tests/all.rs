//! The core's tests from outside, in one binary: each further one would link everything again.

mod before_jwk;
mod blind_rsa;
mod durable_relays;
mod factors;
mod fork;
mod hostile;
mod issuer;
mod lanes;
mod logs;
mod postgres_refusals;
mod postgres_round_trips;
mod privacy_report;
mod purchase_window;
mod references;
mod round_trips;
mod scenarios;
mod sealed;
mod stores;
mod strict;
mod support;
mod ways_out;
