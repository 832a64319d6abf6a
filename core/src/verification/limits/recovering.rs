//! `recover`, with more records than can be driven one by one.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{builder, id, listener, passed, put_due, Events, SlowStore, Way, FOR_EVER};
use crate::error::ErrorKind;
use crate::events::{EventKind, Listener};
use crate::http::now_ms;
use crate::passes::{new_pool_key, Pooled, PooledState, Purchase};
use crate::records::{Changed, StoredSecret, Vault, HOUR};
use crate::secret::os_random;
use crate::store::{Record, Sealer, Store, Swap};
use crate::verification::api::{Status, VerificationId};
use crate::verification::seller::{engine, Seller};
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

#[tokio::test(start_paused = true)]
async fn an_outage_of_one_lane_keeps_no_place_of_the_pool_from_being_bought() {
    let store = due().await;
    let (random, began) = (&mut os_random(), now_ms() - HOUR);
    let purchase = Purchase::new(StoredSecret::new("blinded"), began, random);
    let state = PooledState::Issuing { purchase };
    let place = Pooled::new("production", "age", state, began, random);
    let key = new_pool_key("production", "age", None, random);
    let vault = Vault::new(store.clone() as Arc<dyn Store>, Sealer::default());
    let put = vault.put(&key, None, place).await;
    assert!(matches!(put, Ok(Changed::Done(_))));
    let events = Events::default();
    let mut engine = engine(store, Arc::new(Seller::default()));
    engine.ports.listener = Some(listener(&events));
    assert_eq!(engine.recover().await.expect("the store works"), 1);
    assert_eq!(engine.ports.count_pooled("age").await.unwrap(), 1);
    assert_eq!(events.lock().unwrap().len(), 1, "the outage is told once");
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_breaks_off_nothing_that_is_under_way() {
    const OTHERS: usize = 12;
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(Duration::from_millis(100), passed),
    );
    for number in 0..OTHERS {
        put_due(&store, &id(number)).await;
    }
    // It fails at once, and is told of while the others wait for Persona.
    let damaged = Record {
        value: b"damaged".to_vec(),
        version: 1,
        due_at: Some(1),
        expires_at: None,
    };
    let key = format!("verification/{}", id(OTHERS));
    let put = store.compare_and_swap(&key, None, Some(damaged)).await;
    assert_eq!(put.unwrap(), Swap::Done);
    let client = builder(&store, &way)
        .on_event(Listener::new(|_| panic!("the caller's own listener")))
        .build()
        .unwrap();
    let recovering = tokio::spawn(async move { client.verifications().recover().await });
    let ended = recovering.await.expect_err("it is the caller's own panic");
    assert!(ended.is_panic());
    let client = builder(&store, &way).build().unwrap();
    for number in 0..OTHERS {
        let id = VerificationId::parse(id(number)).unwrap();
        let there = client.verifications().get(&id).await;
        assert_eq!(there.expect("it is there").status, Status::Passed);
    }
}

#[tokio::test(start_paused = true)]
async fn it_takes_up_nothing_more_once_the_client_is_closing() {
    let (store, way) = (due().await, Way::new(Duration::from_millis(100), passed));
    let client = builder(&store, &way).build().unwrap();
    let closing = async {
        tokio::time::sleep(Duration::from_millis(250)).await;
        client.close(None).await
    };
    let verifications = client.verifications();
    let (driven, closed) = tokio::join!(verifications.recover(), closing);
    closed.expect("it waits for what is under way");
    let driven = driven.expect("what was driven is said");
    assert!((16..=64).contains(&driven), "{driven}");
    assert_eq!(way.sent() as u64, driven, "what was begun came to its end");
}
