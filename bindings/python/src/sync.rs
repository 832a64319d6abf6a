//! Locks and atomics of what `tests/loom` plays in every order: std's, and loom's in its models.
//!
//! A model is a test in a module `models`. What every model promises is in `docs/reliability.md`.

#[cfg(not(all(test, relaypass_loom)))]
mod types {
    pub(crate) use std::sync::{atomic, Condvar, Mutex, MutexGuard};

    /// Lets others go on, while they are waited for.
    pub(crate) fn rest() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[cfg(all(test, relaypass_loom))]
mod types {
    pub(crate) use loom::sync::{atomic, Condvar, Mutex, MutexGuard};
    pub(crate) use loom::thread::yield_now as rest;

    /// Plays the model in every order with up to `LOOM_MAX_PREEMPTIONS`, and says how many there were.
    pub(crate) fn play(model: impl Fn() + Send + Sync + 'static) {
        let played = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = played.clone();
        loom::model(move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            model();
        });
        let name = std::thread::current().name().map(str::to_owned);
        let orders = played.load(std::sync::atomic::Ordering::Relaxed);
        println!("{}: {orders} orders", name.unwrap_or_default());
    }
}

pub(crate) use types::*;
