//! Several customers beside 0.1.0, which did not tell them apart.

use std::sync::Arc;
use std::time::Duration;

use super::owners::{of, owner, ONE, OTHER};
use super::references::{put_reference, start};
use super::{builder, created, id, passed, put, SlowStore, Way};
use crate::error::ErrorKind;
use crate::http::now_ms;
use crate::records::{Vault, HOUR};
use crate::store::{Record, Sealer, Store, Swap};
use crate::verification::api::VerificationId;
use crate::verification::record::{record_key, Durable, State};
use crate::Client;

fn world(
    answer: fn() -> (crate::wire::ResponseHead, &'static str),
) -> (Arc<SlowStore>, Arc<Way>, Client) {
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(Duration::ZERO, answer),
    );
    let client = builder(&store, &way).retries(0).build().unwrap();
    (store, way, client)
}

/// What is stored under a key: format and JSON.
async fn content(store: &SlowStore, key: &str) -> (Record, Vec<u8>) {
    let there = store.load(key).await.expect("the store works");
    let there = there.expect("it is kept");
    let content = Sealer::default().open(key, there.version, &there.value);
    let content = content.expect("it is plain").to_vec();
    (there, content)
}

/// A verification as 0.1.0 stored it: it says nothing of owners.
async fn put_older(store: &Arc<SlowStore>, state: State, began: u64) {
    put(store, &id(1), None, state, began).await;
    let key = record_key(&id(1));
    let (there, content) = content(store, &key).await;
    let mut json: serde_json::Value = serde_json::from_slice(&content[1..]).expect("JSON");
    let fields = json.as_object_mut().expect("a record");
    fields.remove("says_owner");
    let content = [&[1], json.to_string().as_bytes()].concat();
    let version = there.version + 1;
    let older = Record {
        value: Sealer::default().seal(&key, version, &content),
        version,
        ..there.clone()
    };
    let put = store.compare_and_swap(&key, Some(there.version), Some(older));
    assert_eq!(put.await.expect("the store works"), Swap::Done);
}

#[tokio::test(start_paused = true)]
async fn an_older_version_leaves_alone_what_has_an_owner() {
    let (store, _, client) = world(created);
    let began = now_ms();
    for (number, whose, format) in [(1, None, 1), (2, owner(&of(&client, ONE)).await, 2)] {
        let state = State::Created { pooled: None };
        put(&store, &id(number), whose, state, began).await;
        let (_, content) = content(&store, &record_key(&id(number))).await;
        assert_eq!(content[0], format);
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_older_version_has_begun_is_found_by_its_customer() {
    let (store, _, client) = world(created);
    put_older(&store, State::Created { pooled: None }, now_ms()).await;
    put_reference(&store, &id(1)).await;
    assert_eq!(start(&of(&client, ONE)).await, id(1));
}

#[tokio::test(start_paused = true)]
async fn what_has_another_owner_is_not_found_under_an_older_name() {
    let (store, _, client) = world(created);
    let whose = owner(&of(&client, ONE)).await;
    put(
        &store,
        &id(1),
        whose,
        State::Created { pooled: None },
        now_ms(),
    )
    .await;
    put_reference(&store, &id(1)).await;
    assert_ne!(start(&of(&client, OTHER)).await, id(1));
    assert_ne!(start(&client).await, id(1));
}

#[tokio::test(start_paused = true)]
async fn what_an_older_version_has_begun_is_bought_by_who_completes_it_and_nobody_else_then() {
    let (store, way, client) = world(passed);
    let (one, other) = (of(&client, ONE), of(&client, OTHER));
    put_older(&store, State::Created { pooled: None }, now_ms() - HOUR).await;
    let driven = one.verifications().recover().await;
    assert_eq!(driven.expect("the store works"), 0);
    assert_eq!(way.sent(), 0, "nobody has asked it to");
    let it = VerificationId::parse(id(1)).unwrap();
    let bought = one.verifications().complete(&it, false).await;
    assert_eq!(
        bought.expect_err("no challenge").kind(),
        ErrorKind::Protocol
    );
    assert_eq!(way.sent(), 1);
    let vault = Vault::new(store.clone() as Arc<dyn Store>, Sealer::default());
    let there = vault.load::<Durable>(&record_key(&id(1))).await;
    let there = there.expect("the store works").expect("it is kept");
    assert_eq!(there.content.owner, owner(&one).await);
    for stranger in [&client, &other] {
        let refused = stranger.verifications().complete(&it, false).await;
        let refused = refused.expect_err("it is not his to buy");
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    }
    assert_eq!(way.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_built_client_has_begun_is_nobody_elses_to_buy() {
    let (store, way, client) = world(passed);
    let state = State::Created { pooled: None };
    put(&store, &id(1), None, state, now_ms() - HOUR).await;
    let it = VerificationId::parse(id(1)).unwrap();
    let refused = of(&client, ONE).verifications().complete(&it, false).await;
    let refused = refused.expect_err("it is not his to buy");
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    assert_eq!(way.sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_built_client_recovers_what_an_older_version_has_begun() {
    let (store, way, client) = world(passed);
    put_older(&store, State::Created { pooled: None }, now_ms() - HOUR).await;
    client.verifications().recover().await.expect("it recovers");
    assert_eq!(way.sent(), 1);
}
