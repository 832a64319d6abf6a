//! The report says what was seen, by this client and by all who share its store, and tells no secret.

use std::sync::Arc;
use std::time::Duration;

use crate::support::persona::{claim_type, Persona};
use relaypass::store::{MemoryStore, Record, Store as _, Swap};
use relaypass::{
    Client, ErrorKind, PrivacyCode, PrivacyReport, SealKey, StartVerification, Verification,
};
use serde_json::json;

fn has(report: &PrivacyReport, code: PrivacyCode) -> bool {
    report.findings.iter().any(|finding| finding.code == code)
}

async fn report(client: &Client) -> PrivacyReport {
    client.privacy_report().await.unwrap()
}

async fn start(client: &Client) -> Verification {
    let verifications = client.verifications();
    let started = verifications.start(StartVerification::new(claim_type()));
    started.await.unwrap()
}

#[tokio::test]
async fn no_option_and_no_secret_is_repeated() {
    let client = Client::builder()
        .api_key("persona_production_canary")
        .base_url("https://canary.example")
        .anonymous_proxy("http://canary:canary@canary.example:1")
        .identified_proxy("http://canary:other@canary.example:1")
        .store(Arc::new(MemoryStore::new()))
        .seal_keys(vec![SealKey::new(*b"canarycanarycanarycanarycanary!!")])
        .build()
        .unwrap();
    let report = report(&client).await;
    assert!(has(&report, PrivacyCode::OneAddress));
    for text in [report.to_string(), format!("{report:?}")] {
        assert!(!text.to_lowercase().contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn what_one_process_finds_the_other_one_reports() {
    let persona = Persona::start().await;
    let mine = json!({"challenge_per_client": true});
    persona.settings(mine).await;
    let store = Arc::new(MemoryStore::new());
    let [one, other] = [(); 2].map(|()| persona.client().store(store.clone()).build().unwrap());
    assert!(!has(&report(&one).await, PrivacyCode::IssuerInconsistent));
    persona.warm(&one).await;
    persona.warm(&other).await;
    for client in [one, other] {
        let report = report(&client).await;
        assert!(has(&report, PrivacyCode::IssuerInconsistent), "{report}");
        assert!(!has(&report, PrivacyCode::IssuerSeenOnce), "{report}");
    }
    // Without a store, each knows what it has seen itself.
    let alone = persona.client().build().unwrap();
    assert!(!has(&report(&alone).await, PrivacyCode::IssuerInconsistent));
    persona.warm(&alone).await;
    assert!(has(&report(&alone).await, PrivacyCode::IssuerInconsistent));
    persona.stop().await;
}

#[tokio::test]
async fn one_fetch_is_seen_once_and_a_second_one_confirms_it() {
    let persona = Persona::start().await;
    for client in [
        persona.client().store(Arc::new(MemoryStore::new())),
        persona.client(),
    ] {
        let client = client.build().unwrap();
        assert!(!has(&report(&client).await, PrivacyCode::IssuerSeenOnce));
        let bound_to = relaypass::IssuePrivacyPass::ClaimType(claim_type());
        client.relays().issue_privacy_pass(bound_to).await.unwrap();
        assert!(has(&report(&client).await, PrivacyCode::IssuerSeenOnce));
        persona.warm(&client).await;
        assert!(!has(&report(&client).await, PrivacyCode::IssuerSeenOnce));
    }
    persona.stop().await;
}

#[tokio::test]
async fn an_id_that_is_no_digest_and_a_key_that_changed_are_reported() {
    let persona = Persona::start().await;
    let client = persona.client().store(Arc::new(MemoryStore::new()));
    let client = client.build().unwrap();
    persona.warm(&client).await;
    let before = report(&client).await;
    assert!(!has(&before, PrivacyCode::KeyChanged) && !has(&before, PrivacyCode::KeyIdMismatch));
    persona.settings(json!({"opaque_key_id": true})).await;
    persona.warm(&client).await;
    let after = report(&client).await;
    assert!(has(&after, PrivacyCode::KeyIdMismatch), "{after}");
    assert!(has(&after, PrivacyCode::KeyChanged), "{after}");
    persona.stop().await;
}

#[tokio::test]
async fn passes_that_came_back_and_purchases_while_asking_are_counted() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let client = || persona.client().store(store.clone());
    let in_no_hurry = client().purchase_window(Duration::from_secs(1200));
    let client_of_one = in_no_hurry.build().unwrap();
    let started = start(&client_of_one).await;
    persona.visit(&started, "failed").await;
    let verifications = client_of_one.verifications();
    verifications.complete(&started.id, false).await.unwrap();
    let seen = report(&client_of_one).await;
    assert!(has(&seen, PrivacyCode::BoughtWhileAsked), "{seen}");
    assert!(has(&seen, PrivacyCode::RefundedPasses), "{seen}");
    // The pass is in the store; who bought it, and when, is not.
    let seen = report(&client().build().unwrap()).await;
    assert!(!has(&seen, PrivacyCode::BoughtWhileAsked), "{seen}");
    assert!(seen
        .to_string()
        .contains("Seen in the store: 1 pass that came back"));
    // Of more than it looks at, it says that there are at least so many.
    let keys = store.scan("pass/", None, 2).await.unwrap();
    let record = store.load(&keys[0]).await.unwrap().unwrap();
    for place in 0..100 {
        let key = format!("{}-{place}", keys[0]);
        let copy = Record {
            version: 1,
            ..record.clone()
        };
        let swap = store.compare_and_swap(&key, None, Some(copy)).await;
        assert!(matches!(swap, Ok(Swap::Done)));
    }
    let seen = report(&client().build().unwrap()).await;
    let counted = "Seen in the store: at least 100 passes that came back";
    assert!(seen.to_string().contains(counted), "{seen}");
    persona.stop().await;
}

#[tokio::test]
async fn several_api_keys_are_told_once_persona_has_signed_under_them() {
    let persona = Persona::start().await;
    let client = persona.client().build().unwrap();
    let own_key = persona.production_api_key();
    let own = client.on_behalf_of(Some(&own_key), None).unwrap();
    let sandbox_key = persona.sandbox_api_key();
    let other = client.on_behalf_of(Some(&sandbox_key), None).unwrap();
    persona.warm(&own).await;
    for client in [&client, &own, &other] {
        assert!(!has(&report(client).await, PrivacyCode::SeveralApiKeys));
    }
    persona.warm(&other).await;
    for client in [client, own, other] {
        assert!(has(&report(&client).await, PrivacyCode::SeveralApiKeys));
    }
    // Without a key of its own, one caller is one key.
    let callers = Client::builder().base_url(persona.url()).build().unwrap();
    let one = callers.on_behalf_of(Some(&own_key), None).unwrap();
    let other = callers.on_behalf_of(Some(&sandbox_key), None).unwrap();
    persona.warm(&one).await;
    assert!(!has(&report(&callers).await, PrivacyCode::SeveralApiKeys));
    persona.warm(&other).await;
    assert!(has(&report(&callers).await, PrivacyCode::SeveralApiKeys));
    persona.stop().await;
}

#[tokio::test]
async fn a_pass_that_is_bought_by_the_step_is_told_though_there_is_a_store() {
    let persona = Persona::start().await;
    let client = persona.client().store(Arc::new(MemoryStore::new()));
    let client = client.pass_pool(10).background(true).build().unwrap();
    let before = report(&client).await;
    assert!(!has(&before, PrivacyCode::BoughtWhenCalled), "{before}");
    persona.warm(&client).await;
    let after = report(&client).await;
    assert!(has(&after, PrivacyCode::BoughtWhenCalled), "{after}");
    persona.stop().await;
}

#[tokio::test]
async fn a_server_for_callers_says_that_they_buy_when_they_call() {
    let client = Client::builder()
        .api_key("persona_production_one")
        .store(Arc::new(MemoryStore::new()))
        .build()
        .unwrap();
    assert!(!has(&report(&client).await, PrivacyCode::BoughtWhenCalled));
    let of_server = client.durable_relays().privacy_report().await.unwrap();
    assert!(
        has(&of_server, PrivacyCode::BoughtWhenCalled),
        "{of_server}"
    );
}

#[tokio::test]
async fn a_pool_is_for_the_client_that_was_built_and_not_for_whom_it_speaks_for() {
    let client = Client::builder()
        .api_key("persona_production_one")
        .store(Arc::new(MemoryStore::new()))
        .pass_pool(10)
        .background(true)
        .build()
        .unwrap();
    let other = client
        .on_behalf_of(Some("persona_production_two"), None)
        .unwrap();
    assert!(has(&report(&client).await, PrivacyCode::BoughtAhead));
    let other = report(&other).await;
    assert!(!has(&other, PrivacyCode::BoughtAhead), "{other}");
    assert!(
        has(&other, PrivacyCode::BoughtWithinWindow) && !has(&other, PrivacyCode::PoolNotFilled),
        "{other}"
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_and_no_report() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let sealed = |byte| {
        let client = persona.client().store(store.clone());
        client
            .seal_keys(vec![SealKey::new([byte; 32])])
            .build()
            .unwrap()
    };
    persona.warm(&sealed(1)).await;
    let error = sealed(2).privacy_report().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.operation()),
        (ErrorKind::Decryption, "privacy_report")
    );
    persona.stop().await;
}
