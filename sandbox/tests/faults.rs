//! Each fault does what it says, to the call that it names, as often as it is told.

use std::time::{Duration, Instant};

use crate::support::{Answer, Api, Blinded, CHALLENGE, CLAIM_TYPE, CREATE};
use serde_json::json;

/// Signs under a key; an error is a connection that broke.
async fn sign(api: &Api, blinded: &Blinded) -> reqwest::Result<Answer> {
    let authorization = format!("Bearer {}", api.production_key());
    let headers = [
        ("authorization", authorization.as_str()),
        ("idempotency-key", "one"),
    ];
    api.try_post(
        crate::support::SIGN,
        &headers,
        blinded.request().to_string(),
    )
    .await
}

async fn started() -> (Api, Blinded) {
    let api = Api::start().await;
    let blinded = Blinded::new(&api.challenge().await);
    (api, blinded)
}

#[tokio::test]
async fn drop_before_commit_executes_the_call() {
    let (api, blinded) = started().await;
    api.fault(json!({ "step": "sign", "fault": "drop_before_commit" }))
        .await;
    assert!(sign(&api, &blinded).await.is_err());
    assert_eq!(api.ledger("billed").await, 0);
    assert_eq!(sign(&api, &blinded).await.unwrap().status, 201);
    assert_eq!(api.ledger("billed").await, 1);
}

#[tokio::test]
async fn drop_after_commit_loses_the_answer_for_good() {
    let (api, blinded) = started().await;
    api.fault(json!({ "step": "sign", "fault": "drop_after_commit" }))
        .await;
    assert!(sign(&api, &blinded).await.is_err());
    assert_eq!(api.ledger("billed").await, 1);
    let pass = blinded
        .finalize(&sign(&api, &blinded).await.unwrap())
        .unwrap();
    assert_eq!(api.ledger("billed").await, 1);

    let relay = api.passed_relay().await;
    api.fault(json!({ "step": "redeem", "fault": "drop_after_commit" }))
        .await;
    let authorization = format!("PrivateToken token={pass}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("persona-relay-secret", relay.secret.as_str()),
        ("idempotency-key", "one"),
    ];
    assert!(api
        .try_post(&crate::support::redeem_path(&relay), &headers, "{}")
        .await
        .is_err());
    assert_eq!(api.ledger("redeemed").await, 1);
    assert_eq!(api.redeem_under(&relay, &pass, "one").await.status, 200);
    assert_eq!(api.ledger("double_spends").await, 0);
}

#[tokio::test]
async fn delay_answers_at_once_or_commits_late() {
    let (api, blinded) = started().await;
    api.fault(json!({ "step": "sign", "fault": "delay", "milliseconds": 200 }))
        .await;
    let began = Instant::now();
    let (answer, billed) = tokio::join!(sign(&api, &blinded), async {
        while api.ledger("billed").await == 0 {}
        began.elapsed()
    });
    assert_eq!(answer.unwrap().status, 201);
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert!(
        billed < began.elapsed(),
        "it was committed before it was answered"
    );
}

