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
