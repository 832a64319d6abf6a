//! Starting, stopping, the control API and the hosted page.

use std::net::SocketAddr;

use crate::support::{Api, Blinded, CLAIM_TYPE};
use relaypass_sandbox::{Options, Sandbox};
use serde_json::{json, Value};

#[tokio::test]
async fn it_listens_to_the_world() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let options = Options {
            listen: listen.parse().unwrap(),
            ..Options::default()
        };
        let error = Sandbox::start(options).await.err().unwrap();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("loopback"), "{error}");
    }
    let options = Options {
        key_bits: 1024,
        ..Options::default()
    };
    assert!(Sandbox::start(options).await.is_err());
}

#[tokio::test]
async fn its_keys_are_the_same_at_every_start() {
    let (one, two) = (Api::start().await, Api::start().await);
    assert!(one.sandbox_key().starts_with("persona_sandbox_"));
    assert!(one.production_key().starts_with("persona_production_"));
    assert_ne!(one.sandbox_key(), two.sandbox_key());
    assert_ne!(one.production_key(), two.production_key());
    let ready = serde_json::to_value(one.sandbox.ready()).unwrap();
    assert_eq!(
        ready,
        json!({
            "url": one.sandbox.ready().url,
            "api_key": one.sandbox_key(),
            "production_api_key": one.production_key(),
        })
    );
}

