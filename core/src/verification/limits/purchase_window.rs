//! When `start` buys, of a whole client: not when Persona could tell by the clock whom it is for.

use std::sync::Arc;
use std::time::Duration;

use super::owners::{of, owner, ONE, OTHER};
use super::{builder, created, id, listener, put, Events, SlowStore, Way};
use crate::http::now_ms;
use crate::passes::Purchase;
use crate::records::{StoredSecret, Vault, HOUR};
use crate::store::{Sealer, Store};
use crate::verification::api::{StartVerification, VerificationId};
use crate::verification::record::{record_key, Durable, State};
use crate::{ClaimType, Client, Environment};

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
        // Two were asked for beside the relay.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut seconds = 0;
        while challenges(&way) == 2 {
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
    assert_eq!(challenges(&way), 2);
}

#[tokio::test(start_paused = true)]
async fn more_than_twenty_minutes_are_refused() {
    let store = Arc::new(SlowStore::default());
    let way = Way::new(Duration::ZERO, created);
    let builder = builder(&store, &way).purchase_window(Duration::from_millis(1_200_001));
    let refused = builder.build().expect_err("too long");
    assert_eq!(refused.code(), "invalid_argument");
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_buy_leaves_a_purchase_as_it_is_and_tells_nothing() {
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(Duration::ZERO, created),
    );
    let events = Events::default();
    let client = builder(&store, &way).on_event(listener(&events));
    let client = client.build().expect("a client");
    let one = owner(&of(&client, ONE)).await;
    // The lease of whoever began them is over.
    let began = now_ms() - HOUR;
    let purchase = || Purchase::unasked(StoredSecret::new("blinded"), began);
    let put_off = || State::Issuing {
        purchase: purchase(),
    };
    put(&store, &id(1), one, put_off(), began).await;
    let keyless = client.on_behalf_of(None, Some(Environment::Production));
    let keyless = keyless.expect("a client");
    let vault = Vault::new(store.clone() as Arc<dyn Store>, Sealer::default());
    for (number, stranger) in [
        (1, client.clone()),
        (1, of(&client, OTHER)),
        (2, keyless.clone()),
    ] {
        if number == 2 {
            // The built client's own, which it may buy, has no key here.
            put(&store, &id(2), None, put_off(), began).await;
        }
        let key = record_key(&id(number));
        let load = || async { vault.load::<Durable>(&key).await.expect("it works") };
        let before = load().await.expect("it is there");
        let it = VerificationId::parse(id(number)).expect("an id");
        let refused = stranger.verifications().complete(&it, false).await;
        assert_eq!(refused.expect_err("not his").code(), "invalid_argument");
        stranger.verifications().recover().await.expect("it works");
        let after = load().await.expect("it is there");
        assert_eq!(after.content.state, before.content.state, "{number}");
    }
    assert_eq!(way.sent(), 0);
    assert!(events.lock().expect("nobody panicked").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_nobody_holds_any_more_is_not_kept_for_a_purchase() {
    let way = Way::new(Duration::ZERO, created);
    let store = Arc::new(SlowStore::default());
    let builder = builder(&store, &way).retries(0);
    let builder = builder.purchase_window(Duration::from_secs(1_200));
    let client = builder.build().expect("a client");
    drop(builder);
    start(&client).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(client);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(Arc::strong_count(&store), 1);
    tokio::time::sleep(Duration::from_secs(1_500)).await;
    assert_eq!(challenges(&way), 2);
}
