//! What tests of several subjects need.

pub mod link;
pub mod own_process;
pub mod persona;
pub mod proxy;
pub mod script;
pub mod services;
pub mod signer;
pub mod vectors;
