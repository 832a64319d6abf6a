//! Challenges and passes.

use crate::support::{decode, hex, Api, Blinded, CHALLENGE, CLAIM_TYPE};
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use base64::Engine as _;
use relaypass_sandbox::Options;
use serde_json::{json, Value};

fn object(challenge: &str) -> Value {
    serde_json::from_slice(&decode(challenge)).unwrap()
}

#[tokio::test]
async fn a_pass_of_the_current_generation_does_not_redeem() {
    let api = Api::start().await;
    let pass = api.pass().await;
    let relay = api.passed_relay().await;
    let answer = api.redeem(&relay, &pass).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        answer.claim(),
        json!({
            "claim_type": CLAIM_TYPE,
            "claim_result": "passed",
            "methodology": [{ "method": "facial_age_estimation", "result": "passed" }],
        })
    );
    assert_eq!(answer.json()["token-consumed"], true);
    assert_eq!(
        api.look("ledger").await,
        json!({ "billed": 1, "redeemed": 1, "refunded": 0, "double_spends": 0, "relays": 1 })
    );
}

#[tokio::test]
async fn a_pass_of_the_first_generation_does_not_redeem() {
    let api = Api::start().await;
    let relay = api.passed_relay().await;
    let materials = api.relay_bound_challenge(&relay).await;
    let pass = api.pass_of(&materials, api.production_key()).await;
    assert_eq!(api.redeem(&relay, &pass).await.status, 200);
}

#[tokio::test]
async fn a_key_without_the_permission_signs() {
    let api = Api::start().await;
    let blinded = Blinded::new(&api.challenge().await);
    api.set("privacy_pass_write", false).await;
    let answer = api.sign(api.production_key(), &[], blinded.request()).await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        answer.json(),
        json!({ "errors": [{
            "title": "Forbidden",
            "details": "API key does not have the permission privacy_pass.write",
        }] })
    );
    assert!(answer.header("persona-organization-id").starts_with("org_"));
    let stranger = api.sign("wrong", &[], blinded.request()).await;
    assert_eq!(stranger.status, 401, "a permission is a key's");
    assert_eq!(api.ledger("billed").await, 0);

    // The calls that nobody is known in, and passes that were bought before, are as ever.
    api.set("privacy_pass_write", true).await;
    let pass = api.pass().await;
    api.set("privacy_pass_write", false).await;
    let relay = api.passed_relay().await;
    assert_eq!(api.redeem(&relay, &pass).await.status, 200);
}

#[tokio::test]
async fn an_organization_without_relay_gets_a_signature() {
    let api = Api::start().await;
    let blinded = Blinded::new(&api.challenge().await);
    api.set("relay_enabled", false).await;
    for (status, title) in [
        (403, "Forbidden"),
        (404, "Record not found"),
        (422, "Unprocessable entity"),
    ] {
        api.set("not_enabled_status", status).await;
        for key in [api.production_key(), api.sandbox_key()] {
            let answer = api.sign(key, &[], blinded.request()).await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.title(), title);
            assert_eq!(
                answer.json()["errors"][0]["details"],
                "Privacy Pass for Relay is not enabled"
            );
        }
    }
    assert_eq!(api.ledger("billed").await, 0);
    api.create().await;
}

#[tokio::test]
async fn a_relay_bound_pass_redeems_another_relay() {
    let api = Api::start().await;
    let relay = api.passed_relay().await;
    let materials = api.relay_bound_challenge(&relay).await;
    let pass = api.pass_of(&materials, api.production_key()).await;
    let other = api.passed_relay().await;
    assert_eq!(api.redeem(&other, &pass).await.status, 401);
}

#[tokio::test]
async fn the_first_generation_cannot_be_switched_off() {
    let api = Api::start().await;
    api.set("relay_bound_challenges", false).await;
    let relay = api.create().await;
    let answer = api.redeem_with(&relay, &[]).await;
    assert_eq!(answer.status, 401);
    assert!(!answer.headers.contains_key("www-authenticate"));
    assert_eq!(
        answer.json(),
        json!({ "errors": [{
            "title": "Privacy Pass token required",
            "details": "Request a challenge to obtain a token",
        }] })
    );
}