#[tokio::test]
async fn truncate_sends_all_or_nothing() {
    let (api, blinded) = started().await;
    api.fault(json!({ "step": "sign", "fault": "truncate" }))
        .await;
    let url = format!("{}{}", api.sandbox.ready().url, crate::support::SIGN);
    let mut response = (api.http.post(url))
        .bearer_auth(api.production_key())
        .header("content-type", "application/json")
        .header("idempotency-key", "one")
        .body(blinded.request().to_string())
        .send()
        .await
        .unwrap();
    let announced = response.content_length().unwrap();
    let mut received = 0;
    let error = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => received += chunk.len() as u64,
            Ok(None) => panic!("the body ended as if it were whole"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert_eq!(received, announced / 2);
    assert_eq!(
        sign(&api, &blinded).await.unwrap().body.len() as u64,
        announced
    );
    assert_eq!(api.ledger("billed").await, 1);
}

#[tokio::test]
async fn status_executes_or_stores_unasked() {
    for (stored, executed, billed, then, finally) in [
        // A proxy's answer: the call never got there.
        (false, false, 0, 201, 1),
        // A proxy's answer to a call that got there: what was stored is the call's own.
        (false, true, 1, 201, 1),
        // Persona's own failure, kept under the key.
        (true, false, 0, 503, 0),
        // The same, and charged.
        (true, true, 1, 503, 1),
    ] {
        let (api, blinded) = started().await;
        api.fault(json!({
            "step": "sign", "fault": "status", "status": 503, "title": "Down", "details": "Sorry",
            "headers": { "Retry-After": "7" }, "stored": stored, "executed": executed,
        }))
        .await;
        let first = sign(&api, &blinded).await.unwrap();
        assert_eq!(first.status, 503);
        assert_eq!(first.header("retry-after"), "7");
        assert_eq!(
            first.json(),
            json!({ "errors": [{ "title": "Down", "details": "Sorry" }] })
        );
        assert_eq!(api.ledger("billed").await, billed);
        let again = sign(&api, &blinded).await.unwrap();
        assert_eq!(again.status, then);
        assert_eq!(api.ledger("billed").await, finally);
        let same = again.header("request-id") == first.header("request-id");
        assert_eq!(same, stored, "a replay is known by its Request-Id");
    }
}

#[tokio::test]
async fn status_breaks_the_contract_of_a_401() {
    let api = Api::start().await;
    api.fault(json!({ "step": "any", "fault": "status", "status": 401, "times": 0 }))
        .await;
    let relay = crate::support::Relay {
        token: "relay_x".to_owned(),
        secret: "x".to_owned(),
        session: String::new(),
    };
    let error = |answer: Answer| answer.json()["errors"][0].clone();
    let redeem = error(api.redeem(&relay, "x").await);
    assert!(redeem["details"].is_string());
    let sign = error(api.sign(api.production_key(), &[], json!({})).await);
    assert_eq!(sign.as_object().unwrap().len(), 1, "title only");
}

#[tokio::test]
async fn status_429_says_that_something_is_left() {
    let api = Api::start().await;
    let challenge = async |members: serde_json::Value| {
        let mut fault = json!({ "step": "challenge", "fault": "status", "status": 429 });
        let fault_members = fault.as_object_mut().unwrap();
        fault_members.extend(members.as_object().unwrap().clone());
        api.fault(fault).await;
        let answer = api
            .post(CHALLENGE, &[], json!({ "claim-type": CLAIM_TYPE }))
            .await;
        assert_eq!(answer.status, 429);
        answer.header("ratelimit-remaining").to_owned()
    };
    assert_eq!(challenge(json!({})).await, "0");
    assert_eq!(challenge(json!({ "executed": true })).await, "0");
    let told = json!({ "headers": { "ratelimit-remaining": "12" } });
    assert_eq!(challenge(told).await, "12");
}

#[tokio::test]
async fn wrong_signature_verifies_or_stays() {
    let (api, blinded) = started().await;
    api.fault(json!({ "step": "sign", "fault": "wrong_signature" }))
        .await;
    assert!(blinded
        .finalize(&sign(&api, &blinded).await.unwrap())
        .is_none());
    assert!(blinded
        .finalize(&sign(&api, &blinded).await.unwrap())
        .is_some());

    let (api, blinded) = started().await;
    api.fault(json!({ "step": "sign", "fault": "wrong_signature", "stored": true }))
        .await;
    for _ in 0..2 {
        assert!(blinded
            .finalize(&sign(&api, &blinded).await.unwrap())
            .is_none());
    }
    assert_eq!(api.ledger("billed").await, 1);
}

#[tokio::test]
async fn wrong_key_id_is_right() {
    let api = Api::start().await;
    let right = api.challenge().await;
    api.fault(json!({ "step": "challenge", "fault": "wrong_key_id" }))
        .await;
    let wrong = api.challenge().await;
    assert_eq!(wrong.token_key, right.token_key);
    assert_ne!(wrong.token_key_id, right.token_key_id);

    let relay = api.create().await;
    api.fault(json!({ "step": "redeem", "fault": "wrong_key_id" }))
        .await;
    let wrong = api.relay_bound_challenge(&relay).await;
    assert_eq!(wrong.token_key, right.token_key);
    assert_ne!(wrong.token_key_id, right.token_key_id);
}

#[tokio::test]
async fn oversized_body_is_small_or_made_in_memory() {
    let api = Api::start().await;
    for (chunked, length) in [(false, Some(2 << 30)), (true, None)] {
        let fault = json!({ "step": "challenge", "fault": "oversized_body", "chunked": chunked });
        api.fault(fault).await;
        let url = format!("{}{CHALLENGE}", api.sandbox.ready().url);
        let mut response = (api.http.post(url))
            .header("content-type", "application/json")
            .body(json!({ "claim-type": CLAIM_TYPE }).to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(response.content_length(), length);
        let mut received = 0;
        while received < 1 << 20 {
            received += response.chunk().await.unwrap().unwrap().len();
        }
    }
    api.fault(json!({ "step": "challenge", "fault": "oversized_body", "bytes": 100_000 }))
        .await;
    let answer = api
        .post(CHALLENGE, &[], json!({ "claim-type": CLAIM_TYPE }))
        .await;
    assert_eq!(answer.body.len(), 100_000);
}

#[tokio::test]
async fn drip_comes_at_once() {
    let api = Api::start().await;
    api.fault(json!({ "step": "create", "fault": "drip", "milliseconds": 1 }))
        .await;
    let began = Instant::now();
    let body = json!({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null });
    let answer = api.post(CREATE, &[], body).await;
    assert_eq!(answer.status, 201);
    assert!(began.elapsed() >= Duration::from_millis(answer.body.len() as u64));
    assert!(answer.json()["relay-token"].is_string());
}

#[tokio::test]
async fn redirect_executes_the_call() {
    let (api, blinded) = started().await;
    let fault = json!({ "step": "sign", "fault": "redirect", "location": "http://127.0.0.1:1/x" });
    api.fault(fault).await;
    let answer = sign(&api, &blinded).await.unwrap();
    assert_eq!(answer.status, 307);
    assert_eq!(answer.header("location"), "http://127.0.0.1:1/x");
    assert_eq!(api.ledger("billed").await, 0);
}

#[tokio::test]
async fn respond_is_not_verbatim() {
    let (api, blinded) = started().await;
    api.fault(json!({
        "step": "sign", "fault": "respond", "status": 200, "body": "<html>",
        "headers": [["content-type", "text/html"], ["x-two", "1"], ["x-two", "2"]],
    }))
    .await;
    let answer = sign(&api, &blinded).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "<html>"));
    assert_eq!(answer.header("content-type"), "text/html");
    assert_eq!(answer.headers.get_all("x-two").iter().count(), 2);
    assert!(!answer.headers.contains_key("request-id"));
    assert_eq!(api.ledger("billed").await, 0);

    let fault =
        json!({ "step": "sign", "fault": "respond", "body_base64": "/w==", "executed": true });
    api.fault(fault).await;
    let answer = sign(&api, &blinded).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "\u{fffd}"));
    assert_eq!(api.ledger("billed").await, 1);
}

