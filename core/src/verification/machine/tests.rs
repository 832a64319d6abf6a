//! One test per row of the table, and per fear.

use super::*;
use crate::error::ResponseInfo;
use crate::http::{FailureCause, SendFailure, Sent};
use crate::outcome::Answer;
use crate::records::{Stored, DAY, HOUR, MINUTE};
use crate::secret::{os_random, Secret};
use crate::verification::record::{Beginning, Purpose, RelayKept};
use crate::wire::ResponseHead;

const BEGIN: u64 = 1_700_000_000_000;
/// Late enough that a question proves what it is answered.
const OVER: u64 = BEGIN + 41 * MINUTE;

/// A verification and one worker on it.
struct Desk {
    record: Durable,
    run: Run,
    now: u64,
    notices: Vec<EventKind>,
}

impl Desk {
    fn new(state: State, now: u64) -> Self {
        Self::of(Purpose::Verification, state, now)
    }

    fn of(purpose: Purpose, state: State, now: u64) -> Self {
        let beginning = Beginning {
            purpose,
            id: "id".to_owned(),
            environment: "production".to_owned(),
            claim_type: "age".to_owned(),
            reference_key: None,
            encrypted: false,
            relay_bound: purpose != Purpose::Verification,
            relay: Some(RelayKept {
                token: Kept::new("token"),
                secret: Kept::new("secret"),
                session_access_token: Kept::new("session"),
            }),
            state,
        };
        Self {
            record: Durable::begin(beginning, BEGIN, &mut os_random()),
            run: Run::new(Goal::Answer),
            now,
            notices: Vec::new(),
        }
    }

    /// A purchase that this worker has just stored.
    fn signing() -> Self {
        let mut desk = Self::new(State::Created { pooled: None }, BEGIN);
        let effect = desk.feed(Event::Blinded(Kept::new("blinded")));
        assert_eq!(effect, Effect::Sign);
        desk
    }

    /// A question that this worker has just stored.
    fn redeeming(now: u64) -> Self {
        let mut desk = Self::new(ready(pass(), Vec::new()), now);
        assert_eq!(desk.feed(Event::Continue), Effect::Redeem);
        desk
    }

    /// A question about a caller's own pass, that this worker has just stored.
    fn redeeming_a_callers() -> Self {
        let state = first_question(Kept::new("pass"), BEGIN, &mut os_random());
        let mut desk = Self::of(Purpose::Redemption, state, BEGIN);
        desk.run.is_own = true;
        assert_eq!(desk.feed(Event::Continue), Effect::Redeem);
        desk
    }

    /// Recovery takes the record up, some time later.
    fn recovered(mut self, later: u64) -> (Self, Effect) {
        self.now += later;
        self.run = Run::new(Goal::Pass);
        let effect = self.feed(Event::Continue);
        (self, effect)
    }

    /// Another worker takes the record up, after the lease.
    fn taken_up(mut self) -> Self {
        self.now += 10_000;
        self.run = Run::new(Goal::Answer);
        let effect = self.feed(Event::Continue);
        assert!(
            matches!(effect, Effect::Sign | Effect::Redeem),
            "{effect:?}"
        );
        self
    }

    fn feed(&mut self, event: Event) -> Effect {
        let step = step(
            &self.record,
            &mut self.run,
            event,
            self.now,
            &mut os_random(),
        );
        if let Some(record) = step.store {
            self.record = record;
            self.run.is_own = true;
        }
        self.notices.extend(step.notice);
        step.effect
    }

    fn not_signed(&mut self, attempt: Box<Attempt>) -> Effect {
        self.feed(Event::NotSigned(attempt.into()))
    }

    fn not_redeemed(&mut self, attempt: Box<Attempt>) -> Effect {
        self.feed(Event::NotRedeemed(attempt.into()))
    }

    fn purchase(&self) -> &Purchase {
        match &self.record.state {
            State::Issuing { purchase } => purchase,
            other => panic!("nothing is being bought: {other:?}"),
        }
    }

    fn stuck(&self) -> Option<ErrorKind> {
        self.purchase().stuck.as_ref().map(Evidence::kind)
    }

