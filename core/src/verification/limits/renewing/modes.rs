//! Strict clients and others, one after the other or at once, on one store.

use super::*;
use crate::passes::PaidPass;
use crate::store::{Record, Store, StoreError, Swap};
use crate::verification::record::record_key;

/// Puts a verification into a state, as a worker that then ended.
async fn put(engine: &Engine, id: &str, state: State) {
    let stored = engine.load(id).await.expect("it is there");
    let moved = (stored.content).moved(state, engine.ports.now(), &mut engine.ports.random());
    let (vault, key) = (&engine.ports.vault, record_key(id));
    let put = vault.put(&key, Some(stored.version), moved);
    assert!(put.await.is_ok());
}

/// A pass of the strict pool that this verification has taken, and its place.
async fn taken(worker: &Engine, id: &str) -> (String, PaidPass) {
    let place = worker.ports.find_common(CLAIM_TYPE).await;
    let place = place.expect("the store works").expect("one is there");
    let pass = worker.ports.take_common(&place, id).await;
    let pass = pass.expect("the store works").expect("it is there");
    (place, pass)
}

fn ready(pass: PaidPass, answered_at: Option<u64>) -> State {
    State::Ready {
        pass,
        lost: Vec::new(),
        answered_at,
        rejected: None,
    }
}

fn refused(told: crate::error::Result<Progress>) {
    let refused = told.expect_err("it is another's");
    assert_eq!(refused.kind(), ErrorKind::PrivacyRefused, "{refused}");
}

async fn standard_passes(engine: &Engine) -> u32 {
    let count = engine.ports.count_pooled(CLAIM_TYPE).await;
    count.expect("the store works")
}

