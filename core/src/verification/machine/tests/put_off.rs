//! A purchase that waits for its random moment.

use super::*;

const MOMENT: u64 = BEGIN + 90_000;

/// A worker on a verification whose purchase is put off.
fn put_off(goal: Goal, now: u64) -> Worker {
    let blinded = StoredSecret::new("blinded");
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
}

#[test]
fn the_challenge_is_fetched_before_and_the_signature_waits() {
    let mut worker = put_off(Goal::Pass, BEGIN);
    worker.record.state = State::Created { pooled: None };
    assert_eq!(worker.feed(Event::Continue), Effect::Blind);
    let effect = worker.feed(Event::Blinded(StoredSecret::new("blinded")));
    assert_eq!(effect, Effect::Tell);
    assert_eq!(worker.purchase().key, None);
    assert_eq!(Stored::due_at(&worker.record), Some(MOMENT));
    assert_eq!(worker.record.leased_until, None);
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
}

#[test]
fn a_start_that_gets_no_pass_of_the_pool_waits_for_its_moment_too() {
    let mut worker = put_off(Goal::Pass, BEGIN);
    worker.record.state = State::Created {
        pooled: Some("place".to_owned()),
    };
    let effect = worker.feed(Event::Continue);
    assert_eq!(effect, Effect::TakePooled("place".to_owned()));
    assert_eq!(worker.feed(Event::Pooled(None)), Effect::Continue);
    assert_eq!(worker.feed(Event::Continue), Effect::Blind);
    let effect = worker.feed(Event::Blinded(StoredSecret::new("blinded")));
    assert_eq!(effect, Effect::Tell);
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
    assert_eq!(worker.feed(signed("pass")), Effect::Continue);
    assert_eq!(worker.notices, []);
}

#[test]
fn its_own_process_goes_by_the_time_that_it_slept_whatever_the_clock_says() {
    let mut worker = put_off(Goal::Pass, BEGIN);
    worker.run.is_its_moment = true;
    assert_eq!(worker.feed(Event::Continue), Effect::Sign);
}

#[test]
fn whoever_asks_for_the_answer_and_buys_the_pass_for_it_is_told_once_whenever_that_is() {
    for now in [MOMENT - 1, MOMENT + HOUR] {
        let mut worker = put_off(Goal::Answer, now);
        assert_eq!(worker.feed(Event::Continue), Effect::Sign);
        // The worker crashes; the next one asks for the same.
        let key = worker.key();
        let mut worker = worker.taken_up();
        assert_eq!(worker.key(), key);
        assert_eq!(worker.notices, []);
        assert_eq!(worker.feed(signed("pass")), Effect::Continue);
        assert_eq!(worker.notices, [EventKind::LinkableByTime]);
    }
}

#[test]
fn what_provably_never_left_is_nothing_to_tell() {
    let mut worker = put_off(Goal::Answer, MOMENT - 1);
    assert_eq!(worker.feed(Event::Continue), Effect::Sign);
    assert_eq!(worker.not_signed(not_sent()), Effect::Again);
    let effect = worker.out_of_patience(ErrorKind::Network);
    assert_eq!(effect, Effect::Later(ErrorKind::Network));
    assert_eq!(worker.notices, []);
    // It waits for its moment again.
    worker.run = Run::new(Goal::Pass, MOMENT - 1);
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
}

#[test]
fn a_challenge_that_names_the_relay_right_before_the_signature_is_told() {
    for (has_moment, told) in [(true, &[EventKind::LinkableByTime][..]), (false, &[])] {
        let mut worker = put_off(Goal::Pass, MOMENT);
        worker.record.state = State::Created { pooled: None };
        worker.record.relay_bound = true;
        // Without a window, to buy beside the relay is what was chosen.
        worker.record.buy_at = has_moment.then_some(MOMENT);
        assert_eq!(worker.feed(Event::Continue), Effect::Blind);
        let effect = worker.feed(Event::Blinded(StoredSecret::new("blinded")));
        assert_eq!(effect, Effect::Sign);
        assert_eq!(worker.feed(signed("pass")), Effect::Continue);
        assert_eq!(worker.notices, told);
    }
}

#[test]
fn a_moment_that_a_wrong_clock_has_written_is_none() {
    let mut worker = put_off(Goal::Pass, BEGIN);
    worker.record.buy_at = Some(BEGIN + 25 * MINUTE);
    assert_eq!(worker.feed(Event::Continue), Effect::Sign);
}

#[test]
fn a_moment_that_an_older_worker_dropped_is_over_and_nothing_is_told() {
    let mut worker = put_off(Goal::Pass, BEGIN);
    worker.record.buy_at = None;
    assert_eq!(worker.feed(Event::Continue), Effect::Sign);
    assert_eq!(worker.feed(signed("pass")), Effect::Continue);
    assert_eq!(worker.notices, []);
}
