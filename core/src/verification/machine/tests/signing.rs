//! Buying a pass: billed.

use super::*;

#[test]
fn a_signature_that_was_not_asked_for_or_whose_answer_was_lost_keeps_its_key() {
    let mut worker = Worker::signing();
    let before = worker.record.clone();
    for attempt in [
        not_sent(),
        unknown_answer(),
        status(429, "a"),
        status(503, "b"),
    ] {
        assert_eq!(worker.not_signed(attempt), Effect::Again);
        assert_eq!(worker.feed(Event::Continue), Effect::Sign);
    }
    assert_eq!(worker.record, before);
}

#[test]
fn a_lost_signature_is_given_up_after_22_hours_and_never_asked_for_again() {
    let mut worker = Worker::signing();
    worker.now = BEGIN + 22 * HOUR - 1;
    worker.run = Run::new(Goal::Pass, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Sign);
    worker.now += 10_000;
    worker.run = Run::new(Goal::Pass, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
    assert_eq!(worker.stuck(), Some(ErrorKind::OutcomeUnknown));
    assert_eq!(worker.notices, [EventKind::UnknownOutcome]);
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
    assert_eq!(worker.failed(), ErrorKind::OutcomeUnknown);
}

#[test]
fn the_blinding_state_does_not_outlive_the_signature() {
    let mut worker = Worker::signing();
    assert_eq!(worker.feed(signed("pass")), Effect::Continue);
    let stored = serde_json::to_string(&worker.record).unwrap();
    assert!(
        stored.contains("pass") && !stored.contains("blinded"),
        "{stored}"
    );
}

#[test]
fn a_signature_that_cannot_be_read_is_asked_for_under_its_key_for_22_hours_and_then_unknown() {
    for answer in [
        unreadable,
        || edge(200),
        || edge(403),
        || edge(302),
        || edge(502),
    ] {
        let mut worker = Worker::signing();
        let before = worker.purchase().clone();
        for _ in 0..3 {
            assert_eq!(worker.not_signed(answer()), Effect::Again);
        }
        let later = worker.out_of_patience(ErrorKind::Protocol);
        assert_eq!(later, Effect::Later(ErrorKind::Protocol));
        assert_eq!(worker.purchase(), &before);
        let mut worker = worker.taken_up();
        assert_eq!(worker.purchase(), &before);
        worker.now = BEGIN + 22 * HOUR;
        assert_eq!(worker.feed(Event::Continue), Effect::Tell);
        assert_eq!(worker.stuck(), Some(ErrorKind::OutcomeUnknown));
        assert_eq!(worker.notices, [EventKind::UnknownOutcome]);
    }
}

/// A process that was suspended in the middle of a call comes back with a key of any age.
#[test]
fn a_process_that_slept_sends_no_key_that_persona_may_have_forgotten() {
    let mut worker = Worker::signing();
    assert_eq!(worker.not_signed(unknown_answer()), Effect::Again);
    worker.now = BEGIN + 22 * HOUR;
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
    assert_eq!(worker.stuck(), Some(ErrorKind::OutcomeUnknown));
}

#[test]
fn what_was_provably_never_sent_leaves_no_key_to_wonder_about() {
    let mut worker = Worker::signing();
    for attempt in [not_sent(), status(429, "a")] {
        assert_eq!(worker.not_signed(attempt), Effect::Again);
    }
    let later = worker.out_of_patience(ErrorKind::Network);
    assert_eq!(later, Effect::Later(ErrorKind::Network));
    assert_eq!(worker.purchase().key, None);
    let mut worker = Worker::redeeming(BEGIN);
    for attempt in [not_sent(), status(429, "a")] {
        assert_eq!(worker.not_redeemed(attempt), Effect::Again);
    }
    worker.out_of_patience(ErrorKind::Network);
    assert_eq!(worker.record.state, ready(pass(), Vec::new()));
    // Then a refused pass is a refused pass.
    worker.run = Run::new(Goal::Answer, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_eq!(worker.not_redeemed(status(401, "b")), Effect::Again);
    let looks_further = worker.not_redeemed(status(401, "b"));
    assert_eq!(looks_further, Effect::FindPooled);
}

#[test]
fn a_signature_that_does_not_verify_is_never_redeemed_and_buys_no_other_pass_by_itself() {
    let mut worker = Worker::signing();
    let bad = || answered(Answer::BadSignature, 201, "a");
    assert_eq!(worker.not_signed(bad()), Effect::Again);
    assert_eq!(worker.not_signed(bad()), Effect::Fail(ErrorKind::Protocol));
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
    // At the caller's word, another message is blinded.
    assert_eq!(worker.feed(Event::Reissue), Effect::Continue);
    assert_eq!(worker.record.state, State::Created { pooled: None });
    assert_eq!(worker.notices, [EventKind::PossibleDoubleCharge]);
}

#[test]
fn a_wrong_api_key_leaves_the_purchase_as_it_is() {
    for mut worker in [Worker::signing(), Worker::signing().taken_up()] {
        let before = worker.purchase().clone();
        let effect = worker.not_signed(status(401, "a"));
        assert!(
            matches!(effect, Effect::Fail(ErrorKind::Authentication)),
            "{effect:?}"
        );
        assert_eq!(worker.purchase(), &before);
    }
}

#[test]
fn a_missing_permission_is_stored_under_its_key_so_the_next_question_has_a_new_one() {
    let mut worker = Worker::signing();
    let before = worker.purchase().clone();
    assert_eq!(
        worker.not_signed(status(403, "a")),
        Effect::Fail(ErrorKind::PermissionDenied)
    );
    assert_ne!(worker.purchase().key, before.key);
    assert_eq!(worker.purchase().blinded, before.blinded);
    assert_eq!(worker.notices, []);
}

#[test]
fn a_missing_permission_gives_up_a_lost_key_only_where_it_is_provably_stored() {
    let denied = Effect::Fail(ErrorKind::PermissionDenied);
    // She may look at permissions first, and hold the signature all the same.
    let mut worker = Worker::signing().taken_up();
    let before = worker.purchase().clone();
    assert_eq!(worker.not_signed(status(403, "a")), Effect::Again);
    assert_eq!(worker.not_signed(status(403, "b")), denied);
    assert_eq!(worker.purchase().key, before.key);
    assert_eq!(worker.notices, []);
    // The same `Request-Id` twice: it is stored in a signature's place.
    let mut worker = worker.taken_up();
    assert_eq!(worker.not_signed(status(403, "c")), Effect::Again);
    assert_eq!(worker.not_signed(status(403, "c")), denied);
    assert_eq!(worker.purchase().key, None);
    assert_eq!(worker.purchase().blinded, before.blinded);
    assert_eq!(worker.notices, [EventKind::PossibleDoubleCharge]);
    // So it is with the next key that is lost: the permission may be missing for hours.
    let mut worker = worker.taken_up().taken_up();
    assert!(worker.purchase().key.is_some());
    assert_eq!(worker.not_signed(status(403, "d")), Effect::Again);
    assert_eq!(worker.not_signed(status(403, "d")), denied);
    assert_eq!(worker.purchase().key, None);
    assert_eq!(worker.notices, [EventKind::PossibleDoubleCharge; 2]);
}

/// With `retries=0` no call sees a failure twice.
#[test]
fn a_stored_failure_is_known_again_by_the_next_worker() {
    for (code, first, second, is_stored) in [
        (500, "a", "a", true),
        (500, "a", "b", false),
        (403, "a", "a", true),
        (403, "a", "b", false),
    ] {
        let mut worker = Worker::signing().taken_up();
        let before = worker.purchase().clone();
        worker.run.may_retry = false;
        worker.not_signed(status(code, first));
        worker.out_of_patience(ErrorKind::ServerError);
        assert_eq!(worker.purchase().key, before.key);
        let mut worker = worker.taken_up();
        worker.run.may_retry = false;
        worker.not_signed(status(code, second));
        let is_rotated = worker.purchase().key != before.key;
        assert_eq!(is_rotated, is_stored, "{code} {second}");
        let is_told = worker.notices == [EventKind::PossibleDoubleCharge];
        assert_eq!(is_told, is_stored, "{code} {second}");
    }
}

#[test]
fn a_key_that_is_gone_is_fetched_anew_once() {
    let mut worker = Worker::signing();
    assert_eq!(worker.not_signed(status(404, "a")), Effect::Continue);
    assert_eq!(worker.feed(Event::Continue), Effect::Blind);
    assert_eq!(
        worker.feed(Event::Blinded(StoredSecret::new("other"))),
        Effect::Sign
    );
    assert_eq!(
        worker.not_signed(status(404, "b")),
        Effect::Fail(ErrorKind::NotFound)
    );
    assert_eq!(worker.notices, []);
}

/// She may look for the key before she looks at what she has stored.
#[test]
fn a_key_that_is_gone_gives_up_a_lost_answer_only_where_it_is_provably_stored() {
    for (second, is_stored) in [("a", true), ("b", false)] {
        let mut worker = Worker::signing().taken_up();
        assert_eq!(worker.not_signed(status(404, "a")), Effect::Again);
        let effect = worker.not_signed(status(404, second));
        match is_stored {
            true => {
                assert_eq!(effect, Effect::Continue);
                assert_eq!(worker.record.state, State::Created { pooled: None });
                assert_eq!(worker.notices, [EventKind::PossibleDoubleCharge]);
            }
            false => {
                assert_eq!(effect, Effect::Fail(ErrorKind::NotFound));
                assert_eq!(worker.stuck(), Some(ErrorKind::NotFound));
                assert_eq!(worker.notices, []);
            }
        }
    }
}

/// Whoever asks only once a call leaves the second look to the next one.
#[test]
fn a_key_that_is_gone_is_looked_at_twice_however_often_a_call_may_ask() {
    for (second, is_stored) in [("a", true), ("b", false)] {
        let mut worker = Worker::signing().taken_up();
        worker.run.may_retry = false;
        let fails = Effect::Fail(ErrorKind::NotFound);
        let later = Effect::Later(ErrorKind::NotFound);
        assert_eq!(worker.not_signed(status(404, "a")), later);
        assert_eq!(worker.stuck(), None);
        let mut worker = worker.taken_up();
        worker.run.may_retry = false;
        let effect = worker.not_signed(status(404, second));
        match is_stored {
            true => assert_eq!(worker.record.state, State::Created { pooled: None }),
            false => assert_eq!((effect, worker.stuck()), (fails, Some(ErrorKind::NotFound))),
        }
    }
}

/// The first key held a stored error, and may have been billed: message and blinding are evidence.
#[test]
fn a_key_that_is_gone_after_a_rotation_is_not_fetched_anew() {
    let mut worker = Worker::signing();
    assert_eq!(worker.not_signed(status(500, "a")), Effect::Again);
    assert_eq!(worker.not_signed(status(500, "a")), Effect::Again);
    assert_eq!(worker.notices, [EventKind::PossibleDoubleCharge]);
    let blinded = worker.purchase().blinded.clone();
    let fails = Effect::Fail(ErrorKind::NotFound);
    assert_eq!(worker.not_signed(status(404, "b")), fails);
    assert_eq!(worker.stuck(), Some(ErrorKind::NotFound));
    assert_eq!(worker.purchase().blinded, blinded);
}

/// That she failed otherwise before is no look at a key that is gone.
#[test]
fn a_failure_before_is_no_first_look() {
    let mut worker = Worker::signing().taken_up();
    worker.run.may_retry = false;
    worker.not_signed(status(503, "a"));
    worker.out_of_patience(ErrorKind::ServerError);
    let mut worker = worker.taken_up();
    worker.run.may_retry = false;
    worker.not_signed(status(404, "b"));
    assert_eq!(worker.stuck(), None);
}

#[test]
fn a_refused_purchase_gets_a_new_key_only_at_the_callers_word_and_keeps_its_message() {
    for (code, kind, attempts) in [
        (409, ErrorKind::Conflict, 2),
        (422, ErrorKind::Unprocessable, 1),
    ] {
        let mut worker = Worker::signing();
        for _ in 1..attempts {
            assert_eq!(worker.not_signed(status(code, "a")), Effect::Again);
        }
        assert_eq!(worker.not_signed(status(code, "a")), Effect::Fail(kind));
        assert_eq!(worker.stuck(), Some(kind));
        let before = worker.purchase().clone();
        assert_eq!(worker.feed(Event::Reissue), Effect::Continue);
        assert_eq!(worker.purchase().blinded, before.blinded);
        assert_ne!(worker.purchase().key, before.key);
        assert_eq!(worker.notices, [EventKind::PossibleDoubleCharge]);
    }
}

#[test]
fn a_stored_server_error_rotates_the_key_of_a_purchase_once_and_says_so() {
    let mut worker = Worker::signing();
    let first = worker.purchase().clone();
    assert_eq!(worker.not_signed(status(500, "a")), Effect::Again);
    assert_eq!(worker.purchase(), &first);
    assert_eq!(worker.not_signed(status(500, "a")), Effect::Again);
    assert_ne!(worker.purchase().key, first.key);
    assert_eq!(worker.purchase().blinded, first.blinded);
    assert_eq!(worker.notices, [EventKind::PossibleDoubleCharge]);
    // Another worker does not begin to count anew.
    let mut worker = worker.taken_up();
    assert_eq!(worker.not_signed(status(500, "b")), Effect::Again);
    assert_eq!(
        worker.not_signed(status(500, "b")),
        Effect::Fail(ErrorKind::OutcomeUnknown)
    );
    assert_eq!(worker.stuck(), Some(ErrorKind::OutcomeUnknown));
}
