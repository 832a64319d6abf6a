//! Events, told to an object of the host language.

use std::sync::Arc;

use relaypass::{Event, Listener};

use crate::call::{blocking, current_call};

/// See `relaypass::Event`.
#[derive(uniffi::Record)]
pub struct EventRecord {
    pub kind: String,
    pub verification_id: Option<String>,
    pub request_id: Option<String>,
    pub text: String,
}

impl From<&Event> for EventRecord {
    fn from(event: &Event) -> Self {
        Self {
            kind: event.kind.name().to_owned(),
            verification_id: event.verification_id.clone(),
            request_id: event.request_id.clone(),
            text: event.message.clone(),
        }
    }
}

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
