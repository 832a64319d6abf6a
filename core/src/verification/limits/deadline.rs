//! The time of a call.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{builder, passed, put_due, SlowStore, Way, FOR_EVER, ID};
use crate::error::{ErrorKind, Result};
use crate::verification::api::{StartVerification, Status, VerificationId};
use crate::{ClaimType, GenerateClaim, IssuePrivacyPass, RelaySecret, RelayToken};

const SECOND: Duration = Duration::from_secs(1);

fn claim_type() -> ClaimType {
    ClaimType::parse("age").unwrap()
}

/// Whether a call ends when its second is over, as one that may be made again.
async fn takes_a_second<T>(call: impl Future<Output = Result<T>>) {
    let began = Instant::now();
    let error = call.await.err().expect("nothing answers");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.retryable(), "{error}");
    let operation = error.operation();
    assert!(!operation.is_empty());
    let took = began.elapsed();
    assert!(took <= SECOND + SECOND / 10, "{operation}: {took:?}");
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
    let kept = client.kept_relays().within(SECOND);
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
    takes_a_second(verifications.complete(&id, false)).await;
    assert_eq!(way.sent(), 1);
    let request = StartVerification::new(claim_type());
    let named = request.clone().reference("order-1").unwrap();
    takes_a_second(verifications.start(named)).await;
    let bound_to = IssuePrivacyPass::ClaimType(claim_type());
    let kept = client.kept_relays().within(SECOND);
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
