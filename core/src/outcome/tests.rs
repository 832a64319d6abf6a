//! One test per way to fail.

use super::Action::{Again, RefetchChallenge, Stop};
use super::Answer::{BadSignature, NotSent, Status, Unknown, Unreadable};
use super::NextKey::{Earlier, New, Same};
use super::*;
use crate::error::ErrorKind as Kind;

const ALL_STEPS: [Step; 5] = [
    Step::Create,
    Step::Challenge,
    Step::RelayBoundChallenge,
    Step::Sign,
    Step::Redeem,
];

/// Plays answers to one call and returns what the table said to each.
fn play(step: Step, answers: &[Answer]) -> Vec<Action> {
    let mut history = History::default();
    let judged = |(index, answer): (usize, &Answer)| {
        let id = format!("req_{index}");
        judge(step, *answer, Some(&id), EXPLAINED, &mut history)
    };
    answers.iter().enumerate().map(judged).collect()
}

/// What Persona says of a failure, in her form.
const EXPLAINED: &[u8] = br#"{"errors":[{"title":"no"}]}"#;

#[test]
fn what_was_not_sent_is_asked_again_with_the_same_key() {
    for step in ALL_STEPS {
        assert_eq!(play(step, &[NotSent, NotSent]), [Again(Same), Again(Same)]);
        let history = History::default();
        assert_eq!(out_of_budget(step, NotSent, false, &history), Kind::Network);
        assert_eq!(out_of_budget(step, NotSent, true, &history), Kind::Timeout);
        assert!(is_retryable(step, Kind::Network, &history));
    }
}

#[test]
fn an_unknown_answer_never_changes_the_key() {
    for step in ALL_STEPS {
        assert_eq!(play(step, &[Unknown, Unknown, NotSent]), [Again(Same); 3]);
    }
}

#[test]
fn an_unknown_answer_at_a_stake_ends_as_unknown_and_elsewhere_as_a_timeout() {
    let history = History {
        ambiguous: true,
        ..History::default()
    };
    for (step, kind) in [
        (Step::Create, Kind::Timeout),
        (Step::Challenge, Kind::Timeout),
        (Step::Sign, Kind::OutcomeUnknown),
        (Step::Redeem, Kind::OutcomeUnknown),
    ] {
        assert_eq!(out_of_budget(step, Unknown, true, &history), kind);
        // A later attempt that was not even sent does not make the earlier one known.
        assert_eq!(out_of_budget(step, NotSent, true, &history), kind);
    }
    assert!(!is_retryable(Step::Sign, Kind::OutcomeUnknown, &history));
    assert!(is_retryable(Step::Redeem, Kind::OutcomeUnknown, &history));
}

#[test]
fn an_unreadable_success_is_looked_at_once_more_and_a_redemption_twice() {
    let stop = Stop(Kind::Protocol);
    for step in [
        Step::Create,
        Step::Challenge,
        Step::RelayBoundChallenge,
        Step::Sign,
    ] {
        assert_eq!(play(step, &[Unreadable; 2]), [Again(Same), stop]);
    }
    assert_eq!(
        play(Step::Redeem, &[Unreadable; 3]),
        [Again(Same), Again(New), stop]
    );
}

#[test]
fn a_bad_signature_is_asked_once_more_and_never_bought_anew() {
    assert_eq!(
        play(Step::Sign, &[BadSignature; 2]),
        [Again(Same), Stop(Kind::Protocol)]
    );
}

#[test]
fn statuses_that_end_a_call_at_once() {
    for (step, status, kind) in [
        (Step::Create, 400, Kind::InvalidArgument),
        (Step::Create, 401, Kind::Authentication),
        (Step::Create, 403, Kind::PermissionDenied),
        (Step::Create, 404, Kind::NotFound),
        (Step::Create, 409, Kind::Conflict),
        (Step::Create, 422, Kind::Unprocessable),
        (Step::Challenge, 401, Kind::Authentication),
        (Step::Challenge, 422, Kind::Unprocessable),
        (Step::RelayBoundChallenge, 401, Kind::Protocol),
        (Step::RelayBoundChallenge, 404, Kind::NotFound),
        (Step::Sign, 401, Kind::Authentication),
        (Step::Sign, 402, Kind::PermissionDenied),
        (Step::Sign, 403, Kind::PermissionDenied),
        (Step::Sign, 422, Kind::Unprocessable),
        (Step::Redeem, 400, Kind::InvalidArgument),
        (Step::Redeem, 401, Kind::PassRejected),
        (Step::Redeem, 404, Kind::NotFound),
        (Step::Redeem, 410, Kind::NotFound),
        (Step::Redeem, 307, Kind::Protocol),
        (Step::Redeem, 418, Kind::Unprocessable),
    ] {
        assert_eq!(
            play(step, &[Status(status)]),
            [Stop(kind)],
            "{step:?} {status}"
        );
    }
}