    fn question(&self) -> (Asked, Vec<Asked>) {
        match &self.record.state {
            State::Redeeming {
                question, earlier, ..
            } => (question.clone(), earlier.clone()),
            other => panic!("no question is open: {other:?}"),
        }
    }

    fn failed(&self) -> ErrorKind {
        match &self.record.state {
            State::Failed { evidence } => evidence.kind(),
            other => panic!("it has not failed: {other:?}"),
        }
    }

    fn refunded(&self) -> bool {
        self.record.refund.is_some()
    }
}

fn pass() -> Held {
    Held {
        token: Kept::new("pass"),
        bought_at: BEGIN,
    }
}

fn not_sent() -> Box<Attempt> {
    unanswered(Sent::Nothing)
}

fn unknown_answer() -> Box<Attempt> {
    unanswered(Sent::Perhaps)
}

fn unanswered(sent: Sent) -> Box<Attempt> {
    Attempt::unanswered(SendFailure {
        sent,
        cause: FailureCause::Network,
        description: String::new(),
    })
}

fn status(status: u16, request_id: &str) -> Box<Attempt> {
    answered(Answer::Status(status), status, request_id)
}

fn answered(answer: Answer, status: u16, request_id: &str) -> Box<Attempt> {
    let head = ResponseHead {
        status,
        info: ResponseInfo {
            request_id: Some(request_id.to_owned()),
            rate_limit: None,
        },
        ..ResponseHead::default()
    };
    let body = br#"{"errors":[{"title":"in Persona's words"}]}"#;
    Attempt::answered(answer, head, Some(Secret::new(body.to_vec())))
}

/// Somebody on the way answers: a firewall, a proxy.
fn edge(code: u16) -> Box<Attempt> {
    let head = ResponseHead {
        status: code,
        ..ResponseHead::default()
    };
    let page = b"<html>no</html>".to_vec();
    Attempt::answered(Answer::Status(code), head, Some(Secret::new(page)))
}

fn unreadable() -> Box<Attempt> {
    answered(Answer::Unreadable, 200, "a")
}

fn signed(token: &str) -> Event {
    Event::Signed {
        blinded: Kept::new("blinded"),
        token: Kept::new(token),
    }
}

fn redeemed(result: &str, consumed: bool) -> Event {
    Event::Redeemed {
        pass: Kept::new("pass"),
        payload: Kept::new("payload"),
        consumed,
        opened: Some(Arc::new(Ok(Claim {
            claim_type: "age".to_owned(),
            claim_result: result.to_owned(),
            methodology: Vec::new(),
        }))),
    }
}

// Signing: billed.

#[test]
fn a_signature_that_was_not_asked_for_or_whose_answer_was_lost_keeps_its_key() {
    let mut desk = Desk::signing();
    let before = desk.record.clone();
    for attempt in [
        not_sent(),
        unknown_answer(),
        status(429, "a"),
        status(503, "b"),
    ] {
        assert_eq!(desk.not_signed(attempt), Effect::Again);
        assert_eq!(desk.feed(Event::Continue), Effect::Sign);
    }
    assert_eq!(desk.record, before);
}

#[test]
fn a_lost_signature_is_given_up_after_22_hours_and_never_asked_for_again() {
    let mut desk = Desk::signing();
    desk.now = BEGIN + 22 * HOUR - 1;
    desk.run = Run::new(Goal::Pass);
    assert_eq!(desk.feed(Event::Continue), Effect::Sign);
    desk.now += 10_000;
    desk.run = Run::new(Goal::Pass);
    assert_eq!(desk.feed(Event::Continue), Effect::Tell);
    assert_eq!(desk.stuck(), Some(ErrorKind::OutcomeUnknown));
    assert_eq!(desk.notices, [EventKind::UnknownOutcome]);
    assert_eq!(desk.feed(Event::Continue), Effect::Tell);
    assert_eq!(desk.failed(), ErrorKind::OutcomeUnknown);
}

