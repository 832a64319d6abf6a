//! A value that every process makes for itself.
//!
//! After `fork` the child has a copy of the parent's memory, but none of its other threads. A
//! runtime without its threads never finishes anything; a lock that one of them held is never
//! released; a connection is shared with the parent. So the child must neither use nor even drop
//! such a value: it leaks the copy and makes its own. Nothing here locks, so that a fork at any
//! moment leaves the child a slot that works.

use std::marker::PhantomData;
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Holds nothing at first; then what the first caller made, until the process forks.
pub(crate) struct PerProcess<T> {
    slot: AtomicPtr<Made<T>>,
    /// The slot owns a `T`.
    owns: PhantomData<T>,
}

struct Made<T> {
    pid: u32,
    value: T,
}

impl<T: Send + Sync> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self {
            slot: AtomicPtr::new(ptr::null_mut()),
            owns: PhantomData,
        }
    }

    /// The value of this process, if it has been made.
    pub(crate) fn existing(&self) -> Option<&T> {
        self.read(self.slot.load(Ordering::Acquire))
    }

    /// The value of this process. Threads that come at once may each make one; the first stays,
    /// the others are dropped.
    pub(crate) fn get_or_try_make<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        let seen = self.slot.load(Ordering::Acquire);
        if let Some(value) = self.read(seen) {
            return Ok(value);
        }
        let made = Box::into_raw(Box::new(Made {
            pid: process::id(),
            value: make()?,
        }));
        let exchanged = self
            .slot
            .compare_exchange(seen, made, Ordering::AcqRel, Ordering::Acquire);
        let kept = match exchanged {
            Ok(_) => made,
            Err(winner) => {
                // SAFETY: `made` came from `Box::into_raw` above, and the exchange failed, so that
                // nobody but us has ever seen it.
                drop(unsafe { Box::from_raw(made) });
                winner
            }
        };
        Ok(self
            .read(kept)
            .expect("it was put into the slot by a thread of this process"))
    }

    fn read(&self, seen: *mut Made<T>) -> Option<&T> {
        // SAFETY: `seen` came out of the slot, which holds null or a pointer from `Box::into_raw`.
        // What the slot once held is freed by `drop` only, which has the slot for itself, while
        // the returned reference borrows it; a value of the parent process is never freed. Nobody
        // has a mutable reference to it, and `T: Sync` lets threads share it.
        let made = unsafe { seen.as_ref() }?;
        (made.pid == process::id()).then_some(&made.value)
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let made = *self.slot.get_mut();
        // SAFETY: as in `read`; `&mut self` proves that no reference is left.
        let is_ours = unsafe { made.as_ref() }.is_some_and(|made| made.pid == process::id());
        if is_ours {
            // SAFETY: the pointer came from `Box::into_raw`, and the slot, which is gone after
            // this, was its only owner.
            drop(unsafe { Box::from_raw(made) });
        }
    }
}
