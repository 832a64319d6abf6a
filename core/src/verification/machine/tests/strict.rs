//! A strict worker: passes come from the pool, and what Persona saw goes nowhere else.

use super::*;

/// A strict worker on a verification in this state, that nobody is at work on.
fn strict(state: State, goal: Goal, now: u64) -> Worker {
    let mut worker = Worker::new(state, now);
    worker.record.leased_until = None;
    worker.run = Run::new(goal, now);
    worker.run.is_strict = true;
    worker
}

/// The next call of a strict worker.
fn again(worker: &mut Worker, goal: Goal) -> Effect {
    worker.run = Run::new(goal, worker.now);
    worker.run.is_strict = true;
    worker.feed(Event::Continue)
}

/// What a client that is not strict has begun to buy.
fn begun() -> Purchase {
    Purchase::new(StoredSecret::new("blinded"), BEGIN, &mut os_random())
}

#[test]
fn without_a_pass_in_the_pool_it_waits_and_tells_so_once() {
    for goal in [Goal::Pass, Goal::Answer] {
        let mut worker = strict(State::Created { pooled: None }, goal, BEGIN);
        for _ in 0..3 {
            assert_eq!(again(&mut worker, goal), Effect::FindPooled);
            let effect = worker.feed(Event::FoundPooled(None));
            assert_eq!(effect, Effect::TellPending);
            assert_eq!(worker.record.leased_until, None);
            assert!(Stored::due_at(&worker.record).is_some());
        }
        assert_eq!(worker.notices, [EventKind::WaitingForPass]);
    }
}

#[test]
fn it_takes_the_pass_that_the_pool_has_or_looks_for_another_one() {
    let mut worker = strict(State::Created { pooled: None }, Goal::Answer, BEGIN);
    for place in ["place", "other"] {
        assert_eq!(worker.feed(Event::Continue), Effect::FindPooled);
        let effect = worker.feed(Event::FoundPooled(Some(place.to_owned())));
        assert_eq!(effect, Effect::Continue);
        let effect = worker.feed(Event::Continue);
        assert_eq!(effect, Effect::TakePooled(place.to_owned()));
        // Somebody else was faster.
        assert_eq!(worker.feed(Event::Pooled(None)), Effect::Continue);
    }
    assert_eq!(worker.feed(Event::Continue), Effect::FindPooled);
    worker.feed(Event::FoundPooled(Some("third".to_owned())));
    worker.feed(Event::Continue);
    assert_eq!(worker.feed(Event::Pooled(Some(pass()))), Effect::Continue);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_eq!(worker.notices, []);
}

#[test]
fn a_day_after_the_session_it_waits_no_longer() {
    let late = BEGIN + DAY + HOUR;
    let mut worker = strict(State::Created { pooled: None }, Goal::Answer, late);
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
    assert_eq!(worker.failed(), ErrorKind::PermissionDenied);
}

#[test]
fn a_purchase_that_nobody_has_sent_is_dropped_for_the_pool() {
    let purchase = begun().without_key();
    for goal in [Goal::Pass, Goal::Answer] {
        let state = State::Issuing {
            purchase: purchase.clone(),
        };
        let mut worker = strict(state, goal, BEGIN);
        assert_eq!(worker.feed(Event::Continue), Effect::Continue);
        assert_eq!(worker.feed(Event::Continue), Effect::FindPooled);
    }
}

#[test]
fn what_may_have_been_sent_is_finished_but_not_by_whoever_asks_for_the_answer() {
    let purchase = begun();
    let state = State::Issuing {
        purchase: purchase.clone(),
    };
    let mut worker = strict(state, Goal::Answer, BEGIN + MINUTE);
    assert_eq!(worker.feed(Event::Continue), Effect::TellPending);
    assert_eq!(worker.notices, [EventKind::WaitingForPass]);
    assert_eq!(again(&mut worker, Goal::Answer), Effect::TellPending);
    assert_eq!(again(&mut worker, Goal::Pass), Effect::Sign);
    assert_eq!(worker.purchase(), &purchase, "the same message and key");
    // When the session is over, nobody else is left to finish it.
    let state = State::Issuing { purchase: begun() };
    let mut late = strict(state, Goal::Answer, OVER);
    assert_eq!(late.feed(Event::Continue), Effect::Sign);
}

#[test]
fn reissue_takes_another_pass_of_the_pool_and_signs_nothing() {
    let mut purchase = begun();
    purchase.stuck = Some(Evidence::new(ErrorKind::Unprocessable, "no"));
    let mut worker = strict(State::Issuing { purchase }, Goal::Answer, BEGIN);
    assert_eq!(worker.feed(Event::Reissue), Effect::Continue);
    assert_eq!(worker.feed(Event::Continue), Effect::FindPooled);
    assert_eq!(worker.feed(Event::FoundPooled(None)), Effect::TellPending);
}

#[test]
fn a_pass_that_was_shown_is_dropped_and_one_that_was_not_is_as_good_as_new() {
    let mut worker = strict(ready(pass(), Vec::new()), Goal::Answer, BEGIN);
    let unseen = worker.record.clone();
    let of = |record: &Durable| record.forgotten(None, true, BEGIN, &mut os_random());
    assert!(of(&unseen).is_some_and(|closed| closed.refund.is_some()));
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    worker.not_redeemed(status(403, "a"));
    assert_eq!(of(&worker.record), None);
    assert_eq!(again(&mut worker, Goal::Answer), Effect::Redeem);
    assert_eq!(worker.feed(redeemed("failed", false)), Effect::Continue);
    assert!(!worker.refunded());
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
}

#[test]
fn an_expired_session_gives_no_pass_back_that_was_shown() {
    let mut worker = strict(ready(pass(), Vec::new()), Goal::Answer, OVER);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    worker.not_redeemed(status(403, "a"));
    assert_eq!(worker.record.state, State::Expired);
    assert!(!worker.refunded());
}
