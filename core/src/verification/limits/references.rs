//! What a reference is called in the store, today and by 0.1.0.

use std::sync::Arc;
use std::time::Duration;

use super::{builder, created, id, put, put_due, SlowStore, Way};
use crate::encoding::encode_hex;
use crate::http::now_ms;
use crate::records::DAY;
use crate::store::{Record, Sealer, Store};
use crate::verification::api::StartVerification;
use crate::verification::record::State;
use crate::{ClaimType, Client};

const REFERENCE: &str = "order-1";

/// Where 0.1.0 kept it: under a hash that anybody can make.
fn unkeyed() -> String {
    let named = format!("production\0{REFERENCE}");
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, named.as_bytes());
    format!("reference/{}", encode_hex(hash.as_ref()))
}

/// What 0.1.0 stored for it.
pub(super) async fn put_reference(store: &SlowStore, id: &str) {
    let expires_at = now_ms() + 30 * DAY;
    let content = format!(r#"{{"id":"{id}","expires_at":{expires_at}}}"#);
    let content = [&[1], content.as_bytes()].concat();
    let key = unkeyed();
    let record = Record {
        value: Sealer::default().seal(&key, 7, &content),
        version: 7,
        due_at: None,
        expires_at: Some(expires_at),
    };
    let put = store.compare_and_swap(&key, None, Some(record));
    put.await.expect("the store works");
}

fn world() -> (Arc<SlowStore>, Client) {
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(Duration::ZERO, created),
    );
    let client = builder(&store, &way).build().unwrap();
    (store, client)
}

pub(super) async fn start(client: &Client) -> String {
    let claim_type = ClaimType::parse("age").unwrap();
    let request = StartVerification::new(claim_type).reference(REFERENCE);
    let started = client.verifications().start(request.unwrap()).await;
    started.expect("it starts").id.as_str().to_owned()
}

async fn references(store: &SlowStore) -> Vec<String> {
    let keys = store.scan("reference/", None, 10).await;
    keys.expect("the store works")
}

#[tokio::test(start_paused = true)]
async fn nobody_who_sees_the_table_can_try_references() {
    let (store, client) = world();
    let started = start(&client).await;
    assert_eq!(start(&client).await, started);
    let keys = references(&store).await;
    assert_eq!(keys.len(), 1);
    assert_ne!(keys[0], unkeyed());
    // Another store has another key.
    let (elsewhere, client) = world();
    start(&client).await;
    assert_ne!(references(&elsewhere).await, keys);
}

#[tokio::test(start_paused = true)]
async fn what_an_older_version_has_begun_is_found_until_it_is_over() {
    let (store, client) = world();
    let state = State::Created { pooled: None };
    put(&store, &id(1), None, state, now_ms()).await;
    put_reference(&store, &id(1)).await;
    assert_eq!(start(&client).await, id(1));
    assert_eq!(references(&store).await, [unkeyed()]);
    // Two workers on it at once, and it is found by both.
    let (one, other) = tokio::join!(start(&client), start(&client));
    assert_eq!((one, other), (id(1), id(1)));
}

#[tokio::test(start_paused = true)]
async fn what_an_older_version_has_finished_is_begun_anew_under_the_keyed_name() {
    let (store, client) = world();
    put_due(&store, &id(1)).await;
    put_reference(&store, &id(1)).await;
    let (one, other) = tokio::join!(start(&client), start(&client));
    assert_eq!(one, other, "one verification, whoever was faster");
    assert_ne!(one, id(1));
    assert_eq!(references(&store).await.len(), 2);
    assert_eq!(start(&client).await, one);
}

#[tokio::test(start_paused = true)]
async fn what_an_older_version_left_in_a_crash_is_taken_up() {
    let (store, client) = world();
    put_reference(&store, &id(1)).await;
    assert_eq!(start(&client).await, id(1));
    assert_eq!(start(&client).await, id(1));
}