#[test]
fn the_blinding_state_does_not_outlive_the_signature() {
    let mut desk = Desk::signing();
    assert_eq!(desk.feed(signed("pass")), Effect::Continue);
    let stored = serde_json::to_string(&desk.record).unwrap();
    assert!(
        stored.contains("pass") && !stored.contains("blinded"),
        "{stored}"
    );
}

#[test]
fn an_unreadable_signature_is_asked_for_once_more_and_then_unknown() {
    let mut desk = Desk::signing();
    assert_eq!(desk.not_signed(unreadable()), Effect::Again);
    assert_eq!(
        desk.not_signed(unreadable()),
        Effect::Fail(ErrorKind::OutcomeUnknown)
    );
    assert_eq!(desk.stuck(), Some(ErrorKind::OutcomeUnknown));
    assert_eq!(desk.notices, [EventKind::UnknownOutcome]);
}

#[test]
fn a_signature_that_does_not_verify_is_never_redeemed_and_buys_no_other_pass_by_itself() {
    let mut desk = Desk::signing();
    let bad = || answered(Answer::BadSignature, 201, "a");
    assert_eq!(desk.not_signed(bad()), Effect::Again);
    assert_eq!(desk.not_signed(bad()), Effect::Fail(ErrorKind::Protocol));
    assert_eq!(desk.feed(Event::Continue), Effect::Tell);
    // At the caller's word, another message is blinded.
    assert_eq!(desk.feed(Event::Reissue), Effect::Continue);
    assert_eq!(desk.record.state, State::Created { pooled: None });
    assert_eq!(desk.notices, [EventKind::PossibleDoubleCharge]);
}

#[test]
fn a_wrong_api_key_leaves_the_purchase_as_it_is() {
    for mut desk in [Desk::signing(), Desk::signing().taken_up()] {
        let before = desk.purchase().clone();
        let effect = desk.not_signed(status(401, "a"));
        assert!(
            matches!(effect, Effect::Fail(ErrorKind::Authentication)),
            "{effect:?}"
        );
        assert_eq!(desk.purchase(), &before);
    }
}

#[test]
fn a_missing_permission_is_stored_under_its_key_so_the_next_question_has_a_new_one() {
    let mut desk = Desk::signing();
    let before = desk.purchase().clone();
    assert_eq!(
        desk.not_signed(status(403, "a")),
        Effect::Fail(ErrorKind::PermissionDenied)
    );
    assert_ne!(desk.purchase().key, before.key);
    assert_eq!(desk.purchase().blinded, before.blinded);
    // After a lost answer, a new key would risk a second bill.
    let mut desk = Desk::signing().taken_up();
    let before = desk.purchase().clone();
    assert_eq!(
        desk.not_signed(status(403, "a")),
        Effect::Fail(ErrorKind::PermissionDenied)
    );
    assert_eq!(desk.purchase(), &before);
    assert_eq!(desk.notices, []);
}

#[test]
fn a_key_that_is_gone_is_fetched_anew_once_and_not_after_a_lost_answer() {
    let mut desk = Desk::signing();
    assert_eq!(desk.not_signed(status(404, "a")), Effect::Continue);
    assert_eq!(desk.feed(Event::Continue), Effect::Blind);
    assert_eq!(desk.feed(Event::Blinded(Kept::new("other"))), Effect::Sign);
    assert_eq!(
        desk.not_signed(status(404, "b")),
        Effect::Fail(ErrorKind::NotFound)
    );
    let mut desk = Desk::signing().taken_up();
    assert_eq!(
        desk.not_signed(status(404, "a")),
        Effect::Fail(ErrorKind::NotFound)
    );
    assert_eq!(desk.stuck(), Some(ErrorKind::NotFound));
}

#[test]
fn a_refused_purchase_gets_a_new_key_only_at_the_callers_word_and_keeps_its_message() {
    for (code, kind, attempts) in [
        (409, ErrorKind::Conflict, 2),
        (422, ErrorKind::Unprocessable, 1),
    ] {
        let mut desk = Desk::signing();
        for _ in 1..attempts {
            assert_eq!(desk.not_signed(status(code, "a")), Effect::Again);
        }
        assert_eq!(desk.not_signed(status(code, "a")), Effect::Fail(kind));
        assert_eq!(desk.stuck(), Some(kind));
        let before = desk.purchase().clone();
        assert_eq!(desk.feed(Event::Reissue), Effect::Continue);
        assert_eq!(desk.purchase().blinded, before.blinded);
        assert_ne!(desk.purchase().key, before.key);
        assert_eq!(desk.notices, [EventKind::PossibleDoubleCharge]);
    }
}

