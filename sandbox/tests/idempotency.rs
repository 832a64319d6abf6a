//! The idempotency layer.

use crate::support::{Api, Blinded};
use serde_json::json;

const DAY: i64 = 24 * 3600;

#[tokio::test]
async fn a_repeated_signature_is_billed_twice() {
    let api = Api::start().await;
    let blinded = Blinded::new(&api.challenge().await);
    let key = [("idempotency-key", "one")];
    let first = api
        .sign(api.production_key(), &key, blinded.request())
        .await;
    let again = api
        .sign(api.production_key(), &key, blinded.request())
        .await;
    assert_eq!(first.status, 201);
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("request-id"), first.header("request-id"));
    assert_eq!(api.ledger("billed").await, 1);

    let other = api.sign(api.production_key(), &[], blinded.request()).await;
    assert_ne!(other.header("request-id"), first.header("request-id"));
    assert_eq!(api.ledger("billed").await, 2);
}

#[tokio::test]
async fn a_repeated_redemption_is_a_double_spend() {
    let api = Api::start().await;
    let pass = api.pass().await;
    let relay = api.passed_relay().await;
    let first = api.redeem_under(&relay, &pass, "one").await;
    let again = api.redeem_under(&relay, &pass, "one").await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.header("request-id"), first.header("request-id"));
    assert_eq!(api.ledger("redeemed").await, 1);
    assert_eq!(api.ledger("double_spends").await, 0);
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let api = Api::start().await;
    let pass = api.pass().await;
    let relay = api.create().await;
    let first = api.redeem_under(&relay, &pass, "one").await;
    assert_eq!(first.status, 403);
    api.finish(&relay, "passed").await;
    // The outcome is known by now, but not under the key that asked too early.
    let again = api.redeem_under(&relay, &pass, "one").await;
    assert_eq!((again.status, &again.body), (403, &first.body));
    assert_eq!(api.redeem_under(&relay, &pass, "two").await.status, 200);
}

#[tokio::test]
async fn an_unfinished_check_is_kept_unasked() {
    let api = Api::start().await;
    api.set("unfinished_stored", false).await;
    for status in [403, 409, 422] {
        api.set("unfinished_status", status).await;
        let pass = api.pass().await;
        let relay = api.create().await;
        for _ in 0..2 {
            let early = api.redeem_under(&relay, &pass, "one").await;
            assert_eq!(early.status, status);
        }
        api.finish(&relay, "passed").await;
        let first = api.redeem_under(&relay, &pass, "one").await;
        assert_eq!(first.status, 200, "the key was still free");
        let again = api.redeem_under(&relay, &pass, "one").await;
        assert_eq!((again.status, &again.body), (200, &first.body));
        // Only that refusal: any other is kept as ever.
        api.advance(25 * 3600).await;
    }
    assert_eq!(api.ledger("double_spends").await, 0);
    let mut relay = api.create().await;
    let pass = api.pass().await;
    let secret = std::mem::replace(&mut relay.secret, "wrong".to_owned());
    for _ in 0..2 {
        assert_eq!(api.redeem_under(&relay, &pass, "two").await.status, 404);
    }
    relay.secret = secret;
    assert_eq!(api.redeem_under(&relay, &pass, "two").await.status, 422);
}

#[tokio::test]
async fn a_refused_signature_is_not_kept() {
    let api = Api::start().await;
    let blinded = Blinded::new(&api.challenge().await);
    let key = [("idempotency-key", "one")];
    for _ in 0..2 {
        let mut request = blinded.request();
        request["blinded-token"] = json!("AA");
        assert_eq!(
            api.sign(api.production_key(), &key, request).await.status,
            400
        );
    }
    let answer = api
        .sign(api.production_key(), &key, blinded.request())
        .await;
    assert_eq!(answer.status, 422, "the key belongs to the refused request");
}