#[tokio::test]
async fn rotate_key_on_sign_signs_with_the_old_key() {
    let (api, blinded) = started().await;
    api.fault(json!({ "step": "sign", "fault": "rotate_key" }))
        .await;
    assert_eq!(sign(&api, &blinded).await.unwrap().status, 404);
    assert_ne!(
        api.challenge().await.token_key_id,
        blinded.request()["key-id"]
    );
}

#[tokio::test]
async fn a_fault_strikes_another_step_or_out_of_order() {
    let api = Api::start().await;
    let status = |step: &str, status: u16, times: u64| json!({ "step": step, "fault": "status", "status": status, "times": times });
    let faults = json!({ "faults": [
        status("create", 500, 2), status("any", 502, 1), status("create", 503, 0),
    ]});
    api.control("faults", faults).await;
    let create = || async {
        let body = json!({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null });
        api.post(CREATE, &[], body).await.status
    };
    assert_eq!(create().await, 500);
    let body = json!({ "claim-type": CLAIM_TYPE });
    assert_eq!(api.post(CHALLENGE, &[], body.clone()).await.status, 502);
    assert_eq!(api.post(CHALLENGE, &[], body).await.status, 200);
    for status in [500, 503, 503, 503] {
        assert_eq!(create().await, status);
    }
    let url = format!("{}/_sandbox/faults", api.sandbox.ready().url);
    assert_eq!(api.http.delete(url).send().await.unwrap().status(), 200);
    assert_eq!(create().await, 201);
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_is_accepted() {
    let api = Api::start().await;
    for fault in [
        json!({}),
        json!({ "step": "sign" }),
        json!({ "step": "sign", "fault": "unheard_of" }),
        json!({ "step": "elsewhere", "fault": "truncate" }),
        json!({ "step": "sign", "fault": "truncate", "times": -1 }),
        json!({ "step": "sign", "fault": "truncate", "more": 1 }),
        json!({ "step": "sign", "fault": "delay" }),
        json!({ "step": "sign", "fault": "status" }),
        json!({ "step": "sign", "fault": "status", "status": 100 }),
        json!({ "step": "sign", "fault": "status", "status": 500, "headers": { "a b": "c" } }),
        json!({ "step": "sign", "fault": "respond", "body": "", "body_base64": "" }),
        json!({ "step": "sign", "fault": "respond", "body_base64": "?" }),
        json!({ "step": "redeem", "fault": "wrong_claim" }),
        json!({ "step": "redeem", "fault": "wrong_claim", "stored": true }),
        json!({ "step": "redeem", "fault": "wrong_claim", "format": "jws" }),
        json!({ "step": "redeem", "fault": "wrong_claim", "format": "jwe", "more": 1 }),
        json!({ "step": "redeem", "fault": "wrong_claim", "claim_type": "no name" }),
        json!({ "step": "redeem", "fault": "wrong_claim", "cut_part": 5 }),
        json!({ "step": "redeem", "fault": "wrong_claim", "parts": 6 }),
    ] {
        let answer = api
            .post("/_sandbox/faults", &[], json!({ "faults": [fault] }))
            .await;
        assert_eq!(answer.status, 400, "{fault}");
        assert!(answer.json()["error"].is_string());
    }
}