#[test]
fn a_stored_server_error_rotates_the_key_of_a_purchase_once_and_says_so() {
    let mut desk = Desk::signing();
    let first = desk.purchase().clone();
    assert_eq!(desk.not_signed(status(500, "a")), Effect::Again);
    assert_eq!(desk.purchase(), &first);
    assert_eq!(desk.not_signed(status(500, "a")), Effect::Again);
    assert_ne!(desk.purchase().key, first.key);
    assert_eq!(desk.purchase().blinded, first.blinded);
    assert_eq!(desk.notices, [EventKind::PossibleDoubleCharge]);
    // Another worker does not begin to count anew.
    let mut desk = desk.taken_up();
    assert_eq!(desk.not_signed(status(500, "b")), Effect::Again);
    assert_eq!(
        desk.not_signed(status(500, "b")),
        Effect::Fail(ErrorKind::OutcomeUnknown)
    );
    assert_eq!(desk.stuck(), Some(ErrorKind::OutcomeUnknown));
}

// Redeeming: once per pass.

#[test]
fn a_question_that_was_not_sent_or_whose_answer_was_lost_keeps_its_key() {
    let mut desk = Desk::redeeming(BEGIN);
    let before = desk.record.clone();
    for attempt in [
        not_sent(),
        unknown_answer(),
        status(429, "a"),
        status(503, "b"),
    ] {
        assert_eq!(desk.not_redeemed(attempt), Effect::Again);
        assert_eq!(desk.feed(Event::Continue), Effect::Redeem);
    }
    assert_eq!(desk.record, before);
    assert_eq!(desk.run.connection(), Connection::Fresh);
}

#[test]
fn after_an_answer_nothing_secret_is_left_and_nothing_changes_any_more() {
    let mut desk = Desk::redeeming(BEGIN);
    assert_eq!(desk.feed(redeemed("passed", true)), Effect::Continue);
    let closed = desk.record.clone();
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
        let effect = desk.feed(event);
        assert!(
            matches!(effect, Effect::Tell | Effect::Continue),
            "{effect:?}"
        );
        assert_eq!(desk.record, closed);
    }
}

#[test]
fn a_pass_that_was_not_consumed_is_given_back_once() {
    let mut desk = Desk::redeeming(BEGIN);
    assert_eq!(desk.feed(redeemed("failed", false)), Effect::Continue);
    let effect = desk.feed(Event::Continue);
    let Effect::Refund(refund) = effect else {
        panic!("{effect:?}");
    };
    assert_eq!(refund.pass, pass());
    // Whoever comes after a crash puts it into the same place.
    assert_eq!(desk.feed(Event::Continue), Effect::Refund(refund));
    assert_eq!(desk.feed(Event::Refunded), Effect::Continue);
    assert_eq!(desk.feed(Event::Continue), Effect::Tell);
    assert!(!desk.refunded());
}

#[test]
fn an_unreadable_claim_is_asked_for_under_the_same_key_then_a_new_one_then_unknown() {
    let mut desk = Desk::redeeming(BEGIN);
    let (first, _) = desk.question();
    assert_eq!(desk.not_redeemed(unreadable()), Effect::Again);
    assert_eq!(desk.question().0, first);
    assert_eq!(desk.not_redeemed(unreadable()), Effect::Again);
    assert_ne!(desk.question().0.key, first.key);
    assert_eq!(desk.question().1, [first]);
    desk.not_redeemed(unreadable());
    assert_eq!(desk.failed(), ErrorKind::OutcomeUnknown);
    assert_eq!(desk.notices, [EventKind::UnknownOutcome]);
}

