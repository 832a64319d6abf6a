//! A lock that is held for microseconds, and that nobody waits for in the child of a fork.

use std::sync::TryLockError;

use crate::sync::{spin_loop, yield_now, Mutex, MutexGuard};

/// So often a lock is tried, half of them at once and half after others had a turn.
const MOST_TRIES: usize = 200;

/// Locks. None: it could not be had for so long that its holder is perhaps in another process, the parent
/// of this one, and never lets go.
pub(crate) fn lock_briefly<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    for tries in 0..MOST_TRIES {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(guard)) => return Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) if tries < MOST_TRIES / 2 => spin_loop(),
            Err(TryLockError::WouldBlock) => yield_now(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_whose_holder_is_gone_is_given_up() {
        let mutex = Mutex::new(1);
        let held = lock_briefly(&mutex);
        assert!(held.is_some() && lock_briefly(&mutex).is_none());
        drop(held);
        assert!(lock_briefly(&mutex).is_some());
    }
}
