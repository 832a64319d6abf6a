//! A strict verification: its pass comes from the pool, and what Persona saw goes nowhere else.

use super::*;
use crate::passes::BoughtIn;
use crate::privacy::CommonHour;
use crate::privacy::Sighting;

/// A strict verification in this state, that nobody is at work on.
fn strict(state: State, goal: Goal, now: u64) -> Worker {
    let mut worker = begun_by_another(state, goal, now);
    worker.record = worker.record.as_strict();
    worker.run.is_strict = true;
    worker
}

/// Likewise, one that a client which is not strict has begun.
fn begun_by_another(state: State, goal: Goal, now: u64) -> Worker {
    let mut worker = Worker::new(state, now);
    worker.record.leased_until = None;
    worker.run = Run::new(goal, now);
    worker.run.is_strict = true;
    worker
}

/// The next call of a strict worker.
fn again(worker: &mut Worker, goal: Goal) -> Effect {
    worker.run = Run {
        goal,
        ..strict_run(worker.now)
    };
    worker.feed(Event::Continue)
}

fn strict_run(now: u64) -> Run {
    let mut run = Run::new(Goal::Answer, now);
    run.is_strict = true;
    run
}

/// What a client that is not strict has begun to buy.
fn buying() -> State {
    let purchase = Purchase::new(StoredSecret::new("blinded"), BEGIN, &mut os_random());
    State::Issuing { purchase }
}

fn found(place: &str) -> Event {
    Event::FoundPooled(Some(place.to_owned()))
}

const WITHOUT_PASS: State = State::Created { pooled: None };

#[test]
fn who_does_not_ask_for_the_answer_takes_no_pass() {
    let mut worker = strict(WITHOUT_PASS, Goal::Pass, BEGIN);
    for at in [BEGIN, OVER, BEGIN + DAY] {
        worker.now = at;
        assert_eq!(again(&mut worker, Goal::Pass), Effect::Tell);
        assert_eq!(worker.record.state, WITHOUT_PASS);
    }
    // A dead session is not even looked at before it is given up.
    let due_at = worker.record.moved(WITHOUT_PASS, BEGIN, &mut os_random());
    let due_at = Stored::due_at(&due_at).expect("it is closed some day");
    assert!(due_at > BEGIN + 9 * DAY + 30 * MINUTE);
}

#[test]
fn without_a_pass_in_the_pool_it_waits_and_tells_so_once() {
    let mut worker = strict(WITHOUT_PASS, Goal::Answer, BEGIN);
    for at in [BEGIN, BEGIN + MINUTE, OVER] {
        worker.now = at;
        assert_eq!(again(&mut worker, Goal::Answer), Effect::FindPooled);
        let effect = worker.feed(Event::FoundPooled(None));
        assert_eq!(effect, Effect::TellPending);
        assert_eq!(worker.record.leased_until, None);
    }
    assert_eq!(worker.notices, [EventKind::WaitingForPass]);
}

#[test]
fn it_takes_the_pass_that_the_pool_has_or_looks_for_another_one() {
    let mut worker = strict(WITHOUT_PASS, Goal::Answer, BEGIN);
    for place in ["place", "other"] {
        assert_eq!(worker.feed(Event::Continue), Effect::FindPooled);
        assert_eq!(worker.feed(found(place)), Effect::Continue);
        let effect = worker.feed(Event::Continue);
        assert_eq!(effect, Effect::TakePooled(place.to_owned()));
        // Somebody else was faster.
        assert_eq!(worker.feed(Event::Pooled(None)), Effect::Continue);
    }
    assert_eq!(worker.feed(Event::Continue), Effect::FindPooled);
    worker.feed(found("third"));
    worker.feed(Event::Continue);
    assert_eq!(worker.feed(Event::Pooled(Some(pass()))), Effect::Continue);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_eq!(worker.notices, []);
}

