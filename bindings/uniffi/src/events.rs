//! Events, told to an object of the host language.

use std::sync::Arc;

use relaypass::surface::{blocking, current_call};
use relaypass::Listener;

use crate::answer::EventRecord;

/// Whom to tell. It must not throw, and the packages see to it.
#[uniffi::export(foreign)]
pub trait HostListener: Send + Sync {
    /// What happened, in the call of this number; 0: in the background.
    fn on_event(&self, call: u64, event: EventRecord);
}

/// The core's side of it.
pub(crate) fn listener(host: Arc<dyn HostListener>) -> Listener {
    Listener::new(move |event| {
        let (host, call, event) = (Arc::clone(&host), current_call(), event.into());
        blocking(move || host.on_event(call, event));
    })
}