#[test]
fn a_rejected_pass_buys_no_other_one_unless_the_caller_says_so() {
    let mut desk = Desk::redeeming(BEGIN);
    assert_eq!(
        desk.not_redeemed(status(401, "a")),
        Effect::Fail(ErrorKind::PassRejected)
    );
    assert_eq!(desk.feed(Event::Continue), Effect::Tell);
    assert_eq!(desk.feed(Event::Reissue), Effect::Continue);
    assert_eq!(desk.record.state, State::Created { pooled: None });
    assert_eq!(desk.notices, [EventKind::PossibleDoubleCharge]);
}

#[test]
fn a_rejected_pass_is_looked_for_under_the_earlier_keys_before_anybody_says_unknown() {
    let mut desk = Desk::redeeming(BEGIN);
    let (first, _) = desk.question();
    // Lost, then useless under its key: the second question has a new one.
    assert_eq!(desk.not_redeemed(unreadable()), Effect::Again);
    assert_eq!(desk.not_redeemed(unreadable()), Effect::Again);
    assert_eq!(desk.not_redeemed(status(401, "b")), Effect::Again);
    assert_eq!(desk.question(), (first, Vec::new()));
    assert_eq!(desk.not_redeemed(status(401, "c")), Effect::Again);
    assert_eq!(desk.not_redeemed(status(401, "d")), Effect::Tell);
    assert_eq!(desk.failed(), ErrorKind::OutcomeUnknown);
}

#[test]
fn not_yet_is_no_answer_and_the_next_question_has_a_new_key() {
    let mut desk = Desk::redeeming(BEGIN);
    let (first, _) = desk.question();
    assert_eq!(desk.not_redeemed(status(403, "a")), Effect::TellPending);
    assert_eq!(desk.notices, [EventKind::Pending]);
    desk.run = Run::new(Goal::Answer);
    assert_eq!(desk.feed(Event::Continue), Effect::Redeem);
    let (second, earlier) = desk.question();
    assert_ne!(second.key, first.key);
    assert_eq!(earlier, []);
}

#[test]
fn expired_needs_a_question_that_was_asked_after_the_end() {
    // Asked in time, answered late: no proof.
    let mut desk = Desk::redeeming(BEGIN + 39 * MINUTE);
    desk.now = OVER;
    assert_eq!(desk.not_redeemed(status(403, "a")), Effect::TellPending);
    desk.run = Run::new(Goal::Answer);
    assert_eq!(desk.feed(Event::Continue), Effect::Redeem);
    assert_eq!(desk.not_redeemed(status(403, "b")), Effect::Continue);
    assert_eq!(desk.record.state, State::Expired);
    assert!(desk.refunded(), "the pass is unspent");
}

#[test]
fn an_expired_session_gives_its_pass_back_even_if_an_answer_was_lost_before() {
    let mut desk = Desk::redeeming(OVER).taken_up();
    assert_eq!(desk.not_redeemed(status(403, "a")), Effect::Continue);
    assert_eq!(desk.record.state, State::Expired);
    assert!(
        desk.refunded(),
        "a relay that is not finished has spent nothing"
    );
}

#[test]
fn what_somebody_on_the_way_says_closes_nothing_and_condemns_no_pass() {
    for (code, kind) in [
        (400, ErrorKind::InvalidArgument),
        (403, ErrorKind::Network),
        (404, ErrorKind::NotFound),
        (410, ErrorKind::NotFound),
    ] {
        let mut desk = Desk::redeeming(OVER);
        assert_eq!(desk.not_redeemed(edge(code)), Effect::Fail(kind));
        assert!(!desk.record.is_closed(), "{code}");
        assert!(
            matches!(desk.record.state, State::Redeeming { .. }),
            "{code}"
        );
    }
    for begun in [BEGIN, OVER] {
        let mut desk = Desk::redeeming(begun);
        let effect = desk.not_redeemed(edge(401));
        assert_eq!(effect, Effect::Fail(ErrorKind::Network));
        assert!(matches!(desk.record.state, State::Redeeming { .. }));
    }
    // Before the end it may be Persona's "not yet": no harm in asking anew.
    let mut desk = Desk::redeeming(BEGIN);
    assert_eq!(desk.not_redeemed(edge(403)), Effect::TellPending);
}