#[test]
fn not_finished_yet_is_a_new_question_with_a_new_key() {
    assert_eq!(play(Step::Redeem, &[Status(403); 3]), [Again(New); 3]);
    let history = History::default();
    assert_eq!(
        out_of_budget(Step::Redeem, Status(403), false, &history),
        Kind::PermissionDenied
    );
    assert!(is_retryable(Step::Redeem, Kind::PermissionDenied, &history));
    assert!(!is_retryable(Step::Sign, Kind::PermissionDenied, &history));
}

#[test]
fn an_unknown_key_id_is_fetched_again_but_not_after_an_unknown_answer() {
    assert_eq!(play(Step::Sign, &[Status(404)]), [RefetchChallenge]);
    assert_eq!(
        play(Step::Sign, &[Unknown, Status(404)]),
        [Again(Same), Stop(Kind::NotFound)]
    );
}

#[test]
fn a_conflict_is_waited_for_once() {
    for step in [Step::Sign, Step::Redeem] {
        assert_eq!(
            play(step, &[Status(409); 2]),
            [Again(Same), Stop(Kind::Conflict)]
        );
    }
    assert_eq!(
        play(Step::Redeem, &[Status(422); 2]),
        [Again(Same), Stop(Kind::Unprocessable)]
    );
}

#[test]
fn a_refusal_after_an_unknown_answer_is_unknown_and_not_a_rejected_pass() {
    for status in [401, 422] {
        assert_eq!(
            play(Step::Redeem, &[Unknown, Status(status), Status(status)]),
            [Again(Same), Again(Same), Stop(Kind::OutcomeUnknown)]
        );
    }
    for step in [Step::Sign, Step::Redeem] {
        assert_eq!(
            play(step, &[Unknown, Status(409), Status(409)]),
            [Again(Same); 3]
        );
        let history = History {
            ambiguous: true,
            ..History::default()
        };
        assert_eq!(
            out_of_budget(step, Status(409), false, &history),
            Kind::OutcomeUnknown
        );
    }
}

#[test]
fn a_rate_limit_keeps_the_key() {
    for step in ALL_STEPS {
        assert_eq!(play(step, &[Status(429)]), [Again(Same)]);
    }
    let history = History::default();
    assert_eq!(
        out_of_budget(Step::Sign, Status(429), false, &history),
        Kind::RateLimited
    );
}

#[test]
fn a_server_error_keeps_the_key_until_it_is_seen_to_be_a_stored_answer() {
    for step in ALL_STEPS {
        assert_eq!(
            play(step, &[Status(500), Status(503)]),
            [Again(Same), Again(Same)]
        );
    }
}

#[test]
fn a_replayed_server_error_rotates_the_key_once_for_money_and_twice_for_a_nonce() {
    let replay = |step, times| {
        let mut history = History::default();
        let judged = |_| judge(step, Status(500), Some("req_1"), b"", &mut history);
        (0..times).map(judged).collect::<Vec<_>>()
    };
    let stop = Stop(Kind::ServerError);
    let unknown = Stop(Kind::OutcomeUnknown);
    assert_eq!(
        replay(Step::Sign, 4),
        [Again(Same), Again(New), Again(Same), unknown]
    );
    assert_eq!(
        replay(Step::Redeem, 6),
        [
            Again(Same),
            Again(New),
            Again(Same),
            Again(New),
            Again(Same),
            stop
        ]
    );
    let history = History {
        ambiguous: true,
        ..History::default()
    };
    assert!(!is_retryable(Step::Sign, Kind::ServerError, &history));
}

