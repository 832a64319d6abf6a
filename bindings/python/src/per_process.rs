//! A value that every process makes for itself.
//!
//! After `fork` the child has a copy of the parent's memory, but none of its other threads. A
//! runtime without its threads never finishes anything; a lock that one of them held is never
//! released; a connection is shared with the parent. So the child must neither use nor even drop
//! such a value: it leaks the copy and makes its own. Nothing here locks, so that a fork at any
//! moment leaves the child a slot that works.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::{io, process, ptr};

use crate::sync::atomic::AtomicPtr;

/// A process, told from its parent and its children. Its number alone does not tell: a child in a
/// pid namespace of its own may have its parent's, and numbers of processes that ended are given
/// anew. And asking the kernel for it takes as long as much of a call that need not wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(/** Never 0. */ pub(crate) u64);

/// How many forks lie between the process that loaded this module and the present one.
static FORKS: AtomicU32 = AtomicU32::new(0);

impl Process {
    pub(crate) fn current() -> Self {
        let numbered = |forks: u32| u64::from(process::id()) << 32 | u64::from(forks);
        let Some(known) = emptied_by_fork() else {
            return Self(numbered(FORKS.load(Ordering::Relaxed)));
        };
        let number = known.load(Ordering::Relaxed);
        if number != 0 {
            return Self(number);
        }
        let number = numbered(FORKS.fetch_add(1, Ordering::Relaxed) + 1);
        // Of threads that come at once, the first decides.
        let first = known.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed);
        Self(first.err().unwrap_or(number))
    }
}

/// Notices forks from now on.
pub(crate) fn notice_forks() -> io::Result<()> {
    Process::current();
    #[cfg(unix)]
    {
        unsafe extern "C" fn forked() {
            FORKS.fetch_add(1, Ordering::Relaxed);
            if let Some(known) = emptied_by_fork() {
                known.store(0, Ordering::Relaxed);
            }
        }
        // SAFETY: the handler only stores numbers, and Python never unloads this module.
        let status = unsafe { libc::pthread_atfork(None, None, Some(forked)) };
        if status != 0 {
            return Err(io::Error::from_raw_os_error(status));
        }
    }
    Ok(())
}

/// A number in memory that the kernel fills with zeros in every child, also one that was made
/// without `fork`; none before Linux 4.14, and under an emulator that takes any advice for good.
#[cfg(target_os = "linux")]
fn emptied_by_fork() -> Option<&'static AtomicU64> {
    static NUMBER: std::sync::OnceLock<Option<&AtomicU64>> = std::sync::OnceLock::new();
    *NUMBER.get_or_init(|| {
        let (size, access) = (4096, libc::PROT_READ | libc::PROT_WRITE);
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: it is a new mapping, which is never unmapped and used as this number alone.
        unsafe {
            let page = libc::mmap(ptr::null_mut(), size, access, kind, -1, 0);
            let is_emptied = page != libc::MAP_FAILED
                && libc::madvise(page, size, -1) != 0
                && libc::madvise(page, size, libc::MADV_WIPEONFORK) == 0;
            is_emptied.then(|| &*page.cast())
        }
    })
}

#[cfg(not(target_os = "linux"))]
fn emptied_by_fork() -> Option<&'static AtomicU64> {
    None
}

/// A value of the process that made it. A forked child has a copy, which it neither sees nor drops.
pub(crate) struct OfProcess<T> {
    process: Process,
    value: ManuallyDrop<T>,
}

impl<T> OfProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            process: Process::current(),
            value: ManuallyDrop::new(value),
        }
    }

    /// The value; nothing in a forked child.
    pub(crate) fn get(&self) -> Option<&T> {
        self.is_ours().then_some(&*self.value)
    }

    /// As [`OfProcess::get`].
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.is_ours().then_some(&mut *self.value)
    }

    fn is_ours(&self) -> bool {
        self.process == Process::current()
    }
}

