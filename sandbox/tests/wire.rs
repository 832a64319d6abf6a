//! Casing, closed bodies, headers, the rate limit, and what the request log shows.

use crate::support::{Api, Blinded, CHALLENGE, CLAIM_TYPE, CREATE, SIGN};
use relaypass_sandbox::Options;
use serde_json::{json, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn names(answer: &Value) -> Vec<&str> {
    let mut names: Vec<_> = answer
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn an_answer_has_another_casing_than_asked_for() {
    let api = Api::start().await;
    let ask = async |inflection: Option<&'static str>| {
        let headers: Vec<_> = inflection
            .iter()
            .map(|casing| ("key-inflection", *casing))
            .collect();
        api.post(CHALLENGE, &headers, json!({ "claim-type": CLAIM_TYPE }))
            .await
    };
    let kebab = ["challenge", "token-key", "token-key-id"];
    assert_eq!(names(&ask(None).await.json()), kebab);
    assert_eq!(names(&ask(Some("kebab")).await.json()), kebab);
    assert_eq!(
        names(&ask(Some("camel")).await.json()),
        ["challenge", "tokenKey", "tokenKeyId"]
    );
    assert_eq!(
        names(&ask(Some("snake")).await.json()),
        ["challenge", "token_key", "token_key_id"]
    );
    assert_eq!(ask(Some("shouting")).await.status, 400);
}

#[tokio::test]
async fn a_request_in_another_casing_is_refused() {
    let api = Api::start().await;
    for body in [
        json!({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null }),
        json!({ "claimType": CLAIM_TYPE, "encryptionKeyPem": null, "sandbox": false }),
        json!({ "claim_type": CLAIM_TYPE, "encryption_key_pem": null, "sandbox": true }),
    ] {
        assert_eq!(names(&api.post(CREATE, &[], body).await.json()).len(), 3);
    }
}

#[tokio::test]
async fn a_body_out_of_contract_is_accepted() {
    let api = Api::start().await;
    let good = json!({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null }).to_string();
    for (fear, body) in [
        ("unknown property", good.replace('}', ",\"more\":1}")),
        (
            "given twice in two casings",
            good.replace('}', ",\"claim_type\":\"x\"}"),
        ),
        (
            "a flag that is none",
            good.replace('}', ",\"sandbox\":\"true\"}"),
        ),
        ("a null flag", good.replace('}', ",\"sandbox\":null}")),
        ("no object", "[]".to_owned()),
        ("no JSON", "{".to_owned()),
        ("nothing", String::new()),
    ] {
        let answer = api.try_post(CREATE, &[], body).await.unwrap();
        assert_eq!(answer.status, 400, "{fear}");
        assert_eq!(answer.title(), "Bad Request", "{fear}");
        assert_eq!(
            names(&answer.json()["errors"][0]),
            ["details", "title"],
            "{fear}"
        );
    }
    let url = format!("{}{CREATE}", api.sandbox.ready().url);
    let untyped = api.http.post(&url).body(good).send().await.unwrap();
    assert_eq!(untyped.status(), 400, "no content type");
    assert_eq!(api.http.get(url).send().await.unwrap().status(), 405);

    let long = format!("\"{}\"", "x".repeat(1 << 20));
    let long = api.try_post(CREATE, &[], long).await.unwrap();
    assert_eq!(long.status, 413);
    assert!(long.header("request-id").starts_with("req_"));

    let relay = api.passed_relay().await;
    let pass = api.pass().await;
    let authorization = format!("PrivateToken token={pass}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("persona-relay-secret", relay.secret.as_str()),
    ];
    let path = crate::support::redeem_path(&relay);
    let more = api.try_post(&path, &headers, "{\"more\":1}").await.unwrap();
    assert_eq!(more.status, 400, "unknown property on redeem");
    let nothing = api.try_post(&path, &headers, "").await.unwrap();
    assert_eq!(nothing.status, 200, "no body on redeem");
}

#[tokio::test]
async fn a_version_that_is_not_published_is_taken_unasked() {
    let api = Api::start().await;
    let create = async |version: &str| {
        let body = json!({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null });
        let version = [("persona-version", version)];
        api.post(CREATE, &version, body).await.status
    };
    for (version, status) in [
        ("2025-12-08", 201),
        ("2026-09-29", 201),
        ("1999-01-01", 400),
        ("latest", 400),
    ] {
        assert_eq!(create(version).await, status, "{version}");
    }
    api.set("unknown_versions", true).await;
    assert_eq!(create("1999-01-01").await, 201);
}

#[tokio::test]
async fn an_answer_lacks_its_headers() {
    let api = Api::start().await;
    let answer = api
        .post(CHALLENGE, &[], json!({ "claim-type": CLAIM_TYPE }))
        .await;
    let refused = api.post(CHALLENGE, &[], json!({})).await;
    for answer in [&answer, &refused] {
        assert!(answer.header("request-id").starts_with("req_"));
        assert_eq!(answer.header("ratelimit-limit"), "1000000");
        assert!(answer.header("ratelimit-reset").parse::<u32>().unwrap() <= 60);
        assert!(answer.header("persona-environment-id").starts_with("env_"));
        assert!(answer.header("persona-organization-id").starts_with("org_"));
        assert_eq!(answer.header("content-type"), "application/json");
    }
    assert_ne!(answer.header("request-id"), refused.header("request-id"));

    let sandbox = json!({ "claim-type": CLAIM_TYPE, "sandbox": true });
    let sandbox = api.post(CHALLENGE, &[], sandbox).await;
    let environment = "persona-environment-id";
    assert_ne!(sandbox.header(environment), answer.header(environment));
}

#[tokio::test]
async fn an_optional_header_is_there_though_none_is_wanted() {
    let api = Api::start().await;
    api.set("optional_headers", false).await;
    let relay = api.passed_relay().await;
    let pass = api.pass().await;
    api.fault(json!({ "step": "challenge", "fault": "status", "status": 429 }))
        .await;
    let challenge = json!({ "claim-type": CLAIM_TYPE });
    let mut answers = vec![
        api.redeem(&relay, &pass).await,
        api.post(CHALLENGE, &[], challenge.clone()).await,
        api.post(CHALLENGE, &[], json!({})).await,
        api.post("/nowhere", &[], json!({})).await,
        api.sign("wrong", &[], json!({})).await,
    ];
    let long = format!("\"{}\"", "x".repeat(1 << 20));
    answers.push(api.try_post(CREATE, &[], long).await.unwrap());
    api.set("rate_limit", 0).await;
    answers.push(api.post(CHALLENGE, &[], challenge.clone()).await);
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 429, 400, 404, 401, 413, 429]);
    for answer in &answers {
        let mut names: Vec<_> = answer.headers.keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-length", "content-type", "date"]);
    }

    // What a test asks for by name is there.
    let headers = json!({ "RateLimit-Remaining": "7" });
    api.set("rate_limit", 1_000_000).await;
    api.fault(json!({
        "step": "challenge", "fault": "status", "status": 429, "headers": headers,
    }))
    .await;
    let answer = api.post(CHALLENGE, &[], challenge).await;
    assert_eq!(answer.header("ratelimit-remaining"), "7");
    assert!(!answer.headers.contains_key("ratelimit-reset"));
}