#[test]
fn nine_days_after_the_session_it_is_expired_or_has_waited_in_vain() {
    // Not before: a worker's clock may be a week ahead.
    let early = BEGIN + 8 * DAY;
    let mut worker = strict(WITHOUT_PASS, Goal::Pass, early);
    worker.feed(Event::Continue);
    assert_eq!(worker.record.state, WITHOUT_PASS);
    let late = BEGIN + 9 * DAY + HOUR;
    let mut worker = strict(WITHOUT_PASS, Goal::Pass, late);
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
    assert_eq!(worker.record.state, State::Expired);
    let mut worker = strict(WITHOUT_PASS, Goal::Answer, BEGIN);
    worker.feed(Event::Continue);
    worker.feed(Event::FoundPooled(None));
    worker.now = late;
    assert_eq!(again(&mut worker, Goal::Answer), Effect::Tell);
    assert_eq!(worker.failed(), ErrorKind::PrivacyRefused);
}

#[test]
fn a_rejected_pass_is_followed_by_one_more_and_no_other() {
    let mut worker = strict(ready(pass(), Vec::new()), Goal::Answer, BEGIN);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    worker.not_redeemed(status(401, "a"));
    assert_eq!(
        worker.not_redeemed(status(401, "a")),
        Effect::FindPooled,
        "after a second look"
    );
    worker.feed(found("place"));
    worker.feed(Event::Continue);
    worker.feed(Event::Pooled(Some(pass())));
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    worker.not_redeemed(status(401, "b"));
    let rejected = Effect::Fail(ErrorKind::PassRejected);
    assert_eq!(worker.not_redeemed(status(401, "b")), rejected);
    // Nor in the next calls, whatever the caller accepts.
    assert_eq!(again(&mut worker, Goal::Answer), Effect::Tell);
    worker.run = strict_run(worker.now);
    assert_eq!(worker.feed(Event::Reissue), Effect::Tell);
    assert_eq!(worker.notices, []);
}

#[test]
fn a_crash_after_a_rejected_pass_does_not_allow_for_more_than_one() {
    let mut worker = strict(ready(pass(), Vec::new()), Goal::Answer, BEGIN);
    for crashes_with in [1, 2] {
        assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
        worker.not_redeemed(status(401, "a"));
        let effect = worker.not_redeemed(status(401, "a"));
        assert_eq!(worker.record.rejected_passes, crashes_with);
        if crashes_with == 2 {
            assert_eq!(effect, Effect::Fail(ErrorKind::PassRejected));
            break;
        }
        assert_eq!(effect, Effect::FindPooled);
        worker.feed(found("place"));
        // The next process goes on.
        worker.now += MINUTE;
        assert!(matches!(
            again(&mut worker, Goal::Answer),
            Effect::TakePooled(_)
        ));
        worker.feed(Event::Pooled(Some(pass())));
    }
    // Nor does a client that is strict take it over from one that has shown as many.
    let mut others = begun_by_another(worker.record.state.clone(), Goal::Answer, worker.now);
    others.record.rejected_passes = 2;
    assert_eq!(others.feed(Event::Continue), Effect::Continue);
    assert_eq!(others.feed(Event::Continue), Effect::Tell);
    // After one, the caller may say that he wants another.
    worker.record.rejected_passes = 1;
    worker.run = strict_run(worker.now);
    assert_eq!(worker.feed(Event::Reissue), Effect::FindPooled);
    assert_eq!(worker.feed(Event::FoundPooled(None)), Effect::TellPending);
    assert_eq!(worker.record.state, WITHOUT_PASS);
    assert_eq!(worker.notices, [EventKind::WaitingForPass]);
}