#[tokio::test]
async fn a_401_or_a_429_is_kept() {
    let api = Api::start().await;
    let blinded = Blinded::new(&api.challenge().await);
    let key = [("idempotency-key", "one")];
    assert_eq!(api.sign("wrong", &key, blinded.request()).await.status, 401);
    for status in [401, 429] {
        let fault = json!({ "step": "sign", "fault": "status", "status": status, "stored": true });
        api.fault(fault).await;
        let answer = api
            .sign(api.production_key(), &key, blinded.request())
            .await;
        assert_eq!(answer.status, status);
    }
    let answer = api
        .sign(api.production_key(), &key, blinded.request())
        .await;
    assert_eq!(answer.status, 201);

    let pass = blinded.finalize(&answer).unwrap();
    let relay = api.passed_relay().await;
    assert_eq!(api.redeem_under(&relay, &pass, "first").await.status, 200);
    assert_eq!(api.redeem_under(&relay, &pass, "spent").await.status, 401);
    api.set("spent_status", 409).await;
    assert_eq!(api.redeem_under(&relay, &pass, "spent").await.status, 409);
    api.set("spent_status", 422).await;
    assert_eq!(
        api.redeem_under(&relay, &pass, "spent").await.status,
        409,
        "a 409 is kept"
    );
}

#[tokio::test]
async fn other_parameters_are_answered_under_a_used_key() {
    let api = Api::start().await;
    let (one, two) = (api.pass().await, api.pass().await);
    let (relay, other) = (api.passed_relay().await, api.passed_relay().await);
    assert_eq!(api.redeem_under(&relay, &one, "key").await.status, 200);
    for answer in [
        api.redeem_under(&relay, &two, "key").await,
        api.redeem_under(&other, &one, "key").await,
        api.redeem_under(&other, &two, "key").await,
    ] {
        assert_eq!(answer.status, 422);
        assert_eq!(answer.title(), "Unprocessable entity");
    }
    assert_eq!(api.redeem_under(&other, &two, "another").await.status, 200);
}

#[tokio::test]
async fn two_steps_or_two_credentials_share_a_key() {
    let api = Api::start().await;
    let key = [("idempotency-key", "same")];
    let sandbox = json!({ "claim-type": crate::support::CLAIM_TYPE, "sandbox": true });
    let sandbox = Blinded::new(&api.challenge_with(sandbox).await);
    let production = Blinded::new(&api.challenge().await);
    let answer = api.sign(api.sandbox_key(), &key, sandbox.request()).await;
    assert_eq!(answer.status, 201);
    let answer = api
        .sign(api.production_key(), &key, production.request())
        .await;
    assert_eq!(answer.status, 201);
    let pass = production.finalize(&answer).unwrap();
    let relay = api.passed_relay().await;
    assert_eq!(api.redeem_under(&relay, &pass, "same").await.status, 200);
}

#[tokio::test]
async fn a_key_is_kept_for_ever_or_not_long_enough() {
    let api = Api::start().await;
    let blinded = Blinded::new(&api.challenge().await);
    let key = [("idempotency-key", "one")];
    for (wait, billed) in [(0, 1), (DAY - 60, 1), (60, 2)] {
        api.advance(wait).await;
        let answer = api
            .sign(api.production_key(), &key, blinded.request())
            .await;
        assert_eq!(answer.status, 201);
        assert_eq!(api.ledger("billed").await, billed, "after {wait} s more");
    }
}

#[tokio::test]
async fn two_requests_under_one_key_are_both_executed() {
    let api = Api::start().await;
    let blinded = Blinded::new(&api.challenge().await);
    let key = [("idempotency-key", "one")];
    let fault = json!({ "step": "sign", "fault": "delay_before_commit", "milliseconds": 500 });
    api.fault(fault).await;
    let sign = || api.sign(api.production_key(), &key, blinded.request());
    let (one, two) = tokio::join!(sign(), sign());
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    assert_eq!(sign().await.status, 201, "the 409 is not kept");
    assert_eq!(api.ledger("billed").await, 1);
}

#[tokio::test]
async fn a_client_that_goes_away_undoes_the_call() {
    let api = Api::start().await;
    let blinded = Blinded::new(&api.challenge().await);
    let fault = json!({ "step": "sign", "fault": "delay_before_commit", "milliseconds": 200 });
    api.fault(fault).await;
    let key = [("idempotency-key", "one")];
    let sign = || api.sign(api.production_key(), &key, blinded.request());
    let patience = std::time::Duration::from_millis(50);
    assert!(tokio::time::timeout(patience, sign()).await.is_err());
    let answer = loop {
        let answer = sign().await;
        if answer.status != 409 {
            break answer;
        }
    };
    assert_eq!(answer.status, 201);
    assert_eq!(api.ledger("billed").await, 1);
}
