//! What a close promises, one test each. Time is paused: what takes seconds here takes none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Weak};

use tokio::time::Instant;

use super::*;
use crate::claim::ClaimType;
use crate::client::{ClientBuilder, CreateRelay, IssuePrivacyPass};
use crate::events::Listener;
use crate::future::BoxFuture;
use crate::http::{Connection, FailureCause, Response, SendFailure, Sent, Transport};
use crate::secret::Secret;
use crate::store::{MemoryStore, Record, Store, StoreError, Swap};
use crate::verification::StartVerification;
use crate::wire::{Request, ResponseHead};

const RELAY: &str =
    r#"{"relay-token": "r", "relay-secret": "s", "relay-session-access-token": "j"}"#;

/// Creates relays at once. Whatever else it is asked takes `delay`, and comes to nothing.
struct Slow {
    delay: Duration,
    answered: AtomicUsize,
}

impl Transport for Slow {
    fn send<'a>(
        &'a self,
        url: &'a str,
        _: &'a Request,
        _: Connection,
        timeout: Duration,
    ) -> BoxFuture<'a, std::result::Result<Response, SendFailure>> {
        Box::pin(async move {
            if url.ends_with("/relays") {
                return Ok(Response {
                    head: ResponseHead::read(201, |_| None, 0),
                    body: Some(Secret::new(RELAY.as_bytes().to_vec())),
                });
            }
            sleep(self.delay.min(timeout)).await;
            self.answered.fetch_add(1, Ordering::Relaxed);
            Err(SendFailure {
                sent: Sent::Nothing,
                cause: FailureCause::Network,
                description: "nobody listens".to_owned(),
            })
        })
    }
}

type Meanwhile = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Memory that counts its calls, and does something else first in each.
#[derive(Default)]
struct Watched {
    store: MemoryStore,
    calls: AtomicUsize,
    meanwhile: Mutex<Option<Arc<Meanwhile>>>,
}

impl Watched {
    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn meanwhile(&self, work: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        *self.meanwhile.lock().expect("nobody panicked") = Some(Arc::new(Box::new(work)));
    }

    async fn begin(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let meanwhile = self.meanwhile.lock().expect("nobody panicked").clone();
        if let Some(meanwhile) = meanwhile {
            meanwhile().await;
        }
    }
}

impl Store for Watched {
    fn load<'a>(
        &'a self,
        key: &'a str,
    ) -> BoxFuture<'a, std::result::Result<Option<Record>, StoreError>> {
        Box::pin(async move {
            self.begin().await;
            self.store.load(key).await
        })
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, std::result::Result<Swap, StoreError>> {
        Box::pin(async move {
            self.begin().await;
            self.store.compare_and_swap(key, expected, new).await
        })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, std::result::Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            self.begin().await;
            self.store.scan(prefix, due_before, limit).await
        })
    }
}

struct World {
    client: Client,
    transport: Arc<Slow>,
    store: Arc<Watched>,
}

