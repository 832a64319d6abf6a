//! One call: attempts, pauses and keys, as the table in `outcome` says.

use std::time::Duration;

use tokio::time::Instant;

use super::lane::Lane;
use super::transport::{Connection, FailureCause, Response, SendFailure, Sent};
use crate::error::{Error, ErrorKind, ResponseInfo, Result, UnopenedClaim};
use crate::outcome::{
    explain, explain_lasting, is_retryable, judge, out_of_budget, Action, Answer, Budget, History,
    NextKey, Step,
};
use crate::secret::rand_core::{CryptoRng, Rng};
use crate::secret::{os_random, IdempotencyKey, Secret};
use crate::wire::{decode_server_error, is_server_error, ResponseHead, ServerError};

/// One call to Persona: how to ask, and how to read the answer.
pub(crate) trait Exchange: Sync {
    type Lane: Lane;
    type Answer: Send;

    const STEP: Step;

    fn lane(&self) -> &Self::Lane;

    fn request(&self, key: &IdempotencyKey) -> <Self::Lane as Lane>::Request;

    /// The key of an earlier call whose answer is unknown, to ask for that answer.
    fn earlier_key(&self) -> Option<&IdempotencyKey> {
        None
    }

    /// Whether an answer with this head is what the call hopes for.
    fn is_success(&self, head: &ResponseHead) -> bool {
        (200..300).contains(&head.status)
    }

    /// Reads a successful answer.
    fn read(&self, head: &ResponseHead, body: &[u8]) -> std::result::Result<Self::Answer, Misread>;
}

/// A success that is none.
pub(crate) enum Misread {
    /// The body cannot be read; what can be saved of it.
    Unreadable(String, Option<UnopenedClaim>),
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
    let mut history = History::new(exchange.earlier_key().is_some());
    let mut keys = Keys::new(exchange.earlier_key(), &mut rng);
    let mut connection = Connection::Any;
    let mut retry = 0;
    loop {
        let timeout = budget.next_attempt(started.elapsed());
        let attempt = match ask_once(exchange, &keys.present, &keys.lost, connection, timeout).await
        {
            Ok((answer, info)) => return Ok(Ending::Done(answer, info)),
            Err(attempt) => attempt,
        };
        let request_id = attempt.request_id();
        let action = judge(
            E::STEP,
            attempt.answer,
            request_id,
            attempt.body(),
            &mut history,
        );
        if history.is_present_key_lost() {
            keys.lose_present();
        }
        let fail = |kind| {
            // Whatever was answered last: under a key whose answer was lost there may be the claim.
            let may_be_stored = E::STEP == Step::Redeem
                && (kind == ErrorKind::OutcomeUnknown || history.is_ambiguous());
            attempt
                .error(E::STEP, kind)
                .with_retryable(is_retryable(E::STEP, kind, &history))
                .with_idempotency_key(may_be_stored.then(|| keys.unresolved().clone()))
        };
        let next_key = match action {
            Action::Stop(kind) => return Err(fail(kind)),
            Action::RefetchChallenge => {
                return Ok(Ending::RefetchChallenge(fail(ErrorKind::NotFound)))
            }
            Action::Again(next_key) => next_key,
        };
        let wish = attempt.wish();
        let Some(pause) = budget.pause(retry, wish, started.elapsed(), rng.next_u64()) else {
            let timed_out = attempt.timed_out();
            return Err(fail(out_of_budget(
                E::STEP,
                attempt.answer,
                timed_out,
                &history,
            )));
        };
        if next_key == NextKey::New && E::STEP == Step::Sign {
            tracing::warn!(event = "possible_double_charge", request_id);
        }
        if attempt.answer == Answer::Unknown {
            connection = Connection::Fresh;
        }
        keys.follow(next_key, &mut rng);
        if next_key == NextKey::Earlier {
            // Its answer was lost: whatever is said now, the claim may be stored under it.
            history.take_up_lost_key();
            keys.lose_present();
        }
        retry += 1;
        tokio::time::sleep(pause).await;
    }
}

/// Makes one attempt under `key`, or none if there is no time for it.
///
/// `earlier_keys` were used before for the same end; a server that repeats one of them does not get
/// it into an error.
///
/// # Errors
/// What came instead of a good answer.
pub(crate) async fn ask_once<E: Exchange>(
    exchange: &E,
    key: &IdempotencyKey,
    earlier_keys: &[IdempotencyKey],
    connection: Connection,
    timeout: Option<Duration>,
) -> std::result::Result<(E::Answer, ResponseInfo), Box<Attempt>> {
    let request = exchange.request(key);
    let result = match timeout {
        Some(timeout) => exchange.lane().send(&request, connection, timeout).await,
        None => Err(out_of_time()),
    };
    Attempt::read(exchange, result, |text| {
        let text = exchange.lane().scrub(&request, text);
        earlier_keys
            .iter()
            .fold(text, |text, key| text.replace(key.expose(), "[redacted]"))
    })
}

/// The idempotency keys of one call.
struct Keys {
    present: IdempotencyKey,
    /// Those under which an answer was lost, the last one last.
    lost: Vec<IdempotencyKey>,
}

impl Keys {
    fn new(first: Option<&IdempotencyKey>, rng: &mut impl CryptoRng) -> Self {
        Self {
            present: first
                .cloned()
                .unwrap_or_else(|| IdempotencyKey::random(rng)),
            lost: Vec::new(),
        }
    }

    fn lose_present(&mut self) {
        if self.lost.last() != Some(&self.present) {
            self.lost.push(self.present.clone());
        }
    }

