//! One test per row of the table, and per fear.

use super::*;
use crate::error::ResponseInfo;
use crate::http::{Connection, FailureCause, SendFailure, Sent};
use crate::outcome::Answer;
use crate::records::{Evidence, Stored, DAY, HOUR, MINUTE};
use crate::secret::{os_random, Secret};
use crate::verification::record::{Beginning, Purpose, StoredRelay};
use crate::wire::ResponseHead;

const BEGIN: u64 = 1_700_000_000_000;
/// Late enough that a question proves what it is answered.
const OVER: u64 = BEGIN + 41 * MINUTE;

/// A verification and one worker on it.
struct Worker {
    record: Durable,
    run: Run,
    now: u64,
    notices: Vec<EventKind>,
}

impl Worker {
    fn new(state: State, now: u64) -> Self {
        Self::of(Purpose::Verification, state, now)
    }

    fn of(purpose: Purpose, state: State, now: u64) -> Self {
        let beginning = Beginning {
            purpose,
            id: "id".to_owned(),
            environment: "production".to_owned(),
            claim_type: "age".to_owned(),
            owner: None,
            reference_key: None,
            encrypted: false,
            relay_bound: purpose != Purpose::Verification,
            relay: Some(StoredRelay {
                token: Kept::new("token"),
                secret: Kept::new("secret"),
                session_access_token: Kept::new("session"),
            }),
            state,
        };
        Self {
            record: Durable::begin(beginning, BEGIN, &mut os_random()),
            run: Run::new(Goal::Answer, now),
            now,
            notices: Vec::new(),
        }
    }

    /// A purchase that this worker has just stored.
    fn signing() -> Self {
        let mut worker = Self::new(State::Created { pooled: None }, BEGIN);
        let effect = worker.feed(Event::Blinded(Kept::new("blinded")));
        assert_eq!(effect, Effect::Sign);
        worker
    }

    /// A question that this worker has just stored.
    fn redeeming(now: u64) -> Self {
        let mut worker = Self::new(ready(pass(), Vec::new()), now);
        assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
        worker
    }

    /// A question about a caller's own pass, that this worker has just stored.
    fn redeeming_a_callers() -> Self {
        let state = first_request(Kept::new("pass"), None, BEGIN, &mut os_random());
        let mut worker = Self::of(Purpose::Redemption, state, BEGIN);
        worker.run.is_own = true;
        assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
        worker
    }

    /// Recovery takes the record up, some time later.
    fn recovered(mut self, later: u64) -> (Self, Effect) {
        self.now += later;
        self.run = Run::new(Goal::Pass, self.now);
        let effect = self.feed(Event::Continue);
        (self, effect)
    }

    /// Another worker takes the record up, after the lease.
    fn taken_up(mut self) -> Self {
        self.now += 10_000;
        self.run = Run::new(Goal::Answer, self.now);
        let effect = self.feed(Event::Continue);
        assert!(
            matches!(effect, Effect::Sign | Effect::Redeem),
            "{effect:?}"
        );
        self
    }

    fn feed(&mut self, event: Event) -> Effect {
        let decision = decide(
            &self.record,
            &mut self.run,
            event,
            self.now,
            &mut os_random(),
        );
        if let Some(record) = decision.store {
            self.record = record;
            self.run.is_own = true;
        }
        self.notices.extend(decision.notice);
        decision.effect
    }

    fn out_of_patience(&mut self, kind: ErrorKind) -> Effect {
        self.feed(Event::OutOfPatience(kind))
    }

