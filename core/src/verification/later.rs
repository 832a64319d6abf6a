//! What goes on with a verification after `start`: at once, and at the moment that chance has chosen.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use crate::client::Inner;
use crate::error::Result;
use crate::records::Loaded;
use crate::verification::record::Durable;

/// Drives it until there is a pass. What stops it is for `complete` to tell.
///
/// While a purchase waits for its moment, nothing keeps the client that was built: when that is gone or
/// closed, the purchase is left to whoever comes next. To buy at once would tell Persona when.
pub(super) fn prepare(
    inner: &Arc<Inner>,
    stored: Loaded<Durable>,
) -> Result<impl Future<Output = ()> + Send> {
    let engine = Engine::of_many(inner, None)?;
    let built = Arc::downgrade(inner.built());
    // One that was derived from it lives on: often nobody else holds it.
    let is_derived = !Arc::ptr_eq(inner, inner.built());
    let derived = is_derived.then(|| inner.clone());
    let lifecycle = inner.lifecycle.clone();
    Ok(async move {
        let id = stored.content.id().to_owned();
        let Ok(Some(pause)) = engine.prepare(stored).await else {
            return;
        };
        drop(engine);
        if lifecycle.sleep(Duration::from_millis(pause)).await {
            return;
        }
        let Some(inner) = derived.or_else(|| built.upgrade()) else {
            return;
        };
        if let Ok(engine) = Engine::of_many(&inner, None) {
            let _ = engine.prepare_later(&id).await;
        }
    })
}
