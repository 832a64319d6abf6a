//! Redeeming a pass: once.

use super::*;

#[test]
fn a_question_that_was_not_sent_or_whose_answer_was_lost_keeps_its_key() {
    let mut worker = Worker::redeeming(BEGIN);
    let before = worker.record.clone();
    for attempt in [
        not_sent(),
        unknown_answer(),
        status(429, "a"),
        status(503, "b"),
    ] {
        assert_eq!(worker.not_redeemed(attempt), Effect::Again);
        assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    }
    assert_eq!(worker.record, before);
    assert_eq!(worker.run.connection(), Connection::Fresh);
}

#[test]
fn after_an_answer_nothing_secret_is_left_and_nothing_changes_any_more() {
    let mut worker = Worker::redeeming(BEGIN);
    assert_eq!(worker.feed(redeemed("passed", true)), Effect::Continue);
    let closed = worker.record.clone();
    let stored = serde_json::to_string(&closed).unwrap();
    for secret in ["token", "secret", "session\"", "\"pass\"", "key"] {
        assert!(!stored.contains(secret), "{secret}: {stored}");
    }
    let events = [
        Event::Continue,
        Event::Reissue,
        signed("other"),
        Event::NotSigned(status(500, "a").into()),
        redeemed("failed", false),
        Event::NotRedeemed(status(401, "a").into()),
    ];
    for event in events {
        let effect = worker.feed(event);
        assert!(
            matches!(effect, Effect::Tell | Effect::Continue),
            "{effect:?}"
        );
        assert_eq!(worker.record, closed);
    }
}

#[test]
fn a_pass_that_was_not_consumed_is_given_back_once() {
    let mut worker = Worker::redeeming(BEGIN);
    assert_eq!(worker.feed(redeemed("failed", false)), Effect::Continue);
    let effect = worker.feed(Event::Continue);
    let Effect::Refund(refund) = effect else {
        panic!("{effect:?}");
    };
    assert_eq!(refund.of, Paid::Pass(pass()));
    // Whoever comes after a crash puts it into the same place.
    assert_eq!(worker.feed(Event::Continue), Effect::Refund(refund));
    assert_eq!(worker.feed(Event::Refunded), Effect::Continue);
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
    assert!(!worker.refunded());
}

