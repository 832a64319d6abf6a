//! Who uses the passes of a strict pool, and when.

use super::*;

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
    let asked_at = CommonHour::before(shop.clock.now_ms()).ends() - 10 * MINUTE;
    let left = a_purchase_of(&worker, &place.content, asked_at);
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
async fn after_its_hour_a_pass_is_asked_for_under_the_hours_key_only_while_it_is_of_use() {
    let hour = CommonHour::after(TUESDAY);
    let of_the_day = CommonHour::after(TUESDAY + 6 * DAY);
    for (bought_in, asked_at, has_key, at, is_signed) in [
        // It may have been sent.
        (hour, hour.ends() - MINUTE, true, hour.ends() + HOUR, true),
        // It was not: whoever is signed for now is alone.
        (hour, hour.ends() - MINUTE, false, hour.ends() + HOUR, false),
        // A new key, as after a stored failure.
        (hour, hour.ends() + MINUTE, true, hour.ends() + HOUR, false),
        // Nobody may use it any more.
        (
            of_the_day,
            of_the_day.ends() - 2 * MINUTE,
            true,
            of_the_day.is_used_until() + MINUTE,
            false,
        ),
    ] {
        let (shop, worker) = Shop::with_pool().await;
        let key = worker.ports.find_common(CLAIM_TYPE).await;
        let key = key.expect("the store works").expect("one is there");
        let vault = &worker.ports.vault;
        let found = vault.load::<Pooled>(&key).await.expect("it is read");
        let found = found.expect("it is there");
        let mut place = found.content;
        place.bought_in = Some(BoughtIn {
            hour: bought_in,
            seen: Sighting::example(bought_in.ends() + HOUR),
        });
        let mut place = a_purchase_of(&worker, &place, asked_at);
        if let (PooledState::Issuing { purchase }, false) = (&mut place.state, has_key) {
            *purchase = purchase.without_key();
        }
        assert!(vault.put(&key, Some(found.version), place).await.is_ok());
        // Not in a common hour, so that nothing else is bought.
        let at = if CommonHour::at(at).is_some() {
            at + HOUR
        } else {
            at
        };
        shop.look(from_ref(&worker), at, at + 20 * MINUTE).await;
        assert_eq!(shop.signed(), POOL + u32::from(is_signed));
        let there = vault.load::<Pooled>(&key).await.expect("it is read");
        assert_eq!(there.is_some(), is_signed, "it is dropped");
        let told = u32::from(has_key && !is_signed);
        assert_eq!(shop.told(EventKind::UnknownOutcome), told as usize);
    }
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
    shop.set(now + 9 * DAY + 2 * HOUR);
    worker.recover().await.expect("the store works");
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
    let last = hour.is_used_until() + 4 * MINUTE;
    for at in [hour.ends() - HOUR, last, hour.ends()] {
        shop.set(at);
        let taken = worker.ports.take_pooled(&place, "visitor").await;
        assert!(taken.expect("the store works").is_some());
    }
    // A pass that nobody else uses any more stays where it is.
    let other = worker.ports.find_common(CLAIM_TYPE).await;
    let other = other.expect("the store works").expect("one is there");
    shop.set(hour.is_used_until() + 5 * MINUTE);
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
async fn a_newer_hour_with_no_pass_or_a_few_hides_none_that_was_paid_for() {
    for (of_the_day, usable) in [(1, 0), (3, 3)] {
        let (shop, worker) = Shop::with_pool().await;
        let newer = CommonHour::after(TUESDAY + DAY);
        let key = worker.ports.find_common(CLAIM_TYPE).await;
        let key = key.expect("the store works").expect("one is there");
        let vault = &worker.ports.vault;
        let found = vault.load::<Pooled>(&key).await;
        let mut place = found.expect("it is read").expect("it is there").content;
        place.bought_in = Some(BoughtIn {
            hour: newer,
            seen: Sighting::example(newer.ends() + HOUR),
        });
        shop.set(newer.ends());
        for _ in 0..of_the_day {
            let mut one = place.clone();
            if usable == 0 {
                one = a_purchase_of(&worker, &one, newer.begins());
            }
            let key = worker.ports.new_common_key(CLAIM_TYPE, newer);
            assert!(vault.put(&key, None, one).await.is_ok());
        }
        assert_eq!(count(&worker).await, POOL + usable);
        // The newest first.
        for left in (POOL..POOL + usable).rev() {
            take(&worker, 1).await;
            let prefix = format!("{}-", newer.name());
            let of_it = vault
                .scan("pass/", None, 99)
                .await
                .expect("the store works");
            let of_it = of_it.iter().filter(|key| key.contains(&prefix)).count();
            assert_eq!(of_it, (left - POOL) as usize);
        }
        take(&worker, POOL).await;
        assert_eq!(count(&worker).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_of_which_nobody_knows_what_others_were_given_is_kept_and_not_used() {
    let (shop, worker) = Shop::with_pool().await;
    let id = start(&worker).await;
    shop.seller.forgot.store(true, Ordering::Relaxed);
    let told = worker.complete(&id, false).await.expect("it waits");
    assert!(matches!(told, Progress::Pending));
    let told = worker.complete(&id, false).await.expect("it waits");
    assert!(matches!(told, Progress::Pending));
    assert_eq!(shop.told(EventKind::BackgroundFailure), 1);
    assert!(shop.seller.presented.lock().unwrap().is_empty());
    // It is no stock: the pool is bought anew on the next day.
    assert_eq!(count(&worker).await, 0);
    let next = CommonHour::after(TUESDAY + DAY);
    let mut at = next.begins();
    while shop.fetched() < 3 {
        shop.set(at);
        worker.recover().await.expect("the store works");
        at += MINUTE;
    }
    shop.seller.forgot.store(false, Ordering::Relaxed);
    shop.look(from_ref(&worker), at, next.ends()).await;
    assert_eq!((shop.signed(), count(&worker).await), (2 * POOL, 2 * POOL));
}

#[tokio::test(start_paused = true)]
async fn a_chosen_pass_is_held_against_it_once_more_when_it_is_taken() {
    let (shop, worker) = Shop::with_pool().await;
    let key = worker.ports.find_common(CLAIM_TYPE).await;
    let key = key.expect("the store works").expect("one is there");
    shop.seller.differs.store(true, Ordering::Relaxed);
    let taken = worker.ports.take_common(&key, "visitor").await;
    assert!(taken.expect("the store works").is_none());
    shop.seller.differs.store(false, Ordering::Relaxed);
    let taken = worker.ports.take_common(&key, "visitor").await;
    assert!(taken.expect("the store works").is_some());
    // Who has taken it has it.
    shop.seller.differs.store(true, Ordering::Relaxed);
    let again = worker.ports.take_common(&key, "visitor").await;
    assert!(again.expect("the store works").is_some());
}

fn customer() -> Option<crate::client::Customer> {
    let built = crate::Client::builder().build().expect("a client");
    let derived = built.on_behalf_of(Some("persona_production_one"), None);
    derived.expect("a key").inner.customer.clone()
}

#[tokio::test(start_paused = true)]
async fn nobody_elses_verification_is_paid_for_from_the_pool() {
    let (shop, worker) = Shop::with_pool().await;
    let mut customers = shop.standard();
    customers.ports.customer = customer();
    let id = start(&customers).await;
    let mut theirs = customers.clone();
    theirs.is_strict = true;
    for strict in [&worker, &theirs] {
        let refused = strict.complete(&id, false).await;
        let refused = refused.expect_err("it is another's");
        assert_eq!(refused.kind(), ErrorKind::PrivacyRefused);
    }
    assert_eq!(count(&worker).await, POOL);
    assert!(shop.seller.presented.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_was_bought_before_the_switch_to_strict_goes_into_the_standard_pool() {
    // Nobody asks, and a strict client finds it a day after the session's end; or a strict client is asked.
    for is_asked in [false, true] {
        let (shop, worker) = Shop::with_pool().await;
        let standard = shop.standard();
        let id = start(&standard).await;
        standard
            .prepare(standard.load(&id).await.expect("it is there"))
            .await
            .expect("a pass is bought");
        let signed = shop.signed();
        if is_asked {
            // Nobody is at work on it any more.
            shop.set(shop.clock.now_ms() + 5 * MINUTE);
            *shop.seller.answers.lock().unwrap() = Some(403);
            let told = worker.complete(&id, false).await.expect("it waits");
            assert!(matches!(told, Progress::Pending));
            // It was asked with a pass of the strict pool.
            assert_eq!(count(&worker).await, POOL - 1);
        } else {
            let dead = shop.clock.now_ms() + DAY + 2 * HOUR;
            shop.look(from_ref(&worker), dead, dead + 20 * MINUTE).await;
            let told = worker.complete(&id, false).await.expect("it is over");
            assert!(matches!(told, Progress::Expired));
            assert!(shop.seller.presented.lock().unwrap().is_empty());
            assert_eq!(worker.count_open(99).await.expect("the store works"), 0);
        }
        assert_eq!(shop.signed(), signed, "nothing is bought again");
        assert_eq!(standard.ports.count_pooled(CLAIM_TYPE).await.unwrap(), 1);
        assert_eq!(shop.told(EventKind::Refunded), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_of_the_standard_pool_that_was_chosen_before_the_switch_goes_back_into_it() {
    for is_taken in [false, true] {
        let (shop, worker) = Shop::with_pool().await;
        let standard = shop.standard();
        let of = ClaimType::parse(CLAIM_TYPE).unwrap();
        assert!(standard.buy_pooled(&of, None).await.expect("it is bought"));
        let place = standard.ports.find_pooled(None, CLAIM_TYPE).await;
        let place = place.expect("the store works").expect("one is there");
        let id = start(&standard).await;
        let stored = standard.load(&id).await.expect("it is there");
        let chosen = State::Created {
            pooled: Some(place.clone()),
        };
        let now = shop.clock.now_ms();
        let chosen = (stored.content).moved(chosen, now, &mut worker.ports.random());
        let key = crate::verification::record::record_key(&id);
        let put = (worker.ports.vault).put(&key, Some(stored.version), chosen);
        assert!(put.await.is_ok());
        if is_taken {
            // And then it ended.
            let taken = standard.ports.take_pooled(&place, &id).await;
            assert!(taken.expect("the store works").is_some());
        }
        let dead = now + DAY + 3 * HOUR;
        shop.look(from_ref(&worker), dead, dead + 20 * MINUTE).await;
        assert_eq!(standard.ports.count_pooled(CLAIM_TYPE).await.unwrap(), 1);
        assert_eq!(worker.count_open(99).await.expect("the store works"), 0);
        assert!(shop.seller.presented.lock().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_standard_pool_stays_for_standard_clients_and_is_deleted_when_it_is_too_old() {
    let (shop, worker) = Shop::with_pool().await;
    let standard = shop.standard();
    let of = ClaimType::parse(CLAIM_TYPE).unwrap();
    assert!(standard.buy_pooled(&of, None).await.expect("it is bought"));
    let id = start(&worker).await;
    *shop.seller.answers.lock().unwrap() = Some(403);
    let told = worker.complete(&id, false).await.expect("it waits");
    assert!(matches!(told, Progress::Pending));
    assert_eq!(standard.ports.count_pooled(CLAIM_TYPE).await.unwrap(), 1);
    let old = shop.clock.now_ms() + 81 * DAY;
    // Not in a common hour.
    let old = old / DAY * DAY + 15 * HOUR;
    shop.look(from_ref(&worker), old, old + 5 * MINUTE).await;
    let places = worker.ports.vault.scan("pass/", None, 99).await;
    let is_standard = |key: &&String| !key.contains("~strict");
    assert_eq!(places.unwrap().iter().filter(is_standard).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stored_pass_whose_challenge_is_of_another_hour_is_dropped_and_not_used() {
    for wrong in [HOUR, 2 * HOUR, 2 * HOUR + DAY] {
        let (shop, worker) = Shop::with_pool().await;
        let id = start(&worker).await;
        let vault = &worker.ports.vault;
        let mut keys = vault.scan("pass/", None, 99).await.expect("it works");
        let kept = keys.pop().expect("there are ten");
        let set = |key: String, ends_at: u64| async move {
            let found = vault.load::<Pooled>(&key).await.expect("it is read");
            let mut place = found.expect("it is there");
            let bought_in = place.content.bought_in.as_mut().expect("it is strict");
            bought_in.seen = Sighting::example(ends_at);
            let put = vault.put(&key, Some(place.version), place.content.clone());
            assert!(put.await.is_ok());
        };
        let hour = CommonHour::before(shop.clock.now_ms());
        for key in keys {
            set(key, hour.begins() + wrong + u64::from(wrong == 2 * HOUR)).await;
        }
        *shop.seller.answers.lock().unwrap() = Some(403);
        let told = worker.complete(&id, false).await.expect("it waits");
        assert!(matches!(told, Progress::Pending));
        // Found in whatever order, only the right one was shown.
        assert_eq!(shop.seller.presented.lock().unwrap().len(), 1);
        let other = start(&worker).await;
        let told = worker.complete(&other, false).await.expect("it waits");
        assert!(matches!(told, Progress::Pending));
        assert_eq!(shop.seller.presented.lock().unwrap().len(), 1);
        assert!(shop.told(EventKind::IssuerInconsistent) >= 1);
        assert!(vault.load::<Pooled>(&kept).await.unwrap().is_none());
        // Nor is one taken that was chosen before.
        let place = worker.ports.new_common_key(CLAIM_TYPE, hour);
        let (_, fresh) = Shop::with_pool().await;
        let key = fresh.ports.find_common(CLAIM_TYPE).await;
        let key = key.expect("the store works").expect("one is there");
        let found = fresh.ports.vault.load::<Pooled>(&key).await.unwrap();
        let content = found.expect("it is there").content;
        assert!(vault.put(&place, None, content).await.is_ok());
        set(place.clone(), hour.begins() + wrong + 1).await;
        let taken = worker.ports.take_common(&place, "visitor").await;
        assert!(taken.expect("the store works").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_was_taken_is_not_shown_for_the_first_time_after_the_change() {
    for (late, shown) in [(4 * MINUTE, 1), (5 * MINUTE, 0), (2 * HOUR, 0)] {
        let (shop, worker) = Shop::with_pool().await;
        let until = CommonHour::before(shop.clock.now_ms()).is_used_until();
        shop.set(until - MINUTE);
        let id = start(&worker).await;
        let place = worker.ports.find_common(CLAIM_TYPE).await;
        let place = place.expect("the store works").expect("one is there");
        let pass = worker.ports.take_common(&place, &id).await;
        let pass = pass.expect("the store works").expect("it is there");
        let stored = worker.load(&id).await.expect("it is there");
        let has_it = State::Ready {
            pass,
            lost: Vec::new(),
            answered_at: None,
            rejected: None,
        };
        let has_it = (stored.content).moved(has_it, until - MINUTE, &mut worker.ports.random());
        let key = crate::verification::record::record_key(&id);
        let put = (worker.ports.vault).put(&key, Some(stored.version), has_it);
        assert!(put.await.is_ok());
        // The process ended there, and the next one goes on.
        shop.set(until + late);
        *shop.seller.answers.lock().unwrap() = Some(403);
        let told = worker.complete(&id, false).await.expect("it waits");
        assert!(matches!(told, Progress::Pending));
        assert_eq!(shop.seller.presented.lock().unwrap().len(), shown);
        // One that was shown in time is shown for it again: Persona knows it already.
        shop.set(until + late + HOUR / 4);
        let told = worker.complete(&id, false).await.expect("it waits");
        assert!(matches!(told, Progress::Pending));
        assert_eq!(shop.seller.presented.lock().unwrap().len(), 2 * shown);
    }
}