#[tokio::test]
async fn the_rate_limit_is_not_kept_or_never_ends() {
    let api = Api::start().await;
    api.set("rate_limit", 2).await;
    // To the beginning of a minute, so that all calls fall into the same one.
    let now = api.look("clock").await["now"].as_str().unwrap().to_owned();
    api.advance(61 - now[17..19].parse::<i64>().unwrap()).await;
    let body = json!({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null });
    for remaining in ["1", "0"] {
        let answer = api.post(CREATE, &[], body.clone()).await;
        assert_eq!(answer.status, 201);
        assert_eq!(answer.header("ratelimit-remaining"), remaining);
    }
    let refused = api.post(CREATE, &[], body.clone()).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.title(), "Rate limit exceeded");
    assert_eq!(refused.header("ratelimit-remaining"), "0");
    assert_eq!(api.ledger("relays").await, 2);

    let sandbox = json!({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null, "sandbox": true });
    assert_eq!(
        api.post(CREATE, &[], sandbox).await.status,
        201,
        "the other environment"
    );
    api.advance(60).await;
    assert_eq!(api.post(CREATE, &[], body).await.status, 201);
}

#[tokio::test]
async fn the_log_loses_spelling_order_or_bodies() {
    let api = Api::start().await;
    let address = api
        .sandbox
        .ready()
        .url
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let body = "{\"claim-type\": \"age_over18_italy\"}";
    for _ in 0..2 {
        let request = format!(
            "POST {CHALLENGE}?x=1 HTTP/1.1\r\nhost: {address}\r\nX-OdD: one\r\n\
             CONTENT-type: application/json\r\nx-odd: two\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            stream.read_buf(&mut answer).await.unwrap();
        }
    }
    api.challenge().await;
    api.fault(json!({ "step": "create", "fault": "drop_before_commit" }))
        .await;
    let create = json!({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null });
    assert!(api.try_post(CREATE, &[], create.to_string()).await.is_err());

    let log = api.look("requests").await;
    let log = log["requests"].as_array().unwrap();
    assert_eq!(log.len(), 4, "control calls are not logged");
    for entry in &log[..2] {
        assert_eq!(entry["method"], "POST");
        assert_eq!(entry["path"], format!("{CHALLENGE}?x=1"));
        assert_eq!(
            entry["headers"],
            json!([
                ["host", address],
                ["X-OdD", "one"],
                ["CONTENT-type", "application/json"],
                ["x-odd", "two"],
                ["content-length", body.len().to_string()],
            ])
        );
        assert_eq!(entry["body"], body);
        assert_eq!(entry["tls"], Value::Null);
        assert_eq!(entry["fault"], Value::Null);
        assert_eq!(entry["response"]["status"], 200);
        let answer = entry["response"]["body"].as_str().unwrap();
        assert!(answer.contains("token-key-id"));
    }
    assert_eq!(log[0]["connection"], log[1]["connection"]);
    assert_ne!(log[0]["connection"], log[2]["connection"]);
    assert_eq!(log[3]["response"], Value::Null);
    assert_eq!(log[3]["fault"], "drop_before_commit");

    let url = format!("{}/_sandbox/requests", api.sandbox.ready().url);
    api.http.delete(url).send().await.unwrap();
    api.set("record_requests", false).await;
    api.challenge().await;
    assert_eq!(api.look("requests").await, json!({ "requests": [] }));
}