/// A client of a Persona that takes this long.
fn world(delay: Duration, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> World {
    let transport = Arc::new(Slow {
        delay,
        answered: AtomicUsize::default(),
    });
    let store = Arc::new(Watched::default());
    let builder = Client::builder()
        .purchase_window(Duration::ZERO)
        .api_key("persona_sandbox_x")
        .retries(0)
        .identified_transport(transport.clone())
        .anonymous_transport(transport.clone())
        .store(store.clone());
    let client = set(builder).build().expect("a client");
    World {
        client,
        transport,
        store,
    }
}

fn claim_type() -> ClaimType {
    ClaimType::parse("age_over18_verified").expect("a claim type")
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn start(client: &Client) {
    let request = StartVerification::new(claim_type());
    let started = client.verifications().start(request).await;
    started.expect("a relay was created");
}

/// Every call, and what it says.
async fn all_calls(client: &Client) -> Vec<&'static str> {
    let id = crate::VerificationId::parse("00000000-0000-4000-8000-000000000000").expect("an id");
    let issue = || IssuePrivacyPass::ClaimType(claim_type());
    let redeem = || {
        let token = crate::RelayToken::parse("r").expect("a token");
        let secret = crate::RelaySecret::parse("s").expect("a secret");
        crate::GenerateClaim::new(token, secret, "pass".to_owned())
    };
    let request = StartVerification::new(claim_type());
    let (relays, verifications, passes) =
        (client.relays(), client.verifications(), client.passes());
    let kept = client.durable_relays();
    [
        relays.create(CreateRelay::new(claim_type())).await.err(),
        relays.issue_privacy_pass(issue()).await.err(),
        relays.generate_claim(redeem()).await.err(),
        verifications.start(request).await.err(),
        verifications.complete(&id, false).await.err(),
        verifications.get(&id).await.err(),
        verifications.forget(&id).await.err(),
        verifications.recover().await.err(),
        verifications.count_open(1).await.err(),
        passes.prefetch(&claim_type(), 1).await.err(),
        passes.count(&claim_type()).await.err(),
        kept.issue_privacy_pass(issue(), "key").await.err(),
        kept.generate_claim(redeem()).await.err(),
        kept.renew_seal().await.err(),
    ]
    .into_iter()
    .map(|error| {
        let error = error.expect("it cannot succeed");
        assert!(!error.operation().is_empty());
        error.code()
    })
    .collect()
}

#[tokio::test(start_paused = true)]
async fn every_new_call_says_that_the_client_is_closed_and_asks_nobody() {
    let world = world(seconds(1), |builder| builder);
    world
        .client
        .close(None)
        .await
        .expect("nothing is under way");
    let codes = all_calls(&world.client).await;
    assert_eq!(codes, vec!["closed"; codes.len()]);
    assert_eq!(world.transport.answered.load(Ordering::Relaxed), 0);
    assert_eq!(world.store.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_purchase_under_way_is_waited_for() {
    let world = world(seconds(7), |builder| builder);
    // The challenge beside the relay is given 2 seconds; the purchase in the background asks again.
    start(&world.client).await;
    let began = Instant::now();
    world
        .client
        .close(None)
        .await
        .expect("there is time enough");
    assert_eq!(began.elapsed().as_secs(), 7);
    assert_eq!(world.transport.answered.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn when_the_time_is_up_close_returns_and_says_so_and_the_store_is_left_alone() {
    let world = world(seconds(9), |builder| builder);
    start(&world.client).await;
    let began = Instant::now();
    let error = world.client.close(Some(seconds(3))).await;
    let error = error.expect_err("the purchase takes longer");
    assert_eq!((error.code(), error.operation()), ("timeout", "close"));
    assert_eq!(began.elapsed().as_secs(), 3);
    let calls = world.store.calls();
    sleep(seconds(60)).await;
    assert_eq!(world.store.calls(), calls);
    assert_eq!(
        world.transport.answered.load(Ordering::Relaxed),
        1,
        "it broke off"
    );
    assert_eq!(Arc::strong_count(&world.store), 1, "nobody holds the store");
    let again = world.client.close(None).await;
    again.expect("it is closed, and nothing is under way");
}

#[tokio::test(start_paused = true)]
async fn the_default_limit_is_the_time_of_one_call() {
    for (timeout, limit) in [(10, 30), (100, 100)] {
        let hangs = |builder: ClientBuilder| {
            let builder = builder.timeout(seconds(timeout));
            builder.store_timeout(seconds(600))
        };
        let world = world(seconds(1), hangs);
        world.store.meanwhile(|| Box::pin(std::future::pending()));
        let client = world.client.clone();
        let hung = tokio::spawn(async move { client.verifications().recover().await });
        tokio::task::yield_now().await;
        let began = Instant::now();
        let error = world.client.close(None).await.expect_err("a store hangs");
        assert_eq!(error.code(), "timeout");
        assert_eq!(began.elapsed().as_secs(), limit);
        hung.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_comes_to_its_end_and_is_waited_for() {
    let world = world(seconds(5), |builder| builder);
    let client = world.client.clone();
    let issue = tokio::spawn(async move {
        let request = IssuePrivacyPass::ClaimType(claim_type());
        client.relays().issue_privacy_pass(request).await
    });
    tokio::task::yield_now().await;
    world.client.close(None).await.expect("it takes 5 seconds");
    assert!(issue.is_finished());
    let error = issue.await.expect("no panic").expect_err("nobody listens");
    assert_eq!(error.code(), "network");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_outlives_the_close_is_not_broken_off() {
    let world = world(seconds(5), |builder| builder);
    let client = world.client.clone();
    let issue = tokio::spawn(async move {
        let request = IssuePrivacyPass::ClaimType(claim_type());
        client.relays().issue_privacy_pass(request).await
    });
    tokio::task::yield_now().await;
    let error = world.client.close(Some(seconds(1))).await;
    assert_eq!(error.expect_err("it takes 5 seconds").code(), "timeout");
    let error = issue.await.expect("no panic").expect_err("nobody listens");
    assert_eq!(
        error.code(),
        "network",
        "what came of it, and not that it was closed"
    );
}

#[tokio::test(start_paused = true)]
async fn several_close_at_once_and_all_of_them_wait() {
    let world = world(seconds(7), |builder| builder);
    start(&world.client).await;
    let began = Instant::now();
    let close = || async {
        let closed = world.client.close(None).await;
        (closed.is_ok(), began.elapsed().as_secs())
    };
    let (one, other) = tokio::join!(close(), close());
    assert_eq!([one, other], [(true, 7); 2]);
}

#[tokio::test(start_paused = true)]
async fn of_two_who_close_the_hasty_one_cuts_it_short_for_both() {
    let world = world(seconds(7), |builder| builder);
    start(&world.client).await;
    let close = |limit| world.client.close(Some(seconds(limit)));
    let (hasty, patient) = tokio::join!(close(1), close(20));
    assert!(hasty.is_err() && patient.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_cancelled_can_be_made_again() {
    let world = world(seconds(7), |builder| builder);
    start(&world.client).await;
    let cancelled = timeout(seconds(1), world.client.close(None)).await;
    assert!(cancelled.is_err());
    assert_eq!(all_calls(&world.client).await[0], "closed");
    world
        .client
        .close(None)
        .await
        .expect("there is time enough");
    assert_eq!(
        world.transport.answered.load(Ordering::Relaxed),
        2,
        "nothing broke off"
    );
}

#[tokio::test(start_paused = true)]
async fn the_background_ends_although_it_sleeps() {
    let world = world(seconds(1), |builder| builder.background(true));
    let recovered = world.client.verifications().recover().await;
    recovered.expect("the store works");
    let began = Instant::now();
    world.client.close(None).await.expect("it only sleeps");
    assert!(began.elapsed() < seconds(1));
    assert_eq!(Arc::strong_count(&world.store), 1, "nobody holds the store");
    let calls = world.store.calls();
    sleep(seconds(600)).await;
    assert_eq!(world.store.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_store_may_close_its_client_and_wait_for_that() {
    let world = world(seconds(1), |builder| builder);
    let client = world.client.clone();
    world.store.meanwhile(move || {
        let client = client.clone();
        Box::pin(async move { client.close(None).await.expect("it returns at once") })
    });
    let began = Instant::now();
    let recovered = world.client.verifications().recover().await;
    recovered.expect("a call under way comes to its end");
    assert!(began.elapsed() < seconds(1), "nobody waits for anybody");
    world
        .client
        .close(None)
        .await
        .expect("nothing is under way");
    *world.store.meanwhile.lock().expect("nobody panicked") = None;
    assert_eq!(Arc::strong_count(&world.store), 1, "nobody holds the store");
}

#[tokio::test(start_paused = true)]
async fn a_listener_may_close_its_client() {
    let client: Arc<Mutex<Option<Client>>> = Arc::default();
    let closing = Arc::clone(&client);
    let listener = Listener::new(move |_| {
        let client = closing.lock().expect("nobody panicked").take();
        let client = client.expect("it is told once");
        // A listener cannot wait: but one of another language may, on this thread.
        let closed = Box::pin(async move { client.close(None).await });
        let closed = futures_now(closed);
        closed
            .expect("it is ready at once")
            .expect("it began to close");
    });
    let world = world(seconds(1), |builder| builder.on_event(listener));
    *client.lock().expect("nobody panicked") = Some(world.client.clone());
    world.client.tell_for_test();
    assert_eq!(all_calls(&world.client).await[0], "closed");
}

/// Polls a future once.
fn futures_now<T>(mut future: BoxFuture<'_, T>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

impl Client {
    fn tell_for_test(&self) {
        crate::events::tell(
            self.inner.listener.as_ref(),
            crate::Event {
                kind: crate::EventKind::Pending,
                verification_id: None,
                request_id: None,
                message: String::new(),
            },
        );
    }
}

#[tokio::test(start_paused = true)]
async fn closing_a_derived_client_leaves_its_base_open() {
    let world = world(seconds(3), |builder| builder);
    let derived = world.client.on_behalf_of(Some("persona_sandbox_y"), None);
    let derived = derived.expect("a client");
    start(&derived).await;
    let began = Instant::now();
    derived.close(None).await.expect("there is time enough");
    assert_eq!(began.elapsed().as_secs(), 3, "it waits for what is its own");
    assert_eq!(all_calls(&derived).await[0], "closed");
    start(&world.client).await;
    let another = world.client.on_behalf_of(Some("persona_sandbox_y"), None);
    start(&another.expect("a client")).await;
}

#[tokio::test(start_paused = true)]
async fn closing_the_base_waits_for_derived_clients_and_closes_them() {
    let world = world(seconds(3), |builder| builder);
    let derived = world.client.on_behalf_of(Some("persona_sandbox_y"), None);
    let derived = derived.expect("a client");
    start(&derived).await;
    let began = Instant::now();
    world
        .client
        .close(None)
        .await
        .expect("there is time enough");
    assert_eq!(began.elapsed().as_secs(), 3);
    assert_eq!(all_calls(&derived).await[0], "closed");
    let late = world.client.on_behalf_of(None, None).expect("a client");
    assert_eq!(all_calls(&late).await[0], "closed");
}

#[tokio::test(start_paused = true)]
async fn a_time_that_is_none_closes_nothing() {
    let world = world(seconds(1), |builder| builder);
    let arguments = CloseArguments {
        timeout_seconds: Some(-1.0),
        is_called_back: false,
    };
    let error = arguments.parse().err().expect("no time");
    assert_eq!(
        (error.code(), error.operation()),
        ("invalid_argument", "close")
    );
    start(&world.client).await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_client_holds_no_connection_and_no_listener() {
    let held = Arc::new(());
    let listening = Arc::downgrade(&held);
    let listener = Listener::new(move |_| drop(Arc::clone(&held)));
    let world = world(seconds(1), |builder| builder.on_event(listener));
    start(&world.client).await;
    world
        .client
        .close(None)
        .await
        .expect("there is time enough");
    assert!(listening.upgrade().is_none());
    assert_eq!(Arc::strong_count(&world.transport), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_others_hold_stays_with_them() {
    let world = world(seconds(1), |builder| builder);
    let weak: Weak<Watched> = Arc::downgrade(&world.store);
    world
        .client
        .close(None)
        .await
        .expect("nothing is under way");
    assert!(world.store.load("key").await.expect("it works").is_none());
    drop(world.store);
    assert!(weak.upgrade().is_none(), "the client holds it no more");
}
