//! One test per way to fail.

use super::Answer::{BadSignature, NotSent, Page, Refused, Unknown, Unreadable};
use super::*;
use crate::error::ErrorKind as Kind;

const ALL_CALLS: [Call; 5] = [
    Call::Create,
    Call::Challenge,
    Call::RelayBoundChallenge,
    Call::Sign,
    Call::Redeem,
];

#[test]
fn what_was_not_sent_or_not_looked_at_has_done_nothing() {
    for call in ALL_CALLS {
        for answer in [NotSent, Refused(429)] {
            assert_eq!(meaning(call, answer), Meaning::Untouched, "{answer:?}");
        }
    }
}

#[test]
fn what_is_not_personas_says_nothing_whatever_its_status() {
    for call in ALL_CALLS {
        for answer in [Unknown, Unreadable, Refused(408), Refused(425)] {
            assert_eq!(meaning(call, answer), Meaning::Lost, "{answer:?}");
        }
        for status in [302, 307, 400, 401, 403, 404, 409, 422, 429, 500, 503] {
            assert_eq!(meaning(call, Page(status)), Meaning::Lost, "{status}");
            assert_eq!(kind_of(call, Page(status), false), Kind::Network);
        }
    }
}

#[test]
fn an_organization_without_relay_is_denied_whatever_the_status() {
    use super::Answer::NotEnabled;
    for status in [400, 401, 403, 404, 409, 422] {
        assert_eq!(meaning(Call::Sign, NotEnabled(status)), Meaning::Denied);
        let kind = kind_of(Call::Sign, NotEnabled(status), false);
        assert_eq!(kind, Kind::PermissionDenied, "{status}");
        assert!(!may_pass(Call::Sign, kind));
    }
}

#[test]
fn what_personas_statuses_mean() {
    let refused = Meaning::Refused;
    for (call, status, expected) in [
        (Call::Create, 400, refused(Kind::InvalidArgument)),
        (Call::Create, 401, refused(Kind::Authentication)),
        (Call::Create, 403, refused(Kind::PermissionDenied)),
        (Call::Create, 404, refused(Kind::NotFound)),
        (Call::Create, 409, refused(Kind::Conflict)),
        (Call::Create, 422, refused(Kind::Unprocessable)),
        (Call::RelayBoundChallenge, 401, refused(Kind::Protocol)),
        (Call::Sign, 401, Meaning::Unauthenticated),
        (Call::Sign, 402, Meaning::Denied),
        (Call::Sign, 403, Meaning::Denied),
        (Call::Sign, 404, Meaning::KeyGone),
        (Call::Sign, 409, Meaning::Conflict(Kind::Conflict)),
        (Call::Sign, 422, refused(Kind::Unprocessable)),
        (Call::Redeem, 400, refused(Kind::InvalidArgument)),
        (Call::Redeem, 401, Meaning::PassRejected),
        (Call::Redeem, 403, Meaning::NotYet),
        (Call::Redeem, 404, refused(Kind::NotFound)),
        (Call::Redeem, 409, Meaning::Conflict(Kind::Conflict)),
        (Call::Redeem, 410, refused(Kind::NotFound)),
        (Call::Redeem, 418, refused(Kind::Unprocessable)),
        (Call::Redeem, 422, Meaning::Conflict(Kind::Unprocessable)),
    ] {
        assert_eq!(
            meaning(call, Refused(status)),
            expected,
            "{call:?} {status}"
        );
    }
    for call in ALL_CALLS {
        assert_eq!(meaning(call, Refused(503)), Meaning::Failed);
    }
    assert_eq!(meaning(Call::Sign, BadSignature), Meaning::BadSignature);
}

