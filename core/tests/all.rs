//! The core's tests from outside, in one binary: each further one would link everything again.

mod before_jwk;
mod blind_rsa;
mod fork;
mod hostile;
mod kept_relays;
mod lanes;
mod logs;
mod references;
mod round_trips;
mod scenarios;
mod sealed;
mod stores;
mod support;
