//! Spans reach a collector, within the caller's trace, and no secret with them.
#![cfg(feature = "otel")]

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::Router;
use relaypass_gateway::{Gateway, Options, Traces};
use relaypass_sandbox::Sandbox;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

type Sent = Arc<Mutex<Vec<u8>>>;

/// A collector that keeps what it is sent.
async fn collector() -> (String, Sent) {
    let sent = Sent::default();
    let keep = |State(sent): State<Sent>, body: Bytes| async move {
        sent.lock().unwrap().extend_from_slice(&body);
    };
    let router = Router::new()
        .route("/v1/traces", post(keep))
        .with_state(Arc::clone(&sent));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, sent)
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_span_of_the_callers_trace_and_persona_hears_nothing_of_it() {
    let (endpoint, sent) = collector().await;
    let traces = Traces::begin(&endpoint).unwrap();
    tracing_subscriber::registry().with(traces.layer()).init();
    let sandbox = Sandbox::start(relaypass_sandbox::Options::default())
        .await
        .unwrap();
    let persona = sandbox.ready().url.clone();
    let gateway = Gateway::start(Options {
        base_url: Some(persona.clone()),
        ..Options::default()
    })
    .await
    .unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http
        .post(format!("{}/relays", gateway.url()))
        .header(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        .body(r#"{"claim-type": "age_over18_verified"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    let answer: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    gateway.stop().await;
    tokio::task::spawn_blocking(move || drop(traces))
        .await
        .unwrap();

    let sent = sent.lock().unwrap().clone();
    assert!(holds(&sent, b"/relays"), "the span's name");
    let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    assert!(holds(&sent, &trace), "the caller's trace");
    for secret in ["relay-token", "relay-secret", "relay-session-access-token"] {
        let text = answer[secret].as_str().unwrap();
        assert!(!holds(&sent, text.as_bytes()), "{secret}");
    }
    let requests = http
        .get(format!("{persona}/_sandbox/requests"))
        .send()
        .await;
    let requests = requests.unwrap().text().await.unwrap();
    assert!(requests.contains("/api/privacy/v1/relays"));
    assert!(!requests.contains("traceparent") && !requests.contains("0af7651916cd43dd"));
}
