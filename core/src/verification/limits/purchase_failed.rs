//! A purchase that fails while nobody asks: who is told, how often, and for how long it is said.

use std::sync::Arc;

use super::{id, listener, put, Events, SlowStore};
use crate::error::ErrorKind;
use crate::events::EventKind;
use crate::http::now_ms;
use crate::verification::engine::Engine;
use crate::verification::record::State;
use crate::verification::seller::{engine, Seller};

/// A worker on a verification without a pass, and whoever sells him one.
async fn world() -> (Engine, Arc<Seller>, Events) {
    let (store, seller) = (Arc::new(SlowStore::default()), Arc::<Seller>::default());
    let events = Events::default();
    let mut engine = engine(store.clone(), seller.clone());
    engine.ports.listener = Some(listener(&events));
    let state = State::Created { pooled: None };
    // The lease of whoever began it is over.
    put(&store, &id(1), None, state, now_ms() - 600_000).await;
    (engine, seller, events)
}

async fn failure(engine: &Engine) -> Option<ErrorKind> {
    let stored = engine.load(&id(1)).await.expect("it is there");
    stored.content.purchase_failure()
}

#[tokio::test(start_paused = true)]
async fn it_is_told_once_for_each_cause_and_said_until_there_is_a_pass() {
    let (engine, seller, events) = world().await;
    for (status, kind) in [
        (401, ErrorKind::Authentication),
        (403, ErrorKind::PermissionDenied),
        (401, ErrorKind::Authentication),
    ] {
        *seller.refuses.lock().unwrap() = Some(status);
        for _ in 0..3 {
            let failed = engine.prepare_later(&id(1)).await;
            assert_eq!(failed.expect_err("no pass").kind(), kind);
            assert_eq!(failure(&engine).await, Some(kind));
        }
        let told = std::mem::take(&mut *events.lock().unwrap());
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, EventKind::PurchaseFailed);
        assert!(told[0].1.contains(kind.code()), "{told:?}");
    }
    *seller.refuses.lock().unwrap() = None;
    engine.prepare_later(&id(1)).await.expect("it is bought");
    assert_eq!(failure(&engine).await, None);
    assert!(events.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_passes_by_itself_is_neither_told_nor_said() {
    let (engine, seller, events) = world().await;
    for status in [429, 500, 503] {
        *seller.refuses.lock().unwrap() = Some(status);
        engine.prepare_later(&id(1)).await.expect_err("no pass");
        assert_eq!(failure(&engine).await, None, "{status}");
    }
    assert!(events.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_the_answer_has_the_error_and_no_event() {
    let (engine, seller, events) = world().await;
    *seller.refuses.lock().unwrap() = Some(401);
    let failed = engine.complete(&id(1), false).await;
    assert_eq!(
        failed.expect_err("no pass").kind(),
        ErrorKind::Authentication
    );
    assert_eq!(failure(&engine).await, Some(ErrorKind::Authentication));
    assert!(events.lock().unwrap().is_empty());
}
