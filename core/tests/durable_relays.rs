//! Steps 2 and 3 that may be repeated: done once, whoever asks, and whatever was lost in between.

use std::sync::Arc;

use crate::support::persona::{claim_type, Persona};
use relaypass::store::{MemoryStore, Store};
use relaypass::{Client, CreateRelay, ErrorKind, GenerateClaim, IssuePrivacyPass, Relay, SealKey};

const KEY: &str = "order-1";

fn two_workers(persona: &Persona, store: &Arc<MemoryStore>) -> (Client, Client) {
    let client = || {
        let client = persona.client().store(store.clone() as Arc<dyn Store>);
        client
            .seal_keys(vec![SealKey::new([7; 32])])
            .build()
            .unwrap()
    };
    (client(), client())
}

fn bound() -> IssuePrivacyPass {
    IssuePrivacyPass::ClaimType(claim_type())
}

async fn relay_and_pass(client: &Client) -> (Relay, String) {
    let request = CreateRelay::new(claim_type());
    let relay = client.relays().create(request).await.unwrap();
    let pass = client.relays().issue_privacy_pass(bound()).await.unwrap();
    (relay, pass.privacy_pass_token.expose().to_owned())
}

fn redemption(relay: &Relay, pass: &str) -> GenerateClaim {
    let (token, secret) = (relay.relay_token.clone(), relay.relay_secret.clone());
    GenerateClaim::new(token, secret, pass.to_owned())
}

#[tokio::test]
async fn a_purchase_that_is_repeated_is_billed_once_and_gives_the_same_pass() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let (one, other) = two_workers(&persona, &store);
    let first = one.durable_relays().issue_privacy_pass(bound(), KEY).await;
    let second = other
        .durable_relays()
        .issue_privacy_pass(bound(), KEY)
        .await;
    let pass = |bought: relaypass::Result<relaypass::PrivacyPass>| {
        bought.unwrap().privacy_pass_token.expose().to_owned()
    };
    assert_eq!(pass(first), pass(second));
    let another = one
        .durable_relays()
        .issue_privacy_pass(bound(), "order-2")
        .await;
    another.unwrap();
    assert_eq!(persona.ledger().await["billed"], 2);
}

#[tokio::test]
async fn a_purchase_whose_answers_are_all_lost_is_billed_once_when_another_worker_repeats_it() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let (one, other) = two_workers(&persona, &store);
    persona.fault("sign", "drop_after_commit", 4).await;
    let lost = one.durable_relays().issue_privacy_pass(bound(), KEY).await;
    assert!(lost.unwrap_err().retryable());
    let found = other
        .durable_relays()
        .issue_privacy_pass(bound(), KEY)
        .await;
    found.unwrap();
    assert_eq!(persona.ledger().await["billed"], 1);
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_one_request_and_one_api_key() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let (client, _) = two_workers(&persona, &store);
    client
        .durable_relays()
        .issue_privacy_pass(bound(), KEY)
        .await
        .unwrap();
    let of_another_type = relaypass::ClaimType::parse("live_human_presence").unwrap();
    let reused = IssuePrivacyPass::ClaimType(of_another_type);
    let refused = client
        .durable_relays()
        .issue_privacy_pass(reused, KEY)
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
    let stranger = client
        .on_behalf_of(Some("persona_production_stranger"), None)
        .unwrap();
    let denied = stranger
        .durable_relays()
        .issue_privacy_pass(bound(), KEY)
        .await;
    assert_eq!(denied.unwrap_err().kind(), ErrorKind::Authentication);
    assert_eq!(persona.ledger().await["billed"], 1);
}

