//! By which ways out relays leave, as the proxies see it, and what they share. Each test is named after what it
//! fears.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::support::persona::{claim_type, Persona};
use crate::support::proxy::{start_naming_proxy, NotingProxy};
use relaypass::store::{MemoryStore, Store};
use relaypass::{
    Client, ClientBuilder, CreateRelay, Error, GenerateClaim, Isolation, IssuePrivacyPass, Privacy,
    PrivacyCode, Relay, StartVerification, Status, Verification,
};
use serde_json::Value;

fn is_sign(request: &Value) -> bool {
    request["path"] == "/api/v1/privacy-passes"
}

fn connections(requests: &[Value]) -> BTreeSet<u64> {
    let connection = |request: &Value| request["connection"].as_u64().unwrap();
    requests.iter().map(connection).collect()
}

async fn create(client: &Client) -> Relay {
    let request = CreateRelay::new(claim_type());
    client.relays().create(request).await.unwrap()
}

async fn start(client: &Client) -> Result<Verification, Error> {
    let request = StartVerification::new(claim_type());
    client.verifications().start(request).await
}

async fn status(client: &Client, started: &Verification) -> Result<Status, Error> {
    let answer = client.verifications().complete(&started.id, false).await;
    answer.map(|answer| answer.status)
}

/// The three steps.
async fn flow(persona: &Persona, client: &Client) {
    let relay = create(client).await;
    let bound_to = IssuePrivacyPass::ClaimType(claim_type());
    let pass = client.relays().issue_privacy_pass(bound_to).await.unwrap();
    persona.finish(&relay, "passed").await;
    let request = GenerateClaim::new(
        relay.relay_token,
        relay.relay_secret,
        pass.privacy_pass_token,
    );
    let answer = client.relays().generate_claim(request).await.unwrap();
    assert!(answer.claim.unwrap().passed());
}

fn source_of(error: &Error) -> String {
    let source = std::error::Error::source(error).expect("there is a cause");
    format!("{error} {error:?} {source}")
}

const CREATE: &str = "/api/privacy/v1/relays";
const CHALLENGE: &str = "/relays/challenge";
const REDEEM: &str = "/generate-claim";

/// How many calls have left through each proxy whose path ends so.
fn calls(proxies: &[NotingProxy], end: &str) -> Vec<usize> {
    let ends_so = |path: &String| path.ends_with(end);
    let count = |proxy: &NotingProxy| proxy.paths().iter().filter(|path| ends_so(path)).count();
    proxies.iter().map(count).collect()
}

/// Through which proxies calls have left since then.
fn since(before: &[usize], proxies: &[NotingProxy], end: &str) -> Vec<usize> {
    let now = calls(proxies, end);
    (0..now.len()).filter(|it| now[*it] > before[*it]).collect()
}

async fn two_proxies() -> [NotingProxy; 2] {
    [NotingProxy::start().await, NotingProxy::start().await]
}

fn through(client: ClientBuilder, proxies: &[NotingProxy]) -> ClientBuilder {
    // Each call is on a connection of its own, so that the proxies can note it.
    let client = client.isolation(Isolation::Relay);
    client.anonymous_proxies(proxies.iter().map(NotingProxy::url))
}

#[tokio::test]
async fn relays_share_a_connection_and_credentials_unless_they_are_isolated() {
    for isolation in [Isolation::None, Isolation::Relay] {
        let persona = Persona::start().await;
        let (proxy, given) = start_naming_proxy().await;
        let client = persona.client().isolation(isolation);
        let client = client.anonymous_proxy(format!("socks5h://{proxy}"));
        let client = client.build().unwrap();
        flow(&persona, &client).await;
        flow(&persona, &client).await;
        let mut requests = persona.logged().await;
        requests.retain(|request| !is_sign(request));
        let given = given.lock().unwrap().clone();
        let names: BTreeSet<_> = given.iter().cloned().collect();
        assert_eq!(requests.len(), 6);
        match isolation {
            Isolation::None => {
                assert_eq!((connections(&requests).len(), given), (1, vec![None]));
            }
            _ => {
                assert_eq!((connections(&requests).len(), given.len()), (6, 6));
                assert!(names.len() == 6 && !names.contains(&None), "{names:?}");
            }
        }
        persona.stop().await;
    }
}

