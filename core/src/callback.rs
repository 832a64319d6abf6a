//! Code that is not ours and that we call: a store's methods, and who listens to events.

use std::future::Future;

tokio::task_local! {
    static CALLED: ();
}

/// Runs what somebody else gave us.
pub(crate) async fn called<T>(work: impl Future<Output = T>) -> T {
    CALLED.scope((), work).await
}

/// [`called`], for a function.
pub(crate) fn called_now<T>(work: impl FnOnce() -> T) -> T {
    CALLED.sync_scope((), work)
}

/// Whether this is such code: whatever waits for it waits for us.
pub(crate) fn is_called() -> bool {
    CALLED.try_with(|()| ()).is_ok()
}
