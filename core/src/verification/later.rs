//! What goes on with a verification after `start`: at once, or at the moment that chance has chosen.

use std::time::Duration;

use super::Engine;
use crate::records::Loaded;
use crate::verification::record::Durable;

/// Drives it until there is a pass. What stops it is for `complete` to tell. When the client is closed
/// before the moment has come, it is left to whoever comes next: to buy at once would tell Persona when.
pub(super) async fn prepare(engine: Engine, stored: Loaded<Durable>) {
    let Some(pause) = stored.content.is_put_off_for(engine.ports.now()) else {
        let _ = engine.prepare(stored).await;
        return;
    };
    let id = stored.content.id().to_owned();
    drop(stored);
    let lifecycle = &engine.ports.lifecycle;
    if !lifecycle.sleep(Duration::from_millis(pause)).await {
        let _ = engine.prepare_later(&id).await;
    }
}
