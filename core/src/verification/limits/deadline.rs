//! The time of a call.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{builder, created, passed, put, put_due, ready, SlowStore, Way, FOR_EVER, ID};
use crate::error::{ErrorKind, Result};
use crate::http::{now_ms, Sent};
use crate::passes::{Pooled, PooledState};
use crate::records::{Vault, GRACE};
use crate::store::{Sealer, Store};
use crate::verification::api::{StartVerification, Status, VerificationId};
use crate::verification::record::{record_key, Durable, State};
use crate::verification::seller::{engine, Seller};
use crate::wire::ResponseHead;
use crate::{ClaimType, GenerateClaim, IssuePrivacyPass, RelaySecret, RelayToken};

const SECOND: Duration = Duration::from_secs(1);

fn claim_type() -> ClaimType {
    ClaimType::parse("age").unwrap()
}

/// Whether a call ends when its second is over, as one that may be made again.
async fn takes_a_second<T>(call: impl Future<Output = Result<T>>) {
    takes_at_most(SECOND, call).await;
}

async fn takes_at_most<T>(most: Duration, call: impl Future<Output = Result<T>>) {
    let began = Instant::now();
    let error = call.await.err().expect("nothing answers");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.retryable(), "{error}");
    let operation = error.operation();
    assert!(!operation.is_empty());
    let took = began.elapsed();
    assert!(took <= most + SECOND / 10, "{operation}: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn no_call_outlasts_its_limit_on_a_store_that_hangs() {
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(SECOND / 10, passed),
    );
    put_due(&store, ID).await;
    store.hang();
    let client = builder(&store, &way).build().unwrap();
    let verifications = client.verifications().within(SECOND);
    let id = VerificationId::parse(ID).unwrap();
    let request = StartVerification::new(claim_type());
    let named = request.clone().reference("order-1").unwrap();
    takes_a_second(verifications.start(named)).await;
    takes_a_second(verifications.complete(&id, false)).await;
    takes_a_second(verifications.get(&id)).await;
    takes_a_second(verifications.forget(&id)).await;
    takes_a_second(verifications.recover()).await;
    takes_a_second(verifications.count_open(10)).await;
    let passes = client.passes().within(SECOND);
    takes_a_second(passes.count(&claim_type())).await;
    takes_a_second(passes.prefetch(&claim_type(), 100)).await;
    let kept = client.durable_relays().within(SECOND);
    let bound_to = IssuePrivacyPass::ClaimType(claim_type());
    takes_a_second(kept.issue_privacy_pass(bound_to, "1")).await;
    let challenge = r#"{"token_type":2,"issuer_name":"i","origin_info":"o","expires_at":"2020-01-01T00:00:00Z","mac":"m"}"#;
    let pass =
        format!(r#"{{"token_nonce":"n","signature":"c2ln","key_id":"k","challenge":{challenge}}}"#);
    let claim = GenerateClaim::new(
        RelayToken::parse("relay").unwrap(),
        RelaySecret::parse("secret").unwrap(),
        crate::encoding::encode_base64url(pass.as_bytes()),
    );
    takes_a_second(kept.generate_claim(claim)).await;
    assert_eq!(way.sent(), 0, "nothing is sent that was not stored");
}

