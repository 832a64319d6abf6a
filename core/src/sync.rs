//! Locks and atomics of what `tests/loom` plays in every order: std's, and loom's in its models.
//!
//! A model is a test in a module `models`. It runs the real code, once for each order in which its threads
//! may meet. What every model promises is in `docs/reliability.md`.

#[cfg(not(all(test, relaypass_loom)))]
mod types {
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::{atomic, Mutex, MutexGuard};
    pub(crate) use std::thread::yield_now;

    /// A static. In a model each order begins with a new one.
    macro_rules! process_wide {
        ($(#[$about:meta])* static $name:ident: $type:ty = $value:expr;) => {
            $(#[$about])*
            static $name: $type = $value;
        };
    }
    pub(crate) use process_wide;
}

#[cfg(all(test, relaypass_loom))]
mod types {
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::{atomic, Mutex, MutexGuard};
    pub(crate) use loom::thread::yield_now;

    macro_rules! process_wide {
        ($(#[$about:meta])* static $name:ident: $type:ty = $value:expr;) => {
            loom::lazy_static! {
                $(#[$about])*
                static ref $name: $type = $value;
            }
        };
    }
    pub(crate) use process_wide;

    /// Plays the model in every order with up to `LOOM_MAX_PREEMPTIONS`, and says how many there were.
    pub(crate) fn play(model: impl Fn() + Send + Sync + 'static) {
        let model = std::sync::Arc::new(model);
        let played = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = played.clone();
        loom::model(move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let model = model.clone();
            spawn(move || model()).join().expect("it does not panic");
        });
        let name = std::thread::current().name().map(str::to_owned);
        let orders = played.load(std::sync::atomic::Ordering::Relaxed);
        println!("{}: {orders} orders", name.unwrap_or_default());
    }

    /// A thread of a model. Loom's own have no room for arithmetic with large numbers, or for SQLite.
    pub(crate) fn spawn<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> loom::thread::JoinHandle<T> {
        let thread = loom::thread::Builder::new().stack_size(1 << 18);
        thread.spawn(work).expect("loom refuses none")
    }
}

pub(crate) use types::*;
