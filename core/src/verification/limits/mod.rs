//! What one call may take, and what many workers at once may: tests on paused time, of a whole
//! client between a store and a transport that are slow on demand.

mod deadline;
mod ending;
mod filling;
mod holding_back;
mod in_the_background;
mod older;
mod overtaken;
mod owners;
mod purchase_failed;
mod purchase_window;
mod recovering;
mod references;
mod renewing;
mod strangers;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::record::{record_key, Beginning, Durable, Purpose, State, StoredRelay};
use crate::client::{ClientBuilder, Owner};
use crate::encoding::encode_base64url;
use crate::events::{EventKind, Listener};
use crate::future::BoxFuture;
use crate::http::{now_ms, Connection, FailureCause, Response, SendFailure, Sent, Transport};
use crate::passes::PaidPass;
use crate::records::{Changed, StoredSecret, Vault, HOUR};
use crate::secret::{os_random, Secret};
use crate::store::{MemoryStore, Record, Sealer, Store, StoreError, Swap};
use crate::wire::{Request, ResponseHead};
use crate::Client;

pub(super) const ID: &str = "00000000-0000-4000-8000-000000000000";

/// Longer than any call may take.
pub(super) const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

/// A store whose methods take a while, or panic for one key.
#[derive(Default)]
pub(super) struct SlowStore {
    pub(super) store: MemoryStore,
    pub(super) reads: Mutex<Duration>,
    pub(super) swaps: Mutex<Duration>,
    /// How long it says nothing of a swap that it has made.
    pub(super) echoes: Mutex<Duration>,
    pub(super) loads: Mutex<u64>,
    pub(super) panics_at: Mutex<Option<String>>,
}

impl SlowStore {
    pub(super) fn hang(&self) {
        *self.reads.lock().unwrap() = FOR_EVER;
        *self.swaps.lock().unwrap() = FOR_EVER;
    }
}

impl Store for SlowStore {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        *self.loads.lock().unwrap() += 1;
        let pause = *self.reads.lock().unwrap();
        let panics = self.panics_at.lock().unwrap().as_deref() == Some(key);
        Box::pin(async move {
            assert!(!panics, "the caller's own store is broken");
            tokio::time::sleep(pause).await;
            self.store.load(key).await
        })
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        let (pause, echo) = (*self.swaps.lock().unwrap(), *self.echoes.lock().unwrap());
        Box::pin(async move {
            tokio::time::sleep(pause).await;
            let swap = self.store.compare_and_swap(key, expected, new).await;
            tokio::time::sleep(echo).await;
            swap
        })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        let pause = *self.reads.lock().unwrap();
        Box::pin(async move {
            tokio::time::sleep(pause).await;
            self.store.scan(prefix, due_before, limit).await
        })
    }
}

