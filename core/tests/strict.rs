//! Strict privacy, as Persona sees it on the wire: what she could join by is refused, and nothing names us
//! before. In the sandbox environment, where passes are bought by hand: the common hours are the unit tests'.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::persona::{claim_type, Persona};
use crate::support::proxy::{start_naming_proxy, start_proxy};
use relaypass::store::{BoxFuture, MemoryStore, Record, Store, StoreError, Swap};
use relaypass::transport::{Connection, Request, Response, SendFailure, Transport};
use relaypass::{
    Client, CreateRelay, Error, GenerateClaim, IssuePrivacyPass, Listener, Privacy, PrivacyPass,
    StartVerification, Status, Verification,
};
use serde_json::{json, Value};

/// A strict client, its Persona, and what it told.
struct World {
    persona: Persona,
    client: Client,
    told: Arc<Mutex<Vec<&'static str>>>,
}

impl World {
    async fn start() -> Self {
        Self::on(Arc::new(MemoryStore::new())).await
    }

    async fn on(store: Arc<dyn Store>) -> Self {
        let (proxy, _) = start_proxy(false).await;
        Self::through(store, &format!("http://{proxy}")).await
    }

    async fn through(store: Arc<dyn Store>, proxy: &str) -> Self {
        let persona = Persona::start().await;
        let told = Arc::<Mutex<Vec<_>>>::default();
        let client = strict(&persona, store, proxy, &told);
        Self {
            persona,
            client,
            told,
        }
    }

    async fn prefetch(&self, passes: u32) -> Result<u32, Error> {
        self.client.passes().prefetch(&claim_type(), passes).await
    }

    async fn begin(&self) -> Verification {
        let request = StartVerification::new(claim_type());
        self.client.verifications().start(request).await.unwrap()
    }

    async fn complete(&self, started: &Verification) -> Result<Status, Error> {
        // It waits no longer than for half of this.
        let verifications = self.client.verifications().within(Duration::from_secs(2));
        let answer = verifications.complete(&started.id, false).await;
        answer.map(|answer| answer.status)
    }

    fn told(&self, kind: &str) -> usize {
        let told = self.told.lock().unwrap();
        told.iter().filter(|told| **told == kind).count()
    }

    /// What was sent with the API key, and what was not.
    async fn sent(&self) -> (Vec<Value>, Vec<Value>) {
        let mut logged = self.persona.logged().await;
        // The visitor's own are none of ours. Through a proxy of HTTP, a path is a whole URL.
        logged.retain(|request| request["path"].as_str().unwrap().contains("/api/"));
        let is_signing = |request: &Value| request["path"] == "/api/v1/privacy-passes";
        logged.into_iter().partition(is_signing)
    }

    async fn expect_refusal(self, bought: Result<u32, Error>, code: &str, told: &[&str]) {
        let error = bought.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        let (identified, anonymous) = self.sent().await;
        assert_eq!(identified, [] as [Value; 0], "{code}");
        assert!(!anonymous.is_empty());
        assert_eq!(*self.told.lock().unwrap(), told);
        self.persona.stop().await;
    }
}

fn strict(
    persona: &Persona,
    store: Arc<dyn Store>,
    proxy: &str,
    told: &Arc<Mutex<Vec<&'static str>>>,
) -> Client {
    let told = told.clone();
    let client = persona
        .sandbox_client()
        .store(store)
        .privacy(Privacy::Strict)
        .pass_pool(5)
        .anonymous_proxy(proxy)
        .on_event(Listener::new(move |event| {
            told.lock().unwrap().push(event.kind.name());
        }));
    client.build().unwrap()
}

#[tokio::test]
async fn a_challenge_of_ones_own_is_refused_before_anything_names_us() {
    let world = World::start().await;
    let settings = json!({"challenge_per_client": true});
    world.persona.settings(settings).await;
    let bought = world.prefetch(1).await;
    world
        .expect_refusal(bought, "privacy_refused", &["issuer_inconsistent"])
        .await;
}

#[tokio::test]
async fn a_key_id_of_ones_own_is_refused_before_anything_names_us() {
    let world = World::start().await;
    world.persona.settings(json!({"opaque_key_id": true})).await;
    let bought = world.prefetch(1).await;
    world
        .expect_refusal(bought, "privacy_refused", &["key_id_mismatch"])
        .await;
}

