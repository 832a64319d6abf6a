//! A strict pool: when it is bought, and who uses it.

mod buying;
mod clocks;
mod modes;
mod played;
mod using;

use std::slice::from_ref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::claim::ClaimType;
use crate::error::ErrorKind;
use crate::events::{EventKind, Listener};
use crate::future::BoxFuture;
use crate::passes::{BoughtIn, Pooled, PooledState};
use crate::privacy::CommonHour;
use crate::privacy::Sighting;
use crate::records::{RealWorld, World, DAY, HOUR, MINUTE, SECOND};
use crate::store::MemoryStore;
use crate::verification::api::StartVerification;
use crate::verification::engine::Progress;
use crate::verification::record::State;
use crate::verification::seller::{engine, Seller};
use crate::verification::Engine;

const CLAIM_TYPE: &str = "age_over18_verified";
const POOL: u32 = 10;

/// Tuesday, 1 December 2026, 0:00 UTC.
const TUESDAY: u64 = 1_796_083_200_000;

/// A clock that the test moves.
struct Clock {
    real: RealWorld,
    now: AtomicU64,
}

impl World for Clock {
    fn now_ms(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
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

type Told = Arc<Mutex<Vec<EventKind>>>;

/// Strict workers on one store, their Persona, and their clock.
struct Shop {
    store: Arc<MemoryStore>,
    seller: Arc<Seller>,
    clock: Arc<Clock>,
    told: Told,
    /// What the events say of purchases that failed.
    failed_with: Arc<Mutex<Vec<String>>>,
    /// What those say that something in the background failed.
    background: Arc<Mutex<Vec<String>>>,
}

impl Shop {
    fn at(now: u64) -> Self {
        Self {
            store: Arc::default(),
            seller: Arc::default(),
            clock: Arc::new(Clock {
                real: RealWorld::new(),
                now: AtomicU64::new(now),
            }),
            told: Told::default(),
            failed_with: Arc::default(),
            background: Arc::default(),
        }
    }

    /// A process that has just started.
    fn worker(&self) -> Engine {
        let mut worker = engine(self.store.clone(), self.seller.clone());
        worker.is_strict = true;
        worker.pass_pool = POOL;
        worker.ports.world = self.clock.clone();
        let (told, failed_with) = (self.told.clone(), self.failed_with.clone());
        let background = self.background.clone();
        worker.ports.listener = Some(Listener::new(move |event| {
            told.lock().unwrap().push(event.kind);
            if event.kind == EventKind::PurchaseFailed {
                failed_with.lock().unwrap().push(event.message.clone());
            }
            if event.kind == EventKind::BackgroundFailure {
                background.lock().unwrap().push(event.message.clone());
            }
        }));
        worker
    }

    /// Likewise, one that is not strict.
    fn standard(&self) -> Engine {
        Engine {
            is_strict: false,
            pass_pool: 0,
            ..self.worker()
        }
    }

    fn set(&self, now: u64) {
        self.clock.now.store(now, Ordering::Relaxed);
        self.seller.now.store(now, Ordering::Relaxed);
    }

    fn signed(&self) -> u32 {
        self.seller.signed.load(Ordering::Relaxed)
    }

    fn fetched(&self) -> usize {
        self.seller.fetches.lock().unwrap().len()
    }

    fn told(&self, kind: EventKind) -> usize {
        let told = self.told.lock().unwrap();
        told.iter().filter(|told| **told == kind).count()
    }

    fn told_of_background(&self) -> Vec<String> {
        self.background.lock().unwrap().clone()
    }

    /// These workers look once a minute, from this time to that.
    async fn look(&self, workers: &[Engine], from: u64, to: u64) {
        for at in (from..to).step_by(usize::try_from(MINUTE).unwrap()) {
            self.set(at);
            for worker in workers {
                worker.recover().await.expect("the store works");
            }
        }
        self.set(to);
    }

    /// A pool that was bought in the hour of the week, and is used now.
    async fn with_pool() -> (Self, Engine) {
        let shop = Self::at(TUESDAY);
        let worker = shop.worker();
        want(&worker).await;
        let hour = CommonHour::after(TUESDAY);
        shop.look(from_ref(&worker), hour.begins(), hour.ends())
            .await;
        assert_eq!((shop.signed(), count(&worker).await), (POOL, POOL));
        (shop, worker)
    }
}

async fn want(engine: &Engine) {
    let wanted = engine.want_passes(CLAIM_TYPE).await;
    wanted.expect("the store works");
}

async fn count(engine: &Engine) -> u32 {
    let there = engine.ports.count_common(CLAIM_TYPE).await;
    there.expect("the store works")
}

/// A place whose pass is being bought since then.
fn a_purchase_of(engine: &Engine, place: &Pooled, since: u64) -> Pooled {
    let blinded = crate::records::StoredSecret::new("blinded");
    let random = &mut engine.ports.random();
    let purchase = crate::passes::Purchase::new(blinded, since, random);
    place.moved(PooledState::Issuing { purchase }, since, random)
}

async fn take(engine: &Engine, passes: u32) {
    for _ in 0..passes {
        let place = engine.ports.find_common(CLAIM_TYPE).await;
        let place = place.expect("the store works").expect("one is there");
        let taken = engine.ports.take_pooled(&place, "visitor").await;
        assert!(taken.expect("the store works").is_some());
        let cleared = engine.ports.clear_pooled(&place, "visitor").await;
        cleared.expect("the store works");
    }
}

async fn start(engine: &Engine) -> String {
    let claim_type = ClaimType::parse(CLAIM_TYPE).unwrap();
    let started = engine.start(&StartVerification::new(claim_type)).await;
    let (stored, _) = started.expect("a relay");
    stored.content.id().to_owned()
}
