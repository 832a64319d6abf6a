//! What a verification costs its store. docs/storage.md has these numbers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use crate::support::persona::{claim_type, Persona};
use relaypass::store::{BoxFuture, MemoryStore, Record, Store, StoreError, Swap};
use relaypass::{StartVerification, Status};

#[derive(Default)]
struct Counting {
    store: MemoryStore,
    loads: AtomicUsize,
    swaps: AtomicUsize,
    scans: AtomicUsize,
}

impl Counting {
    /// Loads, swaps and scans since the last time.
    fn take(&self) -> [usize; 3] {
        [&self.loads, &self.swaps, &self.scans].map(|count| count.swap(0, Ordering::SeqCst))
    }
}

impl Store for Counting {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.store.load(key)
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        self.swaps.fetch_add(1, Ordering::SeqCst);
        self.store.compare_and_swap(key, expected, new)
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.scans.fetch_add(1, Ordering::SeqCst);
        self.store.scan(prefix, due_before, limit)
    }
}

#[tokio::test]
async fn a_verification_costs_five_swaps_and_a_known_answer_one_load() {
    let persona = Persona::start().await;
    let store = Arc::new(Counting::default());
    let client = (persona.client().store(store.clone()))
        .purchase_window(Duration::from_millis(200))
        .build()
        .unwrap();
    persona.warm(&client).await;
    let comparing = "loads, swaps, scans of the first two challenges of an hour";
    assert_eq!(store.take(), [2, 2, 0], "{comparing}");
    let verifications = client.verifications();

    let request = StartVerification::new(claim_type());
    let started = verifications.start(request).await.unwrap();
    persona.visit(&started, "passed").await;
    // The pass is bought in the background: wait until it is stored.
    while store.swaps.load(Ordering::SeqCst) < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let made = "loads, swaps, scans of start and of the purchase";
    assert_eq!(store.take(), [1, 3, 1], "{made}");
    let answer = verifications.complete(&started.id, false).await.unwrap();
    assert_eq!(answer.status, Status::Passed);
    assert_eq!(store.take(), [1, 2, 0], "loads, swaps, scans of complete");

    let requests = persona.requests().await;
    let answer = verifications.complete(&started.id, false).await.unwrap();
    assert_eq!(answer.status, Status::Passed);
    assert_eq!(store.take(), [1, 0, 0], "of a known answer");
    assert_eq!(persona.requests().await, requests, "calls to Persona");
    persona.stop().await;
}

#[tokio::test]
async fn what_is_bought_at_once_costs_a_swap_and_a_load_less() {
    let persona = Persona::start().await;
    let store = Arc::new(Counting::default());
    let client = persona.client().store(store.clone()).build().unwrap();
    persona.warm(&client).await;
    store.take();
    let request = StartVerification::new(claim_type());
    client.verifications().start(request).await.unwrap();
    while store.swaps.load(Ordering::SeqCst) < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(store.take(), [0, 2, 1], "loads, swaps, scans");
    persona.stop().await;
}

#[tokio::test]
async fn a_reference_costs_four_loads_and_a_swap_more_and_being_early_two() {
    let persona = Persona::start().await;
    let store = Arc::new(Counting::default());
    let client = persona.client().store(store.clone()).build().unwrap();
    persona.warm(&client).await;
    store.take();
    let verifications = client.verifications();
    let request = || {
        StartVerification::new(claim_type())
            .reference("order-1")
            .unwrap()
    };

    let started = verifications.start(request()).await.unwrap();
    while store.swaps.load(Ordering::SeqCst) < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let made = "loads, swaps, scans of start, of which one makes the key of all names";
    assert_eq!(store.take(), [4, 4, 1], "{made}");
    verifications.start(request()).await.unwrap();
    assert_eq!(store.take(), [4, 0, 0], "of the same start again");
    let early = verifications.complete(&started.id, false).await.unwrap();
    assert_eq!(early.status, Status::Pending);
    assert_eq!(store.take(), [1, 2, 0], "of a question too early");
    persona.stop().await;
}