#[tokio::test]
async fn a_key_of_ones_own_is_refused_before_anything_names_us() {
    let world = World::start().await;
    // Each fetch brings another key, with its right id.
    world.persona.fault("challenge", "rotate_key", 9).await;
    let bought = world.prefetch(1).await;
    let told = ["key_changed", "issuer_inconsistent"];
    world.expect_refusal(bought, "privacy_refused", &told).await;
}

#[tokio::test]
async fn what_another_process_was_given_is_compared_through_the_store() {
    let store = Arc::new(MemoryStore::new());
    let world = World::on(store.clone()).await;
    assert_eq!(world.prefetch(1).await.unwrap(), 1);
    world
        .persona
        .settings(json!({"challenge_per_client": true}))
        .await;
    let (proxy, _) = start_proxy(false).await;
    let other = strict(
        &world.persona,
        store,
        &format!("http://{proxy}"),
        &world.told,
    );
    let passes = other.passes();
    let error = passes.prefetch(&claim_type(), 1).await.unwrap_err();
    assert_eq!(error.code(), "privacy_refused");
    assert_eq!(world.sent().await.0.len(), 1);
    world.persona.stop().await;
}

#[tokio::test]
async fn two_fetches_serve_all_passes_that_are_bought_together() {
    let world = World::start().await;
    assert_eq!(world.prefetch(4).await.unwrap(), 4);
    let (identified, anonymous) = world.sent().await;
    assert_eq!((identified.len(), anonymous.len()), (4, 2));
    world.persona.stop().await;
}

#[tokio::test]
async fn a_pass_that_was_bought_before_others_were_given_something_else_is_not_shown() {
    let world = World::start().await;
    assert_eq!(world.prefetch(1).await.unwrap(), 1);
    world
        .persona
        .settings(json!({"challenge_per_client": true}))
        .await;
    assert!(world.prefetch(1).await.is_err());
    let started = world.begin().await;
    world.persona.visit(&started, "passed").await;
    assert_eq!(world.complete(&started).await.unwrap(), Status::Pending);
    assert_eq!(world.client.passes().count(&claim_type()).await.unwrap(), 0);
    let (identified, anonymous) = world.sent().await;
    let is_redemption =
        |request: &&Value| request["path"].as_str().unwrap().contains("generate-claim");
    assert_eq!(identified.len(), 1);
    assert_eq!(anonymous.iter().filter(is_redemption).count(), 0);
    world.persona.stop().await;
}

/// A store that keeps everything but what was seen of issuers.
struct Blind(MemoryStore);

impl Store for Blind {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        match key.starts_with("issuer/") {
            true => Box::pin(async { Err(StoreError::new("the table is locked")) }),
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
async fn a_store_that_cannot_compare_keeps_it_from_buying() {
    let world = World::on(Arc::new(Blind(MemoryStore::new()))).await;
    let bought = world.prefetch(1).await;
    world.expect_refusal(bought, "store", &[]).await;
}

/// A transport of the caller's that is never used.
struct Unused;

impl Transport for Unused {
    fn send<'a>(
        &'a self,
        _: &'a str,
        _: &'a Request,
        _: Connection,
        _: Duration,
    ) -> BoxFuture<'a, Result<Response, SendFailure>> {
        unreachable!("nothing is sent")
    }
}

#[tokio::test]
async fn both_lanes_through_one_way_out_are_refused_at_construction() {
    let persona = Persona::start().await;
    let client = || {
        let store = Arc::new(MemoryStore::new());
        let client = persona.client().store(store).privacy(Privacy::Strict);
        client.pass_pool(5)
    };
    let proxy = "http://127.0.0.1:1";
    let [one, other]: [Arc<dyn Transport>; 2] = [Arc::new(Unused), Arc::new(Unused)];
    for (refused, code) in [
        (client(), "privacy_refused"),
        (client().identified_proxy(proxy), "privacy_refused"),
        (
            client().anonymous_proxy(proxy).identified_proxy(proxy),
            "privacy_refused",
        ),
        (
            client()
                .anonymous_transport(one.clone())
                .identified_transport(one.clone()),
            "privacy_refused",
        ),
        (
            client()
                .anonymous_proxies([proxy, "http://127.0.0.1:2"])
                .identified_proxy(proxy),
            "privacy_refused",
        ),
        (
            client().anonymous_proxy(proxy).pass_pool(0),
            "invalid_argument",
        ),
    ] {
        let error = refused.build().unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains("strict"), "{error}");
    }
    let two = client()
        .anonymous_transport(one)
        .identified_transport(other);
    assert!(two.build().is_ok());
    assert!(client().anonymous_proxy(proxy).build().is_ok());
    // Nothing was sent to find that out.
    assert!(persona.logged().await.is_empty());
    persona.stop().await;
}

