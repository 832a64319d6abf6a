//! What Persona's issuer gives is compared by all who share a store, and what differs is told once.

use std::sync::{Arc, Mutex};

use crate::support::persona::{claim_type, Persona};
use relaypass::store::{BoxFuture, MemoryStore, Record, Store, StoreError, Swap};
use relaypass::{Client, IssuePrivacyPass, Listener, StartVerification};
use serde_json::json;

type Told = Arc<Mutex<Vec<&'static str>>>;

fn listener(told: &Told) -> Listener {
    let told = told.clone();
    Listener::new(move |event| told.lock().unwrap().push(event.kind.name()))
}

/// Two processes' clients, on one store if they have one.
fn two(persona: &Persona, store: Option<Arc<MemoryStore>>, told: &Told) -> [Client; 2] {
    [(); 2].map(|()| {
        let client = persona.client().on_event(listener(told));
        match &store {
            Some(store) => client.store(store.clone()).build().unwrap(),
            None => client.build().unwrap(),
        }
    })
}

async fn buys(client: &Client) {
    let relays = client.relays();
    let bound_to = IssuePrivacyPass::ClaimType(claim_type());
    relays.issue_privacy_pass(bound_to).await.unwrap();
}

#[tokio::test]
async fn what_is_the_same_for_everybody_is_nothing_to_tell() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let told = Told::default();
    for client in two(&persona, Some(store.clone()), &told) {
        buys(&client).await;
        buys(&client).await;
    }
    assert!(told.lock().unwrap().is_empty());
    let kept = store.scan("issuer/production/", None, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    persona.stop().await;
}

#[tokio::test]
async fn a_challenge_of_ones_own_is_told_once_an_hour_by_whoever_shares_a_store() {
    let persona = Persona::start().await;
    persona
        .settings(json!({"challenge_per_client": true}))
        .await;
    let told = Told::default();
    let store = Arc::new(MemoryStore::new());
    for client in two(&persona, Some(store), &told) {
        buys(&client).await;
        buys(&client).await;
        buys(&client).await;
    }
    assert_eq!(*told.lock().unwrap(), ["issuer_inconsistent"]);
    // Without a store, each process finds it for itself.
    told.lock().unwrap().clear();
    for client in two(&persona, None, &told) {
        buys(&client).await;
        buys(&client).await;
        buys(&client).await;
    }
    assert_eq!(*told.lock().unwrap(), ["issuer_inconsistent"; 2]);
    persona.stop().await;
}

#[tokio::test]
async fn one_process_buys_once_and_the_other_finds_that_it_was_given_something_else() {
    let persona = Persona::start().await;
    let told = Told::default();
    let [one, other] = two(&persona, Some(Arc::new(MemoryStore::new())), &told);
    buys(&one).await;
    persona
        .settings(json!({"challenge_per_client": true}))
        .await;
    buys(&other).await;
    assert_eq!(*told.lock().unwrap(), ["issuer_inconsistent"]);
    persona.stop().await;
}

#[tokio::test]
async fn an_id_of_the_key_that_is_no_digest_of_it_is_told_once() {
    let persona = Persona::start().await;
    persona.settings(json!({"opaque_key_id": true})).await;
    let told = Told::default();
    let [one, _] = two(&persona, Some(Arc::new(MemoryStore::new())), &told);
    buys(&one).await;
    buys(&one).await;
    assert_eq!(*told.lock().unwrap(), ["key_id_mismatch"]);
    persona.stop().await;
}

#[tokio::test]
async fn a_key_that_changes_in_the_middle_of_an_hour_is_told_as_both() {
    let persona = Persona::start().await;
    let told = Told::default();
    let [one, other] = two(&persona, Some(Arc::new(MemoryStore::new())), &told);
    buys(&one).await;
    persona.fault("sign", "rotate_key", 1).await;
    // The old key is gone: another challenge is fetched, with the new one.
    buys(&one).await;
    buys(&other).await;
    assert_eq!(
        *told.lock().unwrap(),
        ["key_changed", "issuer_inconsistent"]
    );
    persona.stop().await;
}

#[tokio::test]
async fn durable_verifications_look_as_well_and_go_on() {
    let persona = Persona::start().await;
    persona
        .settings(json!({"challenge_per_client": true}))
        .await;
    let told = Told::default();
    let [client, _] = two(&persona, Some(Arc::new(MemoryStore::new())), &told);
    for _ in 0..3 {
        let request = StartVerification::new(claim_type());
        let started = client.verifications().start(request).await.unwrap();
        persona.visit(&started, "passed").await;
        let answer = client.verifications().complete(&started.id, false).await;
        assert_eq!(answer.unwrap().status, relaypass::Status::Passed);
    }
    let told = told.lock().unwrap().clone();
    let inconsistent = told.iter().filter(|kind| **kind == "issuer_inconsistent");
    assert_eq!(inconsistent.count(), 1, "{told:?}");
    persona.stop().await;
}

/// Fails whatever concerns the record of an issuer.
struct NoIssuers(MemoryStore);

impl Store for NoIssuers {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        match key.starts_with("issuer/") {
            true => Box::pin(async { Err(StoreError::new("broken")) }),
            false => self.0.load(key),
        }
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        self.0.compare_and_swap(key, expected, new)
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.0.scan(prefix, due_before, limit)
    }
}

#[tokio::test]
async fn a_store_that_cannot_compare_is_told_once_and_the_process_compares_by_itself() {
    let persona = Persona::start().await;
    persona
        .settings(json!({"challenge_per_client": true}))
        .await;
    let told = Told::default();
    let client = (persona.client().on_event(listener(&told)))
        .store(Arc::new(NoIssuers(MemoryStore::new())))
        .build()
        .unwrap();
    for _ in 0..3 {
        buys(&client).await;
    }
    let told = told.lock().unwrap().clone();
    assert_eq!(told, ["background_failure", "issuer_inconsistent"]);
    persona.stop().await;
}

/// Both find the same record, and the swap of one is refused.
#[tokio::test]
async fn of_many_who_buy_at_the_same_moment_somebody_tells() {
    let persona = Persona::start().await;
    persona
        .settings(json!({"challenge_per_client": true}))
        .await;
    let told = Told::default();
    let store = Arc::new(MemoryStore::new());
    let mut calls = tokio::task::JoinSet::new();
    for client in two(&persona, Some(store.clone()), &told) {
        for _ in 0..8 {
            let client = client.clone();
            calls.spawn(async move { buys(&client).await });
        }
    }
    calls.join_all().await;
    let told = told.lock().unwrap().clone();
    // Twice is better than never; nothing else is told.
    assert!(!told.is_empty(), "nobody tells");
    assert!(told.iter().all(|kind| *kind == "issuer_inconsistent"));
    let kept = store.scan("issuer/production/", None, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    persona.stop().await;
}