#[tokio::test]
async fn it_goes_on_after_it_was_stopped_or_dropped() {
    for stop in [true, false] {
        let api = Api::start().await;
        api.challenge().await;
        let address = api.sandbox.ready().url.strip_prefix("http://").unwrap();
        let address: SocketAddr = address.parse().unwrap();
        if stop {
            api.sandbox.stop().await;
            tokio::net::TcpListener::bind(address).await.unwrap();
        } else {
            drop(api.sandbox);
            while tokio::net::TcpStream::connect(address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        }
    }
}

#[tokio::test]
async fn a_reset_leaves_something_behind_or_takes_a_key() {
    let api = Api::start().await;
    let materials = api.challenge().await;
    let pass = api.pass().await;
    let relay = api.passed_relay().await;
    let key = [("idempotency-key", "one")];
    let blinded = Blinded::new(&materials);
    api.sign(api.production_key(), &key, blinded.request())
        .await;
    api.set("unfinished_status", 409).await;
    api.advance(1_000_000).await;
    api.fault(json!({ "step": "any", "fault": "truncate", "times": 0 }))
        .await;

    assert_eq!(api.control("reset", json!({})).await, json!({}));

    assert_eq!(
        api.look("ledger").await,
        json!({ "billed": 0, "redeemed": 0, "refunded": 0, "double_spends": 0, "relays": 0 })
    );
    assert_eq!(api.look("requests").await, json!({ "requests": [] }));
    assert_eq!(api.look("settings").await["unfinished_status"], 403);
    let after = api.challenge().await;
    assert_eq!(after.token_key_id, materials.token_key_id, "keys are kept");
    assert_eq!(api.redeem(&relay, &pass).await.status, 404);
    let next = api.passed_relay().await;
    assert_eq!(
        api.redeem(&next, &pass).await.status,
        401,
        "passes are gone"
    );
    let answer = api
        .sign(api.production_key(), &key, blinded.request())
        .await;
    assert_eq!(answer.status, 201);
    assert_eq!(api.ledger("billed").await, 1, "it was signed anew");
}

#[tokio::test]
async fn a_call_from_before_a_reset_is_booked_after_it() {
    let api = Api::start().await;
    let blinded = Blinded::new(&api.challenge().await);
    let fault = json!({ "step": "sign", "fault": "delay_before_commit", "milliseconds": 100 });
    api.fault(fault).await;
    let (answer, _) = tokio::join!(
        api.sign(api.production_key(), &[], blinded.request()),
        async {
            tokio::task::yield_now().await;
            // The fault is gone from the queue as soon as the call has begun.
            while !api.look("faults").await["faults"]
                .as_array()
                .unwrap()
                .is_empty()
            {}
            api.control("reset", json!({})).await;
        }
    );
    assert_eq!(answer.status, 201);
    assert_eq!(api.ledger("billed").await, 0);
}

#[tokio::test]
async fn a_mistaken_setting_is_accepted_or_half_applied() {
    let api = Api::start().await;
    let before = api.look("settings").await;
    assert_eq!(
        before,
        json!({
            "unfinished_status": 403, "unfinished_stored": true, "spent_status": 401, "mismatch_status": 422,
            "privacy_pass_write": true, "relay_enabled": true, "not_enabled_status": 403,
            "encryption_forms": "both", "oaep_hash": "sha256",
            "jwe_kid": "none", "jwe_typ_and_cty": false, "key_bits": 2048, "rate_limit": 1_000_000,
            "relay_bound_challenges": true, "opaque_key_id": false,
            "extra_challenge_field": "none", "challenge_per_client": false,
            "unknown_versions": false, "optional_headers": true, "record_requests": true,
        })
    );
    for changes in [
        json!({ "spent_status": 409, "unheard_of": 1 }),
        json!({ "spent_status": 409, "key_bits": 1024 }),
        json!({ "spent_status": 200 }),
        json!({ "not_enabled_status": 200 }),
        json!({ "spent_status": "409" }),
        json!({ "oaep_hash": "md5" }),
        json!({ "encryption_forms": "none" }),
        json!({ "extra_challenge_field": true }),
        json!({ "jwe_kid": null }),
        json!({ "oaep_hash": "sha256_mgf1_sha1" }),
        json!([]),
    ] {
        let answer = api.post("/_sandbox/settings", &[], changes.clone()).await;
        assert_eq!(answer.status, 400, "{changes}");
    }
    assert_eq!(api.look("settings").await, before);
}

#[tokio::test]
async fn a_mistaken_control_call_is_accepted() {
    let api = Api::start().await;
    let relay = api.create().await;
    let finish = format!("relays/{}/finish", relay.token);
    for (path, body, status) in [
        ("clock", json!({}), 400),
        ("clock", json!({ "advance_seconds": 1.5 }), 400),
        ("clock", json!({ "advance_seconds": i64::MAX }), 400),
        ("clock", json!({ "advance_seconds": 1, "more": 1 }), 400),
        ("faults", json!({ "faults": {} }), 400),
        (finish.as_str(), json!({ "result": "maybe" }), 400),
        (
            "relays/relay_unknown/finish",
            json!({ "result": "passed" }),
            404,
        ),
        ("nowhere", json!({}), 404),
    ] {
        let answer = api
            .post(&format!("/_sandbox/{path}"), &[], body.clone())
            .await;
        assert_eq!(answer.status, status, "{path} {body}");
        assert!(answer.json()["error"].is_string(), "{path} {body}");
    }
}

async fn page(api: &Api, session: &str, extra: &str) -> (u16, String) {
    let url = format!(
        "{}/relay?relay-session-access-token={session}{extra}",
        api.sandbox.ready().url
    );
    let response = api.http.get(url).send().await.unwrap();
    assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn the_hosted_page_does_not_finish_the_relay() {
    for (result, consumed) in [("passed", true), ("failed", false)] {
        let api = Api::start().await;
        let relay = api.create().await;
        let (status, html) = page(&api, &relay.session, "&theme=dark").await;
        assert_eq!(status, 200);
        for part in [
            "<h1>Are you over 18?</h1>",
            "data-theme=\"dark\"",
            "sandbox",
            "name=\"result\" value=\"passed\"",
            "name=\"result\" value=\"failed\"",
        ] {
            assert!(html.contains(part), "{part}");
        }
        for foreign in ["<script", "src=", "http://", "https://", "{"] {
            let body = html.split("</style>").nth(1).unwrap();
            assert!(!body.contains(foreign), "{foreign}");
        }

        let url = format!(
            "{}/relay?relay-session-access-token={}",
            api.sandbox.ready().url,
            relay.session
        );
        let response = (api.http.post(url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("result={result}"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        let answer = api.redeem(&relay, &api.pass().await).await;
        assert_eq!(answer.claim()["claim_result"], result);
        assert_eq!(answer.json()["token-consumed"], consumed);
        let (_, html) = page(&api, &relay.session, "").await;
        assert!(
            !html.contains("<button"),
            "a finished check is not asked again"
        );
    }
}

#[tokio::test]
async fn the_hosted_page_opens_where_it_must_not() {
    let api = Api::start().await;
    let relay = api.create().await;
    assert_eq!(page(&api, "unknown", "").await.0, 404);
    assert_eq!(
        page(&api, &relay.token, "").await.0,
        404,
        "a relay token is no session"
    );

    let url = format!(
        "{}/relay?relay-session-access-token={}",
        api.sandbox.ready().url,
        relay.session
    );
    for request in [
        api.http.get(&url),
        api.http.post(&url).body("result=passed"),
    ] {
        let response = request
            .header("referer", "https://shop.example/")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 403);
    }
    assert_eq!(
        api.redeem(&relay, &api.pass().await).await.status,
        403,
        "not finished"
    );

    api.advance(30 * 60).await;
    assert_eq!(page(&api, &relay.session, "").await.0, 410);
    let late = api
        .http
        .post(&url)
        .body("result=passed")
        .send()
        .await
        .unwrap();
    assert_eq!(late.status(), 410);
}

#[tokio::test]
async fn the_session_access_token_tells_the_relay() {
    let api = Api::start().await;
    let relay = api.create().await;
    let parts: Vec<_> = relay.session.split('.').collect();
    assert_eq!(parts.len(), 3);
    let claims: Value = serde_json::from_slice(&crate::support::decode(parts[1])).unwrap();
    let lasts = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(lasts, 30 * 60);
    let text = claims.to_string();
    for secret in [&relay.token, &relay.secret, CLAIM_TYPE] {
        assert!(!text.contains(secret));
    }
}