#[tokio::test]
async fn a_challenge_is_given_for_a_wrong_relay_secret() {
    let api = Api::start().await;
    let mut relay = api.create().await;
    relay.secret.push('x');
    let answer = api.redeem_with(&relay, &[]).await;
    assert_eq!(answer.status, 404);
    assert!(!answer.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn a_challenge_differs_between_two_clients() {
    let api = Api::start().await;
    // To the beginning of an hour, so that both fall into the same one.
    let now = api.look("clock").await["now"].as_str().unwrap().to_owned();
    let minutes: i64 = now[14..16].parse().unwrap();
    api.advance((60 - minutes) * 60 + 60).await;

    let (one, two) = (api.challenge().await, api.challenge().await);
    assert_eq!(one, two);

    let fields = object(&one.challenge);
    assert_eq!(fields["token_type"], 2);
    assert_eq!(
        fields["issuer_name"],
        "withpersona.com/api/v1/privacy-passes"
    );
    assert_eq!(fields["origin_info"], "/api/privacy/v1/relays");
    assert_eq!(fields["mac"].as_str().unwrap().len(), 64);
    let expires_at = fields["expires_at"].as_str().unwrap();
    assert!(expires_at.ends_with(":00:00Z"), "{expires_at}");

    api.advance(3600).await;
    assert_ne!(api.challenge().await, one);
}

#[tokio::test]
async fn two_namespaces_share_a_key_or_a_mac() {
    let api = Api::start().await;
    let one = api.challenge().await;
    for other in [
        json!({ "claim-type": CLAIM_TYPE, "sandbox": true }),
        json!({ "claim-type": "age_over21_verified" }),
    ] {
        let other = api.challenge_with(other).await;
        assert_ne!(one.token_key_id, other.token_key_id);
        assert_ne!(one.token_key, other.token_key);
        assert_ne!(
            object(&one.challenge)["mac"],
            object(&other.challenge)["mac"]
        );
    }
}

#[tokio::test]
async fn a_per_client_challenge_is_the_same_twice_or_does_not_redeem() {
    let api = Api::start().await;
    api.set("challenge_per_client", true).await;
    let (one, two) = (api.challenge().await, api.challenge().await);
    assert_ne!(one.challenge, two.challenge);
    let (one, two) = (object(&one.challenge), object(&two.challenge));
    assert_ne!(one["mac"], two["mac"]);
    assert_eq!(one["mac"].as_str().unwrap().len(), 64);

    let pass = api.pass().await;
    let relay = api.passed_relay().await;
    assert_eq!(api.redeem(&relay, &pass).await.status, 200);
}

#[tokio::test]
async fn the_key_id_is_not_the_hash_of_the_key_unless_it_should_be_opaque() {
    let api = Api::start().await;
    let materials = api.challenge().await;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &decode(&materials.token_key));
    assert_eq!(materials.token_key_id, hex(hash.as_ref()));

    api.set("opaque_key_id", true).await;
    let opaque = api.challenge().await;
    assert_eq!(opaque.token_key, materials.token_key);
    assert_ne!(opaque.token_key_id, materials.token_key_id);
    let pass = api.pass().await;
    let relay = api.passed_relay().await;
    assert_eq!(api.redeem(&relay, &pass).await.status, 200);
}

#[tokio::test]
async fn keys_are_of_another_size_than_asked_for() {
    let api = Api::start_with(Options {
        key_bits: 3072,
        ..Options::default()
    })
    .await;
    let size = |token_key: &str| decode(token_key).len();
    assert_eq!(size(&api.challenge().await.token_key), 422);
    let pass = api.pass().await;
    let relay = api.passed_relay().await;
    assert_eq!(api.redeem(&relay, &pass).await.status, 200);

    api.set("key_bits", 2048).await;
    assert_eq!(size(&api.challenge().await.token_key), 294);
    api.control("reset", json!({})).await;
    assert_eq!(size(&api.challenge().await.token_key), 422);
}

#[tokio::test]
async fn a_sandbox_pass_is_billed() {
    let api = Api::start().await;
    let sandbox = json!({ "claim-type": CLAIM_TYPE, "sandbox": true });
    let materials = api.challenge_with(sandbox).await;
    let pass = api.pass_of(&materials, api.sandbox_key()).await;
    assert_eq!(api.ledger("billed").await, 0);

    // Nobody finished the check: a sandbox claim passes all the same.
    let relay = api
        .create_with(
            json!({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null, "sandbox": true }),
        )
        .await;
    let answer = api.redeem(&relay, &pass).await;
    assert_eq!(answer.claim()["claim_result"], "passed");
    assert_eq!(api.ledger("redeemed").await, 1);
}

#[tokio::test]
async fn a_key_of_the_other_environment_signs() {
    let api = Api::start().await;
    let blinded = Blinded::new(&api.challenge().await);
    let answer = api.sign(api.sandbox_key(), &[], blinded.request()).await;
    assert_eq!(answer.status, 404);
    assert_eq!(api.ledger("billed").await, 0);
}

#[tokio::test]
async fn a_wrong_api_key_signs() {
    let api = Api::start().await;
    let blinded = Blinded::new(&api.challenge().await);
    for authorization in ["", "Bearer ", "Bearer persona_production_x", "Basic eDp5"] {
        let headers = [("authorization", authorization)];
        let answer = api
            .post(crate::support::SIGN, &headers, blinded.request())
            .await;
        assert_eq!(answer.status, 401);
        assert_eq!(
            answer.json(),
            json!({ "errors": [{ "title": "Must be authenticated to access this endpoint" }] })
        );
        assert!(!answer.headers.contains_key("persona-environment-id"));
    }
}

#[tokio::test]
async fn a_malformed_blinded_token_is_signed() {
    let api = Api::start().await;
    let materials = api.challenge().await;
    let sign = async |token: &str, key_id: &str| {
        let body = json!({ "blinded-token": token, "key-id": key_id });
        api.sign(api.production_key(), &[], body).await.status
    };
    let id = materials.token_key_id.as_str();
    for (fear, token) in [
        ("not base64url", "???".to_owned()),
        ("too short", URL_SAFE_NO_PAD.encode([1; 255])),
        ("too long", URL_SAFE_NO_PAD.encode([1; 257])),
        ("not below the modulus", URL_SAFE_NO_PAD.encode([0xff; 256])),
        ("empty", String::new()),
    ] {
        assert_eq!(sign(&token, id).await, 400, "{fear}");
    }
    let token = URL_SAFE_NO_PAD.encode([1; 256]);
    assert_eq!(sign(&token, "unknown").await, 404);
    assert_eq!(api.ledger("billed").await, 0);
    assert_eq!(
        sign(&URL_SAFE.encode([1; 256]), id).await,
        201,
        "padding is accepted"
    );
    assert_eq!(api.ledger("billed").await, 1);
}

#[tokio::test]
async fn an_expired_challenge_cannot_be_made() {
    let api = Api::start().await;
    api.advance(-3 * 3600).await;
    let expires_at = object(&api.challenge().await.challenge)["expires_at"].clone();
    api.advance(3 * 3600).await;
    let now = api.look("clock").await["now"].clone();
    assert!(expires_at.as_str().unwrap() < now.as_str().unwrap());
}

#[tokio::test]
async fn a_claim_type_nobody_heard_of_is_refused() {
    let api = Api::start().await;
    api.challenge_with(json!({ "claim-type": "age_over99_atlantis" }))
        .await;
    for claim_type in [
        json!(""),
        json!("a b"),
        json!("x".repeat(200)),
        json!(1),
        json!(null),
    ] {
        let answer = api
            .post(CHALLENGE, &[], json!({ "claim-type": claim_type }))
            .await;
        assert_eq!(answer.status, 400, "{claim_type}");
    }
}
