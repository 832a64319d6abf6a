//! The runtime that napi-rs runs our futures on.

/// In place of napi-rs's own, which has a thread for every core. napi-rs takes its runtime when the
/// addon is loaded, and tokio starts the threads of a runtime that it makes. napi-rs has a place for
/// one that starts later (`AsyncRuntime`), if nothing of it runs once it was shut down: tokio cannot
/// promise that of work that blocks, but for waiting for it while the process ends.
#[napi_derive::module_init]
fn start() {
    let runtime = relaypass::surface::runtime();
    // Without threads or descriptors left nothing works; napi-rs then says so in its own words.
    if let Ok(runtime) = runtime {
        napi::bindgen_prelude::create_custom_tokio_runtime(runtime);
    }
}
