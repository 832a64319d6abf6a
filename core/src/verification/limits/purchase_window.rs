//! When `start` buys, of a whole client: not when Persona could tell by the clock whom it is for.

use std::sync::Arc;
use std::time::Duration;

use super::{builder, created, SlowStore, Way};
use crate::verification::api::StartVerification;
use crate::{ClaimType, Client};

/// A client whose purchases cannot even fetch a challenge: what it asks for shows when it buys.
fn world(window: Option<Duration>) -> (Arc<Way>, Client) {
    let way = Way::new(Duration::ZERO, created);
    let mut builder = builder(&Arc::new(SlowStore::default()), &way).retries(0);
    if let Some(window) = window {
        builder = builder.purchase_window(window);
    }
    (way, builder.build().expect("a client"))
}

async fn start(client: &Client) {
    let claim_type = ClaimType::parse("age").expect("a claim type");
    let request = StartVerification::new(claim_type);
    client.verifications().start(request).await.expect("begun");
}

/// The challenges that were asked for.
fn challenges(way: &Way) -> usize {
    let sent = way.sent.lock().expect("nobody panicked");
    sent.iter().filter(|url| url.ends_with("challenge")).count()
}

#[tokio::test(start_paused = true)]
async fn by_default_it_buys_at_a_random_moment_of_two_minutes() {
    let mut moments = Vec::new();
    for _ in 0..50 {
        let (way, client) = world(None);
        start(&client).await;
        // One was asked for beside the relay.
        let mut seconds = 0;
        while challenges(&way) == 1 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            seconds += 1;
            assert!(seconds <= 120, "it does not buy");
        }
        moments.push(seconds);
    }
    let early = moments.iter().filter(|&&second| second <= 60).count();
    // 25 of 50 on average; further off than this comes once in a million.
    assert!((8..=42).contains(&early), "{moments:?}");
    assert!(moments.iter().any(|&second| second > 90), "{moments:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_window_it_buys_at_once() {
    let (way, client) = world(Some(Duration::ZERO));
    start(&client).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(challenges(&way), 2);
}

#[tokio::test(start_paused = true)]
async fn a_close_waits_for_no_moment_and_buys_nothing() {
    let (way, client) = world(Some(Duration::from_secs(1_200)));
    start(&client).await;
    let began = tokio::time::Instant::now();
    client.close(None).await.expect("nothing is under way");
    assert!(began.elapsed() < Duration::from_secs(1));
    tokio::time::sleep(Duration::from_secs(1_500)).await;
    assert_eq!(challenges(&way), 1);
}

#[tokio::test(start_paused = true)]
async fn more_than_twenty_minutes_are_refused() {
    let store = Arc::new(SlowStore::default());
    let way = Way::new(Duration::ZERO, created);
    let builder = builder(&store, &way).purchase_window(Duration::from_millis(1_200_001));
    let refused = builder.build().expect_err("too long");
    assert_eq!(refused.code(), "invalid_argument");
}