/// Persona, who takes so long for a challenge and for a signature.
fn slow(challenge: u64, signature: u64) -> Shop {
    let mut shop = Shop::at(TUESDAY);
    let seller = Arc::get_mut(&mut shop.seller).expect("nobody has it yet");
    seller.challenge = Duration::from_millis(challenge);
    seller.signature = Duration::from_millis(signature);
    shop
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_a_strict_one_overtakes_shows_no_pass_of_its_own() {
    let shop = slow(10 * SECOND, 0);
    let (standard, strict) = (shop.standard(), shop.worker());
    let id = start(&standard).await;
    put(&standard, &id, State::Created { pooled: None }).await;
    let mut asking = Box::pin(standard.complete(&id, false));
    assert!(futures_util::poll!(&mut asking).is_pending(), "it fetches");
    shop.set(TUESDAY + 4 * SECOND);
    let told = strict.complete(&id, false).await.expect("it waits");
    assert!(matches!(told, Progress::Pending));
    let of = ClaimType::parse(CLAIM_TYPE).unwrap();
    let bought = standard.buy_pooled(&of, None).await;
    assert!(bought.expect("it is for sale"));
    refused(asking.await);
    assert!(shop.seller.presented.lock().unwrap().is_empty());
    assert_eq!((shop.signed(), standard_passes(&standard).await), (1, 1));
    let there = standard.load(&id).await.expect("it is there").content;
    assert!(there.is_strict() && there.waits_for_pool());
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_signed_while_a_strict_worker_takes_over_is_not_lost() {
    for is_dropped in [false, true] {
        let shop = slow(0, 10 * SECOND);
        let (standard, strict) = (shop.standard(), shop.worker());
        let id = start(&standard).await;
        shop.set(TUESDAY + 4 * SECOND);
        let mut asking = Box::pin(standard.complete(&id, false));
        assert!(futures_util::poll!(&mut asking).is_pending());
        assert_eq!(shop.signed(), 1, "it is billed");
        shop.set(TUESDAY + 8 * SECOND);
        let told = strict.complete(&id, false).await.expect("it waits");
        assert!(matches!(told, Progress::Pending));
        match is_dropped {
            true => drop(asking),
            false => refused(asking.await),
        }
        // Who is strict asks for no signature, and who is not for the one that may be there.
        let at = shop.clock.now_ms();
        shop.look(from_ref(&strict), at, at + 5 * MINUTE).await;
        assert_eq!(standard_passes(&standard).await, 0);
        shop.look(from_ref(&standard), at + 5 * MINUTE, at + 30 * MINUTE)
            .await;
        assert_eq!((shop.signed(), standard_passes(&standard).await), (1, 1));
        assert!(shop.seller.presented.lock().unwrap().is_empty());
        assert_eq!(shop.told(EventKind::UnknownOutcome), 0);
        assert_eq!(shop.told(EventKind::Refunded), 0, "it was in no pool");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_not_strict_ends_what_a_strict_client_left_and_shows_nothing() {
    for left in ["no pass", "a chosen one", "a taken one", "its pass"] {
        let (shop, worker) = Shop::with_pool().await;
        let standard = shop.standard();
        let id = start(&worker).await;
        let (place, pass) = match left {
            "no pass" => (None, None),
            "a chosen one" => {
                let place = worker.ports.find_common(CLAIM_TYPE).await;
                (place.expect("the store works"), None)
            }
            "a taken one" => (Some(taken(&worker, &id).await.0), None),
            _ => {
                let (place, pass) = taken(&worker, &id).await;
                let cleared = worker.ports.clear_pooled(&place, &id).await;
                cleared.expect("the store works");
                (None, Some(pass))
            }
        };
        let state = match pass {
            Some(pass) => ready(pass, None),
            None => State::Created { pooled: place },
        };
        put(&worker, &id, state).await;
        // Until nobody strict can be expected any more, it is left alone.
        let now = shop.clock.now_ms();
        shop.look(from_ref(&standard), now + HOUR, now + 2 * HOUR)
            .await;
        refused(standard.complete(&id, false).await);
        assert_eq!(standard.count_open(99).await.expect("it works"), 1);
        let dead = now + 9 * DAY + 2 * HOUR;
        shop.look(from_ref(&standard), dead, dead + 20 * MINUTE)
            .await;
        assert_eq!(standard.count_open(99).await.expect("it works"), 0);
        let told = standard.complete(&id, false).await.expect("it is over");
        assert!(matches!(told, Progress::Expired), "{left}");
        // By then nobody uses them, but they are still there.
        let places = worker.ports.vault.scan("pass/", None, 99).await;
        let places = places.expect("the store works").len();
        assert_eq!(places, POOL as usize, "{left}");
        assert_eq!(standard_passes(&standard).await, 0, "{left}");
        assert!(shop.seller.presented.lock().unwrap().is_empty());
        assert_eq!(shop.signed(), POOL, "{left}");
        assert_eq!(shop.told(EventKind::BackgroundFailure), 0, "{left}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_persona_was_shown_for_is_given_up_by_who_is_not_strict_a_week_later() {
    let (shop, worker) = Shop::with_pool().await;
    let standard = shop.standard();
    let id = start(&worker).await;
    *shop.seller.answers.lock().unwrap() = Some(403);
    let told = worker.complete(&id, false).await.expect("it waits");
    assert!(matches!(told, Progress::Pending));
    let now = shop.clock.now_ms();
    for at in [now + 2 * HOUR, now + 2 * DAY, now + 7 * DAY] {
        shop.look(from_ref(&standard), at, at + 20 * MINUTE).await;
        refused(standard.complete(&id, false).await);
    }
    let late = now + 7 * DAY + 2 * HOUR;
    shop.look(from_ref(&standard), late, late + 20 * MINUTE)
        .await;
    let told = standard.complete(&id, false).await;
    let told = told.expect_err("nobody knows");
    assert_eq!(told.kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(shop.seller.presented.lock().unwrap().len(), 1);
    assert_eq!(standard.count_open(99).await.expect("it works"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reference_to_an_open_strict_verification_begins_nothing_for_who_is_not_strict() {
    let (shop, worker) = Shop::with_pool().await;
    let standard = shop.standard();
    let claim_type = ClaimType::parse(CLAIM_TYPE).unwrap();
    let request = StartVerification::new(claim_type).reference("visitor");
    let request = request.expect("a reference");
    let (stored, is_new) = worker.start(&request).await.expect("a relay");
    assert!(is_new);
    let error = standard.start(&request).await.err();
    let error = error.expect("it is another's");
    assert_eq!(error.kind(), ErrorKind::PrivacyRefused);
    // The strict client goes on with it.
    let (again, is_new) = worker.start(&request).await.expect("it is there");
    assert!(!is_new && again.content.id() == stored.content.id());
    assert_eq!(worker.count_open(99).await.expect("it works"), 1);
    assert_eq!(shop.signed(), POOL);
    // After its session the reference leads to another one.
    shop.set(shop.clock.now_ms() + 31 * MINUTE);
    let (next, is_new) = standard.start(&request).await.expect("a relay");
    assert!(is_new && next.content.id() != stored.content.id());
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_gives_a_pass_that_was_never_shown_back_to_its_hour() {
    for (has_it, is_strict) in [(false, true), (true, true), (false, false), (true, false)] {
        let (shop, worker) = Shop::with_pool().await;
        let id = start(&worker).await;
        let (place, pass) = taken(&worker, &id).await;
        if has_it {
            let cleared = worker.ports.clear_pooled(&place, &id).await;
            cleared.expect("the store works");
            put(&worker, &id, ready(pass, None)).await;
        } else {
            let pooled = Some(place);
            put(&worker, &id, State::Created { pooled }).await;
        }
        assert_eq!(count(&worker).await, POOL - 1);
        let forgetting = match is_strict {
            true => worker.clone(),
            false => shop.standard(),
        };
        forgetting.forget(&id).await.expect("it is forgotten");
        assert_eq!(count(&worker).await, POOL);
        let places = worker.ports.vault.scan("pass/", None, 99).await;
        assert_eq!(places.expect("the store works").len(), POOL as usize);
        // It is used like the others of its hour, and dropped with them.
        let until = CommonHour::before(shop.clock.now_ms()).is_used_until();
        shop.set(until);
        assert_eq!(count(&worker).await, 0);
        shop.set(until + 9 * DAY);
        take_all_due(&worker).await;
    }
}

/// Whoever looks long after the hour is used no longer deletes what is left.
async fn take_all_due(worker: &Engine) {
    worker.recover().await.expect("the store works");
    let places = worker.ports.vault.scan("pass/", None, 99).await;
    assert!(places.expect("the store works").is_empty());
}

/// A store in whose next swap of a verification so much time passes.
struct Slow {
    store: Arc<MemoryStore>,
    clock: Arc<Clock>,
    until: Mutex<Option<u64>>,
}

impl Store for Slow {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        self.store.load(key)
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        if key.starts_with("verification/") {
            if let Some(until) = self.until.lock().unwrap().take() {
                self.clock.now.store(until, Ordering::Relaxed);
            }
        }
        self.store.compare_and_swap(key, expected, new)
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.store.scan(prefix, due_before, limit)
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_dropped_right_before_it_is_sent_is_followed_by_another_look() {
    let (shop, worker) = Shop::with_pool().await;
    let until = CommonHour::before(shop.clock.now_ms()).is_used_until();
    shop.set(until - MINUTE);
    let id = start(&worker).await;
    let (_, pass) = taken(&worker, &id).await;
    put(&worker, &id, ready(pass, None)).await;
    shop.set(until + 5 * MINUTE - SECOND);
    let store = Slow {
        store: shop.store.clone(),
        clock: shop.clock.clone(),
        until: Mutex::new(Some(until + 5 * MINUTE)),
    };
    let mut slow = engine(Arc::new(store), shop.seller.clone());
    slow.is_strict = true;
    slow.ports.world = shop.clock.clone();
    let told = slow.complete(&id, false).await.expect("it waits");
    assert!(matches!(told, Progress::Pending));
    assert!(shop.seller.presented.lock().unwrap().is_empty());
    assert!(worker
        .load(&id)
        .await
        .expect("it is there")
        .content
        .waits_for_pool());
}

#[tokio::test(start_paused = true)]
async fn a_version_that_knows_no_strict_clients_leaves_their_records_alone() {
    let (shop, worker) = Shop::with_pool().await;
    let standard = shop.standard();
    let (strict, other) = (start(&worker).await, start(&standard).await);
    let place = worker.ports.find_common(CLAIM_TYPE).await;
    let place = place.expect("the store works").expect("one is there");
    for (key, format) in [
        (record_key(&strict), 3),
        (place, 3),
        (record_key(&other), 1),
    ] {
        let record = shop.store.load(&key).await.expect("the store works");
        let record = record.expect("it is there");
        let content = crate::store::Sealer::default().open(&key, record.version, &record.value);
        assert_eq!(content.expect("it is plain")[0], format, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_strict_pool_hides_no_pass_that_came_back_to_the_other_one() {
    let (shop, worker) = Shop::with_pool().await;
    let standard = shop.standard();
    let (place, pass) = taken(&worker, "visitor").await;
    let vault = &worker.ports.vault;
    let found = vault.load::<Pooled>(&place).await.expect("it is read");
    let found = found.expect("it is there").content;
    let hour = CommonHour::before(shop.clock.now_ms());
    for _ in 0..120 {
        let key = worker.ports.new_common_key(CLAIM_TYPE, hour);
        assert!(vault.put(&key, None, found.clone()).await.is_ok());
    }
    // A claim type that comes after it.
    let pass = PaidPass::new(pass.token, shop.clock.now_ms());
    let state = PooledState::Available { pass };
    let random = &mut standard.ports.random();
    let key = crate::passes::new_pool_key("production", "zip_code", None, random);
    let given = standard
        .ports
        .give_back(&key, "visitor", ("zip_code", None), state);
    given.await.expect("the store works");
    let counted = standard.ports.count_given_back().await;
    assert_eq!(counted.expect("the store works"), (1, true));
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_the_time_in_utc() {
    let shop = Shop::at(TUESDAY + 12 * HOUR + 34 * MINUTE);
    let mut worker = shop.worker();
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = told.clone();
    worker.ports.listener = Some(Listener::new(move |event| {
        if event.kind == EventKind::WaitingForPass {
            listener.lock().unwrap().push(event.message.clone());
        }
    }));
    let id = start(&worker).await;
    let _ = worker.complete(&id, false).await.expect("it waits");
    let told = told.lock().unwrap().join("");
    assert!(told.contains("from 2026-12-02 11:00 UTC on"), "{told}");
}