#[tokio::test]
async fn isolated_relays_share_no_connection_without_a_proxy_either_whoever_they_are_for() {
    let persona = Persona::start().await;
    let client = persona.client().isolation(Isolation::Relay);
    let client = client.build().unwrap();
    let key = persona.sandbox_api_key();
    let other = client.on_behalf_of(Some(&key), None).unwrap();
    for client in [&client, &other, &client] {
        create(client).await;
    }
    assert_eq!(connections(&persona.logged().await).len(), 3);
    persona.stop().await;
}

#[tokio::test]
async fn each_relay_keeps_one_proxy_of_a_list_in_every_process_and_all_are_used() {
    let persona = Persona::start().await;
    let proxies = two_proxies().await;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let client = || through(persona.client().store(store.clone()), &proxies);
    let one = client().build().unwrap();
    // Another process, or the same after a restart: its list is in another order.
    let urls: Vec<_> = proxies.iter().rev().map(NotingProxy::url).collect();
    let other = client().anonymous_proxy(urls.join(", ")).build().unwrap();
    let mut used = BTreeSet::new();
    for _ in 0..24 {
        let (created, redeemed) = (calls(&proxies, CREATE), calls(&proxies, REDEEM));
        let started = start(&one).await.unwrap();
        let way = since(&created, &proxies, CREATE);
        assert_eq!(way.len(), 1);
        assert_eq!(status(&other, &started).await.unwrap(), Status::Pending);
        persona.visit(&started, "passed").await;
        assert_eq!(status(&one, &started).await.unwrap(), Status::Passed);
        assert_eq!(since(&redeemed, &proxies, REDEEM), way);
        used.extend(way);
    }
    assert_eq!(used.len(), 2);
    persona.stop().await;
}

#[tokio::test]
async fn a_relay_that_its_caller_keeps_is_redeemed_through_one_proxy() {
    let persona = Persona::start().await;
    let proxies = two_proxies().await;
    let client = through(persona.client().retries(0), &proxies);
    let client = client.build().unwrap();
    let bound_to = IssuePrivacyPass::ClaimType(claim_type());
    let pass = client.relays().issue_privacy_pass(bound_to).await.unwrap();
    let mut used = BTreeSet::new();
    for _ in 0..24 {
        let relay = create(&client).await;
        let redeemed = calls(&proxies, REDEEM);
        for _ in 0..3 {
            let request = GenerateClaim::new(
                relay.relay_token.clone(),
                relay.relay_secret.clone(),
                pass.privacy_pass_token.clone(),
            );
            let error = client.relays().generate_claim(request).await.unwrap_err();
            assert_eq!(error.code(), "permission_denied");
        }
        let ways = since(&redeemed, &proxies, REDEEM);
        assert_eq!(ways.len(), 1);
        used.extend(ways);
    }
    assert_eq!(used.len(), 2);
    persona.stop().await;
}

#[tokio::test]
async fn a_start_shows_one_exit_to_whoever_sees_create_and_challenge_at_one_time() {
    let persona = Persona::start().await;
    let proxies = two_proxies().await;
    let client = persona.client().store(Arc::new(MemoryStore::new()));
    let client = through(client, &proxies).build().unwrap();
    let mut used = BTreeSet::new();
    for _ in 0..24 {
        let (created, asked) = (calls(&proxies, CREATE), calls(&proxies, CHALLENGE));
        start(&client).await.unwrap();
        let way = since(&created, &proxies, CREATE);
        assert_eq!(way.len(), 1);
        assert_eq!(since(&asked, &proxies, CHALLENGE), way);
        used.extend(way);
    }
    assert_eq!(used.len(), 2);
    persona.stop().await;
}

#[tokio::test]
async fn a_challenge_that_start_did_not_get_is_fetched_again_through_the_relays_proxy() {
    let persona = Persona::start().await;
    let proxies = two_proxies().await;
    let client = persona.client().store(Arc::new(MemoryStore::new()));
    let client = client.purchase_window(Duration::from_secs(600));
    let client = through(client, &proxies).build().unwrap();
    let all = |proxies: &[NotingProxy]| calls(proxies, CHALLENGE).iter().sum::<usize>();
    for _ in 0..8 {
        let (created, asked) = (calls(&proxies, CREATE), calls(&proxies, CHALLENGE));
        let before = all(&proxies);
        persona.fault("challenge", "drop_before_commit", 1).await;
        start(&client).await.unwrap();
        let way = since(&created, &proxies, CREATE);
        let again = async {
            while all(&proxies) < before + 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, again)
            .await
            .expect("it is asked again");
        assert_eq!(since(&asked, &proxies, CHALLENGE), way);
    }
    persona.stop().await;
}

