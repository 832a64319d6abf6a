//! When a strict pool is bought, by whom, and how often.

use std::slice::from_ref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::claim::ClaimType;
use crate::error::ErrorKind;
use crate::events::{EventKind, Listener};
use crate::future::BoxFuture;
use crate::passes::{CommonHour, Pooled, PooledState};
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
        }
    }

    /// A process that has just started.
    fn worker(&self) -> Engine {
        let mut worker = engine(self.store.clone(), self.seller.clone());
        worker.is_strict = true;
        worker.pass_pool = POOL;
        worker.ports.world = self.clock.clone();
        let told = self.told.clone();
        worker.ports.listener = Some(Listener::new(move |event| {
            told.lock().unwrap().push(event.kind);
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

#[tokio::test(start_paused = true)]
async fn a_new_customer_has_no_pass_before_the_first_common_hour_is_over_and_is_told_so() {
    for day in 0..7 {
        let shop = Shop::at(TUESDAY + day * DAY + 12 * HOUR);
        let worker = shop.worker();
        let id = start(&worker).await;
        for _ in 0..3 {
            let told = worker.complete(&id, false).await.expect("it waits");
            assert!(matches!(told, Progress::Pending));
            worker.recover().await.expect("the store works");
        }
        assert_eq!(shop.told(EventKind::WaitingForPass), 1);
        let hour = CommonHour::after(shop.clock.now_ms());
        // Every quarter of an hour of the day until then.
        let mut at = shop.clock.now_ms();
        while at < hour.begins() {
            shop.set(at);
            worker.recover().await.expect("the store works");
            at += 15 * MINUTE;
        }
        assert_eq!((shop.signed(), shop.fetched()), (0, 0));
        shop.look(from_ref(&worker), hour.begins(), hour.ends() - 1)
            .await;
        assert_eq!((shop.signed(), shop.fetched()), (POOL, 2));
        assert_eq!(
            count(&worker).await,
            0,
            "nobody uses them before the hour is over"
        );
        shop.set(hour.ends());
        assert_eq!(count(&worker).await, POOL);
    }
}

#[tokio::test(start_paused = true)]
async fn in_the_hour_of_the_week_the_whole_pool_is_bought_whatever_was_used() {
    for used in [0, 3, POOL] {
        let (shop, worker) = Shop::with_pool().await;
        take(&worker, used).await;
        let next = CommonHour::after(TUESDAY + 7 * DAY);
        shop.look(from_ref(&worker), next.begins(), next.ends() - 1)
            .await;
        assert_eq!(shop.signed(), 2 * POOL, "{used} were used");
        assert_eq!(
            count(&worker).await,
            POOL - used,
            "the old ones until it is over"
        );
        shop.set(next.ends());
        assert_eq!(
            count(&worker).await,
            POOL,
            "what is left of the old ones is dropped"
        );
        shop.set(next.ends() + 1);
        worker.recover().await.expect("the store works");
        let places = worker.ports.vault.scan("pass/", None, 99).await;
        assert_eq!(places.expect("the store works").len(), POOL as usize);
    }
}

#[tokio::test(start_paused = true)]
async fn on_other_days_it_is_bought_if_less_than_half_is_left() {
    for (used, bought) in [(0, 0), (POOL / 2, 0), (POOL / 2 + 1, POOL), (POOL, POOL)] {
        let (shop, worker) = Shop::with_pool().await;
        take(&worker, used).await;
        let next = CommonHour::after(TUESDAY + DAY);
        // What is used in the hour changes nothing any more.
        shop.look(from_ref(&worker), next.begins(), next.begins() + 2 * MINUTE)
            .await;
        let used_then = (POOL - used).min(3);
        take(&worker, used_then).await;
        shop.look(
            from_ref(&worker),
            next.begins() + 2 * MINUTE,
            next.ends() + MINUTE,
        )
        .await;
        assert_eq!(shop.signed(), POOL + bought, "{used} were used");
        let left = match bought {
            0 => POOL - used - used_then,
            _ => POOL,
        };
        assert_eq!(count(&worker).await, left);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_bought_outside_the_common_hours_whoever_starts_anew_after_a_use() {
    let (shop, worker) = Shop::with_pool().await;
    take(&worker, 1).await;
    for hours in (1..22).chain(25..46) {
        let at = CommonHour::after(TUESDAY).ends() + hours * HOUR;
        shop.set(at);
        let restarted = shop.worker();
        take(&restarted, u32::from(hours % 6 == 0)).await;
        restarted.recover().await.expect("the store works");
        restarted.recover().await.expect("the store works");
    }
    assert_eq!((shop.signed(), shop.fetched()), (POOL, 2));
}

#[tokio::test(start_paused = true)]
async fn of_many_workers_one_buys_each_pass_and_two_fetches_serve_all() {
    let shop = Shop::at(TUESDAY);
    let workers = [(); 4].map(|()| shop.worker());
    want(&workers[0]).await;
    let hour = CommonHour::after(TUESDAY);
    for at in (hour.begins()..hour.ends()).step_by(90_000) {
        shop.set(at);
        let [one, other, third, last] = &workers;
        let (one, other, third, last) = tokio::join!(
            one.recover(),
            other.recover(),
            third.recover(),
            last.recover()
        );
        one.and(other)
            .and(third)
            .and(last)
            .expect("the store works");
    }
    assert_eq!((shop.signed(), shop.fetched()), (POOL, 2));
    shop.set(hour.ends());
    assert_eq!(count(&workers[3]).await, POOL);
}

#[tokio::test(start_paused = true)]
async fn while_persona_asks_for_a_pause_no_more_than_one_pass_is_asked_for_in_each_look() {
    let shop = Shop::at(TUESDAY);
    let worker = shop.worker();
    want(&worker).await;
    let hour = CommonHour::after(TUESDAY);
    let half = hour.begins() + 45 * MINUTE;
    shop.look(
        from_ref(&worker),
        hour.begins(),
        hour.begins() + 25 * MINUTE,
    )
    .await;
    let before = shop.signed();
    *shop.seller.refuses.lock().unwrap() = Some(429);
    for look in 1..=20 {
        shop.set(hour.begins() + (25 + look) * MINUTE);
        let places = || worker.ports.vault.scan("pass/", None, 99);
        let there = places().await.expect("the store works").len();
        worker.recover().await.expect("the store works");
        let then = places().await.expect("the store works").len();
        assert!(then <= there + 1, "{then} places after {there}");
    }
    assert_eq!(shop.signed(), before);
    *shop.seller.refuses.lock().unwrap() = None;
    shop.look(from_ref(&worker), half, hour.ends() + HOUR).await;
    assert_eq!((shop.signed(), count(&worker).await), (POOL, POOL));
}

#[tokio::test(start_paused = true)]
async fn who_crashes_anywhere_leaves_nothing_to_be_bought_twice() {
    for crash_every in [1, 2, 3, 7] {
        let shop = Shop::at(TUESDAY);
        want(&shop.worker()).await;
        let hour = CommonHour::after(TUESDAY);
        let mut polls = 0;
        for at in (hour.begins()..hour.ends()).step_by(30_000) {
            shop.set(at);
            let worker = shop.worker();
            let mut recovering = Box::pin(worker.recover());
            // It ends at its so-manieth step, the store's and Persona's answers among them.
            polls += 1;
            for _ in 0..polls % (12 * crash_every) {
                if futures_util::poll!(&mut recovering).is_ready() {
                    break;
                }
                tokio::time::advance(Duration::from_millis(1)).await;
            }
            drop(recovering);
        }
        let bought = shop.signed();
        assert!(bought <= POOL, "{bought} of {POOL}");
        assert!(bought > POOL / 2, "{bought} of {POOL}");
        // What was being bought is finished, under the same key.
        shop.look(&[shop.worker()], hour.ends(), hour.ends() + HOUR)
            .await;
        assert!(shop.signed() <= POOL);
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_not_there_in_the_hour_of_the_week_waits_for_that_of_the_next_day() {
    let (shop, worker) = Shop::with_pool().await;
    let missed = CommonHour::after(TUESDAY + 7 * DAY);
    // Ten minutes before its end is too late, and told.
    shop.set(missed.ends() - 10 * MINUTE);
    worker.recover().await.expect("the store works");
    assert_eq!(shop.told(EventKind::BackgroundFailure), 1);
    assert_eq!(count(&worker).await, POOL);
    shop.set(missed.ends());
    // All others have dropped theirs: whoever used one now would be named.
    assert_eq!(count(&worker).await, 0);
    let id = start(&worker).await;
    let told = worker.complete(&id, false).await.expect("it waits");
    assert!(matches!(told, Progress::Pending));
    let next = CommonHour::after(missed.ends());
    shop.look(from_ref(&worker), next.begins(), next.ends())
        .await;
    assert_eq!((shop.signed(), count(&worker).await), (2 * POOL, POOL));
}

#[tokio::test(start_paused = true)]
async fn what_differs_is_refused_before_anything_is_signed_and_told_once() {
    let shop = Shop::at(TUESDAY);
    let worker = shop.worker();
    want(&worker).await;
    shop.seller.marks.store(true, Ordering::Relaxed);
    let hour = CommonHour::after(TUESDAY);
    shop.look(from_ref(&worker), hour.begins(), hour.ends())
        .await;
    assert_eq!((shop.signed(), shop.fetched()), (0, 2));
    // Others were given something else, as is found before the first purchase.
    shop.seller.marks.store(false, Ordering::Relaxed);
    shop.seller.differs.store(true, Ordering::Relaxed);
    let next = CommonHour::after(hour.begins());
    shop.look(from_ref(&worker), next.begins(), next.ends())
        .await;
    assert_eq!((shop.signed(), shop.fetched()), (0, 4));
    assert_eq!(shop.told(EventKind::PurchaseFailed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stored_pass_is_held_against_what_others_were_given_and_dropped_if_it_differs() {
    let (shop, worker) = Shop::with_pool().await;
    let id = start(&worker).await;
    shop.seller.differs.store(true, Ordering::Relaxed);
    let told = worker.complete(&id, false).await.expect("it waits");
    assert!(matches!(told, Progress::Pending));
    assert_eq!(shop.told(EventKind::IssuerInconsistent), 1);
    assert_eq!(shop.told(EventKind::WaitingForPass), 1);
    assert!(shop.seller.presented.lock().unwrap().is_empty());
    let places = worker.ports.vault.scan("pass/", None, 99).await;
    assert!(places.expect("the store works").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_purchase_that_a_crash_left_is_held_against_it_before_it_is_signed() {
    let (shop, worker) = Shop::with_pool().await;
    let key = worker.ports.find_common(CLAIM_TYPE).await;
    let key = key.expect("the store works").expect("one is there");
    let vault = &worker.ports.vault;
    let place = vault.load::<Pooled>(&key).await;
    let place = place.expect("it is read").expect("it is there");
    let purchase = crate::passes::Purchase::new(
        crate::records::StoredSecret::new("blinded"),
        shop.clock.now_ms(),
        &mut worker.ports.random(),
    );
    let state = PooledState::Issuing { purchase };
    let left = (place.content).moved(state, shop.clock.now_ms(), &mut worker.ports.random());
    let put = vault.put(&key, Some(place.version), left).await;
    assert!(put.is_ok());
    shop.seller.differs.store(true, Ordering::Relaxed);
    let later = shop.clock.now_ms();
    shop.look(&[worker.clone(), shop.standard()], later, later + HOUR)
        .await;
    assert_eq!(shop.signed(), POOL, "nobody signs it");
    shop.seller.differs.store(false, Ordering::Relaxed);
    shop.look(&[shop.standard()], later + HOUR, later + 2 * HOUR)
        .await;
    assert_eq!(shop.signed(), POOL, "who is not strict leaves it alone");
    shop.look(&[worker], later + 2 * HOUR, later + 3 * HOUR)
        .await;
    assert_eq!(shop.signed(), POOL + 1);
}

#[tokio::test(start_paused = true)]
async fn the_sessions_that_nobody_asks_about_use_no_pass() {
    let (shop, worker) = Shop::with_pool().await;
    for _ in 0..2 * POOL {
        start(&worker).await;
    }
    let now = shop.clock.now_ms();
    for at in (now..now + 26 * HOUR).step_by(usize::try_from(20 * MINUTE).unwrap()) {
        shop.set(at);
        if CommonHour::at(at).is_none() {
            worker.recover().await.expect("the store works");
        }
    }
    assert_eq!(count(&worker).await, POOL);
    assert!(shop.seller.presented.lock().unwrap().is_empty());
    assert_eq!(worker.count_open(99).await.expect("the store works"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pass_is_taken_when_the_answer_is_asked_for_after_a_wait() {
    let (shop, worker) = Shop::with_pool().await;
    *shop.seller.answers.lock().unwrap() = Some(403);
    let mut waits = Vec::new();
    for _ in 0..40 {
        let id = start(&worker).await;
        let before = tokio::time::Instant::now();
        let mut asking = Box::pin(worker.complete(&id, false));
        let there = shop.seller.presented.lock().unwrap().len();
        // A crash while it waits leaves nothing behind.
        assert!(futures_util::poll!(&mut asking).is_pending());
        assert_eq!(shop.seller.presented.lock().unwrap().len(), there);
        let left = count(&worker).await;
        let told = asking.await;
        waits.push(before.elapsed());
        if left > 0 {
            assert!(matches!(told.expect("it waits"), Progress::Pending));
            assert_eq!(count(&worker).await, left - 1);
            assert_eq!(shop.seller.presented.lock().unwrap().len(), there + 1);
        }
    }
    let longest = waits.iter().max().expect("there are some");
    let shortest = waits.iter().min().expect("there are some");
    let second = Duration::from_millis(SECOND);
    assert!(
        *longest <= 2 * second + Duration::from_millis(2),
        "{longest:?}"
    );
    // That all are in one half has a chance of 1 in 10^12.
    assert!(*longest > second && *shortest < second, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_waits_leaves_the_pool_and_the_record_as_they_were() {
    let (shop, worker) = Shop::with_pool().await;
    let id = start(&worker).await;
    let before = worker.load(&id).await.expect("it is there").version;
    for _ in 0..20 {
        let mut asking = Box::pin(worker.complete(&id, false));
        assert!(futures_util::poll!(&mut asking).is_pending());
        drop(asking);
    }
    assert_eq!(worker.load(&id).await.expect("it is there").version, before);
    assert_eq!(count(&worker).await, POOL);
    assert!(shop.seller.presented.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_before_it_has_taken_its_pass_leaves_it_in_the_pool() {
    let (_, worker) = Shop::with_pool().await;
    let id = start(&worker).await;
    let key = crate::verification::record::record_key(&id);
    let stored = worker.load(&id).await.expect("it is there");
    let pooled = worker.ports.find_common(CLAIM_TYPE).await;
    let state = State::Created {
        pooled: pooled.expect("the store works"),
    };
    let now = worker.ports.now();
    let taking = (stored.content).moved(state, now, &mut worker.ports.random());
    let put = worker.ports.vault.put(&key, Some(stored.version), taking);
    assert!(put.await.is_ok());
    worker.forget(&id).await.expect("it is forgotten");
    assert_eq!(count(&worker).await, POOL);
}

#[tokio::test(start_paused = true)]
async fn two_whose_clocks_differ_take_the_same_pass_for_a_verification() {
    let (shop, worker) = Shop::with_pool().await;
    let hour = CommonHour::before(shop.clock.now_ms());
    let place = worker.ports.find_common(CLAIM_TYPE).await;
    let place = place.expect("the store works").expect("one is there");
    for at in [hour.ends() - HOUR, hour.is_used_until() + HOUR, hour.ends()] {
        shop.set(at);
        let taken = worker.ports.take_pooled(&place, "visitor").await;
        assert!(taken.expect("the store works").is_some());
    }
    // A pass that nobody else uses any more stays where it is.
    let other = worker.ports.find_common(CLAIM_TYPE).await;
    let other = other.expect("the store works").expect("one is there");
    shop.set(hour.is_used_until() + 3 * HOUR);
    let taken = worker.ports.take_pooled(&other, "visitor").await;
    assert!(taken.expect("the store works").is_none());
}

#[tokio::test(start_paused = true)]
async fn who_is_not_strict_leaves_a_strict_verification_alone_and_its_pool() {
    let (shop, worker) = Shop::with_pool().await;
    let id = start(&worker).await;
    let standard = shop.standard();
    let refused = standard.complete(&id, false).await;
    let refused = refused.expect_err("it is another's");
    assert_eq!(refused.kind(), ErrorKind::PrivacyRefused);
    assert!(
        refused.to_string().contains("Nothing was sent"),
        "{refused}"
    );
    let later = shop.clock.now_ms() + 2 * HOUR;
    shop.look(from_ref(&standard), later, later + HOUR).await;
    assert!(shop.seller.presented.lock().unwrap().is_empty());
    assert_eq!(shop.signed(), POOL);
    // Neither pool is in the other one's way.
    assert_eq!(standard.ports.count_pooled(CLAIM_TYPE).await.unwrap(), 0);
    let of = ClaimType::parse(CLAIM_TYPE).unwrap();
    assert!(standard
        .buy_pooled(&of, None)
        .await
        .expect("it is for sale"));
    assert_eq!(standard.ports.count_pooled(CLAIM_TYPE).await.unwrap(), 1);
    assert_eq!(count(&worker).await, POOL);
}

#[tokio::test(start_paused = true)]
async fn a_strict_worker_leaves_others_verifications_alone_until_it_is_asked() {
    let (shop, worker) = Shop::with_pool().await;
    let standard = shop.standard();
    let id = start(&standard).await;
    let stored = standard.load(&id).await.expect("it is there");
    let signed = shop.signed();
    let before = stored.version;
    let now = shop.clock.now_ms();
    shop.look(from_ref(&worker), now, now + 20 * MINUTE).await;
    assert_eq!(
        standard.load(&id).await.expect("it is there").version,
        before
    );
    assert_eq!(shop.signed(), signed);
    // Whoever asks a strict client for its answer makes it a strict one.
    *shop.seller.answers.lock().unwrap() = Some(403);
    let told = worker.complete(&id, false).await.expect("it waits");
    assert!(matches!(told, Progress::Pending));
    assert_eq!(shop.signed(), signed);
    assert_eq!(count(&worker).await, POOL - 1);
    let there = worker.load(&id).await.expect("it is there").content;
    assert!(there.is_strict());
}

#[tokio::test(start_paused = true)]
async fn by_hand_nothing_is_bought_but_in_the_sandbox() {
    let shop = Shop::at(TUESDAY);
    let worker = shop.worker();
    let of = ClaimType::parse(CLAIM_TYPE).unwrap();
    assert_eq!(
        worker.prefetch_strictly(&of, 5).await.expect("it is noted"),
        0
    );
    assert_eq!((shop.signed(), shop.fetched()), (0, 0));
    assert_eq!(worker.ports.asked().await.unwrap(), [CLAIM_TYPE]);
    let mut sandbox = shop.worker();
    sandbox.ports.environment = crate::Environment::Sandbox;
    assert_eq!(sandbox.prefetch_strictly(&of, 5).await.expect("it buys"), 5);
    assert_eq!((shop.signed(), shop.fetched()), (5, 2));
    assert_eq!(count(&sandbox).await, 5);
}