#[tokio::test(start_paused = true)]
async fn no_call_outlasts_its_limit_when_store_and_persona_are_slow() {
    let (store, way) = (Arc::new(SlowStore::default()), Way::new(FOR_EVER, passed));
    put_due(&store, ID).await;
    // Each alone would fit.
    *store.reads.lock().unwrap() = SECOND / 5;
    *store.swaps.lock().unwrap() = SECOND / 5;
    let client = builder(&store, &way).build().unwrap();
    let verifications = client.verifications().within(SECOND);
    let id = VerificationId::parse(ID).unwrap();
    // The request ends with the call; that nobody works on the record any more is stored after it.
    takes_at_most(SECOND + GRACE, verifications.complete(&id, false)).await;
    assert_eq!(way.sent(), 1);
    let request = StartVerification::new(claim_type());
    let named = request.clone().reference("order-1").unwrap();
    takes_a_second(verifications.start(named)).await;
    let bound_to = IssuePrivacyPass::ClaimType(claim_type());
    let kept = client.durable_relays().within(SECOND);
    takes_a_second(kept.issue_privacy_pass(bound_to, "1")).await;
    takes_a_second(client.passes().within(SECOND).prefetch(&claim_type(), 9)).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_hand_is_stored_although_the_time_is_up() {
    let (store, way) = (Arc::new(SlowStore::default()), Way::new(SECOND / 2, passed));
    put_due(&store, ID).await;
    // The request is stored after 0.4 seconds and answered after 0.9: the answer is stored after 1.3.
    *store.swaps.lock().unwrap() = SECOND * 4 / 10;
    let client = builder(&store, &way).build().unwrap();
    let verifications = client.verifications();
    let id = VerificationId::parse(ID).unwrap();
    let told = verifications
        .clone()
        .within(SECOND)
        .complete(&id, false)
        .await;
    assert_eq!(told.expect("the answer").status, Status::Passed);
    let stored = verifications.get(&id).await.expect("it is stored");
    assert_eq!((stored.status, way.sent()), (Status::Passed, 1));
}

fn vault(store: &Arc<SlowStore>) -> Vault {
    Vault::new(store.clone() as Arc<dyn Store>, Sealer::default())
}

#[tokio::test(start_paused = true)]
async fn a_redemption_that_was_never_sent_until_the_deadline_leaves_no_key() {
    let (store, way) = (Arc::new(SlowStore::default()), Way::new(FOR_EVER, passed));
    *way.unanswered.lock().unwrap() = Sent::Nothing;
    put_due(&store, ID).await;
    let client = builder(&store, &way).build().unwrap();
    let id = VerificationId::parse(ID).unwrap();
    let began = Instant::now();
    let told = client.verifications().complete(&id, false).await;
    assert_eq!(told.expect_err("no answer").kind(), ErrorKind::Timeout);
    assert!(
        began.elapsed() >= 30 * SECOND,
        "the last attempt ends with the call"
    );
    let there = vault(&store).load::<Durable>(&record_key(ID)).await;
    let State::Ready { lost, .. } = there.unwrap().unwrap().content.state else {
        panic!("a key that was never sent is in the record");
    };
    assert!(lost.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_purchase_that_was_never_sent_until_the_deadline_leaves_no_key() {
    let store = Arc::new(SlowStore::default());
    let seller = Seller {
        hangs: true,
        ..Seller::default()
    };
    let engine = engine(store.clone(), Arc::new(seller));
    let bought = engine.buy_pooled(&claim_type(), None).await;
    assert_eq!(bought.expect_err("no pass").kind(), ErrorKind::Timeout);
    let vault = vault(&store);
    let places = vault.scan("pass/", None, 10).await.unwrap();
    assert_eq!(places.len(), 1);
    let place = vault.load::<Pooled>(&places[0]).await.unwrap().unwrap();
    let PooledState::Issuing { purchase } = place.content.state else {
        panic!("it is to be bought");
    };
    assert!(purchase.key.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_not_yet_that_comes_in_time_is_stored_and_told_although_the_time_is_up() {
    let not_yet = || {
        let head = ResponseHead {
            status: 403,
            ..ResponseHead::default()
        };
        (head, r#"{"errors":[{"title":"Forbidden"}]}"#)
    };
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(SECOND * 7 / 10, not_yet),
    );
    put(&store, ID, None, ready(now_ms()), now_ms()).await;
    // The request is stored after 0.2 seconds and answered after 0.9: that is stored after 1.1.
    *store.swaps.lock().unwrap() = SECOND / 5;
    let client = builder(&store, &way).build().unwrap();
    let id = VerificationId::parse(ID).unwrap();
    let limited = client.verifications().within(SECOND);
    let told = limited.complete(&id, false).await;
    assert_eq!(told.expect("she has said so").status, Status::Pending);
    let there = vault(&store).load::<Durable>(&record_key(ID)).await;
    let there = there.unwrap().unwrap().content.state;
    assert!(matches!(there, State::Ready { lost, .. } if lost.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_start_whose_write_landed_returns_its_id_although_the_time_is_up() {
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(SECOND / 10, created),
    );
    *store.echoes.lock().unwrap() = FOR_EVER;
    let client = builder(&store, &way).build().unwrap();
    let limited = client.verifications().within(SECOND);
    let started = limited.start(StartVerification::new(claim_type())).await;
    let id = started.expect("it is stored").id;
    let there = client.verifications().get(&id).await;
    assert_eq!(there.expect("it is there").status, Status::Pending);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_cannot_be_weighed_in_time_is_left_to_nobody() {
    let store = Arc::new(SlowStore::default());
    *store.reads.lock().unwrap() = FOR_EVER;
    let engine = engine(store.clone(), Arc::new(Seller::default()));
    let bought = engine.buy_pooled(&claim_type(), Some(5)).await;
    assert_eq!(bought.expect_err("time").kind(), ErrorKind::Timeout);
    let places = store.store.scan("pass/", None, 10).await.unwrap();
    assert!(places.is_empty(), "nothing was sent for {places:?}");
}
