//! When the pool is filled again: by halves, at a moment of chance.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use crate::claim::ClaimType;
use crate::future::BoxFuture;
use crate::records::{RealWorld, World, HOUR};
use crate::store::MemoryStore;
use crate::verification::background::refill;
use crate::verification::seller::engine;
use crate::verification::Engine;

const CLAIM_TYPE: &str = "age_over18_verified";
const POOL: u32 = 10;

/// A clock that the test moves.
struct Clock {
    real: RealWorld,
    ahead: AtomicU64,
}

impl World for Clock {
    fn now_ms(&self) -> u64 {
        self.real.now_ms() + self.ahead.load(Ordering::Relaxed)
    }

    fn elapsed(&self) -> Duration {
        self.real.elapsed()
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'_, ()> {
        self.real.sleep(pause)
    }

    fn deadline(&self, after: Duration) -> Option<tokio::time::Instant> {
        self.real.deadline(after)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.real.fill_random(bytes);
    }
}

/// Two workers on one full pool, and their clock.
async fn full_pool() -> ([Engine; 2], Arc<Clock>) {
    let clock = Arc::new(Clock {
        real: RealWorld::new(),
        ahead: AtomicU64::new(0),
    });
    let store = Arc::new(MemoryStore::new());
    let workers = [(); 2].map(|()| {
        let mut engine = engine(store.clone(), Arc::default());
        engine.ports.world = clock.clone();
        engine
    });
    fill(&workers[0]).await;
    assert_eq!(
        count(&workers[0]).await,
        POOL,
        "an empty pool is filled at once"
    );
    (workers, clock)
}

async fn fill(engine: &Engine) {
    let filled = refill(engine, CLAIM_TYPE.to_owned(), POOL).await;
    filled.expect("passes are for sale");
}

async fn count(engine: &Engine) -> u32 {
    let there = engine.ports.count_pooled(CLAIM_TYPE).await;
    there.expect("the store works")
}

async fn take(engine: &Engine, passes: u32) {
    for _ in 0..passes {
        let place = engine.ports.find_pooled(None, CLAIM_TYPE).await;
        let place = place.expect("the store works").expect("one is there");
        let taken = engine.ports.take_pooled(&place, "visitor").await;
        assert!(taken.expect("the store works").is_some());
        let cleared = engine.ports.clear_pooled(&place, "visitor").await;
        cleared.expect("the store works");
    }
}

async fn planned(engine: &Engine) -> Vec<String> {
    let found = engine.ports.vault.scan("refill/", None, 9).await;
    found.expect("the store works")
}

#[tokio::test(start_paused = true)]
async fn nothing_is_bought_before_half_is_missing_and_then_all_of_it_at_a_random_moment() {
    let (mut at_once, mut later) = (0, 0);
    for _ in 0..40 {
        let ([one, other], clock) = full_pool().await;
        take(&one, POOL / 2).await;
        clock.ahead.fetch_add(10 * HOUR, Ordering::Relaxed);
        fill(&one).await;
        assert_eq!(count(&one).await, POOL / 2);
        assert_eq!(planned(&one).await, [""; 0]);
        take(&one, 1).await;
        // Whoever looks, and however often: the moment is the same.
        for _ in 0..10 {
            fill(&one).await;
            fill(&other).await;
        }
        assert_eq!(count(&one).await, POOL / 2 - 1, "it is bought after a use");
        let found = planned(&one).await;
        assert_eq!(found, ["refill/production/age_over18_verified"]);
        // Half the age of the newest pass is five hours.
        clock.ahead.fetch_add(5 * HOUR / 2, Ordering::Relaxed);
        fill(&other).await;
        match count(&one).await {
            POOL => at_once += 1,
            there => {
                assert_eq!(there, POOL / 2 - 1, "all of it, or nothing");
                later += 1;
            }
        }
        clock.ahead.fetch_add(5 * HOUR / 2 + 1, Ordering::Relaxed);
        fill(&one).await;
        assert_eq!(count(&one).await, POOL);
        assert_eq!(planned(&one).await, [""; 0]);
    }
    // Each is as likely: that one of them comes fewer than 5 times has a chance of 1 in a million.
    assert!(at_once >= 5 && later >= 5, "{at_once} early, {later} late");
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_used_up_is_filled_at_once() {
    let ([one, _], clock) = full_pool().await;
    clock.ahead.fetch_add(1_000 * HOUR, Ordering::Relaxed);
    take(&one, POOL - 1).await;
    fill(&one).await;
    assert_eq!(planned(&one).await.len(), 1);
    take(&one, 1).await;
    fill(&one).await;
    assert_eq!(count(&one).await, POOL);
    assert_eq!(planned(&one).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_a_crash_left_behind_buys_nothing_after_a_use() {
    let ([one, other], clock) = full_pool().await;
    clock.ahead.fetch_add(10 * HOUR, Ordering::Relaxed);
    take(&one, POOL / 2 + 1).await;
    fill(&one).await;
    assert_eq!(planned(&one).await.len(), 1);
    // It has come; the worker buys all of it, and ends before it says so.
    clock.ahead.fetch_add(5 * HOUR, Ordering::Relaxed);
    let claim_type = ClaimType::parse(CLAIM_TYPE).unwrap();
    for _ in 0..=POOL / 2 {
        assert!(one.buy_pooled(&claim_type, Some(POOL)).await.unwrap());
    }
    take(&one, 1).await;
    fill(&other).await;
    assert_eq!(count(&one).await, POOL - 1);
    assert_eq!(planned(&one).await, [""; 0]);
}
