//! What a pass is good for.

use crate::support::{changed, Api, CLAIM_TYPE};
use base64::engine::general_purpose::URL_SAFE;
use base64::Engine as _;
use serde_json::{json, Value};

const DAY: i64 = 24 * 3600;

#[tokio::test]
async fn a_spent_pass_is_redeemed_again() {
    let api = Api::start().await;
    let pass = api.pass().await;
    let relay = api.passed_relay().await;
    assert_eq!(api.redeem_under(&relay, &pass, "one").await.status, 200);
    let again = api.redeem_under(&relay, &pass, "two").await;
    assert_eq!(again.status, 401);
    assert!(again.json()["errors"][0]["details"].is_string());
    let other = api.passed_relay().await;
    assert_eq!(api.redeem(&other, &pass).await.status, 401);
    assert_eq!(api.ledger("redeemed").await, 1);
    assert_eq!(api.ledger("double_spends").await, 2);
}

#[tokio::test]
async fn two_redemptions_at_once_both_spend_the_pass() {
    let api = Api::start().await;
    let pass = api.pass().await;
    let relay = api.passed_relay().await;
    let (one, two) = tokio::join!(
        api.redeem_under(&relay, &pass, "one"),
        api.redeem_under(&relay, &pass, "two")
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    assert_eq!(api.ledger("redeemed").await, 1);
}

#[tokio::test]
async fn a_failed_check_eats_the_pass() {
    let api = Api::start().await;
    let pass = api.pass().await;
    let relay = api.create().await;
    api.finish(&relay, "failed").await;
    let answer = api.redeem(&relay, &pass).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["token-consumed"], false);
    assert_eq!(answer.claim()["claim_result"], "failed");
    assert_eq!(api.ledger("refunded").await, 1);
    assert_eq!(api.ledger("redeemed").await, 0);

    let next = api.passed_relay().await;
    assert_eq!(api.redeem(&next, &pass).await.status, 200);
    assert_eq!(api.ledger("double_spends").await, 0);
}

#[tokio::test]
async fn an_unfinished_check_eats_the_pass_or_passes() {
    let api = Api::start().await;
    let pass = api.pass().await;
    let relay = api.create().await;
    for status in [403, 409, 422] {
        api.set("unfinished_status", status).await;
        assert_eq!(api.redeem(&relay, &pass).await.status, status);
    }
    api.finish(&relay, "passed").await;
    assert_eq!(api.redeem(&relay, &pass).await.status, 200);
    assert_eq!(api.ledger("double_spends").await, 0);
}

#[tokio::test]
async fn a_session_never_ends() {
    let api = Api::start().await;
    let pass = api.pass().await;
    let relay = api.create().await;
    api.advance(30 * 60).await;
    assert_eq!(api.redeem(&relay, &pass).await.status, 403);
    let path = format!("/_sandbox/relays/{}/finish", relay.token);
    let answer = api.post(&path, &[], json!({ "result": "passed" })).await;
    assert_eq!(answer.status, 409);
    assert_eq!(api.redeem(&relay, &pass).await.status, 403);
}

#[tokio::test]
async fn a_pass_of_another_claim_type_or_environment_is_taken() {
    let api = Api::start().await;
    let relay = api.passed_relay().await;
    let other = api
        .challenge_with(json!({ "claim-type": "age_over21_verified" }))
        .await;
    let other = api.pass_of(&other, api.production_key()).await;
    let sandbox = json!({ "claim-type": CLAIM_TYPE, "sandbox": true });
    let sandbox = api.challenge_with(sandbox).await;
    let sandbox = api.pass_of(&sandbox, api.sandbox_key()).await;
    for pass in [other, sandbox] {
        assert_eq!(api.redeem(&relay, &pass).await.status, 422);
        api.set("mismatch_status", 401).await;
        assert_eq!(api.redeem(&relay, &pass).await.status, 401);
        api.set("mismatch_status", 422).await;
    }
    assert_eq!(api.ledger("redeemed").await, 0);
}

#[tokio::test]
async fn a_wrong_secret_or_an_unknown_relay_is_let_in() {
    let api = Api::start().await;
    let pass = api.pass().await;
    let mut relay = api.passed_relay().await;
    let secret = std::mem::replace(&mut relay.secret, "wrong".to_owned());
    assert_eq!(api.redeem(&relay, &pass).await.status, 404);
    relay.secret = secret;
    let token = std::mem::replace(&mut relay.token, "relay_unknown".to_owned());
    assert_eq!(api.redeem(&relay, &pass).await.status, 404);
    relay.token = token;
    assert_eq!(api.redeem(&relay, &pass).await.status, 200);
}

