//! Several workers, and recovery.

use super::*;

/// Another worker's clock was wrong, or it could not ask: what is in hand is the answer.
#[test]
fn an_answer_in_hand_counts_even_if_somebody_closed_the_record_without_one() {
    let unknown = State::Failed {
        evidence: Evidence::new(ErrorKind::OutcomeUnknown, "nobody knows"),
    };
    for closed in [unknown, State::Expired] {
        let mut worker = Worker::new(closed, OVER);
        assert_eq!(worker.feed(redeemed("passed", true)), Effect::Continue);
        assert!(matches!(worker.record.state, State::Answered { .. }));
        assert_eq!(worker.feed(redeemed("failed", true)), Effect::Continue);
        let State::Answered { claim } = &worker.record.state else {
            unreachable!("it was answered");
        };
        assert!(Claim::from(claim).passed(), "an answer never changes");
    }
    let known = State::Failed {
        evidence: Evidence::new(ErrorKind::NotFound, "there is no such relay"),
    };
    let mut worker = Worker::new(known.clone(), OVER);
    worker.feed(redeemed("passed", true));
    assert_eq!(worker.record.state, known);
}

/// Whoever is slower than the lease may come back with the answer after another worker was told
/// "not yet".
#[test]
fn an_answer_in_hand_counts_whatever_was_stored_meanwhile() {
    let mut worker = Worker::redeeming(BEGIN);
    assert_eq!(worker.not_redeemed(status(403, "a")), Effect::TellPending);
    assert_eq!(worker.feed(redeemed("passed", true)), Effect::Continue);
    assert!(matches!(worker.record.state, State::Answered { .. }));
    let mut worker = Worker::signing();
    worker.not_signed(status(422, "a"));
    assert_eq!(worker.stuck(), Some(ErrorKind::Unprocessable));
    assert_eq!(worker.feed(signed("pass")), Effect::Continue);
    assert!(matches!(worker.record.state, State::Ready { .. }));
}

#[test]
fn who_comes_second_waits_for_the_lease_and_then_asks_the_same() {
    for mut worker in [Worker::signing(), Worker::redeeming(BEGIN)] {
        let (before, key) = (worker.record.clone(), worker.key());
        worker.run = Run::new(Goal::Answer, worker.now);
        assert_eq!(worker.feed(Event::Continue), Effect::Wait);
        let worker = worker.taken_up();
        // The same question; the swap tells whoever asked before.
        assert_eq!(worker.key(), key);
        assert_ne!(worker.record.leased_until, before.leased_until);
    }
}

#[test]
fn reissue_changes_nothing_where_nothing_is_wrong() {
    for state in [
        ready(pass(), Vec::new()),
        State::Created { pooled: None },
        State::Expired,
    ] {
        let mut plain = Worker::new(state.clone(), BEGIN);
        let mut reissued = Worker::new(state, BEGIN);
        let (a, b) = (plain.feed(Event::Continue), reissued.feed(Event::Reissue));
        assert_eq!(a, b);
        assert_eq!(reissued.notices, []);
    }
}

#[test]
fn an_event_that_comes_too_late_is_no_reason_to_go_back() {
    let mut worker = Worker::signing();
    worker.feed(signed("pass"));
    let before = worker.record.clone();
    for event in [
        Event::NotSigned(status(500, "a").into()),
        signed("other"),
        Event::Pooled(None),
        Event::Blinded(StoredSecret::new("other")),
    ] {
        assert_eq!(worker.feed(event), Effect::Continue);
        assert_eq!(worker.record, before);
    }
}

#[test]
fn recovery_leaves_a_redemption_alone_that_was_answered_with_not_yet() {
    let mut worker = Worker::redeeming_a_callers();
    let not_yet = Effect::Later(ErrorKind::PermissionDenied);
    assert_eq!(worker.not_redeemed(status(403, "a")), not_yet);
    assert_eq!(worker.record.due_at(), None);
    assert!(worker.record.expires_at().is_some());
    let (worker, effect) = worker.recovered(HOUR);
    assert_eq!(effect, Effect::Tell);
    assert!(matches!(worker.record.state, State::Ready { .. }));
}

#[test]
fn recovery_asks_for_a_lost_answer_again_and_again_under_its_own_key() {
    let mut worker = Worker::redeeming_a_callers();
    let (asked, _) = worker.request();
    assert_eq!(worker.not_redeemed(unknown_answer()), Effect::Again);
    // Somebody on the way says so: the answer may be there all the same.
    assert_eq!(worker.not_redeemed(edge(403)), Effect::Again);
    worker.out_of_patience(ErrorKind::Network);
    for _ in 0..3 {
        assert!(worker.record.due_at().is_some());
        let (mut recovering, effect) = worker.recovered(HOUR);
        assert_eq!(effect, Effect::Redeem);
        assert_eq!(recovering.request(), (asked.clone(), Vec::new()));
        assert_eq!(recovering.not_redeemed(edge(403)), Effect::Again);
        recovering.out_of_patience(ErrorKind::Network);
        worker = recovering;
    }
    let (mut worker, _) = worker.recovered(HOUR);
    let answer = Event::Redeemed {
        pass: StoredSecret::new("pass"),
        payload: StoredSecret::new("payload"),
        consumed: false,
        opened: None,
    };
    assert_eq!(worker.feed(answer), Effect::Continue);
    assert!(matches!(worker.record.state, State::Given { .. }));
    assert!(!worker.refunded());
}

#[test]
fn recovery_asks_no_new_question_for_a_caller_when_a_key_is_too_old() {
    let (worker, effect) = Worker::redeeming_a_callers().recovered(26 * HOUR);
    assert_eq!(effect, Effect::TellPending);
    assert_eq!(worker.record.due_at(), None);
    let State::Ready { lost, .. } = &worker.record.state else {
        panic!("{:?}", worker.record.state);
    };
    assert_eq!(lost.len(), 1);
    // The caller is back: a new question, and the old key is not forgotten.
    let mut worker = worker;
    worker.run = Run::new(Goal::Answer, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_eq!(worker.request().1.len(), 1);
}
