//! Events, told to a function in JavaScript.

use napi::bindgen_prelude::FnArgs;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::Status;
use napi_derive::napi;
use relaypass::{Event, Listener};

use crate::cancel::current_scope;

/// See `relaypass::Event`.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct HostEvent {
    pub kind: &'static str,
    pub verification_id: Option<String>,
    pub request_id: Option<String>,
    pub message: String,
}

impl From<&Event> for HostEvent {
    fn from(event: &Event) -> Self {
        Self {
            kind: event.kind.name(),
            verification_id: event.verification_id.clone(),
            request_id: event.request_id.clone(),
            message: event.message.clone(),
        }
    }
}

/// Whom to tell. Weak: it keeps no event loop alive. It must not throw, and `node/src/events.ts`
/// sees to it.
pub type Tell = ThreadsafeFunction<Told, (), Told, Status, false, true>;

/// The scope of the call that it happened in, and what happened.
type Told = FnArgs<(Option<u32>, HostEvent)>;

/// The core's side of it. It does not wait for JavaScript.
pub fn listener(tell: Tell) -> Listener {
    Listener::new(move |event| {
        // A thread that is ending hears nothing any more.
        let _ = tell.call(
            (current_scope(), HostEvent::from(event)).into(),
            ThreadsafeFunctionCallMode::NonBlocking,
        );
    })
}