#[test]
fn without_request_ids_only_the_same_500_body_twice_is_a_replay() {
    let twice = |status, first: &[u8], second: &[u8]| {
        let mut history = History::default();
        judge(Step::Sign, Status(status), None, first, &mut history);
        judge(Step::Sign, Status(status), None, second, &mut history)
    };
    assert_eq!(twice(500, EXPLAINED, EXPLAINED), Again(New));
    assert_eq!(twice(500, EXPLAINED, b"y"), Again(Same));
    // An edge says the same words each time; that proves nothing.
    assert_eq!(twice(500, b"<html>", b"<html>"), Again(Same));
    assert_eq!(twice(503, EXPLAINED, EXPLAINED), Again(Same));
}

#[test]
fn a_body_that_repeats_under_new_ids_rotates_a_redemption_and_never_a_bill() {
    let twice = |step| {
        let mut history = History::default();
        judge(step, Status(500), Some("req_1"), b"x", &mut history);
        judge(step, Status(500), Some("req_2"), b"x", &mut history)
    };
    assert_eq!(twice(Step::Redeem), Again(New));
    assert_eq!(twice(Step::Sign), Again(Same));
}

#[test]
fn a_success_that_cannot_be_read_was_billed_all_the_same() {
    for broken in [Unreadable, BadSignature] {
        // Another blinded message would be another bill.
        assert_eq!(
            play(Step::Sign, &[broken, Status(404)]),
            [Again(Same), Stop(Kind::NotFound)]
        );
        let mut history = History::default();
        judge(Step::Sign, broken, None, b"", &mut history);
        for answer in [Status(429), NotSent] {
            let kind = out_of_budget(Step::Sign, answer, false, &history);
            assert_eq!(kind, Kind::OutcomeUnknown);
            assert!(!is_retryable(Step::Sign, kind, &history));
        }
    }
    assert_eq!(
        play(Step::Redeem, &[Unreadable, Status(401), Status(401)]),
        [Again(Same), Again(Same), Stop(Kind::OutcomeUnknown)]
    );
}

#[test]
fn an_answer_that_says_nothing_of_an_unknown_attempt_does_not_resolve_it() {
    let unknown = Stop(Kind::OutcomeUnknown);
    assert_eq!(
        play(Step::Sign, &[Unknown, Status(401)]),
        [Again(Same), unknown]
    );
    for step in [Step::Sign, Step::Redeem] {
        assert_eq!(play(step, &[Unknown, Status(307)]), [Again(Same), unknown]);
        let history = History {
            ambiguous: true,
            ..History::default()
        };
        assert_eq!(
            out_of_budget(step, Status(429), false, &history),
            Kind::OutcomeUnknown
        );
    }
}

#[test]
fn a_refusal_after_a_key_was_given_up_looks_under_the_earlier_key_first() {
    assert_eq!(
        play(
            Step::Redeem,
            &[Unknown, Status(403), Status(401), Status(401), Status(401)]
        ),
        [
            Again(Same),
            Again(New),
            Again(Earlier),
            Again(Same),
            Stop(Kind::OutcomeUnknown)
        ]
    );
}

#[test]
fn a_key_of_an_earlier_call_that_was_only_too_early_resolves_that_call() {
    let mut history = History::new(true);
    let mut judged = |status| judge(Step::Redeem, Status(status), None, EXPLAINED, &mut history);
    assert_eq!(judged(403), Again(New));
    assert_eq!(judged(401), Stop(Kind::PassRejected));
}

#[test]
fn an_edge_that_refuses_after_a_lost_answer_does_not_cost_the_key() {
    let mut history = History::new(true);
    let mut judged = |body: &[u8]| judge(Step::Redeem, Status(403), None, body, &mut history);
    assert_eq!(judged(b"<html>"), Again(Same));
    assert_eq!(judged(b""), Again(Same));
    assert_eq!(judged(EXPLAINED), Again(New));
}

#[test]
fn every_stop_explains_itself() {
    for step in ALL_STEPS {
        for kind in Kind::ALL {
            let text = explain(step, kind);
            assert!(
                text.len() > 15 && text.ends_with(['.', '?']),
                "{step:?} {kind:?}"
            );
        }
    }
}
