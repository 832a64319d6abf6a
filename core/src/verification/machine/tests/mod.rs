//! One test per row of the table, and per fear.

mod lost_keys;
mod put_off;
mod redeeming;
mod rejected;
mod signing;
mod strict;
mod workers;

use std::sync::Arc;

use super::*;
use crate::claim::Claim;
use crate::error::{Error, ResponseInfo};
use crate::http::{Attempt, Connection, FailureCause, SendFailure, Sent};
use crate::outcome::Answer;
use crate::records::{Evidence, Stored, StoredSecret, DAY, HOUR, MINUTE};
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
            encryption_form: None,
            relay_bound: purpose != Purpose::Verification,
            relay: Some(StoredRelay {
                token: StoredSecret::new("token"),
                secret: StoredSecret::new("secret"),
                session_access_token: StoredSecret::new("session"),
                way: None,
            }),
            state,
            buy_at: None,
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
        let effect = worker.feed(Event::Blinded(StoredSecret::new("blinded")));
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
        let state = first_request(StoredSecret::new("pass"), None, BEGIN, &mut os_random());
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

    /// The keys whose answers were lost, beside the present one.
    fn lost(&self) -> Vec<StoredSecret> {
        let lost = match &self.record.state {
            State::Redeeming { lost, .. } | State::Ready { lost, .. } => lost,
            other => panic!("there is no pass: {other:?}"),
        };
        lost.iter().map(|request| request.key.clone()).collect()
    }

    /// The present key.
    fn key(&self) -> StoredSecret {
        match &self.record.state {
            State::Issuing { purchase } => purchase.key.clone().expect("it is asked for"),
            _ => self.request().0.key,
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

/// The request, and the lost ones, as they were made.
fn request_of(record: &Durable) -> (Request, Vec<Request>) {
    let made = |request: &Request| {
        let key = request.key.as_key().expect("a key");
        Request::under(&key, request.at)
    };
    match &record.state {
        State::Redeeming { request, lost, .. } => (made(request), lost.iter().map(made).collect()),
        other => panic!("no request is open: {other:?}"),
    }
}

fn pass() -> PaidPass {
    PaidPass::new(StoredSecret::new("pass"), BEGIN)
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
        blinded: StoredSecret::new("blinded"),
        token: StoredSecret::new(token),
    }
}

fn redeemed(result: &str, consumed: bool) -> Event {
    Event::Redeemed {
        pass: StoredSecret::new("pass"),
        payload: StoredSecret::new("payload"),
        consumed,
        opened: Some(Arc::new(Ok(Claim {
            claim_type: "age".to_owned(),
            claim_result: result.to_owned(),
            methodology: Vec::new(),
        }))),
    }
}
