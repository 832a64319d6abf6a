//! When a strict pool is bought, by whom, and how often.

use super::*;

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
        // It is deleted when no clock can be so wrong any more, and told once.
        for (after, left) in [(8 * DAY - 2 * HOUR, 2 * POOL - used), (8 * DAY + 1, POOL)] {
            shop.set(next.ends() + after);
            worker.recover().await.expect("the store works");
            let places = worker.ports.vault.scan("pass/", None, 99).await;
            assert_eq!(places.expect("the store works").len(), left as usize);
        }
        let told = shop.told_of_background();
        let told = told.iter().filter(|it| it.contains("are deleted"));
        assert_eq!(told.count(), usize::from(used < POOL));
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
        // What is left of the old ones is used after the new ones.
        let left = POOL - used - used_then;
        assert_eq!(count(&worker).await, left + bought);
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
    assert_eq!(shop.signed(), POOL);
    // One more is anonymous: whoever tells that the hour of a day was missed knows by it what time it is.
    assert!(shop.fetched() <= 3);
}

#[tokio::test(start_paused = true)]
async fn of_many_workers_one_buys_each_pass_and_each_fetches_once_or_twice() {
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
    assert_eq!(shop.signed(), POOL);
    // And one for each of the others that has bought, by which it knows that its clock is right.
    assert!((2..=2 + 4).contains(&shop.fetched()), "{}", shop.fetched());
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
    shop.look(from_ref(&worker), half, hour.ends()).await;
    let signed = shop.signed();
    assert!(signed > before, "what waits is asked for within the hour");
    // What was never sent in it is not bought any more: whoever did would be alone.
    shop.look(from_ref(&worker), hour.ends(), hour.ends() + 2 * HOUR)
        .await;
    assert_eq!((shop.signed(), count(&worker).await), (signed, signed));
    let places = worker.ports.vault.scan("pass/", None, 99).await;
    assert_eq!(places.expect("the store works").len(), signed as usize);
}

