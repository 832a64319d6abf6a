//! What one call is told to wait holds back all of the client.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{builder, id, passed, put_due, SlowStore, Way};
use crate::client::CreateRelay;
use crate::error::{ErrorKind, RateLimit, ResponseInfo};
use crate::verification::api::{Status, VerificationId};
use crate::wire::ResponseHead;
use crate::{ClaimType, Client, Completion, Environment, Result};

const PAUSE: Duration = Duration::from_secs(20);

/// Too many requests: none is left for 20 seconds.
fn too_many() -> (ResponseHead, &'static str) {
    let head = ResponseHead {
        status: 429,
        info: ResponseInfo {
            rate_limit: Some(RateLimit {
                limit: 300,
                remaining: 0,
                reset_seconds: PAUSE.as_secs(),
            }),
            ..ResponseInfo::default()
        },
        retry_after: Some(PAUSE),
        ..ResponseHead::default()
    };
    (head, r#"{"errors":[{"title":"Rate limited"}]}"#)
}

async fn due(count: usize) -> Arc<SlowStore> {
    let store = Arc::new(SlowStore::default());
    for number in 0..count {
        put_due(&store, &id(number)).await;
    }
    store
}

async fn complete(client: &Client, number: usize, limit: Duration) -> Result<Completion> {
    let id = VerificationId::parse(id(number)).unwrap();
    let verifications = client.verifications().within(limit);
    verifications.complete(&id, false).await
}

#[tokio::test(start_paused = true)]
async fn who_cannot_wait_so_long_fails_at_once_and_is_told_how_long() {
    let (store, way) = (due(2).await, Way::new(Duration::ZERO, too_many));
    let client = builder(&store, &way).build().unwrap();
    let short = Duration::from_secs(5);
    let first = complete(&client, 0, short).await.expect_err("429");
    assert_eq!((first.kind(), way.sent()), (ErrorKind::RateLimited, 1));
    tokio::time::sleep(Duration::from_secs(8)).await;
    let began = Instant::now();
    let second = complete(&client, 1, short).await.expect_err("held");
    assert_eq!((second.kind(), way.sent()), (ErrorKind::RateLimited, 1));
    assert!(second.retryable() && second.status().is_none());
    assert_eq!(began.elapsed(), Duration::ZERO);
    let limit = second.rate_limit().expect("it is told");
    assert_eq!(
        (limit.limit, limit.remaining, limit.reset_seconds),
        (300, 0, 12)
    );
    // Everything that goes on the same lane, the pool's challenges too.
    let claim_type = ClaimType::parse("age").unwrap();
    let passes = client.passes().within(short);
    let bought = passes.prefetch(&claim_type, 10).await.expect_err("held");
    assert_eq!((bought.kind(), way.sent()), (ErrorKind::RateLimited, 1));
    let driven = client.verifications().within(short).recover().await;
    assert_eq!((driven.expect("the store works"), way.sent()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn who_can_wait_waits_and_they_do_not_come_all_at_once() {
    const WAITING: usize = 50;
    let (store, way) = (due(WAITING + 1).await, Way::new(Duration::ZERO, too_many));
    // To wait is no retry.
    let client = builder(&store, &way).retries(0).build().unwrap();
    complete(&client, WAITING, Duration::from_secs(5))
        .await
        .expect_err("429");
    *way.answer.lock().unwrap() = passed;
    let began = Instant::now();
    let calls: Vec<_> = (0..WAITING)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                let answer = complete(&client, number, Duration::from_secs(40)).await;
                assert_eq!(answer.expect("an answer").status, Status::Passed);
                Instant::now()
            })
        })
        .collect();
    let mut answered = Vec::new();
    for call in calls {
        answered.push(call.await.expect("it passes") - began);
    }
    answered.sort_unstable();
    assert!(answered[0] >= PAUSE, "{answered:?}");
    assert!(
        answered[WAITING - 1] - answered[0] > Duration::from_secs(2),
        "{answered:?}"
    );
    assert_eq!(way.sent(), WAITING + 1, "each asks once");
}

#[tokio::test(start_paused = true)]
async fn neither_another_environment_nor_another_key_is_held_back() {
    let (store, way) = (due(1).await, Way::new(Duration::ZERO, too_many));
    let client = builder(&store, &way).build().unwrap();
    complete(&client, 0, Duration::from_secs(5))
        .await
        .expect_err("429");
    let create = || CreateRelay::new(ClaimType::parse("age").unwrap());
    let short = Duration::from_secs(5);
    let same = client
        .on_behalf_of(Some("persona_production_y"), None)
        .unwrap();
    let same = same.relays().within(short).create(create()).await;
    assert_eq!(same.expect_err("held").kind(), ErrorKind::RateLimited);
    assert_eq!(way.sent(), 1);
    let other = client
        .on_behalf_of(None, Some(Environment::Sandbox))
        .unwrap();
    let other = other.relays().within(short).create(create()).await;
    assert_eq!(other.expect_err("429").status(), Some(429));
    assert_eq!(way.sent(), 2);
}
