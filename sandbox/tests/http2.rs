//! HTTP/2 over TLS: the calls, the log, and the faults that break something off.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{Api, Blinded, CHALLENGE, CLAIM_TYPE, CREATE, SIGN};
use axum::body::{to_bytes, Body};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http2::{handshake, SendRequest};
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use relaypass_sandbox::Options;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{json, Value};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::TlsConnector;

/// A sandbox with TLS. Its own client speaks HTTP/1.1.
async fn started() -> Api {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    Api::start_with(options).await
}

fn authority(api: &Api) -> String {
    (api.sandbox.ready().url.strip_prefix("https://").unwrap()).to_owned()
}

async fn connect(api: &Api, protocols: &[&str]) -> TlsStream<TcpStream> {
    let ca = api.sandbox.ready().ca_pem.as_ref().unwrap();
    let mut roots = RootCertStore::empty();
    (roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = (protocols.iter())
        .map(|protocol| protocol.as_bytes().to_vec())
        .collect();
    let stream = TcpStream::connect(authority(api)).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    (TlsConnector::from(Arc::new(config)).connect(name, stream))
        .await
        .unwrap()
}

/// One connection of HTTP/2.
async fn client(api: &Api) -> SendRequest<Body> {
    let stream = connect(api, &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

fn request(api: &Api, path: &str, body: &Value) -> Request<Body> {
    Request::post(format!("https://{}{path}", authority(api)))
        .header("content-type", "application/json")
        .header("x-odd", "one")
        .body(Body::from(body.to_string()))
        .unwrap()
}

fn challenge() -> Value {
    json!({ "claim-type": CLAIM_TYPE })
}

async fn read(response: Response<Incoming>) -> Result<Bytes, axum::Error> {
    to_bytes(Body::new(response.into_body()), usize::MAX).await
}

#[tokio::test]
async fn alpn_chooses_another_protocol_than_offered() {
    let api = started().await;
    for (offered, chosen) in [
        (&["h2", "http/1.1"][..], Some(&b"h2"[..])),
        (&["http/1.1", "h2"], Some(b"h2")),
        (&["http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let stream = connect(&api, offered).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen, "{offered:?}");
    }
    assert_eq!(api.challenge().await, api.challenge().await, "HTTP/1.1");
}

#[tokio::test]
async fn many_calls_on_one_connection_disturb_each_other() {
    let api = started().await;
    let client = client(&api).await;
    let create = json!({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null });
    let calls: Vec<_> = (0..32)
        .map(|_| {
            let mut client = client.clone();
            let request = request(&api, CREATE, &create);
            tokio::spawn(async move { client.send_request(request).await.unwrap() })
        })
        .collect();
    for call in calls {
        let response = call.await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(response.status(), 201);
        assert!(response.headers().contains_key("request-id"));
        let body: Value = serde_json::from_slice(&read(response).await.unwrap()).unwrap();
        assert!(body["relay-token"].is_string());
    }
    assert_eq!(api.ledger("relays").await, 32);
}

#[tokio::test]
async fn the_log_tells_http2_wrongly() {
    let api = started().await;
    let mut client = client(&api).await;
    let path = format!("{CHALLENGE}?x=1");
    for _ in 0..2 {
        let answer = (client.send_request(request(&api, &path, &challenge()))).await;
        read(answer.unwrap()).await.unwrap();
    }
    api.challenge().await;

    let log = api.look("requests").await;
    let entry = &log["requests"][0];
    assert_eq!(entry["version"], "HTTP/2.0");
    assert_eq!(entry["method"], "POST");
    assert_eq!(entry["path"], path);
    assert_eq!(entry["body"], challenge().to_string());
    assert_eq!(entry["response"]["status"], 200);
    assert_eq!(entry["tls"]["handshake"], "full");
    let headers = entry["headers"].as_array().unwrap();
    assert_eq!(headers[0], json!([":authority", authority(&api)]));
    for header in [["content-type", "application/json"], ["x-odd", "one"]] {
        assert!(headers.contains(&json!(header)), "{headers:?}");
    }
    assert_eq!(log["requests"][1]["connection"], entry["connection"]);
    assert_ne!(log["requests"][2]["connection"], entry["connection"]);
    assert_eq!(log["requests"][2]["version"], "HTTP/1.1");
}

#[tokio::test]
async fn a_fault_of_one_stream_ends_another_or_stays_away() {
    let api = started().await;
    let mut client = client(&api).await;
    let mut send = async |fault: Value| {
        api.fault(fault).await;
        client
            .send_request(request(&api, CHALLENGE, &challenge()))
            .await
    };

    // No answer: the stream is reset, and the connection goes on.
    for fault in ["drop_before_commit", "drop_after_commit"] {
        let error = send(json!({ "step": "challenge", "fault": fault })).await;
        assert!(error.is_err(), "{fault}");
    }

    // Half of the body under the whole's length, then the stream is reset.
    let response = send(json!({ "step": "challenge", "fault": "truncate" })).await;
    let response = response.unwrap();
    let announced: usize = (response.headers()["content-length"].to_str().unwrap())
        .parse()
        .unwrap();
    let mut body = response.into_body();
    let mut received = 0;
    loop {
        match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            Some(Ok(frame)) => received += frame.data_ref().unwrap().len(),
            Some(Err(_)) => break,
            None => panic!("the body ended as if it were whole"),
        }
    }
    assert_eq!(received, announced / 2);

    // What is answered whole, or at length.
    let status = json!({ "step": "challenge", "fault": "status", "status": 503 });
    assert_eq!(send(status).await.unwrap().status(), 503);
    for chunked in [false, true] {
        let response = send(json!({
            "step": "challenge", "fault": "oversized_body", "bytes": 1_000_000, "chunked": chunked,
        }))
        .await
        .unwrap();
        assert_eq!(response.headers().contains_key("content-length"), !chunked);
        assert_eq!(read(response).await.unwrap().len(), 1_000_000);
    }
    let drip = json!({ "step": "challenge", "fault": "drip", "milliseconds": 0 });
    let body = read(send(drip).await.unwrap()).await.unwrap();
    assert!(serde_json::from_slice::<Value>(&body).unwrap()["challenge"].is_string());
    // Headers that HTTP/2 does not have are left out.
    let respond = json!({
        "step": "challenge", "fault": "respond", "body": "x",
        "headers": { "connection": "close", "transfer-encoding": "chunked" },
    });
    let response = send(respond).await.unwrap();
    assert!(!response.headers().contains_key("connection"));
    assert_eq!(read(response).await.unwrap(), "x");

    let log = api.look("requests").await;
    let log = log["requests"].as_array().unwrap();
    assert!((log.iter()).all(|entry| entry["connection"] == log[0]["connection"]));
    assert_eq!(log[0]["response"], Value::Null);
    assert_eq!(log[0]["fault"], "drop_before_commit");
}

#[tokio::test]
async fn a_stream_that_the_client_resets_undoes_the_call_or_is_missing_in_the_log() {
    let api = started().await;
    let mut client = client(&api).await;
    let blinded = Blinded::new(&api.challenge().await);
    let fault = json!({ "step": "sign", "fault": "delay", "milliseconds": 1_000 });
    api.fault(fault).await;
    let mut request = request(&api, SIGN, &blinded.request());
    let authorization = format!("Bearer {}", api.production_key());
    (request.headers_mut()).insert("authorization", authorization.parse().unwrap());
    // Dropping the future resets the stream.
    let patience = Duration::from_millis(100);
    assert!(tokio::time::timeout(patience, client.send_request(request))
        .await
        .is_err());
    let entry = loop {
        let log = api.look("requests").await;
        let entry = log["requests"][1].clone();
        if entry["abandoned"] == true {
            break entry;
        }
    };
    assert_eq!(entry["response"]["status"], 201);
    assert_eq!(api.ledger("billed").await, 1);
}
