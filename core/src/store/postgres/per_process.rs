//! What belongs to one process and must not be used in its children.

use std::sync::OnceLock;

/// A value for each process: a forked child makes its own and leaves the parent's alone, even when
/// it ends.
///
/// A chain without a lock, since a lock may be inherited in a state that nobody ever ends.
pub(super) struct PerProcess<T> {
    process: u32,
    value: Option<T>,
    child: OnceLock<Box<PerProcess<T>>>,
}

impl<T> PerProcess<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            process: std::process::id(),
            value: Some(value),
            child: OnceLock::new(),
        }
    }

    /// The present process's value.
    pub(super) fn value(&self, make: impl Fn() -> T) -> &T {
        let present = std::process::id();
        let mut link = self;
        while link.process != present {
            link = link.child.get_or_init(|| Box::new(Self::new(make())));
        }
        let value = link.value.as_ref();
        value.expect("a value is taken out only when the chain is dropped")
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // Dropping a connection says goodbye to the server, in the parent's name.
            std::mem::forget(self.value.take());
        }
    }
}
