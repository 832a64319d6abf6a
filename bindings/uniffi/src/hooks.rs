//! What only tests need. No package that people install has it.

use relaypass::{Error, ErrorKind};

use crate::call::{drive, open_calls};
use crate::errors::{CallError, ErrorRecord};

/// One failure of every kind, for the tests that walk them all.
#[uniffi::export]
pub fn example_failures() -> Vec<ErrorRecord> {
    let examples = ErrorKind::ALL.iter().copied().map(Error::example);
    examples.map(|error| (&error).into()).collect()
}

/// How many calls can be cancelled, for the tests that look for leaks.
#[uniffi::export]
pub fn count_calls() -> u64 {
    open_calls().len() as u64
}

/// A call that panics with a secret.
#[uniffi::export]
pub async fn panic(number: u64) -> Result<(), CallError> {
    drive::<(), ()>(number, false, Box::pin(async { panic!("canary") })).await
}