#[tokio::test]
async fn challenges_that_are_signed_at_once_show_one_exit_beside_the_api_key() {
    let persona = Persona::start().await;
    let proxies = two_proxies().await;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let client = persona.client().store(store).pass_pool(5);
    let client = through(client, &proxies).build().unwrap();
    let key = persona.production_api_key();
    let other = client.on_behalf_of(Some(&key), None).unwrap();
    for number in 0..12 {
        let bound_to = || IssuePrivacyPass::ClaimType(claim_type());
        let bought = client.relays().issue_privacy_pass(bound_to()).await;
        bought.unwrap();
        let (kept, key) = (other.durable_relays(), format!("purchase-{number}"));
        kept.issue_privacy_pass(bound_to(), &key).await.unwrap();
    }
    assert_eq!(client.passes().prefetch(&claim_type(), 5).await.unwrap(), 5);
    let mut asked = calls(&proxies, CHALLENGE);
    asked.sort_unstable();
    assert_eq!(asked, [0, 29]);
    persona.stop().await;
}

#[tokio::test]
async fn a_relay_whose_steps_are_kept_has_one_proxy_in_every_process_whatever_pass_it_is_for() {
    let persona = Persona::start().await;
    let proxies = two_proxies().await;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let client = || {
        let client = persona.client().store(store.clone()).retries(0);
        through(client, &proxies).build().unwrap()
    };
    let clients = [client(), client()];
    let mut used = BTreeSet::new();
    for number in 0..24 {
        let relay = create(&clients[0]).await;
        // A challenge for a relay has the path of its redemption.
        let before = calls(&proxies, REDEEM);
        for (which, client) in clients.iter().enumerate() {
            let kept = client.durable_relays();
            let bound_to = IssuePrivacyPass::Relay {
                relay_token: relay.relay_token.clone(),
                relay_secret: relay.relay_secret.clone(),
            };
            let key = format!("purchase-{number}-{which}");
            let pass = kept.issue_privacy_pass(bound_to, &key).await.unwrap();
            let request = GenerateClaim::new(
                relay.relay_token.clone(),
                relay.relay_secret.clone(),
                pass.privacy_pass_token,
            );
            let error = kept.generate_claim(request).await.unwrap_err();
            assert_eq!(error.code(), "permission_denied");
        }
        let after = calls(&proxies, REDEEM);
        assert_eq!(
            after.iter().sum::<usize>() - before.iter().sum::<usize>(),
            4
        );
        let ways = since(&before, &proxies, REDEEM);
        assert_eq!(ways.len(), 1);
        used.extend(ways);
    }
    assert_eq!(used.len(), 2);
    persona.stop().await;
}

#[tokio::test]
async fn challenges_that_are_compared_are_fetched_through_different_proxies() {
    let persona = Persona::start().await;
    let proxies = two_proxies().await;
    let client = persona.sandbox_client().store(Arc::new(MemoryStore::new()));
    let client = client.privacy(Privacy::Strict).pass_pool(5);
    let client = through(client, &proxies).build().unwrap();
    for bought in 1..=12 {
        let passes = client.passes();
        assert_eq!(passes.prefetch(&claim_type(), 1).await.unwrap(), 1);
        assert_eq!(calls(&proxies, CHALLENGE), [bought, bought]);
    }
    persona.stop().await;
}

#[tokio::test]
async fn a_pause_that_one_proxy_was_asked_for_does_not_show_which_others_belong_to_it() {
    let persona = Persona::start().await;
    let proxies = two_proxies().await;
    let client = through(persona.client().retries(0), &proxies);
    let client = client.build().unwrap();
    persona.ask_for_pause("create", 60).await;
    let relays = client.relays();
    let create = || relays.create(CreateRelay::new(claim_type()));
    assert_eq!(create().await.unwrap_err().code(), "rate_limited");
    let paused = calls(&proxies, CREATE);
    let mut made = 0;
    for _ in 0..24 {
        match create().await {
            Ok(_) => made += 1,
            Err(error) => assert_eq!(error.code(), "rate_limited"),
        }
    }
    assert!(made > 0, "a pause at one holds all");
    let expected = paused.iter().map(|asked| match asked {
        0 => made,
        // Nothing more leaves by it.
        asked => *asked,
    });
    assert_eq!(calls(&proxies, CREATE), expected.collect::<Vec<_>>());
    persona.stop().await;
}