    fn clone_record(&self) -> Self {
        Self {
            record: self.record.clone(),
            run: Run::new(Goal::Answer, self.now),
            now: self.now,
            notices: Vec::new(),
        }
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

    fn request(&self) -> (Request, Vec<Request>) {
        request_of(&self.record)
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

fn request_of(record: &Durable) -> (Request, Vec<Request>) {
    match &record.state {
        State::Redeeming { request, lost, .. } => (request.clone(), lost.clone()),
        other => panic!("no request is open: {other:?}"),
    }
}

fn pass() -> PaidPass {
    PaidPass {
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
    let body = br#"{"errors":[{"title":"in Persona's words"}]}"#;
    Attempt::refused(head(status, request_id), Some(Secret::new(body.to_vec())))
}

fn answered(answer: Answer, status: u16, request_id: &str) -> Box<Attempt> {
    Attempt::answered(answer, head(status, request_id), None)
}

fn head(status: u16, request_id: &str) -> ResponseHead {
    ResponseHead {
        status,
        info: ResponseInfo {
            request_id: Some(request_id.to_owned()),
            ..ResponseInfo::default()
        },
        ..ResponseHead::default()
    }
}

/// Somebody on the way answers: a firewall, a proxy.
fn edge(code: u16) -> Box<Attempt> {
    let head = ResponseHead {
        status: code,
        ..ResponseHead::default()
    };
    let page = b"<html>no</html>".to_vec();
    Attempt::refused(head, Some(Secret::new(page)))
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
    assert_eq!(looks_further, Effect::FindReplacement);
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
    // After a lost answer, a new key would risk a second bill.
    let mut worker = Worker::signing().taken_up();
    let before = worker.purchase().clone();
    assert_eq!(
        worker.not_signed(status(403, "a")),
        Effect::Fail(ErrorKind::PermissionDenied)
    );
    assert_eq!(worker.purchase(), &before);
    assert_eq!(worker.notices, []);
}

#[test]
fn a_key_that_is_gone_is_fetched_anew_once_and_not_after_a_lost_answer() {
    let mut worker = Worker::signing();
    assert_eq!(worker.not_signed(status(404, "a")), Effect::Continue);
    assert_eq!(worker.feed(Event::Continue), Effect::Blind);
    assert_eq!(
        worker.feed(Event::Blinded(Kept::new("other"))),
        Effect::Sign
    );
    assert_eq!(
        worker.not_signed(status(404, "b")),
        Effect::Fail(ErrorKind::NotFound)
    );
    let mut worker = Worker::signing().taken_up();
    assert_eq!(
        worker.not_signed(status(404, "a")),
        Effect::Fail(ErrorKind::NotFound)
    );
    assert_eq!(worker.stuck(), Some(ErrorKind::NotFound));
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

// Redeeming: once per pass.

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
    assert_eq!(refund.pass, pass());
    // Whoever comes after a crash puts it into the same place.
    assert_eq!(worker.feed(Event::Continue), Effect::Refund(refund));
    assert_eq!(worker.feed(Event::Refunded), Effect::Continue);
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
    assert!(!worker.refunded());
}

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
fn a_rejected_pass_gets_a_second_look_and_buys_no_other_one_unless_the_caller_says_so() {
    let mut worker = Worker::redeeming(BEGIN);
    assert_eq!(worker.not_redeemed(status(401, "a")), Effect::Again);
    let looks_further = worker.not_redeemed(status(401, "a"));
    assert_eq!(looks_further, Effect::FindReplacement);
    let nothing = Event::Replacement(None);
    let rejected = Effect::Fail(ErrorKind::PassRejected);
    assert_eq!(worker.feed(nothing.clone()), rejected);
    worker.run = Run::new(Goal::Answer, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Tell);
    assert_eq!(worker.feed(Event::Reissue), Effect::FindReplacement);
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
        assert_eq!(looks_further, Effect::FindReplacement);
        let place = Some("place".to_owned());
        worker.feed(Event::Replacement(place));
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
    assert_eq!(worker.record.state, ready(pass(), vec![first]));
    worker.now = BEGIN + 26 * HOUR;
    worker.run = Run::new(Goal::Answer, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_eq!(worker.not_redeemed(status(401, "c")), Effect::Again);
    assert_eq!(worker.not_redeemed(status(401, "c")), Effect::Continue);
    assert_eq!(worker.failed(), ErrorKind::OutcomeUnknown);
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
            lost: vec![first.clone()],
        };
        worker.now = BEGIN + 30 * MINUTE;
        worker = worker.taken_up();
        assert_eq!(worker.request().0, first);
        // Were the older one answered with a refusal, the younger one would be next.
        assert_eq!(worker.not_redeemed(status(refused, "a")), Effect::Redeem);
        assert_eq!(worker.request(), (second, Vec::new()));
    }
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
        worker.now = OVER + 26 * HOUR;
        worker.run = Run::new(Goal::Answer, worker.now);
        assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
        assert_eq!(worker.not_redeemed(status(code, "c")), Effect::Again);
        assert_eq!(worker.not_redeemed(status(code, "c")), Effect::Continue);
        assert_eq!(worker.failed(), ErrorKind::OutcomeUnknown);
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
    worker.now = BEGIN + 26 * HOUR - 1;
    worker.run = Run::new(Goal::Answer, worker.now);
    assert_eq!(worker.feed(Event::Continue), Effect::Redeem);
    assert_eq!(worker.request().0.key, first.key);
    worker.now += 10_000;
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
    assert!(worker.now > BEGIN + 26 * HOUR);
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

#[test]
fn an_answer_that_cannot_be_opened_is_kept() {
    let mut worker = Worker::redeeming(BEGIN);
    let event = Event::Redeemed {
        pass: Kept::new("pass"),
        payload: Kept::new("payload"),
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

// Several workers.

#[test]
fn who_comes_second_waits_for_the_lease_and_then_asks_the_same() {
    for mut worker in [Worker::signing(), Worker::redeeming(BEGIN)] {
        let before = worker.record.clone();
        worker.run = Run::new(Goal::Answer, worker.now);
        assert_eq!(worker.feed(Event::Continue), Effect::Wait);
        let worker = worker.taken_up();
        // The same question; the swap tells whoever asked before.
        assert_eq!(worker.record.state, before.state);
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
        Event::Blinded(Kept::new("other")),
    ] {
        assert_eq!(worker.feed(event), Effect::Continue);
        assert_eq!(worker.record, before);
    }
}

// A caller's own pass: he alone asks new questions.

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
        pass: Kept::new("pass"),
        payload: Kept::new("payload"),
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
