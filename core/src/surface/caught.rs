//! A panic is a mistake of ours, and one error with one code in every language.
//!
//! What it says may hold anything, a secret too: it reaches neither the error nor the log.

use std::cell::Cell;
use std::future::{poll_fn, Future};
use std::io::{stderr, Write};
use std::panic::{catch_unwind, set_hook, take_hook, AssertUnwindSafe};
use std::pin::{pin, Pin};
use std::sync::Once;
use std::task::Poll;
use std::thread;

use super::runtime::THREAD_NAME;
use crate::error::{Error, ErrorKind, Result};

/// Does the work of a call. If it panics, that is an `internal` error.
///
/// # Errors
/// Those of the work, and `internal`.
pub async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let work = pin!(Some(work));
    let mut work = DroppedQuietly(work);
    poll_fn(|context| {
        let polled = caught_now(|| {
            let unfinished = work
                .0
                .as_mut()
                .as_pin_mut()
                .expect("it is not polled after its end");
            let polled = unfinished.poll(context);
            if polled.is_ready() {
                // Here, where a panic of what it holds is an error.
                work.0.set(None);
            }
            Ok(polled)
        });
        polled.unwrap_or_else(|mistake| Poll::Ready(Err(mistake)))
    })
    .await
}

/// Work that panicked or was cancelled is dropped half done: what panics then is caught as well.
struct DroppedQuietly<'a, F>(Pin<&'a mut Option<F>>);

impl<F> Drop for DroppedQuietly<'_, F> {
    fn drop(&mut self) {
        // The call has its outcome by now, or nobody wants one.
        let _ = caught_now(|| {
            self.0.set(None);
            Ok(())
        });
    }
}

/// As [`caught`], at once.
///
/// # Errors
/// Those of the work, and `internal`.
pub fn caught_now<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    hide_what_panics_say();
    let outer = CATCHES.replace(true);
    // Nothing of the work is looked at afterwards.
    let caught = catch_unwind(AssertUnwindSafe(work));
    CATCHES.set(outer);
    caught.unwrap_or_else(|_| Err(mistake()))
}

/// What became of work that panicked where nothing catches, as on another thread.
pub fn mistake() -> Error {
    Error::new(
        ErrorKind::Internal,
        "This is a mistake of relaypass, please report it.",
    )
}

thread_local! {
    /// Whether a panic here is caught.
    static CATCHES: Cell<bool> = const { Cell::new(false) };
}

/// Only where it happened is printed. Panics of other code in this process are printed as before.
fn hide_what_panics_say() {
    static HIDDEN: Once = Once::new();
    HIDDEN.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            if !CATCHES.get() && thread::current().name() != Some(THREAD_NAME) {
                print(panic);
            } else if let Some(place) = panic.location() {
                // Where nobody reads that, nobody is told: a second panic here would end the process.
                let _ = writeln!(
                    stderr(),
                    "relaypass failed inside at {place}; please report it."
                );
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error_that_does_not_repeat_it() {
        let at_once = caught_now::<()>(|| panic!("canary")).unwrap_err();
        let later = caught::<()>(async {
            tokio::task::yield_now().await;
            panic!("canary")
        });
        for error in [at_once, later.await.unwrap_err()] {
            assert_eq!(error.code(), "internal");
            assert!(!error.retryable());
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
        assert!(!CATCHES.get());
    }
}
