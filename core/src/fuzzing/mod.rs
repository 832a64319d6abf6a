//! What reads bytes of strangers, one function for each reader: what libFuzzer calls (`fuzz/`), and the
//! tests, which play the seeds of `fuzz/seeds` with it.
//!
//! It is compiled for tests, and where `tests/fuzz` sets `--cfg relaypass_fuzzing`. No release has
//! any of it. No feature of Cargo's brings it in, which would be switched on for the whole workspace; and not the
//! `--cfg fuzzing` of cargo-fuzz, which is set for every crate that somebody's own target depends on.
//!
//! Each takes whatever bytes there are, and panics where a reader breaks one of its promises:
//! * what was read and is written again is read as the same;
//! * what is refused is refused with one of a few codes, and without a word of what may be a secret
//!   ([`keeps_secrets`]);
//! * what is refused changes nothing;
//! * what is longer than it may be is refused.

mod addresses;
mod answers;
mod claims;
mod issuing;
mod keys;
mod records;
mod steps;

pub use addresses::{address, store_url};
pub use answers::answer;
pub use claims::{claim, jwe};
pub use issuing::{blind_signature, challenge, pass, token_key};
pub use keys::{jwk, pem};
pub use records::record;
pub use steps::steps;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::path::{Path, PathBuf};

use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};

/// A target's name, and what it does with some bytes.
pub type Reader = (&'static str, fn(&[u8]));

/// All of them.
pub const READERS: [Reader; 13] = [
    ("address", address),
    ("answer", answer),
    ("blind_signature", blind_signature),
    ("challenge", challenge),
    ("claim", claim),
    ("jwe", jwe),
    ("jwk", jwk),
    ("pass", pass),
    ("pem", pem),
    ("record", record),
    ("steps", steps),
    ("store_url", store_url),
    ("token_key", token_key),
];

/// Stands for a secret. As base64, as a word and in a URL it is like any other text; no text of ours has it.
const SECRET: &str = "Kq7ZcanaryX9w";

/// `fuzz/` of the repository, with the seeds and what is known. The crate that is published is without.
fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// Reads a text as it is, and once more with a secret somewhere in it: no refusal repeats that.
///
/// # Panics
/// If one does.
fn keeps_secrets<T>(text: &str, read: impl Fn(&str) -> Result<T>) -> Result<T> {
    let place = text.bytes().fold(7_usize, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(usize::from(byte))
    });
    let place = (0..=text.len())
        .cycle()
        .skip(place % (text.len() + 1))
        .find(|place| text.is_char_boundary(*place))
        .expect("a text has an end");
    let (before, after) = text.split_at(place);
    if let Err(error) = read(&format!("{before}{SECRET}{after}")) {
        says_nothing_of(SECRET, &error);
    }
    read(text)
}

/// # Panics
/// If an error, or what it was caused by, repeats this.
fn says_nothing_of(secret: &str, error: &Error) {
    let mut told = vec![
        error.to_string(),
        format!("{error:?}"),
        format!("{:?}", error.meta()),
    ];
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        told.push(inner.to_string());
        cause = inner.source();
    }
    for told in told {
        assert!(!told.contains(secret), "a secret is repeated: {told}");
    }
}

/// # Panics
/// If an error has none of these codes.
fn is_one_of(error: &Error, codes: &[&str]) {
    assert!(codes.contains(&error.code()), "{error}");
}

/// Plays to its end what waits for nothing but time, which passes by itself.
fn in_no_time<T>(plays: impl Future<Output = T>) -> T {
    /// So many see one clock: it must not get years ahead.
    const PLAYS: u32 = 1_000;
    thread_local! {
        static PLAYED: Cell<u32> = const { Cell::new(0) };
        static RUNTIME: RefCell<Runtime> = RefCell::new(runtime());
    }
    PLAYED.set(PLAYED.get() + 1);
    if PLAYED.get().is_multiple_of(PLAYS) {
        RUNTIME.replace(runtime());
    }
    RUNTIME.with_borrow(|runtime| runtime.block_on(plays))
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime of one thread")
}

#[cfg(test)]
mod tests;