#[test]
fn an_unknown_relay_is_an_error_now_and_the_end_later() {
    let mut desk = Desk::redeeming(BEGIN);
    assert_eq!(
        desk.not_redeemed(status(404, "a")),
        Effect::Fail(ErrorKind::NotFound)
    );
    let mut desk = Desk::redeeming(OVER);
    assert_eq!(desk.not_redeemed(status(404, "a")), Effect::Continue);
    assert_eq!(desk.failed(), ErrorKind::NotFound);
    assert!(desk.refunded(), "no relay, nothing spent");
}

#[test]
fn a_refusal_may_mean_not_yet_until_the_session_is_over() {
    for (code, kind) in [(409, ErrorKind::Conflict), (422, ErrorKind::Unprocessable)] {
        let mut desk = Desk::redeeming(BEGIN);
        assert_eq!(desk.not_redeemed(status(code, "a")), Effect::Again);
        assert_eq!(desk.not_redeemed(status(code, "a")), Effect::TellPending);
        let mut desk = Desk::redeeming(OVER);
        assert_eq!(desk.not_redeemed(status(code, "a")), Effect::Again);
        assert_eq!(desk.not_redeemed(status(code, "a")), Effect::Tell);
        assert_eq!(desk.failed(), kind);
        // After a lost answer it may be our own redemption that spent the pass.
        let mut desk = Desk::redeeming(OVER).taken_up();
        assert_eq!(desk.not_redeemed(status(code, "a")), Effect::Again);
        desk.now += 11 * MINUTE;
        assert_eq!(desk.not_redeemed(status(code, "a")), Effect::Tell);
        assert_eq!(desk.failed(), ErrorKind::OutcomeUnknown);
    }
}

/// Persona may take longer than an attempt, and its answer would come to a closed verification.
#[test]
fn a_request_that_may_still_be_running_closes_nothing() {
    let mut desk = Desk::redeeming(OVER).taken_up();
    assert_eq!(desk.not_redeemed(status(409, "a")), Effect::Again);
    let effect = desk.not_redeemed(status(409, "a"));
    assert_eq!(effect, Effect::Fail(ErrorKind::Conflict));
    assert_eq!(desk.feed(redeemed("passed", true)), Effect::Continue);
    assert!(matches!(desk.record.state, State::Answered { .. }));
}

/// Whoever is slower than the lease may come back with the answer after another worker was told
/// "not yet".
#[test]
fn an_answer_in_hand_counts_whatever_was_stored_meanwhile() {
    let mut desk = Desk::redeeming(BEGIN);
    assert_eq!(desk.not_redeemed(status(403, "a")), Effect::TellPending);
    assert_eq!(desk.feed(redeemed("passed", true)), Effect::Continue);
    assert!(matches!(desk.record.state, State::Answered { .. }));
    let mut desk = Desk::signing();
    desk.not_signed(status(422, "a"));
    assert_eq!(desk.stuck(), Some(ErrorKind::Unprocessable));
    assert_eq!(desk.feed(signed("pass")), Effect::Continue);
    assert!(matches!(desk.record.state, State::Ready { .. }));
}

/// "Not yet" may come from something on the way: nothing is closed before every lost key was asked.
#[test]
fn nothing_is_closed_before_the_earlier_keys_are_asked() {
    for code in [401, 403, 404, 409, 422] {
        let mut desk = Desk::redeeming(BEGIN);
        let (first, _) = desk.question();
        assert_eq!(desk.not_redeemed(unknown_answer()), Effect::Again);
        assert_eq!(desk.not_redeemed(status(403, "a")), Effect::TellPending);
        desk.now = OVER;
        desk.run = Run::new(Goal::Answer);
        assert_eq!(desk.feed(Event::Continue), Effect::Redeem);
        assert_eq!(desk.not_redeemed(status(code, "b")), Effect::Continue);
        assert_eq!(desk.question().0.key, first.key, "{code}");
        assert_eq!(desk.feed(redeemed("passed", true)), Effect::Continue);
        assert!(matches!(desk.record.state, State::Answered { .. }));
    }
}