#[test]
fn a_rejected_pass_gets_a_second_look_and_buys_no_other_one_unless_the_caller_says_so() {
    let mut worker = Worker::redeeming(BEGIN);
    assert_eq!(worker.not_redeemed(status(401, "a")), Effect::Again);
    let looks_further = worker.not_redeemed(status(401, "a"));
    assert_eq!(looks_further, Effect::FindPooled);
    let nothing = Event::FoundPooled(None);
    let rejected = Effect::Fail(ErrorKind::PassRejected);
    assert_eq!(worker.feed(nothing.clone()), rejected);
    worker.run = Run::new(Goal::Answer, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
    assert_eq!(worker.feed(Event::Reissue), Effect::FindPooled);
    assert_eq!(worker.feed(nothing), Effect::Continue);
    assert_eq!(worker.record.state, State::Created { pooled: None });
    assert_eq!(worker.notices, [EventKind::PossibleDoubleCharge]);
}

#[test]
fn another_pass_of_the_pool_is_tried_before_one_is_bought_and_not_the_whole_pool() {
    let mut worker = Worker::redeeming(BEGIN);
    for _ in 0..3 {
        assert_eq!(worker.not_redeemed(status(401, "a")), Effect::Again);
        let looks_further = worker.not_redeemed(status(401, "a"));
        assert_eq!(looks_further, Effect::FindPooled);
        let place = Some("place".to_owned());
        worker.feed(Event::FoundPooled(place));
        let takes = Effect::TakePooled("place".to_owned());
        assert_eq!(worker.feed(Event::Continue), takes);
        worker.feed(Event::Pooled(Some(pass())));
        assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    }
    assert_eq!(worker.not_redeemed(status(401, "a")), Effect::Again);
    let rejected = Effect::Fail(ErrorKind::PassRejected);
    assert_eq!(worker.not_redeemed(status(401, "a")), rejected);
    assert_eq!(worker.notices, []);
}

#[test]
fn not_yet_is_no_answer_and_the_next_question_has_a_new_key() {
    let mut worker = Worker::redeeming(BEGIN);
    let (first, _) = worker.request();
    assert_eq!(worker.not_redeemed(status(403, "a")), Effect::TellPending);
    assert_eq!(worker.notices, [EventKind::Pending]);
    worker.run = Run::new(Goal::Answer, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    let (second, earlier) = worker.request();
    assert_ne!(second.key, first.key);
    assert_eq!(earlier, []);
}

#[test]
fn expired_needs_a_question_that_was_asked_after_the_end() {
    // Asked in time, answered late: no proof.
    let mut worker = Worker::redeeming(BEGIN + 39 * MINUTE);
    worker.now = OVER;
    assert_eq!(worker.not_redeemed(status(403, "a")), Effect::TellPending);
    worker.run = Run::new(Goal::Answer, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_eq!(worker.not_redeemed(status(403, "b")), Effect::Continue);
    assert_eq!(worker.record.state, State::Expired);
    assert!(worker.refunded(), "the pass is unspent");
}

#[test]
fn an_expired_session_gives_its_pass_back_even_if_an_answer_was_lost_before() {
    let mut worker = Worker::redeeming(OVER).taken_up();
    assert_eq!(worker.not_redeemed(status(403, "a")), Effect::Continue);
    assert_eq!(worker.record.state, State::Expired);
    assert!(
        worker.refunded(),
        "a relay that is not finished has spent nothing"
    );
}

#[test]
fn an_unknown_relay_is_an_error_now_and_the_end_later() {
    let mut worker = Worker::redeeming(BEGIN);
    assert_eq!(
        worker.not_redeemed(status(404, "a")),
        Effect::Fail(ErrorKind::NotFound)
    );
    let mut worker = Worker::redeeming(OVER);
    assert_eq!(worker.not_redeemed(status(404, "a")), Effect::Continue);
    assert_eq!(worker.failed(), ErrorKind::NotFound);
    assert!(worker.refunded(), "no relay, nothing spent");
}

#[test]
fn a_refusal_may_mean_not_yet_until_the_session_is_over() {
    for (code, kind) in [(409, ErrorKind::Conflict), (422, ErrorKind::Unprocessable)] {
        let mut worker = Worker::redeeming(BEGIN);
        assert_eq!(worker.not_redeemed(status(code, "a")), Effect::Again);
        assert_eq!(worker.not_redeemed(status(code, "a")), Effect::TellPending);
        let mut worker = Worker::redeeming(OVER);
        assert_eq!(worker.not_redeemed(status(code, "a")), Effect::Again);
        assert_eq!(worker.not_redeemed(status(code, "a")), Effect::Continue);
        assert_eq!(worker.failed(), kind);
        // After a lost answer it may be our own redemption that spent the pass: while its key lives,
        // nothing is closed.
        let mut worker = Worker::redeeming(OVER).taken_up();
        assert_eq!(worker.not_redeemed(status(code, "a")), Effect::Redeem);
        assert_eq!(worker.not_redeemed(status(code, "b")), Effect::Again);
        assert_eq!(worker.not_redeemed(status(code, "b")), Effect::TellPending);
        worker.now = OVER + 27 * HOUR;
        worker.run = Run::new(Goal::Answer, worker.now);
        assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
        assert_eq!(worker.not_redeemed(status(code, "c")), Effect::Again);
        assert_eq!(worker.not_redeemed(status(code, "c")), Effect::Continue);
        assert_eq!(worker.failed(), ErrorKind::OutcomeUnknown);
    }
}

#[test]
fn an_answer_that_cannot_be_opened_is_kept() {
    let mut worker = Worker::redeeming(BEGIN);
    let event = Event::Redeemed {
        pass: StoredSecret::new("pass"),
        payload: StoredSecret::new("payload"),
        consumed: true,
        opened: Some(Arc::new(Err(Error::new(ErrorKind::Decryption, "")))),
    };
    assert_eq!(worker.feed(event), Effect::Continue);
    let State::Unopened { payload, .. } = &worker.record.state else {
        panic!("{:?}", worker.record.state);
    };
    assert_eq!(payload.expose(), "payload");
    assert!(worker.record.relay.is_none());
}
