//! `recover`, with more records than can be driven one by one.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{builder, id, listener, passed, put_due, Events, SlowStore, Way, FOR_EVER};
use crate::error::ErrorKind;
use crate::events::EventKind;
use crate::wire::ResponseHead;

const DUE: usize = 1000;

async fn due() -> Arc<SlowStore> {
    let store = Arc::new(SlowStore::default());
    for number in 0..DUE {
        put_due(&store, &id(number)).await;
    }
    store
}

#[tokio::test(start_paused = true)]
async fn at_least_a_hundred_records_a_second_are_driven_at_a_distance_of_100_ms() {
    let (store, way) = (due().await, Way::new(Duration::from_millis(100), passed));
    let client = builder(&store, &way).build().unwrap();
    let began = Instant::now();
    let driven = client.verifications().recover().await;
    assert_eq!(driven.expect("it recovers"), DUE as u64);
    let took = began.elapsed();
    assert!(took <= Duration::from_millis(DUE as u64 * 10), "{took:?}");
    assert_eq!(way.sent(), DUE, "each is asked about once");
}

#[tokio::test(start_paused = true)]
async fn a_persona_that_hangs_is_given_up_soon_and_told_of_once() {
    let (store, way) = (due().await, Way::new(FOR_EVER, passed));
    let events = Events::default();
    let client = builder(&store, &way).on_event(listener(&events));
    let client = client.build().unwrap();
    let began = Instant::now();
    let driven = client.verifications().recover().await;
    assert_eq!(driven.expect("the store works"), 0);
    let took = began.elapsed();
    assert!(took <= Duration::from_secs(120), "{took:?}");
    {
        let events = events.lock().unwrap();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0].0, EventKind::BackgroundFailure);
    }
    // What was left alone is still due, and goes on when she answers again.
    *way.latency.lock().unwrap() = Duration::ZERO;
    let driven = client.verifications().recover().await;
    let driven = driven.expect("it recovers");
    assert!(driven >= DUE as u64 - 32, "{driven}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_given_up_soon_and_told_of_once() {
    let (store, way) = (due().await, Way::new(Duration::ZERO, passed));
    *store.swaps.lock().unwrap() = FOR_EVER;
    let events = Events::default();
    let client = builder(&store, &way).on_event(listener(&events));
    let client = client.store_timeout(Duration::from_secs(10)).build();
    let began = Instant::now();
    let driven = client.unwrap().verifications().recover().await;
    assert_eq!(driven.expect("it can say what is due"), 0);
    let took = began.elapsed();
    assert!(took <= Duration::from_secs(30), "{took:?}");
    assert_eq!(events.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_limit_ends_it_in_between_and_it_says_how_many_were_driven() {
    let (store, way) = (due().await, Way::new(Duration::from_millis(100), passed));
    let client = builder(&store, &way).build().unwrap();
    let began = Instant::now();
    let limit = Duration::from_secs(2);
    let driven = client.verifications().within(limit).recover().await;
    let driven = driven.expect("it recovers");
    assert!((100..DUE as u64).contains(&driven), "{driven}");
    assert!(began.elapsed() <= limit);
    let rest = client.verifications().recover().await;
    assert_eq!(driven + rest.expect("it recovers"), DUE as u64);
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_one_record_keeps_none_of_the_others() {
    // Persona's own word, and of every record: told for each, and nothing is left undone.
    let refuses = || {
        let head = ResponseHead {
            status: 404,
            ..ResponseHead::default()
        };
        (head, r#"{"errors":[{"title":"Not found"}]}"#)
    };
    let (store, way) = (due().await, Way::new(Duration::from_millis(100), refuses));
    let events = Events::default();
    let client = builder(&store, &way).on_event(listener(&events));
    let driven = client.build().unwrap().verifications().recover().await;
    assert_eq!(driven.expect("it recovers"), DUE as u64);
    assert_eq!(way.sent(), DUE);
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_one_record_keeps_none_of_the_others() {
    let (store, way) = (due().await, Way::new(Duration::ZERO, passed));
    let broken = format!("verification/{}", id(DUE / 2));
    *store.panics_at.lock().unwrap() = Some(broken);
    let client = builder(&store, &way).build().unwrap();
    let recovering = tokio::spawn(async move { client.verifications().recover().await });
    let ended = recovering.await.expect_err("it is the caller's own panic");
    assert!(ended.is_panic());
    assert_eq!(way.sent(), DUE - 1);
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_call_says_that_the_store_was_slow() {
    let (store, way) = (due().await, Way::new(Duration::ZERO, passed));
    store.hang();
    let client = builder(&store, &way).build().unwrap();
    let limit = Duration::from_secs(2);
    let error = client.verifications().within(limit).recover().await;
    let error = error.expect_err("nobody says what is due");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.message().contains("store"), "{error}");
}