#[tokio::test]
async fn a_request_whose_client_went_away_is_missing_in_the_log() {
    let api = Api::start().await;
    let address = (api.sandbox.ready().url)
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let blinded = Blinded::new(&api.challenge().await);
    let url = format!("{}/_sandbox/requests", api.sandbox.ready().url);
    api.http.delete(url).send().await.unwrap();
    for (number, fault) in ["delay_before_commit", "delay"].into_iter().enumerate() {
        let fault = json!({ "step": "sign", "fault": fault, "milliseconds": 300 });
        api.fault(fault).await;
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let body = blinded.request().to_string();
        let request = format!(
            "POST {SIGN} HTTP/1.1\r\nhost: {address}\r\nAuthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            api.production_key(),
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        while !api.look("faults").await["faults"]
            .as_array()
            .unwrap()
            .is_empty()
        {}
        drop(stream);

        let entry = loop {
            let log = api.look("requests").await;
            let entry = log["requests"][number].clone();
            if entry["abandoned"] == true {
                break entry;
            }
        };
        assert_eq!(entry["path"], SIGN);
        assert_eq!(entry["body"], body);
        assert_eq!(entry["response"]["status"], 201, "what it would have got");
        assert_eq!(api.ledger("billed").await, number as u64 + 1);
    }
    api.challenge().await;
    let log = api.look("requests").await;
    assert_eq!(log["requests"][2]["abandoned"], false);
}

#[tokio::test]
async fn tls_is_untrusted_or_resumption_goes_unseen() {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let api = Api::start_with(options).await;
    assert!(api.sandbox.ready().url.starts_with("https://127.0.0.1:"));
    let ca = api.sandbox.ready().ca_pem.clone().unwrap();
    let client = || {
        reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .tls_certs_only([reqwest::Certificate::from_pem(ca.as_bytes()).unwrap()])
            .build()
            .unwrap()
    };
    let ask = async |http: &reqwest::Client, host: &str| {
        let url = api.sandbox.ready().url.replace("127.0.0.1", host);
        http.post(format!("{url}{CHALLENGE}"))
            .header("content-type", "application/json")
            .body(json!({ "claim-type": CLAIM_TYPE }).to_string())
            .send()
            .await
    };
    // One client on two connections, then another client.
    let (one, other) = (client(), client());
    for http in [&one, &one, &other] {
        let response = ask(http, "127.0.0.1").await.unwrap();
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap();
    }
    let log = api.look("requests").await;
    let handshakes: Vec<_> = (log["requests"].as_array().unwrap().iter())
        .map(|entry| entry["tls"]["handshake"].as_str().unwrap())
        .collect();
    assert_eq!(handshakes, ["full", "resumed", "full"]);

    assert_eq!(ask(&one, "localhost").await.unwrap().status(), 200);
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(ask(&stranger, "127.0.0.1").await.is_err());
}