#[tokio::test]
async fn a_report_tells_what_strict_leaves_and_nothing_that_it_removes() {
    let world = World::start().await;
    assert_eq!(world.prefetch(1).await.unwrap(), 1);
    let report = world.client.privacy_report().await.unwrap();
    let codes: Vec<_> = report.findings.iter().map(|it| it.code.name()).collect();
    assert_eq!(
        codes,
        [
            "hour_in_pass",
            "proxy_crowd",
            "few_checks",
            "compared_alone",
            "marked_alike",
            "paused_together",
            "known_as_relaypass",
            "seen_on_the_way",
        ]
    );
    world.persona.stop().await;
}

#[tokio::test]
async fn nothing_is_signed_for_a_relay_that_waits_whoever_asks() {
    let world = World::start().await;
    let started = world.begin().await;
    world.persona.visit(&started, "passed").await;
    for _ in 0..3 {
        assert_eq!(world.complete(&started).await.unwrap(), Status::Pending);
    }
    let reissued = world.client.verifications();
    let reissued = reissued.complete(&started.id, true).await.unwrap();
    assert_eq!(reissued.status, Status::Pending);
    let relays = world.client.relays();
    let bound_to = IssuePrivacyPass::ClaimType(claim_type());
    let error = relays.issue_privacy_pass(bound_to).await.unwrap_err();
    assert_eq!(error.code(), "privacy_refused", "{error}");
    assert_eq!(world.told("waiting_for_pass"), 1);
    assert_eq!(world.told("linkable_by_time"), 0);
    let (identified, anonymous) = world.sent().await;
    assert_eq!(identified, [] as [Value; 0]);
    // The relay, and nothing else: not even a challenge is fetched beside it.
    assert_eq!(anonymous.len(), 1);
    // As soon as the pool has one, it goes on.
    assert_eq!(world.prefetch(1).await.unwrap(), 1);
    assert_eq!(world.complete(&started).await.unwrap(), Status::Passed);
    assert_eq!(world.told("waiting_for_pass"), 1);
    world.persona.stop().await;
}

#[tokio::test]
async fn no_two_anonymous_calls_share_a_connection() {
    let world = World::start().await;
    assert_eq!(world.prefetch(2).await.unwrap(), 2);
    for _ in 0..2 {
        let started = world.begin().await;
        world.persona.visit(&started, "passed").await;
        assert_eq!(world.complete(&started).await.unwrap(), Status::Passed);
    }
    let (identified, anonymous) = world.sent().await;
    let connection = |request: &Value| request["connection"].as_u64().unwrap();
    let connections: BTreeSet<u64> = anonymous.iter().map(connection).collect();
    assert_eq!(anonymous.len(), 2 + 2 + 2);
    assert_eq!(connections.len(), anonymous.len());
    assert!(identified
        .iter()
        .all(|it| !connections.contains(&connection(it))));
    world.persona.stop().await;
}

#[tokio::test]
async fn through_a_socks_proxy_each_call_has_a_name_of_its_own_unless_one_is_given() {
    for own in ["", "name:word@"] {
        let (proxy, given) = start_naming_proxy().await;
        let url = format!("socks5h://{own}{proxy}");
        let world = World::through(Arc::new(MemoryStore::new()), &url).await;
        assert_eq!(world.prefetch(1).await.unwrap(), 1);
        let started = world.begin().await;
        world.persona.visit(&started, "passed").await;
        assert_eq!(world.complete(&started).await.unwrap(), Status::Passed);
        let (_, anonymous) = world.sent().await;
        let given = given.lock().unwrap().clone();
        assert_eq!((anonymous.len(), given.len()), (4, 4));
        let names: BTreeSet<_> = given.into_iter().collect();
        match own {
            "" => assert!(names.len() == 4 && !names.contains(&None), "{names:?}"),
            _ => assert_eq!(names.len(), 1),
        }
        world.persona.stop().await;
    }
}