#[test]
fn the_last_answer_names_the_error() {
    for (answer, timed_out, kind) in [
        (NotSent, false, Kind::Network),
        (NotSent, true, Kind::Timeout),
        (Unknown, true, Kind::Timeout),
        (Unreadable, false, Kind::Protocol),
        (Refused(408), false, Kind::Timeout),
        (Refused(409), false, Kind::Conflict),
        (Refused(429), false, Kind::RateLimited),
        (Refused(502), false, Kind::ServerError),
        (Refused(403), false, Kind::PermissionDenied),
    ] {
        assert_eq!(kind_of(Call::Redeem, answer, timed_out), kind, "{answer:?}");
    }
    assert!(may_pass(Call::Redeem, Kind::PermissionDenied));
    assert!(!may_pass(Call::Sign, Kind::PermissionDenied));
}

fn failure(status: u16, request_id: Option<&str>, body: &str) -> Failure {
    Failure::new(status, request_id, body.as_bytes())
}

fn is_replay(first: &Failure, second: &Failure) -> bool {
    let note = |history: &mut KeyHistory, failure: &Failure| {
        history.note(Refused(500), Meaning::Failed, Some(failure.clone()));
        assert!(history.is_lost());
        history.is_replayed()
    };
    let mut history = KeyHistory::open();
    assert!(!note(&mut history, first));
    let is_replay = note(&mut history, second);
    // What another worker left says the same.
    let mut taken_up = KeyHistory::taken_up(Some(first.clone()));
    assert_eq!(note(&mut taken_up, second), is_replay);
    is_replay
}

#[test]
fn a_stored_failure_is_known_by_its_request_id_and_without_ids_by_the_same_500_twice() {
    let with_id = |id, body| failure(500, Some(id), body);
    assert!(is_replay(&with_id("a", "x"), &with_id("a", "x")));
    assert!(!is_replay(&with_id("a", "x"), &with_id("b", "x")));
    // Somebody on the way gives all answers the same id.
    assert!(!is_replay(&with_id("a", "x"), &with_id("a", "y")));
    let without = |status, body| failure(status, None, body);
    assert!(is_replay(&without(500, "x"), &without(500, "x")));
    assert!(!is_replay(&without(500, "x"), &without(500, "y")));
    assert!(!is_replay(&without(503, "x"), &without(503, "x")));
}

#[test]
fn a_failure_beside_a_request_that_runs_is_none_that_is_stored() {
    let mut history = KeyHistory::taken_up(Some(failure(500, None, "x")));
    history.note(Refused(409), Meaning::Conflict(Kind::Conflict), None);
    history.note(Refused(500), Meaning::Failed, Some(failure(500, None, "x")));
    assert!(!history.is_replayed());
}

#[test]
fn a_key_is_open_until_something_may_have_left_and_lost_until_it_is_resolved() {
    let mut history = KeyHistory::open();
    history.note(NotSent, Meaning::Untouched, None);
    history.note(Refused(429), Meaning::Untouched, None);
    assert!(history.is_open());
    history.note(Page(403), Meaning::Lost, None);
    assert!(history.is_lost());
    history.note(NotSent, Meaning::Untouched, None);
    assert!(history.is_lost());
    assert!(KeyHistory::taken_up(None).is_lost());
    assert!(KeyHistory::taken_up(None).is_taken_up());
}

#[test]
fn buying_and_redeeming_never_read_alike() {
    let steps = ALL_CALLS.map(Call::step);
    assert_eq!(steps[1], steps[2], "both fetch a challenge");
    for (index, step) in steps.iter().enumerate() {
        let others = steps.iter().filter(|other| *other == step).count();
        assert_eq!(others, if matches!(index, 1 | 2) { 2 } else { 1 }, "{step}");
    }
}

#[test]
fn every_error_explains_itself() {
    for call in ALL_CALLS {
        for &kind in Kind::ALL {
            let text = explain(call, kind);
            assert!(
                text.len() > 15 && text.ends_with(['.', '?']),
                "{call:?} {kind:?}"
            );
            // An earlier request, whose answer was lost, may have been.
            assert!(!text.contains("Nothing was billed"), "{call:?} {kind:?}");
        }
    }
}
