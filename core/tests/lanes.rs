//! What an observer sees of the two lanes. Each test is named after what it fears.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use relaypass::{
    ClaimType, Client, ClientBuilder, CreateRelay, GenerateClaim, Isolation, IssuePrivacyPass,
    Relay,
};
use relaypass_sandbox::{Options, Sandbox};
use serde_json::{json, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::own_process::in_own_process;
use crate::support::proxy::start_proxy;

struct World {
    sandbox: Sandbox,
    http: reqwest::Client,
}

impl World {
    async fn start(tls: bool) -> Self {
        let options = Options {
            tls,
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let mut http = reqwest::Client::builder().no_proxy();
        if let Some(pem) = &sandbox.ready().ca_pem {
            http = http.tls_certs_only([reqwest::Certificate::from_pem(pem.as_bytes()).unwrap()]);
        }
        let http = http.build().unwrap();
        Self { sandbox, http }
    }

    fn builder(&self) -> ClientBuilder {
        let ready = self.sandbox.ready();
        let builder = Client::builder()
            .base_url(&ready.url)
            .api_key(&ready.production_api_key);
        match &ready.ca_pem {
            Some(pem) => builder.ca_pem(pem),
            None => builder,
        }
    }

    async fn post(&self, path: &str, body: Value) {
        let request = self
            .http
            .post(format!("{}/_sandbox/{path}", self.sandbox.ready().url));
        let request = request.header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.unwrap();
        assert!(response.status().is_success(), "{path}");
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}/_sandbox/{path}", self.sandbox.ready().url);
        let body = self
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    async fn requests(&self) -> Vec<Value> {
        self.get("requests").await["requests"]
            .as_array()
            .unwrap()
            .clone()
    }

    async fn fault(&self, fault: Value) {
        self.post("faults", json!({"faults": [fault]})).await;
    }

    async fn finish(&self, relay: &Relay) {
        let path = format!("relays/{}/finish", relay.relay_token.as_str());
        self.post(&path, json!({"result": "passed"})).await;
    }

    async fn flow(&self, client: &Client) {
        let claim_type = claim_type();
        let relay = client
            .relays()
            .create(CreateRelay::new(claim_type.clone()))
            .await
            .unwrap();
        let request = IssuePrivacyPass::ClaimType(claim_type);
        let pass = client.relays().issue_privacy_pass(request).await.unwrap();
        self.finish(&relay).await;
        let request = GenerateClaim::new(
            relay.relay_token,
            relay.relay_secret,
            pass.privacy_pass_token,
        );
        let answer = client.relays().generate_claim(request).await.unwrap();
        assert!(answer.claim.unwrap().passed());
    }
}

fn claim_type() -> ClaimType {
    ClaimType::parse("age_over18_verified").unwrap()
}

fn is_sign(request: &Value) -> bool {
    request["path"] == "/api/v1/privacy-passes"
}

#[tokio::test]
async fn the_api_key_is_on_no_anonymous_request_and_no_connection_is_shared() {
    let world = World::start(false).await;
    let client = world.builder().build().unwrap();
    world.flow(&client).await;
    world.flow(&client).await;
    let requests = world.requests().await;
    assert_eq!(requests.len(), 8);
    let connections = |signing: bool| -> Vec<u64> {
        requests
            .iter()
            .filter(|request| is_sign(request) == signing)
            .map(|request| request["connection"].as_u64().unwrap())
            .collect()
    };
    for request in &requests {
        let text = request["headers"].to_string() + &request["body"].to_string();
        let has_key = text.contains(&world.sandbox.ready().production_api_key);
        assert_eq!(has_key, is_sign(request), "{}", request["path"]);
    }
    for connection in connections(true) {
        assert!(
            !connections(false).contains(&connection),
            "a connection carries both lanes"
        );
    }
}

#[tokio::test]
async fn every_request_carries_the_constant_headers_and_nothing_else() {
    let world = World::start(false).await;
    world.flow(&world.builder().build().unwrap()).await;
    for request in world.requests().await {
        let path = request["path"].as_str().unwrap();
        let headers = request["headers"].as_array().unwrap();
        let value = |name: &str| {
            let header = headers.iter().find(|header| header[0] == name);
            header.and_then(|header| header[1].as_str())
        };
        assert_eq!(value("user-agent"), Some("relaypass"));
        assert_eq!(value("accept"), Some("application/json"));
        let mut names: Vec<&str> = headers.iter().map(|h| h[0].as_str().unwrap()).collect();
        names.sort_unstable();
        let mut expected = vec![
            "accept",
            "content-length",
            "content-type",
            "host",
            "key-inflection",
            "persona-version",
            "user-agent",
        ];
        if is_sign(&request) {
            expected.extend(["authorization", "idempotency-key"]);
        } else if path.ends_with("/generate-claim") {
            expected.extend(["authorization", "idempotency-key", "persona-relay-secret"]);
        }
        expected.sort_unstable();
        assert_eq!(names, expected, "{path}");
    }
}

#[tokio::test]
async fn the_anonymous_lane_never_resumes_a_tls_session() {
    for isolation in [Isolation::None, Isolation::Relay] {
        let world = World::start(true).await;
        let client = world.builder().isolation(isolation).build().unwrap();
        for step in ["create", "challenge", "redeem"] {
            world
                .fault(json!({"step": step, "fault": "drop_after_commit", "times": 2}))
                .await;
        }
        world.flow(&client).await;
        let mut requests = world.requests().await;
        requests.retain(|request| !is_sign(request));
        assert_eq!(requests.len(), 9);
        for request in requests {
            assert_eq!(request["tls"]["handshake"], "full", "{}", request["path"]);
        }
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused_and_nothing_is_sent() {
    let world = World::start(true).await;
    let client = Client::builder()
        .base_url(&world.sandbox.ready().url)
        .retries(0)
        .build()
        .unwrap();
    let error = client
        .relays()
        .create(CreateRelay::new(claim_type()))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "network");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("UnknownIssuer"), "{source}");
    assert_eq!(world.requests().await.len(), 0);
}

/// A proxy that answers each CONNECT with the same, and counts them.
async fn surly_proxy(answer: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            if stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                counted.fetch_add(1, Ordering::Relaxed);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    (url, asked)
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_and_not_asked_in_vain() {
    for (answer, words, times) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "the proxy answered 407",
            1,
        ),
        (
            "HTTP/1.1 403 Forbidden\r\n\r\n",
            "the proxy refused the tunnel",
            2,
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\n\r\n",
            "the proxy refused the tunnel",
            2,
        ),
        ("", "the proxy closed the connection", 2),
    ] {
        let (proxy, asked) = surly_proxy(answer).await;
        let client = Client::builder()
            .base_url("https://persona.invalid")
            .anonymous_proxy(&proxy)
            .identified_proxy(&proxy)
            .retries(1)
            .build()
            .unwrap();
        let relays = client.relays();
        let error = relays.create(CreateRelay::new(claim_type())).await;
        let error = error.unwrap_err();
        assert_eq!(error.code(), "network");
        assert_eq!(error.retryable(), times > 1, "{words}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(words), "{source}");
        assert_eq!(asked.load(Ordering::Relaxed), times, "{words}");
    }
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_is_no_fault_that_passes_in_any_call() {
    let (proxy, asked) = surly_proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let world = World::start(true).await;
    let store = || Arc::new(relaypass::store::MemoryStore::new());
    let refused = |builder: ClientBuilder| {
        let builder = builder
            .retries(2)
            .store(store())
            .purchase_window(Duration::ZERO);
        builder.build().unwrap()
    };
    let direct = world.builder().build().unwrap();
    let request = CreateRelay::new(claim_type());
    let relay = direct.relays().create(request).await.unwrap();
    let buy = || IssuePrivacyPass::ClaimType(claim_type());
    let pass = direct.relays().issue_privacy_pass(buy()).await.unwrap();

    let buyer = refused(world.builder().identified_proxy(&proxy));
    let sign = buyer.relays().issue_privacy_pass(buy()).await.unwrap_err();
    let redeemer = refused(world.builder().anonymous_proxy(&proxy));
    let request = GenerateClaim::new(
        relay.relay_token,
        relay.relay_secret,
        pass.privacy_pass_token,
    );
    let redeem = redeemer.relays().generate_claim(request).await.unwrap_err();
    let request = relaypass::StartVerification::new(claim_type());
    let started = buyer.verifications().start(request).await.unwrap();
    let complete = buyer.verifications().complete(&started.id, false).await;

    for (call, error) in [
        ("sign", sign),
        ("redeem", redeem),
        ("complete", complete.unwrap_err()),
    ] {
        assert_eq!(
            (error.code(), error.retryable()),
            ("network", false),
            "{call}"
        );
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            source.contains("the proxy answered 407"),
            "{call}: {source}"
        );
    }
    // `start` with no window tried to buy, too.
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn what_is_wrong_with_the_proxy_itself_is_said_of_the_proxy() {
    let world = World::start(true).await;
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    for (proxy, words) in [
        (world.sandbox.ready().url.clone(), "to the proxy: TLS: "),
        (nobody, "to the proxy: connection refused"),
    ] {
        let builder = Client::builder().base_url("https://persona.invalid");
        let client = builder.anonymous_proxy(&proxy).identified_proxy(&proxy);
        let client = client.retries(0).build().unwrap();
        let request = CreateRelay::new(claim_type());
        let error = client.relays().create(request).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(words), "{source}");
    }
}

#[tokio::test]
async fn the_same_question_keeps_its_key_and_a_new_one_gets_a_new_one() {
    let world = World::start(false).await;
    let client = world.builder().build().unwrap();
    world
        .fault(json!({"step": "sign", "fault": "drop_after_commit"}))
        .await;
    world
        .fault(json!({"step": "redeem", "fault": "drop_after_commit"}))
        .await;
    world.flow(&client).await;
    world.flow(&client).await;
    let requests = world.requests().await;
    let keys = |sign: bool| -> Vec<(String, String)> {
        requests
            .iter()
            .filter(|request| is_sign(request) == sign)
            .filter_map(|request| {
                let headers = request["headers"].as_array().unwrap();
                let key = headers
                    .iter()
                    .find(|header| header[0] == "idempotency-key")?;
                Some((key[1].to_string(), request["body"].to_string()))
            })
            .collect()
    };
    for sign in [true, false] {
        let keys = keys(sign);
        assert_eq!(keys.len(), 3);
        assert_eq!(
            keys[0], keys[1],
            "a retry is the same key and the same bytes"
        );
        assert_ne!(keys[1].0, keys[2].0, "another call is another key");
    }
    let [sign, redeem] = [keys(true), keys(false)];
    assert!(sign
        .iter()
        .all(|(key, _)| redeem.iter().all(|(other, _)| key != other)));
    assert_eq!(world.get("ledger").await["billed"], 2);
    assert_eq!(world.get("ledger").await["redeemed"], 2);
}

#[tokio::test]
async fn a_connection_that_was_idle_for_too_long_is_not_used_again() {
    for (idle_timeout, is_kept) in [
        (Duration::from_secs(60), true),
        (Duration::from_millis(1), false),
    ] {
        let world = World::start(false).await;
        let client = world.builder().idle_timeout(idle_timeout).build().unwrap();
        for _ in 0..2 {
            let pass = IssuePrivacyPass::ClaimType(claim_type());
            client.relays().issue_privacy_pass(pass).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Each lane has its own.
        for is_of_lane in [is_sign, |request: &Value| !is_sign(request)] {
            let requests = world.requests().await;
            let used = requests.iter().filter(|request| is_of_lane(request));
            let connections: BTreeSet<u64> = used
                .map(|request| request["connection"].as_u64().unwrap())
                .collect();
            assert_eq!(connections.len() == 1, is_kept, "{connections:?}");
        }
    }
}

#[tokio::test]
async fn a_cancelled_call_closes_its_connection() {
    let world = World::start(false).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = world
        .builder()
        .base_url(format!("http://{address}"))
        .build()
        .unwrap();
    let call =
        tokio::spawn(async move { client.relays().create(CreateRelay::new(claim_type())).await });
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut some = [0; 64];
    assert_ne!(stream.read(&mut some).await.unwrap(), 0);
    call.abort();
    let mut rest = Vec::new();
    // It ends, or is reset: either way nobody listens any more.
    let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest));
    assert!(closed.await.is_ok(), "the connection outlives its call");
}

#[tokio::test]
async fn a_limit_holds_for_the_whole_call() {
    let world = World::start(false).await;
    let client = world.builder().build().unwrap();
    world
        .fault(json!({"step": "challenge", "fault": "delay", "milliseconds": 5000}))
        .await;
    let limited = client.relays().within(Duration::from_millis(200));
    let request = IssuePrivacyPass::ClaimType(claim_type());
    let error = limited.issue_privacy_pass(request).await.unwrap_err();
    assert_eq!(error.code(), "timeout");
    assert_eq!(world.get("ledger").await["billed"], 0);
}

#[tokio::test]
async fn each_lane_takes_its_own_proxy() {
    let world = World::start(false).await;
    for socks in [false, true] {
        let scheme = if socks { "socks5h" } else { "http" };
        let (anonymous, anonymous_count) = start_proxy(socks).await;
        let (identified, identified_count) = start_proxy(socks).await;
        let client = world
            .builder()
            .anonymous_proxy(format!("{scheme}://{anonymous}"))
            .identified_proxy(format!("{scheme}://{identified}"))
            .build()
            .unwrap();
        world.flow(&client).await;
        assert_eq!(anonymous_count.load(Ordering::SeqCst), 1, "{scheme}");
        assert_eq!(identified_count.load(Ordering::SeqCst), 1, "{scheme}");
    }
}

#[tokio::test]
async fn a_dead_proxy_is_an_error_and_never_a_direct_connection() {
    let world = World::start(false).await;
    // Bound and never accepted from: dead, and nobody else's.
    let dead = tokio::net::TcpSocket::new_v4().unwrap();
    dead.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let dead = (dead.local_addr().unwrap(), dead).0;
    for scheme in ["http", "socks5h"] {
        let client = world
            .builder()
            .anonymous_proxy(format!("{scheme}://canary:canary@{dead}"))
            .retries(1)
            .build()
            .unwrap();
        let error = client
            .relays()
            .create(CreateRelay::new(claim_type()))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "network", "{scheme}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(!format!("{error} {error:?} {source}").contains("canary"));
    }
    assert_eq!(world.requests().await.len(), 0);
}

#[tokio::test]
async fn proxies_of_the_environment_are_ignored() {
    let dead = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ]
    .map(|name| (name, "http://127.0.0.1:1"));
    if in_own_process("lanes::proxies_of_the_environment_are_ignored", &dead) {
        let world = World::start(false).await;
        world.flow(&world.builder().build().unwrap()).await;
    }
}