#[tokio::test]
async fn a_redemption_that_is_repeated_gives_the_first_answer() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let (one, other) = two_workers(&persona, &store);
    let (relay, pass) = relay_and_pass(&one).await;
    let early = one
        .durable_relays()
        .generate_claim(redemption(&relay, &pass))
        .await;
    let early = early.unwrap_err();
    assert_eq!(
        (early.kind(), early.status()),
        (ErrorKind::PermissionDenied, Some(403))
    );
    assert!(early.retryable());
    persona.finish(&relay, "passed").await;
    let first = one
        .durable_relays()
        .generate_claim(redemption(&relay, &pass))
        .await
        .unwrap();
    let second = other
        .durable_relays()
        .generate_claim(redemption(&relay, &pass))
        .await
        .unwrap();
    assert!(first.token_consumed && second.token_consumed);
    assert_eq!(first.claim_payload.expose(), second.claim_payload.expose());
    assert!(second.claim.unwrap().passed());
    let ledger = persona.ledger().await;
    assert_eq!(
        (&ledger["redeemed"], &ledger["double_spends"]),
        (&1.into(), &0.into())
    );
}

#[tokio::test]
async fn redemptions_at_once_cost_one() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let (one, other) = two_workers(&persona, &store);
    let (relay, pass) = relay_and_pass(&one).await;
    persona.finish(&relay, "passed").await;
    let mut calls = tokio::task::JoinSet::new();
    for index in 0..16 {
        let client = if index % 2 == 0 {
            one.clone()
        } else {
            other.clone()
        };
        let request = redemption(&relay, &pass);
        calls.spawn(async move { client.durable_relays().generate_claim(request).await });
    }
    for answer in calls.join_all().await {
        assert!(answer.unwrap().claim.unwrap().passed());
    }
    let ledger = persona.ledger().await;
    assert_eq!(
        (&ledger["redeemed"], &ledger["double_spends"]),
        (&1.into(), &0.into())
    );
}

#[tokio::test]
async fn a_claim_whose_answers_are_all_lost_is_had_by_whoever_repeats_the_call() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let (one, other) = two_workers(&persona, &store);
    let (relay, pass) = relay_and_pass(&one).await;
    persona.finish(&relay, "passed").await;
    persona.fault("redeem", "drop_after_commit", 4).await;
    let lost = one
        .durable_relays()
        .generate_claim(redemption(&relay, &pass))
        .await;
    assert!(lost.unwrap_err().retryable());
    let found = other
        .durable_relays()
        .generate_claim(redemption(&relay, &pass))
        .await;
    assert!(found.unwrap().claim.unwrap().passed());
    let ledger = persona.ledger().await;
    assert_eq!(
        (&ledger["redeemed"], &ledger["double_spends"]),
        (&1.into(), &0.into())
    );
}

#[tokio::test]
async fn a_pass_that_was_not_consumed_stays_the_callers() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let (client, _) = two_workers(&persona, &store);
    let (relay, pass) = relay_and_pass(&client).await;
    persona.finish(&relay, "failed").await;
    let failed = client
        .durable_relays()
        .generate_claim(redemption(&relay, &pass))
        .await
        .unwrap();
    assert!(!failed.token_consumed && !failed.claim.unwrap().passed());
    assert_eq!(client.passes().count(&claim_type()).await.unwrap(), 0);
    let (again, _) = relay_and_pass(&client).await;
    persona.finish(&again, "passed").await;
    let passed = client
        .durable_relays()
        .generate_claim(redemption(&again, &pass))
        .await
        .unwrap();
    assert!(passed.claim.unwrap().passed());
}