#[tokio::test]
async fn a_dead_proxy_of_a_list_fails_those_that_are_given_it_and_no_call_leaves_otherwise() {
    let persona = Persona::start().await;
    let alive = [NotingProxy::start().await];
    // Bound and never accepted from: dead, and nobody else's.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let dead = format!("http://canary:canary@{}", socket.local_addr().unwrap());
    // What is bought later disturbs nobody here.
    let client = persona.client().purchase_window(Duration::from_secs(1200));
    let client = through(client, &alive).retries(0);
    let client = client.anonymous_proxies([alive[0].url(), dead]);
    let client = client.store(Arc::new(MemoryStore::new())).build().unwrap();
    let (mut relays, mut refused) = (0, 0);
    while relays == 0 || refused == 0 || relays + refused < 12 {
        // Under one reference: a new attempt draws anew.
        let mut request = StartVerification::new(claim_type());
        request.reference = Some(format!("order-{relays}"));
        match client.verifications().start(request).await {
            Ok(_) => relays += 1,
            Err(error) => {
                assert_eq!((error.code(), error.retryable()), ("network", true));
                let text = source_of(&error);
                assert!(text.contains("through proxy 2 of 2"), "{text}");
                assert!(!text.contains("canary"), "{text}");
                refused += 1;
            }
        }
    }
    assert_eq!(calls(&alive, CREATE), [relays]);
    for request in persona.logged().await {
        // What comes through a proxy of HTTP has a whole URL for a path.
        let path = request["path"].as_str().unwrap();
        assert!(path.starts_with("http://"), "{path} came directly");
    }
    persona.stop().await;
}

#[tokio::test]
async fn a_relay_whose_proxy_dies_waits_for_it_and_takes_no_other_in_any_privacy() {
    for privacy in [Privacy::Standard, Privacy::Strict] {
        let persona = Persona::start().await;
        let proxies = two_proxies().await;
        let client = persona.sandbox_client().store(Arc::new(MemoryStore::new()));
        let client = client.privacy(privacy).pass_pool(5).retries(0);
        let client = through(client, &proxies).build().unwrap();
        let bought = client.passes().prefetch(&claim_type(), 4).await;
        assert_eq!(bought.unwrap(), 4, "{privacy:?}");
        // One relay through each.
        let mut relays = [None, None];
        while relays.iter().any(Option::is_none) {
            let created = calls(&proxies, CREATE);
            let started = start(&client).await.unwrap();
            persona.visit(&started, "passed").await;
            relays[since(&created, &proxies, CREATE)[0]] = Some(started);
        }
        let [one, other] = relays.map(Option::unwrap);
        let [alive, dying] = proxies;
        dying.die().await;
        let error = status(&client, &other).await.unwrap_err();
        assert_eq!(error.code(), "network", "{privacy:?}");
        let text = source_of(&error);
        assert!(text.contains("through proxy 2 of 2"), "{text}");
        let alive = [alive];
        assert_eq!(calls(&alive, REDEEM), [0]);
        assert_eq!(status(&client, &one).await.unwrap(), Status::Passed);
        assert_eq!(calls(&alive, REDEEM), [1]);
        persona.stop().await;
    }
}

#[tokio::test]
async fn a_report_speaks_of_connections_and_of_a_list_as_they_are() {
    let has = |client: ClientBuilder, code| {
        let client = client.build().unwrap();
        async move {
            let report = client.privacy_report().await.unwrap();
            report.findings.iter().any(|finding| finding.code == code)
        }
    };
    let isolated = || Client::builder().isolation(Isolation::Relay);
    let shared = PrivacyCode::SharedConnections;
    assert!(has(Client::builder(), shared).await);
    assert!(!has(isolated(), shared).await);
    assert!(
        !has(
            isolated().anonymous_proxy("http://one:1 http://two:1"),
            shared
        )
        .await
    );
    let list = || Client::builder().anonymous_proxies(["http://one:1", "http://two:1"]);
    for (identified, is_one) in [("http://two:2", true), ("http://three:1", false)] {
        let client = list().identified_proxy(identified);
        assert_eq!(
            has(client, PrivacyCode::OneAddress).await,
            is_one,
            "{identified}"
        );
    }
}