impl<T> Drop for OfProcess<T> {
    fn drop(&mut self) {
        if self.is_ours() {
            // SAFETY: this is the one place that drops it, and nobody sees it afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

/// Holds nothing at first; then what the first caller made, until the process forks.
pub(crate) struct PerProcess<T> {
    slot: AtomicPtr<OfProcess<T>>,
    /// The slot owns a `T`.
    owns: PhantomData<T>,
}

impl<T: Send + Sync> PerProcess<T> {
    #[cfg(not(all(test, relaypass_loom)))]
    pub(crate) const fn new() -> Self {
        Self {
            slot: AtomicPtr::new(ptr::null_mut()),
            owns: PhantomData,
        }
    }

    /// [`PerProcess::get_or_try_make`], of what cannot fail.
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        let Ok(value) = self.get_or_try_make(|| Ok::<_, Infallible>(make()));
        value
    }

    /// The value of this process. Threads that come at once may each make one; the first stays,
    /// the others are dropped.
    pub(crate) fn get_or_try_make<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        let seen = self.slot.load(Ordering::Acquire);
        if let Some(value) = self.read(seen) {
            return Ok(value);
        }
        let made = Box::into_raw(Box::new(OfProcess::new(make()?)));
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
        let kept = self.read(kept);
        Ok(kept.expect("it was put into the slot by a thread of this process"))
    }

    fn read(&self, seen: *mut OfProcess<T>) -> Option<&T> {
        // SAFETY: `seen` came out of the slot, which holds null or a pointer from `Box::into_raw`.
        // What the slot once held is freed by `drop` only, which has the slot for itself, while
        // the returned reference borrows it; a value of the parent process is never freed. Nobody
        // has a mutable reference to it, and `T: Sync` lets threads share it.
        unsafe { seen.as_ref() }?.get()
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let made = self.slot.load(Ordering::Relaxed);
        if !made.is_null() {
            // SAFETY: the pointer came from `Box::into_raw`, the slot, which is gone after this,
            // was its only owner, and `&mut self` proves that no reference is left.
            drop(unsafe { Box::from_raw(made) });
        }
    }
}

#[cfg(all(test, relaypass_loom))]
mod models {
    use std::sync::Arc;

    use loom::cell::Cell;
    use loom::thread::spawn;

    use super::*;
    use crate::sync::play;

    /// What is made for a process. Loom notices who sees it before it is whole.
    struct Made {
        whole: Cell<bool>,
        dropped: Arc<AtomicU32>,
    }

    // SAFETY: the cell is loom's, which fails the model where two threads are in it in no order.
    unsafe impl Sync for Made {}
    unsafe impl Send for Made {}

    impl Drop for Made {
        fn drop(&mut self) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Three threads ask at once; how many were made, and how many of them dropped with the slot.
    fn ask_at_once(inherited: Option<Made>) -> [u32; 2] {
        let (made, dropped) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let inherited = inherited.map(|value| {
            Box::into_raw(Box::new(OfProcess {
                process: Process(Process::current().0 - 1),
                value: ManuallyDrop::new(value),
            }))
        });
        let parents = inherited.unwrap_or(ptr::null_mut());
        let slot = Arc::new(PerProcess {
            slot: AtomicPtr::new(parents),
            owns: PhantomData,
        });
        let ask = {
            let (made, dropped) = (made.clone(), dropped.clone());
            move |slot: &PerProcess<Made>| {
                let value = slot.get_or_make(|| {
                    made.fetch_add(1, Ordering::Relaxed);
                    let whole = Cell::new(false);
                    whole.set(true);
                    Made {
                        whole,
                        dropped: dropped.clone(),
                    }
                });
                assert!(value.whole.get());
                ptr::from_ref(value) as usize
            }
        };
        let asking = [(); 2].map(|()| {
            let (slot, ask) = (slot.clone(), ask.clone());
            spawn(move || ask(&slot))
        });
        let seen = ask(&slot);
        for thread in asking {
            assert_eq!(thread.join().unwrap(), seen, "all have the same");
        }
        drop(slot);
        if !parents.is_null() {
            // SAFETY: the slot has left it alone, and nobody else knows it.
            drop(unsafe { Box::from_raw(parents) });
        }
        [&made, &dropped].map(|count| count.load(Ordering::Relaxed))
    }

    #[test]
    fn all_who_ask_at_once_get_the_same_whole_value_and_no_other_is_left() {
        play(|| {
            let [made, dropped] = ask_at_once(None);
            assert_eq!(made, dropped);
        });
    }

    #[test]
    fn the_parents_value_is_neither_given_nor_dropped() {
        play(|| {
            let of_parent = Arc::new(AtomicU32::new(0));
            let inherited = Made {
                whole: Cell::new(false),
                dropped: of_parent.clone(),
            };
            let [made, dropped] = ask_at_once(Some(inherited));
            assert_eq!(made, dropped);
            assert_eq!(of_parent.load(Ordering::Relaxed), 0);
        });
    }
}