#[test]
fn what_another_client_has_begun_to_buy_is_left_to_its_pool_and_signed_by_no_strict_one() {
    let purchase = |is_sent: bool| match buying() {
        State::Issuing { purchase } if !is_sent => purchase.without_key(),
        State::Issuing { purchase } => purchase,
        _ => unreachable!("it is being bought"),
    };
    for goal in [Goal::Pass, Goal::Answer] {
        for is_sent in [false, true] {
            for at in [BEGIN, BEGIN + MINUTE, OVER] {
                let purchase = purchase(is_sent);
                let state = State::Issuing {
                    purchase: purchase.clone(),
                };
                let mut worker = begun_by_another(state, goal, at);
                assert_eq!(worker.feed(Event::Continue), Effect::Continue);
                assert_eq!(worker.record.state, WITHOUT_PASS);
                if is_sent {
                    // It may be billed: others ask for it, under its key.
                    let Effect::Refund(refund) = worker.feed(Event::Continue) else {
                        panic!("it may have been paid for");
                    };
                    assert_eq!(refund.of, Paid::Purchase(purchase));
                    assert!(!refund.pool_key.contains("~strict"));
                    assert_eq!(worker.feed(Event::Refunded), Effect::Continue);
                }
                assert_eq!(worker.notices, []);
                let next = match goal {
                    Goal::Pass => Effect::Tell,
                    Goal::Answer => Effect::FindPooled,
                };
                assert_eq!(worker.feed(Event::Continue), next);
            }
        }
    }
    // With `reissue` as well.
    let mut stuck = purchase(true);
    stuck.stuck = Some(Evidence::new(ErrorKind::Unprocessable, "no"));
    let state = State::Issuing { purchase: stuck };
    let mut worker = begun_by_another(state, Goal::Answer, BEGIN);
    assert_eq!(worker.feed(Event::Reissue), Effect::Continue);
    assert_eq!(worker.notices, [EventKind::UnknownOutcome]);
    assert_eq!(worker.feed(Event::Continue), Effect::FindPooled);
}

#[test]
fn a_pass_that_was_bought_for_the_relay_goes_into_its_own_pool_unless_persona_was_shown_it() {
    let mut worker = begun_by_another(ready(pass(), Vec::new()), Goal::Answer, BEGIN);
    assert_eq!(worker.feed(Event::Continue), Effect::Continue);
    assert_eq!(worker.record.state, WITHOUT_PASS);
    let Effect::Refund(refund) = worker.feed(Event::Continue) else {
        panic!("it was paid for");
    };
    assert_eq!(refund.of, Paid::Pass(pass()));
    assert!(!refund.pool_key.contains("~strict"));
    // Who is in its way meanwhile gives it back first, too, and forgets none.
    assert!(matches!(again(&mut worker, Goal::Pass), Effect::Refund(_)));
    let forgotten = (worker.record).forgotten(None, BEGIN, &mut os_random());
    let forgotten = forgotten.expect("it has a pass to give back");
    assert_eq!(forgotten.state, State::Expired);
    assert_eq!(forgotten.refund, Some(*refund));
    assert_eq!(worker.feed(Event::Refunded), Effect::Continue);
    assert_eq!(again(&mut worker, Goal::Answer), Effect::FindPooled);
    // Nobody asks for a day: it is over.
    let late = BEGIN + DAY + HOUR;
    let mut worker = begun_by_another(ready(pass(), Vec::new()), Goal::Answer, late);
    assert_eq!(worker.feed(Event::Continue), Effect::Continue);
    assert_eq!(worker.record.state, State::Expired);
    assert!(worker.refunded());
    let mut worker = Worker::redeeming(BEGIN);
    let key = worker.key();
    worker.now += 10_000;
    assert_eq!(again(&mut worker, Goal::Answer), Effect::Continue);
    assert!(worker.record.is_strict());
    // Its answer may have been lost: it is asked for.
    assert_eq!(again(&mut worker, Goal::Answer), Effect::Redeem);
    assert_eq!(worker.key(), key);
    let attempts = worker.run.attempts.as_ref().expect("it is asked");
    assert!(!attempts.history.is_open(), "somebody may have sent it");
}

