//! A purchase that waits for its random moment.

use super::*;

const MOMENT: u64 = BEGIN + 90_000;

/// A worker on a verification whose purchase is put off.
fn put_off(goal: Goal, now: u64) -> Worker {
    let blinded = Kept::new("blinded");
    let purchase = Purchase::new(blinded, BEGIN, &mut os_random()).without_key();
    let mut worker = Worker::new(State::Issuing { purchase }, now);
    worker.record.buy_at = Some(MOMENT);
    worker.record.leased_until = None;
    worker.run = Run::new(goal, now);
    worker
}

#[test]
fn before_its_moment_nobody_buys_it_unasked() {
    let mut worker = put_off(Goal::Pass, MOMENT - 1);
    let before = worker.record.clone();
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
    assert_eq!(worker.record, before);
    // Nor is a challenge fetched, if there is none yet.
    worker.record.state = State::Created { pooled: None };
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
}

#[test]
fn recovery_looks_at_it_at_its_moment() {
    let put_off = put_off(Goal::Pass, BEGIN).record;
    let looked_at = put_off.postponed(BEGIN, &mut os_random());
    assert_eq!(Stored::due_at(&looked_at), Some(MOMENT));
    assert!(!looked_at.is_due(MOMENT - 1) && looked_at.is_due(MOMENT));
}

#[test]
fn at_its_moment_it_is_bought_and_that_is_nothing_to_tell() {
    let mut worker = put_off(Goal::Pass, MOMENT);
    assert_eq!(worker.feed(Event::Continue), Effect::Sign);
    assert_eq!(worker.purchase().key_made_at, MOMENT);
    assert_eq!(worker.record.buy_at, None);
    assert_eq!(worker.notices, []);
}

#[test]
fn whoever_asks_for_the_answer_before_buys_it_and_is_told_once() {
    let mut worker = put_off(Goal::Answer, MOMENT - 1);
    assert_eq!(worker.feed(Event::Continue), Effect::Sign);
    assert_eq!(worker.notices, [EventKind::LinkableByTime]);
    // The worker crashes; the next one asks for the same.
    let key = worker.key();
    let worker = worker.taken_up();
    assert_eq!(worker.key(), key);
    assert_eq!(worker.notices, [EventKind::LinkableByTime]);
}

#[test]
fn without_a_challenge_it_is_told_when_the_signature_is_asked_for() {
    let mut worker = put_off(Goal::Answer, MOMENT - 1);
    worker.record.state = State::Created { pooled: None };
    assert_eq!(worker.feed(Event::Continue), Effect::Blind);
    assert_eq!(worker.notices, []);
    let effect = worker.feed(Event::Blinded(Kept::new("blinded")));
    assert_eq!(effect, Effect::Sign);
    assert_eq!(worker.notices, [EventKind::LinkableByTime]);
}

#[test]
fn a_pass_of_the_pool_waits_for_nothing() {
    let mut worker = put_off(Goal::Pass, BEGIN);
    worker.record.state = State::Created {
        pooled: Some("place".to_owned()),
    };
    let effect = worker.feed(Event::Continue);
    assert_eq!(effect, Effect::TakePooled("place".to_owned()));
}

#[test]
fn a_moment_that_a_wrong_clock_has_written_is_none() {
    let mut worker = put_off(Goal::Pass, BEGIN);
    worker.record.buy_at = Some(BEGIN + 25 * MINUTE);
    assert_eq!(worker.feed(Event::Continue), Effect::Sign);
    assert_eq!(worker.notices, []);
}