    fn follow(&mut self, next: NextKey, rng: &mut impl CryptoRng) {
        match next {
            NextKey::Same => {}
            NextKey::New => self.present = IdempotencyKey::random(rng),
            NextKey::Earlier => {
                while let Some(earlier) = self.lost.pop() {
                    if earlier != self.present {
                        self.present = earlier;
                        break;
                    }
                }
            }
        }
    }

    /// The key under which the answer may be stored.
    fn unresolved(&self) -> &IdempotencyKey {
        self.lost.last().unwrap_or(&self.present)
    }
}

fn out_of_time() -> SendFailure {
    SendFailure {
        sent: Sent::Nothing,
        cause: FailureCause::Timeout,
        description: "too little of the call's time was left for this request".to_owned(),
    }
}

/// One attempt that did not succeed.
pub(crate) struct Attempt {
    pub(crate) answer: Answer,
    head: Option<ResponseHead>,
    body: Option<Secret<Vec<u8>>>,
    /// What the server says, without the request's secrets.
    texts: ServerError,
    failure: Option<SendFailure>,
    /// What is wrong with a success.
    misread: Option<String>,
    unopened: Option<UnopenedClaim>,
}

impl Attempt {
    fn read<E: Exchange>(
        exchange: &E,
        result: std::result::Result<Response, SendFailure>,
        scrub: impl Fn(&str) -> String,
    ) -> std::result::Result<(E::Answer, ResponseInfo), Box<Attempt>> {
        let Response { mut head, body } = result.map_err(Self::unanswered)?;
        // Some edges take over the idempotency key as the request's id.
        head.info.request_id = head.info.request_id.filter(|id| scrub(id) == *id);
        if !exchange.is_success(&head) {
            let answer = match head.status {
                200..300 => Answer::Unreadable,
                status => Answer::Status(status),
            };
            let mut attempt = Self::answered(answer, head, body);
            attempt.texts = decode_server_error(attempt.body(), scrub);
            return Err(attempt);
        }
        let misread = match &body {
            None => Misread::Unreadable("its body is larger than 64 KiB".to_owned(), None),
            Some(body) => match exchange.read(&head, body.expose()) {
                Ok(answer) => return Ok((answer, head.info)),
                Err(misread) => misread,
            },
        };
        let (answer, why, unopened) = match misread {
            Misread::Unreadable(why, unopened) => (Answer::Unreadable, why, unopened),
            Misread::BadSignature(why) => (Answer::BadSignature, why, None),
        };
        let mut attempt = Self::answered(answer, head, None);
        attempt.misread = Some(why);
        attempt.unopened = unopened;
        Err(attempt)
    }

    pub(crate) fn unanswered(failure: SendFailure) -> Box<Self> {
        Box::new(Self {
            answer: match failure.sent {
                Sent::Nothing => Answer::NotSent,
                Sent::Perhaps => Answer::Unknown,
            },
            head: None,
            body: None,
            texts: ServerError::default(),
            failure: Some(failure),
            misread: None,
            unopened: None,
        })
    }

    pub(crate) fn answered(
        answer: Answer,
        head: ResponseHead,
        body: Option<Secret<Vec<u8>>>,
    ) -> Box<Self> {
        Box::new(Self {
            answer,
            head: Some(head),
            body,
            texts: ServerError::default(),
            failure: None,
            misread: None,
            unopened: None,
        })
    }

    pub(crate) fn request_id(&self) -> Option<&str> {
        self.head.as_ref()?.info.request_id.as_deref()
    }

    /// Whether Persona says in her own words why there is no good answer.
    pub(crate) fn is_explained(&self) -> bool {
        // A pass is asked for in a header (RFC 9577).
        let asks_for_a_pass = |head: &ResponseHead| {
            let asked = head.www_authenticate.as_deref();
            head.status == 401 && asked.is_some_and(|asked| asked.contains("PrivateToken"))
        };
        self.head.as_ref().is_some_and(asks_for_a_pass) || is_server_error(self.body())
    }

    pub(crate) fn body(&self) -> &[u8] {
        self.body.as_ref().map_or(&[], |body| body.expose())
    }

    pub(crate) fn timed_out(&self) -> bool {
        self.failure
            .as_ref()
            .is_some_and(|failure| failure.cause == FailureCause::Timeout)
    }

    /// How long the server asks us to wait.
    pub(crate) fn wish(&self) -> Option<Duration> {
        let head = self.head.as_ref()?;
        let reset = || {
            let limit = head.info.rate_limit.as_ref()?;
            (head.status == 429).then(|| Duration::from_secs(limit.reset_seconds))
        };
        head.retry_after.or_else(reset)
    }

    /// The claim of an answer that is unreadable otherwise.
    pub(crate) fn unopened(&self) -> Option<&UnopenedClaim> {
        self.unopened.as_ref()
    }

    /// The error of a single call.
    pub(crate) fn error(&self, step: Step, kind: ErrorKind) -> Error {
        self.error_saying(explain(step, kind), kind)
    }

    /// The error of a call that is one of many for a verification.
    pub(crate) fn lasting_error(&self, step: Step, kind: ErrorKind) -> Error {
        self.error_saying(explain_lasting(step, kind), kind)
    }

    fn error_saying(&self, message: &str, kind: ErrorKind) -> Error {
        let mut error = match &self.misread {
            Some(why) => Error::new(kind, format!("{message} What is wrong: {why}.")),
            None => Error::new(kind, message),
        };
        if let Some(head) = &self.head {
            let texts = self.texts.clone();
            error = error
                .with_status(head.status)
                .with_response(head.info.clone())
                .with_server_texts(texts.title, texts.details, texts.meta);
        }
        if let Some(unopened) = &self.unopened {
            error = error.with_unopened_claim(unopened.clone());
        }
        match &self.failure {
            Some(failure) => error.with_source(failure.clone()),
            None => error,
        }
    }
}