#[test]
fn a_stored_server_error_rotates_the_key_of_a_question_twice_at_most() {
    let mut desk = Desk::redeeming(BEGIN);
    let mut keys = vec![desk.question().0.key];
    for id in ["a", "b"] {
        assert_eq!(desk.not_redeemed(status(500, id)), Effect::Again);
        assert_eq!(desk.not_redeemed(status(500, id)), Effect::Again);
        let (next, earlier) = desk.question();
        assert!(!keys.contains(&next.key));
        assert_eq!(earlier.len(), keys.len());
        keys.push(next.key);
    }
    assert_eq!(desk.not_redeemed(status(500, "c")), Effect::Again);
    assert_eq!(
        desk.not_redeemed(status(500, "c")),
        Effect::Fail(ErrorKind::ServerError)
    );
    assert_eq!(desk.question().0.key, keys[2]);
}

#[test]
fn a_question_of_22_hours_gets_a_new_key_and_remembers_that_an_answer_was_lost() {
    let mut desk = Desk::redeeming(BEGIN);
    let (first, _) = desk.question();
    desk.now = BEGIN + 22 * HOUR;
    desk.run = Run::new(Goal::Answer);
    assert_eq!(desk.feed(Event::Continue), Effect::Redeem);
    assert_ne!(desk.question().0.key, first.key);
    // A refusal now may be our own redemption of yesterday.
    assert_eq!(desk.not_redeemed(status(409, "a")), Effect::Continue);
    assert_eq!(desk.question().0.key, first.key);
    assert_eq!(desk.not_redeemed(status(409, "b")), Effect::Again);
    assert_eq!(desk.not_redeemed(status(409, "b")), Effect::Tell);
    assert_eq!(desk.failed(), ErrorKind::OutcomeUnknown);
}

/// It went from one to the other and back, thousands of times, and the person got no answer.
#[test]
fn keys_of_yesterday_are_asked_once_more_and_then_it_ends() {
    let mut desk = Desk::redeeming(BEGIN);
    assert_eq!(desk.not_redeemed(unreadable()), Effect::Again);
    assert_eq!(desk.not_redeemed(unreadable()), Effect::Again);
    desk.now = BEGIN + 23 * HOUR;
    desk.run = Run::new(Goal::Answer);
    let mut asked = 0;
    while !desk.record.is_closed() {
        match desk.feed(Event::Continue) {
            Effect::Redeem => {
                asked += 1;
                desk.not_redeemed(status(422, "a"));
            }
            other => panic!("{other:?}"),
        }
        assert!(asked < 9, "it does not end");
    }
    assert_eq!(desk.failed(), ErrorKind::OutcomeUnknown);
}

#[test]
fn a_verification_is_given_up_a_week_after_its_session() {
    let mut desk = Desk::redeeming(BEGIN);
    desk.now = BEGIN + 30 * MINUTE + 7 * DAY + 1;
    desk.run = Run::new(Goal::Answer);
    assert_eq!(desk.feed(Event::Continue), Effect::Tell);
    assert_eq!(desk.failed(), ErrorKind::OutcomeUnknown);
}

#[test]
fn an_answer_that_cannot_be_opened_is_kept() {
    let mut desk = Desk::redeeming(BEGIN);
    let event = Event::Redeemed {
        pass: Kept::new("pass"),
        payload: Kept::new("payload"),
        consumed: true,
        opened: Some(Arc::new(Err(Error::new(ErrorKind::Decryption, "")))),
    };
    assert_eq!(desk.feed(event), Effect::Continue);
    let State::Unopened { payload, .. } = &desk.record.state else {
        panic!("{:?}", desk.record.state);
    };
    assert_eq!(payload.expose(), "payload");
    assert!(desk.record.relay.is_none());
}

// Several workers.

