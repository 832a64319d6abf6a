//! One call: attempts, pauses and keys, as the table in `outcome` says.

use std::time::Duration;

use rsa::rand_core::Rng;
use tokio::time::Instant;

use super::lane::Lane;
use super::transport::{Connection, FailureCause, Response, SendFailure, Sent};
use crate::error::{Error, ErrorKind, Result};
use crate::outcome::{
    explain, is_retryable, judge, out_of_budget, Action, Answer, Budget, History, NextKey, Step,
};
use crate::secret::{os_random, IdempotencyKey};
use crate::wire::{decode_server_error, ResponseHead, ResponseInfo};

/// One call to Persona: how to ask, and how to read the answer.
pub(crate) trait Exchange: Sync {
    type Lane: Lane;
    type Answer: Send;

    const STEP: Step;

    fn lane(&self) -> &Self::Lane;

    fn request(&self, key: &IdempotencyKey) -> <Self::Lane as Lane>::Request;

    /// Whether an answer with this head is what the call hopes for.
    fn is_success(&self, head: &ResponseHead) -> bool {
        (200..300).contains(&head.status)
    }

    /// Reads a successful answer.
    fn read(&self, head: &ResponseHead, body: &[u8]) -> std::result::Result<Self::Answer, Misread>;
}

/// A success that is none.
pub(crate) enum Misread {
    /// The body cannot be read.
    Unreadable(String),
    /// The signature does not verify.
    BadSignature(String),
}

/// How a call ended.
pub(crate) enum Ending<T> {
    Done(T, ResponseInfo),
    /// The key is gone; the caller fetches the challenge again, or raises the error.
    RefetchChallenge(Error),
}

/// Runs a call to its end.
///
/// # Errors
/// When the table says stop, or the budget is used up.
pub(crate) async fn run<E: Exchange>(exchange: &E, budget: &Budget) -> Result<Ending<E::Answer>> {
    let started = Instant::now();
    let mut rng = os_random();
    let mut key = IdempotencyKey::random(&mut rng);
    let mut history = History::default();
    let mut connection = Connection::Any;
    let mut retry = 0;
    loop {
        let request = exchange.request(&key);
        let timeout = budget.next_attempt(started.elapsed());
        let result = match timeout {
            // A request sent without time to wait for its answer would only end as unknown.
            Duration::ZERO => Err(out_of_time()),
            _ => exchange.lane().send(&request, connection, timeout).await,
        };
        let attempt = match Attempt::read(exchange, result) {
            Ok((answer, info)) => return Ok(Ending::Done(answer, info)),
            Err(attempt) => attempt,
        };
        let request_id = attempt
            .head
            .as_ref()
            .and_then(|head| head.info.request_id.as_deref());
        let action = judge(
            E::STEP,
            attempt.answer,
            request_id,
            &attempt.body,
            &mut history,
        );
        let fail = |kind| {
            let error = attempt.error(E::STEP, kind, |text| exchange.lane().scrub(&request, text));
            error.with_retryable(is_retryable(E::STEP, kind, &history))
        };
        let next_key = match action {
            Action::Stop(kind) => return Err(fail(kind)),
            Action::RefetchChallenge => {
                return Ok(Ending::RefetchChallenge(fail(ErrorKind::NotFound)))
            }
            Action::Again(next_key) => next_key,
        };
        let asked = attempt.wish();
        let Some(pause) = budget.pause(retry, asked, started.elapsed(), rng.next_u64()) else {
            let timed_out = attempt.timed_out();
            return Err(fail(out_of_budget(
                E::STEP,
                attempt.answer,
                timed_out,
                &history,
            )));
        };
        if next_key == NextKey::New {
            key = IdempotencyKey::random(&mut rng);
            if E::STEP == Step::Sign {
                tracing::warn!(event = "possible_double_charge", request_id);
            }
        }
        if attempt.answer == Answer::Unknown {
            connection = Connection::Fresh;
        }
        retry += 1;
        tokio::time::sleep(pause).await;
    }
}

fn out_of_time() -> SendFailure {
    SendFailure {
        sent: Sent::Nothing,
        cause: FailureCause::Timeout,
        description: "the call's time was used up before this request".to_owned(),
    }
}

/// One attempt that did not succeed.
struct Attempt {
    answer: Answer,
    head: Option<ResponseHead>,
    body: Vec<u8>,
    failure: Option<SendFailure>,
    /// What is wrong with a success.
    misread: Option<String>,
}

impl Attempt {
    fn read<E: Exchange>(
        exchange: &E,
        result: std::result::Result<Response, SendFailure>,
    ) -> std::result::Result<(E::Answer, ResponseInfo), Box<Attempt>> {
        let Response { head, body } = match result {
            Ok(response) => response,
            Err(failure) => {
                return Err(Box::new(Attempt {
                    answer: match failure.sent {
                        Sent::Nothing => Answer::NotSent,
                        Sent::Perhaps => Answer::Unknown,
                    },
                    head: None,
                    body: Vec::new(),
                    failure: Some(failure),
                    misread: None,
                }))
            }
        };
        let failed = |answer, head, body, misread| {
            Box::new(Attempt {
                answer,
                head: Some(head),
                body,
                failure: None,
                misread,
            })
        };
        if !exchange.is_success(&head) {
            let answer = match head.status {
                200..300 => Answer::Unreadable,
                status => Answer::Status(status),
            };
            let body = body.map(|body| body.expose().clone()).unwrap_or_default();
            return Err(failed(answer, head, body, None));
        }
        let Some(body) = body else {
            let why = "its body is larger than 64 KiB".to_owned();
            return Err(failed(Answer::Unreadable, head, Vec::new(), Some(why)));
        };
        match exchange.read(&head, body.expose()) {
            Ok(answer) => Ok((answer, head.info)),
            Err(Misread::Unreadable(why)) => {
                Err(failed(Answer::Unreadable, head, Vec::new(), Some(why)))
            }
            Err(Misread::BadSignature(why)) => {
                Err(failed(Answer::BadSignature, head, Vec::new(), Some(why)))
            }
        }
    }

    fn timed_out(&self) -> bool {
        self.failure
            .as_ref()
            .is_some_and(|failure| failure.cause == FailureCause::Timeout)
    }

    /// How long the server asks us to wait.
    fn wish(&self) -> Option<Duration> {
        let head = self.head.as_ref()?;
        let reset = || {
            let limit = head.info.rate_limit.as_ref()?;
            (head.status == 429).then(|| Duration::from_secs(limit.reset_seconds))
        };
        head.retry_after.or_else(reset)
    }

    fn error(&self, step: Step, kind: ErrorKind, scrub: impl Fn(&str) -> String) -> Error {
        let message = explain(step, kind);
        let mut error = match &self.misread {
            Some(why) if kind == ErrorKind::Protocol => {
                Error::new(kind, format!("{message}: {why}."))
            }
            _ if message.ends_with('.') => Error::new(kind, message),
            _ => Error::new(kind, format!("{message}.")),
        };
        if let Some(head) = &self.head {
            let texts = decode_server_error(&self.body);
            let meta = texts
                .meta
                .and_then(|meta| serde_json::from_str(&scrub(&meta.to_string())).ok());
            error = error
                .with_status(head.status)
                .with_response(head.info.request_id.clone(), head.info.rate_limit.clone())
                .with_server_texts(
                    texts.title.map(|text| scrub(&text)),
                    texts.details.map(|text| scrub(&text)),
                    meta,
                );
        }
        match &self.failure {
            Some(failure) => error.with_source(failure.clone()),
            None => error,
        }
    }
}
