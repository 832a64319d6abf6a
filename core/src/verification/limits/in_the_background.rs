//! The task in the background: what it survives, and whom it belongs to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use super::{builder, id, listener, passed, put_due, Events, SlowStore, Way, FOR_EVER};
use crate::error::ErrorKind;
use crate::events::{EventKind, Listener};
use crate::verification::api::{Status, VerificationId};
use crate::Client;

/// Two rounds at least.
const ROUNDS: Duration = Duration::from_secs(200);

async fn status(client: &Client, number: usize) -> Status {
    let id = VerificationId::parse(id(number)).unwrap();
    let stored = client.verifications().get(&id).await;
    stored.expect("it is there").status
}

async fn begin(client: &Client) {
    let unknown = VerificationId::parse(id(999_999)).unwrap();
    let told = client.verifications().get(&unknown).await;
    assert_eq!(told.expect_err("nobody").kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_once_ends_no_more_than_a_round() {
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(Duration::ZERO, passed),
    );
    put_due(&store, &id(1)).await;
    *store.panics_at.lock().unwrap() = Some(format!("verification/{}", id(1)));
    let events = Events::default();
    let client = builder(&store, &way).background(true);
    let client = client.on_event(listener(&events)).build().unwrap();
    begin(&client).await;
    tokio::time::sleep(ROUNDS).await;
    let told = events.lock().unwrap().len();
    assert!((1..=6).contains(&told), "one event a round, not {told}");
    assert!(events.lock().unwrap()[0].1.contains("panicked"));
    assert_eq!(events.lock().unwrap()[0].0, EventKind::BackgroundFailure);
    *store.panics_at.lock().unwrap() = None;
    tokio::time::sleep(ROUNDS).await;
    assert_eq!(status(&client, 1).await, Status::Passed);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_always_does_not_end_it() {
    let (store, way) = (Arc::new(SlowStore::default()), Way::new(FOR_EVER, passed));
    put_due(&store, &id(1)).await;
    let called = Arc::new(AtomicUsize::new(0));
    let counter = called.clone();
    let client = builder(&store, &way).background(true);
    let client = client.on_event(Listener::new(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        panic!("the caller's own listener is broken");
    }));
    let client = client.build().unwrap();
    begin(&client).await;
    tokio::time::sleep(ROUNDS).await;
    assert!(called.load(Ordering::SeqCst) > 0);
    *way.latency.lock().unwrap() = Duration::ZERO;
    put_due(&store, &id(2)).await;
    tokio::time::sleep(ROUNDS).await;
    assert_eq!(status(&client, 2).await, Status::Passed);
}

#[tokio::test(start_paused = true)]
async fn it_does_not_hang_on_the_client_of_one_call_made_for_somebody_else() {
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(Duration::ZERO, passed),
    );
    let client = builder(&store, &way).background(true).build().unwrap();
    {
        let derived = client.on_behalf_of(Some("persona_production_y"), None);
        begin(&derived.unwrap()).await;
    }
    tokio::time::sleep(ROUNDS).await;
    put_due(&store, &id(1)).await;
    tokio::time::sleep(ROUNDS).await;
    assert_eq!(status(&client, 1).await, Status::Passed);
}

#[test]
fn it_begins_again_when_the_runtime_that_it_was_in_has_ended() {
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(Duration::ZERO, passed),
    );
    let client = builder(&store, &way).background(true).build().unwrap();
    for number in 1..=2 {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            put_due(&store, &id(number)).await;
            begin(&client).await;
            tokio::time::sleep(ROUNDS).await;
            assert_eq!(status(&client, number).await, Status::Passed);
        });
    }
}
