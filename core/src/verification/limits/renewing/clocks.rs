//! Whose clock is wrong buys nothing at another time than all others, ends nothing and keeps nobody from buying.

use super::*;
use crate::records::{Changed, StoredSecret};

impl Shop {
    /// Whose clock differs from Persona's by so much.
    fn set_apart(&self, ours: u64, hers: u64) {
        self.clock.now.store(ours, Ordering::Relaxed);
        self.seller.now.store(hers, Ordering::Relaxed);
    }

    fn told_of_clock(&self) -> Vec<String> {
        let told = self.failed_with.lock().unwrap().clone();
        told.into_iter().filter(|it| it.contains("clock")).collect()
    }
}

async fn places(worker: &Engine) -> Vec<String> {
    let places = worker.ports.vault.scan("pass/", None, 999).await;
    places.expect("the store works")
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_slow_or_fast_by_minutes_buys_nothing_and_that_is_told() {
    for apart in [31 * SECOND, 3 * MINUTE, 20 * MINUTE, 55 * MINUTE] {
        for is_slow in [true, false] {
            let shop = Shop::at(TUESDAY);
            let worker = shop.worker();
            want(&worker).await;
            let hour = CommonHour::after(TUESDAY);
            for at in (hour.begins()..hour.ends()).step_by(60_000) {
                let hers = if is_slow { at + apart } else { at - apart };
                shop.set_apart(at, hers);
                worker.recover().await.expect("the store works");
            }
            assert_eq!(shop.signed(), 0, "{apart} {is_slow}");
            let told = shop.told_of_clock();
            assert_eq!(told.len(), 1, "{told:?}");
            let says = format!(
                "{} seconds {}",
                apart / SECOND,
                if is_slow { "behind" } else { "ahead" }
            );
            assert!(told[0].contains(&says), "{told:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn clocks_that_differ_by_seconds_buy() {
    for apart in [0, 30 * SECOND] {
        let shop = Shop::at(TUESDAY);
        let worker = shop.worker();
        want(&worker).await;
        let hour = CommonHour::after(TUESDAY);
        for at in (hour.begins()..hour.ends()).step_by(60_000) {
            shop.set_apart(at, at + apart);
            worker.recover().await.expect("the store works");
        }
        assert_eq!((shop.signed(), shop.fetched()), (POOL, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_bought_if_nobody_can_tell_what_time_it_is_for_persona() {
    let shop = Shop::at(TUESDAY);
    let worker = shop.worker();
    want(&worker).await;
    shop.seller.tells_no_time.store(true, Ordering::Relaxed);
    let hour = CommonHour::after(TUESDAY);
    shop.look(from_ref(&worker), hour.begins(), hour.ends())
        .await;
    assert_eq!(shop.signed(), 0);
    assert!(shop.fetched() > 0);
    assert_eq!(shop.told(EventKind::PurchaseFailed), 1);
}

#[tokio::test(start_paused = true)]
async fn whose_clock_is_wrong_keeps_nobody_from_buying_who_shares_its_store() {
    for (ahead, behind) in [(10 * MINUTE, 0), (0, 10 * MINUTE)] {
        let shop = Shop::at(TUESDAY);
        let (wrong, right) = (shop.worker(), shop.worker());
        want(&right).await;
        let hour = CommonHour::after(TUESDAY);
        for at in (hour.begins() - 10 * MINUTE..hour.ends()).step_by(60_000) {
            shop.set_apart(at + ahead - behind, at);
            wrong.recover().await.expect("the store works");
            shop.set_apart(at, at);
            right.recover().await.expect("the store works");
        }
        assert_eq!(shop.signed(), POOL);
        // Whoever is slow finds nothing left to do.
        assert_eq!(shop.told_of_clock().len(), usize::from(ahead > 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_after_it_was_measured_buys_one_pass_at_most() {
    let shop = Shop::at(TUESDAY);
    let worker = shop.worker();
    want(&worker).await;
    let hour = CommonHour::after(TUESDAY);
    let mut at = hour.begins();
    while shop.signed() == 0 {
        shop.set(at);
        worker.recover().await.expect("the store works");
        at += MINUTE;
    }
    let before = shop.signed();
    for late in (at..hour.ends()).step_by(60_000) {
        shop.set_apart(late, late + HOUR);
        worker.recover().await.expect("the store works");
    }
    assert!(shop.signed() <= before + 1, "{} {before}", shop.signed());
    assert_eq!(shop.told_of_clock().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whose_clock_is_hours_behind_buys_nothing_at_the_stored_moments() {
    let shop = Shop::at(TUESDAY);
    let worker = shop.worker();
    want(&worker).await;
    let hour = CommonHour::after(TUESDAY);
    let mut at = hour.begins();
    // It ends when it has fetched twice.
    while shop.fetched() < 2 {
        shop.set(at);
        worker.recover().await.expect("the store works");
        at += MINUTE;
    }
    let before = shop.signed();
    let other = shop.worker();
    for late in (at..hour.ends()).step_by(60_000) {
        shop.set_apart(late, late + 4 * HOUR);
        other.recover().await.expect("the store works");
    }
    assert_eq!(shop.signed(), before);
    assert_eq!(shop.told_of_clock().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_with_a_plan_fetches_once_and_buys_nothing_if_that_differs() {
    for differs in [false, true] {
        let shop = Shop::at(TUESDAY);
        let worker = shop.worker();
        want(&worker).await;
        let hour = CommonHour::after(TUESDAY);
        let mut at = hour.begins();
        while shop.fetched() < 2 {
            shop.set(at);
            worker.recover().await.expect("the store works");
            at += MINUTE;
        }
        let before = shop.signed();
        // It brings another one than the first two.
        shop.seller.marks.store(differs, Ordering::Relaxed);
        shop.look(&[shop.worker()], at, hour.ends()).await;
        assert_eq!(shop.fetched(), 3);
        assert_eq!(shop.signed(), if differs { before } else { POOL });
    }
}

#[tokio::test(start_paused = true)]
async fn a_purchase_without_a_key_is_asked_for_by_a_clock_that_was_measured_only() {
    let shop = Shop::at(TUESDAY);
    let worker = shop.worker();
    want(&worker).await;
    let hour = CommonHour::after(TUESDAY);
    let at = hour.begins() + 30 * MINUTE;
    shop.set_apart(at, at + 4 * HOUR);
    let now = at - 20 * MINUTE;
    let blinded = StoredSecret::new("blinded");
    let purchase = crate::passes::Purchase::unasked(blinded, now);
    let state = PooledState::Issuing { purchase };
    let random = &mut worker.ports.random();
    let mut place = Pooled::new("production", CLAIM_TYPE, state, now, random);
    place.bought_in = Some(BoughtIn {
        hour,
        seen: Sighting::example(hour.ends() + HOUR),
    });
    let key = worker.ports.new_common_key(CLAIM_TYPE, hour);
    let put = worker.ports.vault.put(&key, None, place).await;
    assert!(matches!(put, Ok(Changed::Done(_))));
    for minute in 0..20 {
        shop.set_apart(at + minute * MINUTE, at + minute * MINUTE + 4 * HOUR);
        worker.recover().await.expect("the store works");
    }
    assert_eq!(shop.signed(), 0);
    let there = worker.ports.vault.load::<Pooled>(&key).await.unwrap();
    let there = there.expect("it is kept until the hour is over").content;
    let PooledState::Issuing { purchase } = there.state else {
        panic!("nobody bought it");
    };
    assert!(purchase.key.is_none(), "it does not read as asked");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_a_week_ahead_deletes_no_pass_and_ends_no_verification() {
    let (shop, worker) = Shop::with_pool().await;
    let now = shop.clock.now_ms();
    let id = start(&worker).await;
    let other = shop.worker();
    for ahead in [DAY, 2 * DAY, 7 * DAY] {
        for minute in 0..20 {
            shop.set_apart(now + ahead + minute * MINUTE, now + minute * MINUTE);
            other.recover().await.expect("the store works");
        }
    }
    assert_eq!(places(&worker).await.len(), POOL as usize);
    shop.set(now + MINUTE);
    assert_eq!(count(&worker).await, POOL);
    *shop.seller.answers.lock().unwrap() = Some(403);
    let told = worker.complete(&id, false).await.expect("it goes on");
    assert!(matches!(told, Progress::Pending));
    assert_eq!(shop.seller.presented.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fast_clock_says_nothing_of_an_hour_before_it_is_over() {
    let shop = Shop::at(TUESDAY);
    let (fast, right) = (shop.worker(), shop.worker());
    want(&right).await;
    let hour = CommonHour::after(TUESDAY);
    let middle = hour.begins() + 40 * MINUTE;
    for at in (hour.begins()..middle).step_by(60_000) {
        shop.set(at);
        right.recover().await.expect("the store works");
        shop.set_apart(at + 2 * HOUR, at);
        fast.recover().await.expect("the store works");
    }
    let short = |shop: &Shop| {
        let told = shop.told_of_background();
        told.iter().filter(|it| it.contains("strict pool")).count()
    };
    assert_eq!(short(&shop), 0);
    // Nobody is there for the rest of it.
    shop.look(from_ref(&right), hour.ends(), hour.ends() + 10 * MINUTE)
        .await;
    assert!(shop.signed() < POOL);
    assert_eq!(short(&shop), 1);
}

#[tokio::test(start_paused = true)]
async fn who_finds_early_that_nothing_is_wanted_keeps_nobody_from_buying_in_that_hour() {
    let (shop, worker) = Shop::with_pool().await;
    let next = CommonHour::after(TUESDAY + DAY);
    // To one of them, it is the hour already, and enough is left.
    let early = shop.worker();
    shop.set_apart(next.begins() + MINUTE, next.begins() - 5 * HOUR);
    early.recover().await.expect("the store works");
    take(&worker, POOL).await;
    shop.look(from_ref(&worker), next.begins(), next.ends())
        .await;
    assert_eq!(shop.signed(), 2 * POOL);
}

#[tokio::test(start_paused = true)]
async fn what_is_still_asked_for_again_is_waited_for_before_anything_is_told() {
    let shop = Shop::at(TUESDAY);
    let worker = shop.worker();
    want(&worker).await;
    let hour = CommonHour::after(TUESDAY);
    let mut at = hour.begins();
    while shop.signed() == 0 {
        shop.set(at);
        worker.recover().await.expect("the store works");
        at += MINUTE;
    }
    let bought = shop.signed();
    // The process ended while it asked for another one.
    let vault = &worker.ports.vault;
    let one = vault.load::<Pooled>(&places(&worker).await[0]).await;
    let one = one.expect("it is read").expect("it is there").content;
    let asked = a_purchase_of(&worker, &one, at);
    let key = worker.ports.new_common_key(CLAIM_TYPE, hour);
    assert!(vault.put(&key, None, asked).await.is_ok());
    let next = shop.worker();
    let told = |shop: &Shop| {
        let told = shop.told_of_background();
        let told = told.into_iter().filter(|it| it.contains("strict pool"));
        told.collect::<Vec<_>>()
    };
    *shop.seller.refuses.lock().unwrap() = Some(429);
    let later = hour.ends() + 20 * MINUTE;
    shop.look(from_ref(&next), hour.ends(), later).await;
    assert_eq!(told(&shop), [""; 0]);
    *shop.seller.refuses.lock().unwrap() = None;
    shop.look(from_ref(&next), later, later + 2 * HOUR).await;
    assert_eq!(shop.signed(), bought + 1);
    let told = told(&shop);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains(&format!("{} were bought", bought + 1)),
        "{told:?}"
    );
}