#[test]
fn a_pass_of_last_week_that_was_not_shown_in_time_is_dropped_and_another_one_looked_for() {
    let hour = CommonHour::after(BEGIN);
    let seen = Sighting::example(hour.ends() + HOUR);
    let dropped = PaidPass {
        bought_in: Some(BoughtIn { hour, seen }),
        ..pass()
    };
    let until = hour.is_used_until();
    for (late, effect) in [
        (5 * MINUTE - 1, Effect::Redeem),
        (5 * MINUTE, Effect::Continue),
    ] {
        let state = ready(dropped.clone(), Vec::new());
        let mut worker = strict(state, Goal::Answer, until + late);
        assert_eq!(worker.feed(Event::Continue), effect);
    }
    let state = ready(dropped.clone(), Vec::new());
    let mut worker = strict(state, Goal::Answer, until + 5 * MINUTE);
    worker.record.session_ends_at = until;
    worker.feed(Event::Continue);
    assert_eq!(worker.record.state, WITHOUT_PASS);
    assert_eq!(worker.feed(Event::Continue), Effect::FindPooled);
    // Or when it was about to be sent.
    let state = ready(dropped, Vec::new());
    let mut worker = strict(state, Goal::Answer, until + 5 * MINUTE - 1);
    worker.record.session_ends_at = until;
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_eq!(worker.feed(Event::Dropped), Effect::Continue);
    assert_eq!(worker.record.state, WITHOUT_PASS);
    assert_eq!(worker.feed(Event::Continue), Effect::FindPooled);
}

#[test]
fn whoever_is_at_work_on_it_is_waited_for() {
    let mut worker = Worker::new(buying(), BEGIN);
    assert_eq!(again(&mut worker, Goal::Answer), Effect::Wait);
}

#[test]
fn what_is_bound_to_its_relay_or_closed_is_left_alone() {
    let mut worker = begun_by_another(WITHOUT_PASS, Goal::Pass, BEGIN);
    worker.record.relay_bound = true;
    assert!(!worker.run.takes_over(&worker.record));
    let worker = begun_by_another(State::Expired, Goal::Pass, BEGIN);
    assert!(!worker.run.takes_over(&worker.record));
    let mut worker = strict(WITHOUT_PASS, Goal::Pass, BEGIN);
    assert!(!worker.run.takes_over(&worker.record));
    worker.record.purpose = Purpose::Redemption;
    assert!(!worker.run.takes_over(&worker.record));
}

#[test]
fn no_pass_goes_back_to_a_pool() {
    let mut worker = strict(ready(pass(), Vec::new()), Goal::Answer, BEGIN);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_eq!(worker.feed(redeemed("failed", false)), Effect::Continue);
    assert!(!worker.refunded());
    let mut worker = strict(ready(pass(), Vec::new()), Goal::Answer, OVER);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    worker.not_redeemed(status(403, "a"));
    assert_eq!(worker.record.state, State::Expired);
    assert!(!worker.refunded());
    let mut shown = strict(ready(pass(), Vec::new()), Goal::Answer, BEGIN);
    shown.feed(Event::Continue);
    shown.not_redeemed(status(403, "a"));
    let forgotten = shown.record.forgotten(None, BEGIN, &mut os_random());
    assert_eq!(forgotten, None);
    // Nor if she said nothing of the person, and no answer was lost; unless it was provably not sent.
    for (is_sent, is_given_back) in [(true, false), (false, true)] {
        let mut worker = strict(ready(pass(), Vec::new()), Goal::Answer, BEGIN);
        worker.feed(Event::Continue);
        match is_sent {
            true => worker.not_redeemed(status(404, "a")),
            false => worker.out_of_patience(ErrorKind::Network),
        };
        assert!(matches!(&worker.record.state, State::Ready { lost, .. } if lost.is_empty()));
        let forgotten = (worker.record).forgotten(None, BEGIN, &mut os_random());
        assert_eq!(forgotten.is_some(), is_given_back);
        // It is sent then, and again.
        again(&mut worker, Goal::Answer);
        worker.not_redeemed(status(404, "a"));
        worker.now += MINUTE;
        again(&mut worker, Goal::Answer);
        worker.out_of_patience(ErrorKind::Network);
        let forgotten = (worker.record).forgotten(None, BEGIN, &mut os_random());
        assert!(forgotten.is_none());
    }
}
