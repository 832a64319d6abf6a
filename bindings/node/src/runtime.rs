//! The runtime that napi-rs runs our futures on.

/// In place of napi-rs's own, which has a thread for every core.
#[napi_derive::module_init]
fn start() {
    let runtime = relaypass::surface::runtime();
    // Without threads or descriptors left nothing works; napi-rs then says so in its own words.
    if let Ok(runtime) = runtime {
        napi::bindgen_prelude::create_custom_tokio_runtime(runtime);
    }
}