/// A way to a Persona that gives the same answer to everything.
pub(super) struct Way {
    pub(super) latency: Mutex<Duration>,
    pub(super) answer: Mutex<fn() -> (ResponseHead, &'static str)>,
    /// What is known of a request that was not answered in time.
    pub(super) unanswered: Mutex<Sent>,
    /// The paths that were asked for.
    pub(super) sent: Mutex<Vec<String>>,
}

impl Way {
    pub(super) fn new(
        latency: Duration,
        answer: fn() -> (ResponseHead, &'static str),
    ) -> Arc<Self> {
        Arc::new(Self {
            latency: Mutex::new(latency),
            answer: Mutex::new(answer),
            unanswered: Mutex::new(Sent::Perhaps),
            sent: Mutex::default(),
        })
    }

    pub(super) fn sent(&self) -> usize {
        self.sent.lock().unwrap().len()
    }
}

impl Transport for Way {
    fn send<'a>(
        &'a self,
        url: &'a str,
        _: &'a Request,
        _: Connection,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Response, SendFailure>> {
        self.sent.lock().unwrap().push(url.to_owned());
        let (latency, answer) = (*self.latency.lock().unwrap(), *self.answer.lock().unwrap());
        let sent = *self.unanswered.lock().unwrap();
        Box::pin(async move {
            if latency > timeout {
                tokio::time::sleep(timeout).await;
                return Err(SendFailure {
                    sent,
                    cause: FailureCause::Timeout,
                    description: "no answer".to_owned(),
                });
            }
            tokio::time::sleep(latency).await;
            let (head, body) = answer();
            let body = Some(Secret::new(body.as_bytes().to_vec()));
            Ok(Response { head, body })
        })
    }
}

/// The answer to a redemption: passed.
pub(super) fn passed() -> (ResponseHead, &'static str) {
    let head = ResponseHead {
        status: 200,
        ..ResponseHead::default()
    };
    let body = r#"{"claim-payload":"{\"claim_type\":\"age\",\"claim_result\":\"passed\"}","token-consumed":true}"#;
    (head, body)
}

/// A relay, whatever is asked.
pub(super) fn created() -> (ResponseHead, &'static str) {
    let body =
        r#"{"relay-token":"relay","relay-secret":"secret","relay-session-access-token":"session"}"#;
    let head = ResponseHead {
        status: 200,
        ..ResponseHead::default()
    };
    (head, body)
}

pub(super) type Events = Arc<Mutex<Vec<(EventKind, String)>>>;

pub(super) fn listener(events: &Events) -> Listener {
    let events = events.clone();
    Listener::new(move |event| {
        let told = (event.kind, event.message.clone());
        events.lock().unwrap().push(told);
    })
}

/// A client that asks this way.
pub(super) fn builder(store: &Arc<SlowStore>, way: &Arc<Way>) -> ClientBuilder {
    Client::builder()
        .api_key("persona_production_x")
        .anonymous_transport(way.clone())
        .identified_transport(way.clone())
        .store(store.clone() as Arc<dyn Store>)
        .store_timeout(Duration::from_secs(600))
}

/// Stores a verification that has its pass, and whose session ended an hour ago: it is due.
pub(super) async fn put_due(store: &Arc<SlowStore>, id: &str) {
    put_due_of(store, id, None).await;
}

/// Likewise, one that a client with this owner's API key has started.
pub(super) async fn put_due_of(store: &Arc<SlowStore>, id: &str, owner: Option<Owner>) {
    let began = now_ms() - 2 * HOUR;
    put(store, id, owner, ready(began), began).await;
}

/// With a pass that was bought then.
pub(super) fn ready(bought_at: u64) -> State {
    let challenge = r#"{"token_type":2,"issuer_name":"i","origin_info":"o","expires_at":"2020-01-01T00:00:00Z","mac":"m"}"#;
    let pass =
        format!(r#"{{"token_nonce":"n","signature":"c2ln","key_id":"k","challenge":{challenge}}}"#);
    State::Ready {
        pass: PaidPass::new(
            StoredSecret::new(encode_base64url(pass.as_bytes())),
            bought_at,
        ),
        lost: Vec::new(),
        answered_at: None,
        rejected: None,
    }
}

pub(super) async fn put(
    store: &Arc<SlowStore>,
    id: &str,
    owner: Option<Owner>,
    state: State,
    began: u64,
) {
    let beginning = Beginning {
        purpose: Purpose::Verification,
        id: id.to_owned(),
        environment: "production".to_owned(),
        claim_type: "age".to_owned(),
        owner,
        reference_key: None,
        encryption_form: None,
        relay_bound: false,
        relay: Some(StoredRelay {
            token: StoredSecret::new("relay"),
            secret: StoredSecret::new("secret"),
            session_access_token: StoredSecret::new("session"),
            way: None,
        }),
        state,
        buy_at: None,
    };
    let record = Durable::begin(beginning, began, &mut os_random());
    let vault = Vault::new(store.clone() as Arc<dyn Store>, Sealer::default());
    let put = vault.put(&record_key(id), None, record).await;
    assert!(matches!(put, Ok(Changed::Done(_))));
}

pub(super) fn id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}