#[tokio::test]
async fn a_pass_that_was_shown_is_never_shown_for_another_relay() {
    let world = World::start().await;
    assert_eq!(world.prefetch(2).await.unwrap(), 2);
    // One whose answer was lost, and that is forgotten.
    let started = world.begin().await;
    world.persona.fault("redeem", "drop_after_commit", 9).await;
    assert!(world.complete(&started).await.is_err());
    let verifications = world.client.verifications();
    verifications.forget(&started.id).await.unwrap();
    let passes = world.client.passes();
    assert_eq!(passes.count(&claim_type()).await.unwrap(), 1);
    // One that nobody has asked about takes none.
    let started = world.begin().await;
    verifications.forget(&started.id).await.unwrap();
    assert_eq!(passes.count(&claim_type()).await.unwrap(), 1);
    assert_eq!(world.told("refunded"), 0);
    world.persona.stop().await;
}

#[tokio::test]
async fn of_persona_s_own_production_nothing_is_bought_by_hand() {
    let world = World::start().await;
    let (proxy, _) = start_proxy(false).await;
    let store = Arc::new(MemoryStore::new());
    let client = world.persona.client().store(store).pass_pool(5);
    let client = client.anonymous_proxy(format!("http://{proxy}"));
    let client = client.privacy(Privacy::Strict).build().unwrap();
    let bought = client.passes().prefetch(&claim_type(), 5).await.unwrap();
    assert_eq!(bought, 0);
    let (identified, anonymous) = world.sent().await;
    assert_eq!((identified.len(), anonymous.len()), (0, 0));
    // Nor by whoever brings a key of his own: his pool would be his alone.
    let derived = client.on_behalf_of(Some("persona_production_other"), None);
    let derived = derived.unwrap();
    let request = StartVerification::new(claim_type());
    let error = derived.verifications().start(request).await.unwrap_err();
    assert_eq!(error.code(), "privacy_refused", "{error}");
    let (identified, anonymous) = world.sent().await;
    assert_eq!((identified.len(), anonymous.len()), (0, 0));
    world.persona.stop().await;
}

#[tokio::test]
async fn what_was_bought_already_is_given_to_its_caller_and_nothing_else_is_bought() {
    let world = World::start().await;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let standard = world.persona.sandbox_client().store(store.clone());
    let standard = standard.build().unwrap();
    let bound_to = || IssuePrivacyPass::ClaimType(claim_type());
    let standard = standard.durable_relays();
    let bought = standard.issue_privacy_pass(bound_to(), "one").await;
    let (proxy, _) = start_proxy(false).await;
    let strict = strict(
        &world.persona,
        store,
        &format!("http://{proxy}"),
        &world.told,
    );
    let strict = strict.durable_relays();
    let found = strict.issue_privacy_pass(bound_to(), "one").await;
    let text = |pass: PrivacyPass| pass.privacy_pass_token.expose().to_owned();
    assert_eq!(text(bought.unwrap()), text(found.unwrap()));
    let refused = strict.issue_privacy_pass(bound_to(), "two").await;
    assert_eq!(refused.unwrap_err().code(), "privacy_refused");
    assert_eq!(world.sent().await.0.len(), 1);
    world.persona.stop().await;
}

#[tokio::test]
async fn relays_and_passes_of_the_callers_are_still_redeemed() {
    let world = World::start().await;
    let standard = world.persona.sandbox_client().build().unwrap();
    let bound_to = IssuePrivacyPass::ClaimType(claim_type());
    let pass = standard
        .relays()
        .issue_privacy_pass(bound_to)
        .await
        .unwrap();
    let relays = world.client.relays();
    let relay = relays.create(CreateRelay::new(claim_type())).await.unwrap();
    world.persona.finish(&relay, "passed").await;
    let request = GenerateClaim::new(
        relay.relay_token,
        relay.relay_secret,
        pass.privacy_pass_token,
    );
    let answer = relays.generate_claim(request).await.unwrap();
    assert!(answer.claim.unwrap().passed());
    world.persona.stop().await;
}
