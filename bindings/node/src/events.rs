//! Events, told to a function in JavaScript.

use napi::bindgen_prelude::FnArgs;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::Status;
use relaypass::Listener;

use crate::answer::EventRecord;
use crate::call::current_scope;

/// Whom to tell. Weak: it keeps no event loop alive. It must not throw, and `node/src/events.ts`
/// sees to it.
pub type Tell = ThreadsafeFunction<Told, (), Told, Status, false, true>;

/// The scope of the call that it happened in, and what happened.
type Told = FnArgs<(Option<u32>, EventRecord)>;

/// The core's side of it. It does not wait for JavaScript.
pub fn listener(tell: Tell) -> Listener {
    Listener::new(move |event| {
        // A thread that is ending hears nothing any more.
        let _ = tell.call(
            (current_scope(), EventRecord::from(event)).into(),
            ThreadsafeFunctionCallMode::NonBlocking,
        );
    })
}