#[test]
fn who_comes_second_waits_for_the_lease_and_then_asks_the_same() {
    for mut desk in [Desk::signing(), Desk::redeeming(BEGIN)] {
        let before = desk.record.clone();
        desk.run = Run::new(Goal::Answer);
        assert_eq!(desk.feed(Event::Continue), Effect::Wait);
        let desk = desk.taken_up();
        // The same question; the swap tells whoever asked before.
        assert_eq!(desk.record.state, before.state);
        assert_ne!(desk.record.leased_until, before.leased_until);
    }
}

#[test]
fn reissue_changes_nothing_where_nothing_is_wrong() {
    for state in [
        ready(pass(), Vec::new()),
        State::Created { pooled: None },
        State::Expired,
    ] {
        let mut plain = Desk::new(state.clone(), BEGIN);
        let mut reissued = Desk::new(state, BEGIN);
        let (a, b) = (plain.feed(Event::Continue), reissued.feed(Event::Reissue));
        assert_eq!(a, b);
        assert_eq!(reissued.notices, []);
    }
}

#[test]
fn an_event_that_comes_too_late_is_no_reason_to_go_back() {
    let mut desk = Desk::signing();
    desk.feed(signed("pass"));
    let before = desk.record.clone();
    for event in [
        Event::NotSigned(status(500, "a").into()),
        signed("other"),
        Event::Pooled(None),
        Event::Blinded(Kept::new("other")),
    ] {
        assert_eq!(desk.feed(event), Effect::Continue);
        assert_eq!(desk.record, before);
    }
}

// A caller's own pass: he alone asks new questions.

#[test]
fn recovery_leaves_a_redemption_alone_that_was_answered_with_not_yet() {
    let mut desk = Desk::redeeming_a_callers();
    let not_yet = Effect::Fail(ErrorKind::PermissionDenied);
    assert_eq!(desk.not_redeemed(status(403, "a")), not_yet);
    assert_eq!(desk.record.due_at(), None);
    assert!(desk.record.expires_at().is_some());
    let (desk, effect) = desk.recovered(HOUR);
    assert_eq!(effect, Effect::Tell);
    assert!(matches!(desk.record.state, State::Ready { .. }));
}

#[test]
fn recovery_asks_for_a_lost_answer_again_and_again_under_its_own_key() {
    let mut desk = Desk::redeeming_a_callers();
    let (asked, _) = desk.question();
    assert_eq!(desk.not_redeemed(unknown_answer()), Effect::Again);
    // Somebody on the way says so: the answer may be there all the same.
    let not_yet = Effect::Fail(ErrorKind::PermissionDenied);
    assert_eq!(desk.not_redeemed(edge(403)), not_yet);
    for _ in 0..3 {
        assert!(desk.record.due_at().is_some());
        let (mut recovering, effect) = desk.recovered(HOUR);
        assert_eq!(effect, Effect::Redeem);
        assert_eq!(recovering.question(), (asked.clone(), Vec::new()));
        // It has nobody to tell.
        assert_eq!(recovering.not_redeemed(edge(403)), Effect::TellPending);
        desk = recovering;
    }
    let (mut desk, _) = desk.recovered(HOUR);
    let answer = Event::Redeemed {
        pass: Kept::new("pass"),
        payload: Kept::new("payload"),
        consumed: false,
        opened: None,
    };
    assert_eq!(desk.feed(answer), Effect::Continue);
    assert!(matches!(desk.record.state, State::Given { .. }));
    assert!(!desk.refunded());
}

#[test]
fn recovery_asks_no_new_question_for_a_caller_when_a_key_is_too_old() {
    let (desk, effect) = Desk::redeeming_a_callers().recovered(22 * HOUR);
    assert_eq!(effect, Effect::TellPending);
    assert_eq!(desk.record.due_at(), None);
    let State::Ready { earlier, .. } = &desk.record.state else {
        panic!("{:?}", desk.record.state);
    };
    assert_eq!(earlier.len(), 1);
    // The caller is back: a new question, and the old key is not forgotten.
    let mut desk = desk;
    desk.run = Run::new(Goal::Answer);
    assert_eq!(desk.feed(Event::Continue), Effect::Redeem);
    assert_eq!(desk.question().1.len(), 1);
}
