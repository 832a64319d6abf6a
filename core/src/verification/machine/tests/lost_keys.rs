//! Keys whose answers were lost.

use super::*;

#[test]
fn a_claim_that_cannot_be_read_is_asked_for_under_its_own_key_and_closes_nothing() {
    let mut worker = Worker::redeeming(BEGIN);
    let before = worker.record.clone();
    for _ in 0..10 {
        assert_eq!(worker.not_redeemed(unreadable()), Effect::Again);
    }
    let later = worker.out_of_patience(ErrorKind::Protocol);
    assert_eq!(later, Effect::Later(ErrorKind::Protocol));
    assert_eq!(worker.record.state, before.state);
    assert_eq!(worker.notices, []);
    let mut worker = worker.taken_up();
    assert_eq!(worker.request(), request_of(&before));
    assert_eq!(worker.feed(redeemed("passed", true)), Effect::Continue);
    assert!(matches!(worker.record.state, State::Answered { .. }));
}

#[test]
fn a_pass_that_is_rejected_after_an_answer_was_lost_is_unknown_and_only_when_the_key_is_dead() {
    let mut worker = Worker::redeeming(BEGIN);
    let (first, _) = worker.request();
    assert_eq!(worker.not_redeemed(unknown_answer()), Effect::Again);
    let mut worker = worker.taken_up();
    assert_eq!(worker.request().0, first);
    // It is decided before the stored answers are looked at.
    assert_eq!(worker.not_redeemed(status(401, "a")), Effect::Redeem);
    assert_ne!(worker.request().0, first);
    assert_eq!(worker.not_redeemed(status(401, "b")), Effect::Again);
    let later = Effect::Later(ErrorKind::Conflict);
    assert_eq!(worker.not_redeemed(status(401, "b")), later);
    assert_eq!(worker.lost(), [first.key]);
    worker.now = BEGIN + 27 * HOUR;
    worker.run = Run::new(Goal::Answer, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_eq!(worker.not_redeemed(status(401, "c")), Effect::Again);
    assert_eq!(worker.not_redeemed(status(401, "c")), Effect::Continue);
    assert_eq!(worker.failed(), ErrorKind::OutcomeUnknown);
}

#[test]
fn what_is_not_personas_closes_nothing_condemns_nothing_and_makes_no_key() {
    for code in [200, 302, 400, 401, 403, 404, 409, 410, 422, 500, 503] {
        for begun in [BEGIN, OVER] {
            let mut worker = Worker::redeeming(begun);
            let before = worker.record.clone();
            for _ in 0..20 {
                assert_eq!(worker.not_redeemed(edge(code)), Effect::Again, "{code}");
            }
            let later = worker.out_of_patience(ErrorKind::Network);
            assert_eq!(later, Effect::Later(ErrorKind::Network));
            assert_eq!(worker.record.state, before.state, "{code}");
            // Whoever comes next does not wait for this worker.
            assert_eq!(worker.record.leased_until, None);
            assert_eq!(worker.notices, []);
        }
    }
}

/// Twelve polls under a page, one after the other: the key that holds the claim is asked each time.
#[test]
fn no_lost_key_is_forgotten_and_the_oldest_is_asked_first() {
    let mut worker = Worker::redeeming(BEGIN);
    let (first, _) = worker.request();
    assert_eq!(worker.not_redeemed(unknown_answer()), Effect::Again);
    worker.out_of_patience(ErrorKind::Network);
    for _ in 0..12 {
        worker = worker.taken_up();
        assert_eq!(worker.request(), (first.clone(), Vec::new()));
        assert_eq!(worker.not_redeemed(edge(403)), Effect::Again);
        worker.out_of_patience(ErrorKind::Network);
    }
    for refused in [409, 422] {
        let mut worker = worker.clone_record();
        // Two lost keys of a record of 0.1.0: the older one holds the answer.
        let second = Request::new(BEGIN + MINUTE, &mut os_random());
        worker.record.state = State::Redeeming {
            pass: pass(),
            request: second.clone(),
            lost: vec![first.seen(BEGIN)],
        };
        worker.now = BEGIN + 30 * MINUTE;
        worker = worker.taken_up();
        assert_eq!(worker.request().0, first);
        // Were the older one answered with a refusal, the younger one would be next.
        assert_eq!(worker.not_redeemed(status(refused, "a")), Effect::Redeem);
        assert_eq!(worker.request(), (second, Vec::new()));
    }
}

/// Persona may take longer than an attempt, and its answer would come to a closed verification.
#[test]
fn a_request_that_may_still_be_running_closes_nothing() {
    let mut worker = Worker::redeeming(OVER);
    assert_eq!(worker.not_redeemed(unknown_answer()), Effect::Again);
    for _ in 0..9 {
        // For as long as the call may take, whatever its retries.
        let waits = worker.not_redeemed(status(409, "a"));
        assert_eq!(waits, Effect::AgainUntilDeadline);
    }
    let later = worker.out_of_patience(ErrorKind::Conflict);
    assert_eq!(later, Effect::Later(ErrorKind::Conflict));
    assert_eq!(worker.feed(redeemed("passed", true)), Effect::Continue);
    assert!(matches!(worker.record.state, State::Answered { .. }));
    let mut worker = Worker::signing();
    assert_eq!(worker.not_signed(unknown_answer()), Effect::Again);
    for _ in 0..9 {
        let waits = worker.not_signed(status(409, "a"));
        assert_eq!(waits, Effect::AgainUntilDeadline);
    }
    let later = worker.out_of_patience(ErrorKind::Conflict);
    assert_eq!(later, Effect::Later(ErrorKind::Conflict));
    assert_eq!(worker.stuck(), None);
}

/// "Not yet" may come from something on the way: nothing is closed before every lost key was asked.
#[test]
fn nothing_is_closed_before_the_lost_keys_are_asked() {
    for code in [401, 403, 404, 409, 422] {
        let mut worker = Worker::redeeming(BEGIN);
        let (first, _) = worker.request();
        assert_eq!(worker.not_redeemed(unknown_answer()), Effect::Again);
        worker.out_of_patience(ErrorKind::Network);
        worker.now = OVER;
        worker.run = Run::new(Goal::Answer, worker.now);
        assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
        assert_eq!(worker.request().0, first);
        // Then a new one; while the lost one lives, its answer closes nothing but a proof.
        assert_eq!(worker.not_redeemed(status(code, "b")), Effect::Redeem);
        assert_ne!(worker.request().0, first, "{code}");
        assert_eq!(worker.feed(redeemed("passed", true)), Effect::Continue);
        assert!(matches!(worker.record.state, State::Answered { .. }));
    }
}

#[test]
fn a_key_under_which_persona_fails_stays_lost_and_no_more_than_three_do() {
    let mut worker = Worker::redeeming(BEGIN);
    let mut keys = vec![worker.request().0.key];
    for id in ["a", "b"] {
        assert_eq!(worker.not_redeemed(status(500, id)), Effect::Again);
        assert_eq!(worker.not_redeemed(status(500, id)), Effect::Again);
        let (next, lost) = worker.request();
        assert!(!keys.contains(&next.key));
        assert_eq!(lost.len(), keys.len());
        keys.push(next.key);
    }
    assert_eq!(worker.not_redeemed(status(500, "c")), Effect::Again);
    assert_eq!(
        worker.not_redeemed(status(500, "c")),
        Effect::Later(ErrorKind::ServerError)
    );
    // The next call asks all three, and makes no other one.
    let mut worker = worker.taken_up();
    for key in &keys {
        assert_eq!(&worker.request().0.key, key);
        worker.not_redeemed(status(500, "d"));
    }
    let State::Ready { lost, .. } = &worker.record.state else {
        panic!("{:?}", worker.record.state);
    };
    assert_eq!(lost.len(), 3);
    worker.run = Run::new(Goal::Answer, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_eq!(worker.feed(redeemed("passed", true)), Effect::Continue);
    assert!(matches!(worker.record.state, State::Answered { .. }));
}

#[test]
fn a_key_that_persona_has_forgotten_leaves_a_mark_that_an_answer_was_lost() {
    let mut worker = Worker::redeeming(BEGIN);
    let (first, _) = worker.request();
    worker.now = BEGIN + 26 * HOUR;
    worker.run = Run::new(Goal::Answer, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_ne!(worker.request().0.key, first.key);
    // A refusal now may be our own redemption of yesterday.
    assert_eq!(worker.not_redeemed(status(409, "a")), Effect::Again);
    assert_eq!(worker.not_redeemed(status(409, "b")), Effect::Continue);
    assert_eq!(worker.failed(), ErrorKind::OutcomeUnknown);
}

/// It went from one to the other and back, thousands of times, and the person got no answer.
#[test]
fn keys_of_yesterday_are_asked_once_more_and_then_it_ends() {
    let mut worker = Worker::redeeming(BEGIN);
    assert_eq!(worker.not_redeemed(unreadable()), Effect::Again);
    worker.now = BEGIN + 23 * HOUR;
    let mut asked = 0;
    while !worker.record.is_closed() {
        worker.run = Run::new(Goal::Answer, worker.now);
        // Persona may have forgotten the key: that she refuses it now says nothing.
        let mut effect = worker.feed(Event::Continue);
        while matches!(effect, Effect::Redeem | Effect::Again) {
            asked += 1;
            effect = worker.not_redeemed(status(422, "a"));
        }
        worker.now += HOUR;
        assert!(asked < 20, "it does not end");
    }
    assert!(worker.now > BEGIN + 24 * HOUR);
    assert_eq!(worker.failed(), ErrorKind::OutcomeUnknown);
}

#[test]
fn a_verification_is_given_up_a_week_after_its_session_when_no_key_lives() {
    let week_later = BEGIN + 30 * MINUTE + 7 * DAY + 1;
    let mut worker = Worker::redeeming(BEGIN);
    worker.now = week_later;
    worker.run = Run::new(Goal::Answer, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
    assert_eq!(worker.failed(), ErrorKind::OutcomeUnknown);
    let mut worker = Worker::redeeming(week_later - HOUR);
    worker.now = week_later;
    worker.run = Run::new(Goal::Answer, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    worker.not_redeemed(unknown_answer());
    assert!(!worker.record.is_closed());
}

/// A lost request may have arrived just now, and be running: its 409 says so, and nothing of its end.
#[test]
fn a_refusal_of_another_workers_running_request_resolves_nothing() {
    let mut worker = Worker::redeeming(BEGIN);
    let (first, _) = worker.request();
    assert_eq!(worker.not_redeemed(unknown_answer()), Effect::Again);
    // Nobody had a way to Persona for twelve minutes; then somebody's request arrived.
    for (minutes, resolves) in [(12, false), (5, false), (20, true)] {
        worker.now += minutes * MINUTE;
        worker = worker.taken_up();
        assert_eq!(worker.request().0, first);
        assert_eq!(worker.not_redeemed(status(409, "a")), Effect::Redeem);
        let lost = worker.lost();
        assert_eq!(lost.contains(&first.key), !resolves, "{minutes}");
        worker.not_redeemed(status(403, "b"));
    }
}

/// It lay in a record for a day, its process dead before it could send: then it was sent, and its
/// answer lost.
#[test]
fn a_key_lives_for_a_day_from_the_last_request_that_may_have_been_the_first_to_arrive() {
    let mut worker = Worker::redeeming(BEGIN);
    let (first, _) = worker.request();
    worker.now = BEGIN + 25 * HOUR;
    let mut worker = worker.taken_up();
    assert_eq!(worker.not_redeemed(unknown_answer()), Effect::Again);
    worker.out_of_patience(ErrorKind::Network);
    worker.now += 25 * HOUR;
    let mut worker = worker.taken_up();
    assert_eq!(worker.request().0, first);
    // From Persona's first word on she knows it, and it lives no longer for being asked.
    worker.not_redeemed(status(500, "a"));
    worker.now += 25 * HOUR;
    let mut worker = worker.taken_up();
    assert_eq!(worker.request().0, first);
    worker.not_redeemed(status(500, "a"));
    worker.now += 2 * HOUR;
    assert_ne!(worker.taken_up().request().0, first);
}

#[test]
fn a_process_that_slept_writes_its_request_anew_before_it_sends_it() {
    let mut worker = Worker::redeeming(BEGIN);
    let (first, _) = worker.request();
    assert_eq!(worker.not_redeemed(unknown_answer()), Effect::Again);
    worker.now += 20 * HOUR;
    let before = worker.record.clone();
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_eq!(worker.request().0, first);
    assert_ne!(
        worker.record, before,
        "nobody would know that it was sent so late"
    );
    let written = worker.record.clone();
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_eq!(worker.record, written);
}

/// Its key was made by a clock that is ahead, and what it was answered then is told again now.
#[test]
fn a_stored_answer_is_no_proof_of_expiry_whenever_it_is_told_again() {
    let dated = |at| {
        let mut head = head(403, "a");
        head.info.answered_at = Some(at);
        let body = br#"{"errors":[{"title":"in Persona's words"}]}"#;
        Attempt::refused(head, Some(Secret::new(body.to_vec())))
    };
    let mut worker = Worker::redeeming(OVER);
    assert_eq!(worker.not_redeemed(unknown_answer()), Effect::Again);
    assert_eq!(worker.not_redeemed(dated(OVER)), Effect::TellPending);
    let mut worker = Worker::redeeming(OVER);
    assert_eq!(worker.not_redeemed(dated(BEGIN)), Effect::TellPending);
    let mut worker = Worker::redeeming(OVER);
    assert_eq!(worker.not_redeemed(dated(OVER)), Effect::Continue);
    assert_eq!(worker.record.state, State::Expired);
}

/// Every quarter of an hour a new key was made, for a day, and each one that was lost prolonged it.
#[test]
fn after_the_end_one_refused_question_is_enough_while_a_lost_key_lives() {
    let mut worker = Worker::redeeming(OVER);
    let (first, _) = worker.request();
    assert_eq!(worker.not_redeemed(unknown_answer()), Effect::Again);
    let mut worker = worker.taken_up();
    assert_eq!(worker.not_redeemed(status(401, "a")), Effect::Redeem);
    assert_eq!(worker.not_redeemed(status(401, "b")), Effect::Again);
    worker.not_redeemed(status(401, "b"));
    for _ in 0..10 {
        worker.now += HOUR;
        worker = worker.taken_up();
        assert_eq!(worker.request().0, first);
        let later = worker.not_redeemed(status(401, "c"));
        assert_eq!(later, Effect::Later(ErrorKind::Conflict));
        assert_eq!(worker.lost(), std::slice::from_ref(&first.key));
    }
    worker.now = OVER + 27 * HOUR;
    let mut worker = worker.taken_up();
    assert_ne!(worker.request().0, first);
    assert_eq!(worker.not_redeemed(status(401, "d")), Effect::Again);
    assert_eq!(worker.not_redeemed(status(401, "d")), Effect::Continue);
    assert_eq!(worker.failed(), ErrorKind::OutcomeUnknown);
}