#[tokio::test]
async fn a_rotation_of_seal_keys_repeats_no_step_not_even_while_workers_differ() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let with = |keys: &[u8]| {
        let keys = keys.iter().map(|byte| SealKey::new([*byte; 32])).collect();
        let client = persona.client().store(store.clone() as Arc<dyn Store>);
        client.seal_keys(keys).build().unwrap()
    };
    let (old, new) = (with(&[1, 2]), with(&[2, 1]));
    let (relay, pass) = relay_and_pass(&old).await;
    persona.finish(&relay, "passed").await;
    old.durable_relays()
        .generate_claim(redemption(&relay, &pass))
        .await
        .unwrap();
    new.durable_relays()
        .generate_claim(redemption(&relay, &pass))
        .await
        .unwrap();
    old.durable_relays()
        .issue_privacy_pass(bound(), KEY)
        .await
        .unwrap();
    new.durable_relays()
        .issue_privacy_pass(bound(), KEY)
        .await
        .unwrap();
    for order in 0..8 {
        let key = format!("at-once-{order}");
        let (one, other) = (old.durable_relays(), new.durable_relays());
        let (one, other) = tokio::join!(
            one.issue_privacy_pass(bound(), &key),
            other.issue_privacy_pass(bound(), &key),
        );
        let pass = |bought: relaypass::Result<relaypass::PrivacyPass>| {
            bought.unwrap().privacy_pass_token.expose().to_owned()
        };
        assert_eq!(pass(one), pass(other));
    }
    // The old key can go once somebody has sealed the names anew.
    new.durable_relays().renew_seal().await.unwrap();
    let (relay, pass) = relay_and_pass(&old).await;
    persona.finish(&relay, "passed").await;
    let redeem = new.durable_relays();
    redeem
        .generate_claim(redemption(&relay, &pass))
        .await
        .unwrap();
    let newest = with(&[2]);
    let redeem = newest.durable_relays();
    redeem
        .generate_claim(redemption(&relay, &pass))
        .await
        .unwrap();
    let ledger = persona.ledger().await;
    assert_eq!(
        (&ledger["billed"], &ledger["redeemed"]),
        (&11.into(), &2.into())
    );
}

#[tokio::test]
async fn neither_pass_nor_api_key_is_in_the_store() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let (client, _) = two_workers(&persona, &store);
    let (relay, pass) = relay_and_pass(&client).await;
    persona.finish(&relay, "passed").await;
    client
        .durable_relays()
        .issue_privacy_pass(bound(), KEY)
        .await
        .unwrap();
    client
        .durable_relays()
        .generate_claim(redemption(&relay, &pass))
        .await
        .unwrap();
    let keys = store.scan("", None, 100).await.unwrap();
    assert_eq!(keys.len(), 4, "{keys:?}");
    let mut shown = keys.join("\n");
    for key in &keys {
        let value = store.load(key).await.unwrap().unwrap().value;
        shown.push_str(&String::from_utf8_lossy(&value));
    }
    for secret in [
        &pass,
        relay.relay_secret.expose(),
        KEY,
        "persona_production",
    ] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn recovery_asks_for_the_lost_answer_of_a_redemption_and_leaves_the_others_alone() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let (client, _) = two_workers(&persona, &store);
    let (waiting, pass) = relay_and_pass(&client).await;
    let early = client
        .durable_relays()
        .generate_claim(redemption(&waiting, &pass))
        .await;
    assert_eq!(early.unwrap_err().kind(), ErrorKind::PermissionDenied);
    let (relay, pass) = relay_and_pass(&client).await;
    persona.finish(&relay, "passed").await;
    persona.fault("redeem", "drop_after_commit", 4).await;
    let lost = client
        .durable_relays()
        .generate_claim(redemption(&relay, &pass))
        .await;
    lost.unwrap_err();
    // Nothing is due now; what will be is the redemption without an answer alone.
    assert_eq!(client.verifications().recover().await.unwrap(), 0);
    let far = Some(u64::MAX);
    assert_eq!(store.scan("verification/", far, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn bad_input_is_refused_before_anything_is_stored_or_sent() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let (client, _) = two_workers(&persona, &store);
    let relay = client
        .relays()
        .create(CreateRelay::new(claim_type()))
        .await
        .unwrap();
    let before = persona.requests().await;
    let no_pass = client
        .durable_relays()
        .generate_claim(redemption(&relay, "no pass"))
        .await;
    assert_eq!(no_pass.unwrap_err().kind(), ErrorKind::InvalidArgument);
    for key in ["", "two words", &"k".repeat(256)] {
        let refused = client
            .durable_relays()
            .issue_privacy_pass(bound(), key)
            .await;
        assert_eq!(
            refused.unwrap_err().kind(),
            ErrorKind::InvalidArgument,
            "{key}"
        );
    }
    let nobody = client.on_behalf_of(None, None).unwrap();
    let refused = nobody
        .durable_relays()
        .issue_privacy_pass(bound(), KEY)
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(persona.requests().await, before);
    assert!(store.scan("", None, 10).await.unwrap().is_empty());
}
