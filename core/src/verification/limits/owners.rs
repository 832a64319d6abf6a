//! Several customers on one store: what is whose, and who buys.

use std::sync::Arc;
use std::time::Duration;

use super::{builder, created, id, passed, put, put_due_of, SlowStore, Way};
use crate::client::{Owner, Ports};
use crate::error::ErrorKind;
use crate::http::now_ms;
use crate::records::HOUR;
use crate::verification::api::{StartVerification, Status, VerificationId};
use crate::verification::record::State;
use crate::verification::seller::{engine, Seller};
use crate::{ClaimType, Client};

pub(super) const ONE: &str = "persona_production_one";
pub(super) const OTHER: &str = "persona_production_other";

fn claim_type() -> ClaimType {
    ClaimType::parse("age").unwrap()
}

pub(super) fn of(client: &Client, api_key: &str) -> Client {
    client.on_behalf_of(Some(api_key), None).unwrap()
}

/// Whose the records of this client are.
pub(super) async fn owner(client: &Client) -> Option<Owner> {
    let ports = Ports::of(&client.inner, None).expect("it has a store");
    ports.owner().await.expect("the store works")
}

#[tokio::test(start_paused = true)]
async fn one_reference_under_two_api_keys_leads_to_two_verifications() {
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(Duration::ZERO, created),
    );
    let client = builder(&store, &way).build().unwrap();
    let start = async |client: &Client| {
        let request = StartVerification::new(claim_type()).reference("order-1");
        let started = client.verifications().start(request.unwrap()).await;
        started.expect("it starts").id
    };
    let built = start(&client).await;
    let one = start(&of(&client, ONE)).await;
    let other = start(&of(&client, OTHER)).await;
    assert!(built != one && one != other && other != built);
    assert_eq!(start(&client).await, built);
    assert_eq!(start(&of(&client, ONE)).await, one);
    // Who brings the client's own key is no other customer.
    assert_eq!(start(&of(&client, "persona_production_x")).await, built);
}

#[tokio::test(start_paused = true)]
async fn a_pass_is_in_the_pool_of_the_api_key_that_paid_for_it() {
    let store = Arc::new(SlowStore::default());
    let client = Client::builder().build().unwrap();
    let engine = |client: &Client| {
        let mut engine = engine(store.clone(), Arc::new(Seller::default()));
        engine.ports.customer = client.inner.customer.clone();
        engine
    };
    let (one, other) = (of(&client, ONE), of(&client, OTHER));
    let [built, one, other] = [&client, &one, &other].map(engine);
    assert_eq!(
        one.prefetch(&claim_type(), 3, 100).await.expect("for sale"),
        3
    );
    assert_eq!(
        built
            .prefetch(&claim_type(), 2, 100)
            .await
            .expect("for sale"),
        2
    );
    for (engine, count) in [(&built, 2), (&one, 3), (&other, 0)] {
        let there = engine.ports.count_pooled("age").await;
        assert_eq!(there.expect("the store works"), count);
        let ports = &engine.ports;
        let owner = ports.owner().await.expect("the store works");
        let found = ports.find_pooled(owner.as_ref(), "age").await;
        assert_eq!(found.expect("the store works").is_some(), count > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn no_pass_is_bought_with_another_api_key_than_the_one_it_was_started_with() {
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(Duration::ZERO, passed),
    );
    let client = builder(&store, &way).build().unwrap();
    let (one, other) = (of(&client, ONE), of(&client, OTHER));
    let state = State::Created { pooled: None };
    let began = now_ms() - HOUR;
    put(&store, &id(1), owner(&one).await, state, began).await;
    let it = VerificationId::parse(id(1)).unwrap();
    for stranger in [&client, &other] {
        let driven = stranger.verifications().recover().await;
        assert_eq!(driven.expect("the store works"), 0);
        let refused = stranger.verifications().complete(&it, false).await;
        let refused = refused.expect_err("it is not his to buy");
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    }
    assert_eq!(way.sent(), 0);
    // With his own key, a challenge is asked for; what comes is none.
    let bought = one.verifications().complete(&it, false).await;
    assert_eq!(
        bought.expect_err("no challenge").kind(),
        ErrorKind::Protocol
    );
    assert!(way.sent() > 0);
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_api_key_is_finished_by_any_client() {
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(Duration::ZERO, passed),
    );
    let client = builder(&store, &way).build().unwrap();
    put_due_of(&store, &id(1), owner(&of(&client, ONE)).await).await;
    let driven = client.verifications().recover().await;
    assert_eq!(driven.expect("it recovers"), 1);
    let it = VerificationId::parse(id(1)).unwrap();
    let told = of(&client, OTHER).verifications().get(&it).await;
    assert_eq!(told.expect("the id is enough").status, Status::Passed);
}

#[tokio::test(start_paused = true)]
async fn nobody_who_knows_an_api_key_can_tell_whose_a_row_is() {
    let mut owners = Vec::new();
    for _ in 0..2 {
        let (store, way) = (
            Arc::new(SlowStore::default()),
            Way::new(Duration::ZERO, created),
        );
        let client = builder(&store, &way).build().unwrap();
        let one = of(&client, ONE);
        owners.push(owner(&one).await.expect("it is not the built client"));
        assert_eq!(owner(&of(&client, ONE)).await.as_ref(), owners.last());
    }
    // It is made with a key that only the store has.
    assert_ne!(owners[0], owners[1]);
}