#[tokio::test]
async fn a_forged_pass_is_taken() {
    let api = Api::start().await;
    let pass = api.pass().await;
    let relay = api.passed_relay().await;
    let nonce = format!("\"token_nonce\":\"{}\"", "0".repeat(64));
    let json: Value = serde_json::from_slice(&crate::support::decode(&pass)).unwrap();
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    let mac = json["challenge"]["mac"].as_str().unwrap();
    let expires_at = json["challenge"]["expires_at"].as_str().unwrap();
    for (fear, forged) in [
        ("no base64url", "???".to_owned()),
        ("no JSON", "e30".to_owned()),
        (
            "another nonce",
            changed(
                &pass,
                &format!("\"token_nonce\":\"{}\"", text("token_nonce")),
                &nonce,
            ),
        ),
        ("a short nonce", changed(&pass, &text("token_nonce"), "00")),
        (
            "another signature",
            changed(&pass, &text("signature"), &"A".repeat(342)),
        ),
        (
            "another key",
            changed(&pass, &text("key_id"), &"0".repeat(64)),
        ),
        ("another mac", changed(&pass, mac, &"0".repeat(64))),
        (
            "a mac of another type",
            changed(&pass, &format!("\"{mac}\""), "7"),
        ),
        (
            "another expiry",
            changed(&pass, expires_at, "2099-01-01T00:00:00Z"),
        ),
        (
            "another origin",
            changed(&pass, "/api/privacy/v1/relays", "/elsewhere"),
        ),
        (
            "an added field",
            changed(&pass, "\"mac\"", "\"more\":1,\"mac\""),
        ),
        (
            "an unknown member",
            changed(&pass, "\"key_id\"", "\"more\":1,\"key_id\""),
        ),
    ] {
        let answer = api.redeem(&relay, &forged).await;
        assert_eq!(answer.status, 401, "{fear}");
        assert!(answer.json()["errors"][0]["details"].is_string(), "{fear}");
    }
    // It was the changes that were refused.
    assert_eq!(api.redeem(&relay, &pass).await.status, 200);
}

#[tokio::test]
async fn a_challenge_that_was_written_anew_is_taken() {
    let api = Api::start().await;
    api.set("extra_challenge_field", "verbatim").await;
    let pass = api.pass().await;
    let relay = api.passed_relay().await;
    let json: Value = serde_json::from_slice(&crate::support::decode(&pass)).unwrap();
    assert_eq!(json["challenge"]["x_note"], "café / naïve");
    let anew = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json.to_string());
    assert_eq!(api.redeem(&relay, &anew).await.status, 401);
    assert_eq!(api.redeem(&relay, &pass).await.status, 200);
}

#[tokio::test]
async fn a_challenge_that_was_written_compactly_is_refused() {
    let api = Api::start().await;
    api.set("extra_challenge_field", "compact").await;
    let pass = api.pass().await;
    let relay = api.passed_relay().await;
    let text = String::from_utf8(crate::support::decode(&pass)).unwrap();
    let challenge = &text[text.find("\"challenge\":").unwrap() + 12..text.len() - 1];
    let parsed: Value = serde_json::from_str(challenge).unwrap();
    assert_eq!(parsed.as_object().unwrap().len(), 6);
    // As clients write it that keep the order of members: JavaScript, Python, Ruby.
    let members: Vec<_> = [
        "token_type",
        "issuer_name",
        "origin_info",
        "expires_at",
        "mac",
        "x_note",
    ]
    .map(|name| format!("\"{name}\":{}", parsed[name]))
    .into();
    assert_eq!(challenge, format!("{{{}}}", members.join(",")));
    // And a client that drops the field is still found out.
    let dropped = changed(&pass, &format!(",{}", members[5]), "");
    assert_eq!(api.redeem(&relay, &dropped).await.status, 401);
    assert_eq!(api.redeem(&relay, &pass).await.status, 200);
}

#[tokio::test]
async fn a_padded_or_quoted_pass_is_refused() {
    let api = Api::start().await;
    let relay = api.passed_relay().await;
    let pass = api.pass().await;
    let padded = URL_SAFE.encode(crate::support::decode(&pass));
    let authorization = format!("PrivateToken token=\"{padded}\"");
    let answer = api
        .redeem_with(&relay, &[("authorization", &authorization)])
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_pass_outlives_its_ninety_days_or_dies_before() {
    let api = Api::start().await;
    let pass = api.pass().await;
    let other = api.pass().await;
    api.advance(90 * DAY).await;
    let relay = api.passed_relay().await;
    assert_eq!(api.redeem(&relay, &pass).await.status, 200);
    // The challenge expires up to two hours after it was made; its pass ninety days after that.
    api.advance(2 * 3600).await;
    let relay = api.passed_relay().await;
    assert_eq!(api.redeem(&relay, &other).await.status, 401);
}

#[tokio::test]
async fn a_rotated_key_voids_the_passes_it_signed_or_still_signs() {
    let api = Api::start().await;
    let before = api.challenge().await;
    let pass = api.pass().await;
    api.fault(json!({ "step": "challenge", "fault": "rotate_key" }))
        .await;
    let after = api.challenge().await;
    assert_ne!(before.token_key_id, after.token_key_id);
    let blinded = crate::support::Blinded::new(&before);
    let answer = api.sign(api.production_key(), &[], blinded.request()).await;
    assert_eq!(answer.status, 404);
    let relay = api.passed_relay().await;
    assert_eq!(api.redeem(&relay, &pass).await.status, 200);
    let pass = api.pass_of(&after, api.production_key()).await;
    assert_eq!(api.redeem(&relay, &pass).await.status, 200);
}