#[tokio::test(start_paused = true)]
async fn who_crashes_anywhere_leaves_nothing_to_be_bought_twice() {
    for crash_every in [1, 2, 3, 7] {
        let mut shop = Shop::at(TUESDAY);
        let seller = Arc::get_mut(&mut shop.seller).expect("nobody has it yet");
        // Some end between her bill and their record.
        seller.signature = Duration::from_millis(2);
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
        assert!(
            shop.seller.bills_once(),
            "each message is signed under one key"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_not_there_in_the_hour_of_the_week_waits_for_that_of_the_next_day() {
    let (shop, worker) = Shop::with_pool().await;
    let missed = CommonHour::after(TUESDAY + 7 * DAY);
    // Ten minutes before its end is too late, and told.
    shop.set(missed.ends() - 10 * MINUTE);
    worker.recover().await.expect("the store works");
    assert_eq!(count(&worker).await, POOL);
    shop.set(missed.ends() + 5 * MINUTE);
    worker.recover().await.expect("the store works");
    worker.recover().await.expect("the store works");
    assert_eq!(shop.told(EventKind::BackgroundFailure), 1);
    let told = shop.told_of_background();
    assert!(told[0].contains("nobody looked at the pool"), "{told:?}");
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
    assert_eq!(shop.told(EventKind::PurchaseFailed), 1);
    // Others were given something else, as is found before the first purchase.
    shop.seller.marks.store(false, Ordering::Relaxed);
    shop.seller.differs.store(true, Ordering::Relaxed);
    let next = CommonHour::after(hour.begins());
    // A process tells it once.
    shop.look(&[shop.worker()], next.begins(), next.ends())
        .await;
    assert_eq!((shop.signed(), shop.fetched()), (0, 4));
    assert_eq!(shop.told(EventKind::PurchaseFailed), 2);
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

#[tokio::test(start_paused = true)]
async fn after_two_signatures_that_are_no_use_it_buys_no_more_in_that_hour() {
    let shop = Shop::at(TUESDAY);
    let mut worker = shop.worker();
    // An answer that is no use is asked for once more.
    worker.ports.budget.retries = 1;
    want(&worker).await;
    shop.seller.signs_badly.store(true, Ordering::Relaxed);
    let hour = CommonHour::after(TUESDAY);
    shop.look(from_ref(&worker), hour.begins(), hour.ends())
        .await;
    let places = worker.ports.vault.scan("pass/", None, 99).await;
    assert_eq!(places.expect("the store works").len(), 2);
    assert_eq!(shop.told(EventKind::PoolStopped), 1);
    // They were used for nothing; those of the next hour are good.
    shop.seller.signs_badly.store(false, Ordering::Relaxed);
    let next = CommonHour::after(hour.ends());
    shop.look(from_ref(&worker), next.begins(), next.ends())
        .await;
    assert_eq!(count(&worker).await, POOL);
}

#[tokio::test(start_paused = true)]
async fn a_challenge_of_another_hour_is_refused_whose_clock_so_ever_is_wrong() {
    for (ahead, behind) in [(HOUR, 0), (0, HOUR)] {
        let shop = Shop::at(TUESDAY);
        let worker = shop.worker();
        want(&worker).await;
        let hour = CommonHour::after(TUESDAY);
        for at in (hour.begins()..hour.ends()).step_by(60_000) {
            shop.set(at);
            let hers = at + ahead - behind;
            shop.seller.now.store(hers, Ordering::Relaxed);
            worker.recover().await.expect("the store works");
        }
        assert!(shop.fetched() > 1, "it is tried again");
        assert_eq!(shop.signed(), 0);
        assert_eq!(shop.told(EventKind::PurchaseFailed), 1);
        // It leaves nothing behind that keeps others from buying in that hour.
        let plans = worker.ports.vault.scan("renewal/", None, 9).await;
        let plans = plans.expect("the store works");
        assert!(plans.len() <= 1, "{plans:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_buys_nothing_because_the_challenge_is_of_another_hour() {
    let (shop, worker) = Shop::with_pool().await;
    let hers = shop.clock.now_ms();
    for days in [1, 7] {
        let hour = CommonHour::after(TUESDAY - days * DAY);
        for at in (hour.begins()..hour.ends()).step_by(60_000) {
            shop.clock.now.store(at, Ordering::Relaxed);
            shop.seller.now.store(hers, Ordering::Relaxed);
            worker.recover().await.expect("the store works");
        }
    }
    assert_eq!(shop.signed(), POOL);
    assert_eq!(shop.told(EventKind::PurchaseFailed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ahead_keeps_nobody_from_buying_in_its_hour() {
    let shop = Shop::at(TUESDAY);
    let (wrong, right) = (shop.worker(), shop.worker());
    want(&right).await;
    let hour = CommonHour::after(TUESDAY);
    for at in (hour.begins()..hour.ends()).step_by(60_000) {
        // Persona's clock is right. The other process looks at the same moments, a week and a day ahead.
        for ahead in [7 * DAY, DAY, 0] {
            shop.clock.now.store(at + ahead, Ordering::Relaxed);
            shop.seller.now.store(at, Ordering::Relaxed);
            let worker = if ahead > 0 { &wrong } else { &right };
            worker.recover().await.expect("the store works");
        }
    }
    assert_eq!(shop.signed(), POOL);
    shop.set(hour.ends());
    assert_eq!(count(&right).await, POOL);
    // To the other one, that of the next day is over.
    let then = hour.ends() + DAY + HOUR;
    shop.clock.now.store(then, Ordering::Relaxed);
    wrong.recover().await.expect("the store works");
    // When it comes, nothing is bought, because enough is left; and that of the next week is bought.
    let day = CommonHour::after(hour.ends());
    shop.look(from_ref(&right), day.begins(), day.ends()).await;
    assert_eq!(shop.signed(), POOL);
    let week = CommonHour::after(TUESDAY + 7 * DAY);
    shop.look(from_ref(&right), week.begins(), week.ends())
        .await;
    assert_eq!(shop.signed(), 2 * POOL);
}

#[tokio::test(start_paused = true)]
async fn what_an_hour_fell_short_of_is_told_once_with_the_reason() {
    // Persona wants a pause for the last part of the hour; the process is gone for it; she never answers well.
    let refused = |status: u16| Some(status);
    for (refuses, is_there, says) in [
        (refused(429), true, "last with rate_limited"),
        (None, false, "nobody was there"),
        (refused(403), true, "last with permission_denied"),
    ] {
        let shop = Shop::at(TUESDAY);
        let worker = shop.worker();
        want(&worker).await;
        let hour = CommonHour::after(TUESDAY);
        let middle = hour.begins() + 40 * MINUTE;
        shop.look(from_ref(&worker), hour.begins(), middle).await;
        let bought = shop.signed();
        assert!(bought < POOL);
        *shop.seller.refuses.lock().unwrap() = refuses;
        if is_there {
            shop.look(from_ref(&worker), middle, hour.ends()).await;
        }
        let before = shop.told_of_background();
        assert!(before.iter().all(|it| !it.contains("strict pool")));
        let workers = [shop.worker(), worker];
        let early = hour.ends() + 5 * MINUTE;
        shop.look(&workers, hour.ends(), early).await;
        let told = shop.told_of_background();
        assert!(told.iter().all(|it| !it.contains("strict pool")));
        *shop.seller.refuses.lock().unwrap() = None;
        shop.look(&workers, early, early + 20 * MINUTE).await;
        // What was still asked for again is among them.
        let bought = shop.signed();
        let told = shop.told_of_background();
        let told: Vec<_> = told
            .iter()
            .filter(|it| it.contains("strict pool"))
            .collect();
        assert_eq!(told.len(), 1, "{told:?}");
        let of = format!("Of the {POOL} passes of a strict pool, {bought} were bought");
        assert!(told[0].contains(&of), "{of}: {told:?}");
        assert!(
            told[0].contains(says) && told[0].contains(CLAIM_TYPE),
            "{told:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_that_nobody_was_there_for_is_told_and_one_that_came_to_all_is_not() {
    let (shop, worker) = Shop::with_pool().await;
    let before = CommonHour::after(TUESDAY);
    shop.look(from_ref(&worker), before.ends(), before.ends() + 5 * MINUTE)
        .await;
    // The days on which nothing is bought, too.
    let wednesday = CommonHour::after(before.ends());
    shop.look(
        from_ref(&worker),
        wednesday.ends(),
        wednesday.ends() + 5 * MINUTE,
    )
    .await;
    assert_eq!(shop.told(EventKind::BackgroundFailure), 0);
    let missed = CommonHour::after(TUESDAY + 7 * DAY);
    shop.look(from_ref(&worker), missed.ends(), missed.ends() + 6 * MINUTE)
        .await;
    assert_eq!(shop.told(EventKind::BackgroundFailure), 1);
    let told = shop.told_of_background();
    assert!(told[0].contains("nobody looked at the pool"), "{told:?}");
    // Who is new has missed nothing.
    let new = Shop::at(missed.ends() + HOUR);
    let worker = new.worker();
    want(&worker).await;
    new.look(
        from_ref(&worker),
        missed.ends() + HOUR,
        missed.ends() + 2 * HOUR,
    )
    .await;
    assert_eq!(new.told(EventKind::BackgroundFailure), 0);
}

#[tokio::test(start_paused = true)]
async fn two_fetches_are_minutes_apart_also_if_nobody_was_there_for_the_first() {
    let shop = Shop::at(TUESDAY);
    let worker = shop.worker();
    want(&worker).await;
    let hour = CommonHour::after(TUESDAY);
    shop.look(from_ref(&worker), hour.begins(), hour.begins() + 1)
        .await;
    // By now both are due.
    let late = hour.begins() + 30 * MINUTE;
    shop.look(from_ref(&worker), late, late + 2 * MINUTE).await;
    assert_eq!(shop.fetched(), 1);
    shop.look(from_ref(&worker), late + 2 * MINUTE, hour.ends())
        .await;
    assert_eq!((shop.signed(), shop.fetched()), (POOL, 2));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_known_any_more_is_told_and_the_hour_goes_on() {
    let shop = Shop::at(TUESDAY);
    let worker = shop.worker();
    want(&worker).await;
    *shop.seller.refuses.lock().unwrap() = Some(404);
    let hour = CommonHour::after(TUESDAY);
    for at in (hour.begins()..hour.ends()).step_by(60_000) {
        shop.set(at);
        worker.recover().await.expect("the store works");
        if let [first, ..] = shop.failed_with.lock().unwrap().as_slice() {
            assert!(first.contains("not_found"), "{first}");
            *shop.seller.refuses.lock().unwrap() = None;
        }
    }
    assert_eq!(shop.signed(), POOL - 1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_type_that_no_relay_was_made_for_is_not_noted() {
    let shop = Shop::at(TUESDAY);
    let worker = shop.worker();
    shop.seller.makes_no_relay.store(true, Ordering::Relaxed);
    let claim_type = ClaimType::parse(CLAIM_TYPE).unwrap();
    let failed = worker.start(&StartVerification::new(claim_type)).await;
    assert!(failed.is_err());
    assert!(worker.ports.asked().await.unwrap().is_empty());
    shop.seller.makes_no_relay.store(false, Ordering::Relaxed);
    start(&worker).await;
    assert_eq!(worker.ports.asked().await.unwrap(), [CLAIM_TYPE]);
}
