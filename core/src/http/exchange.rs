//! One attempt at a call.

use std::time::Duration;

use super::gate::Pause;
use super::lane::Lane;
use super::transport::{Connection, FailureCause, Response, SendFailure, Sent};
use crate::error::{Error, ErrorKind, RateLimit, ResponseInfo, UnopenedClaim};
use crate::outcome::{
    explain, explain_lasting, kind_of, may_pass, Answer, Call, Failure, NOT_ENABLED,
};
use crate::secret::{IdempotencyKey, Secret};
use crate::wire::{decode_server_error, redacted, speaker, ResponseHead, ServerError, Speaker};

/// One call to Persona: how to ask, and how to read the answer.
pub(crate) trait Exchange: Sync {
    type Lane: Lane;
    type Answer: Send;

    const CALL: Call;

    fn lane(&self) -> &Self::Lane;

    fn request(&self, key: &IdempotencyKey) -> <Self::Lane as Lane>::Request;

    /// Whether an answer with this head is what the call hopes for.
    fn is_success(&self, head: &ResponseHead) -> bool {
        (200..300).contains(&head.status)
    }

    /// Reads a successful answer.
    fn read(&self, head: &ResponseHead, body: &[u8]) -> Result<Self::Answer, Misread>;
}

/// A success that is none.
pub(crate) enum Misread {
    /// The body cannot be read; what can be saved of it.
    Unreadable(String, Option<UnopenedClaim>),
    /// The signature does not verify.
    BadSignature(String),
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
) -> Result<(E::Answer, ResponseInfo), Box<Attempt>> {
    let request = exchange.request(key);
    let gate = exchange.lane().gate();
    let result = match (timeout, gate.held()) {
        (None, _) => Err(out_of_time()),
        (Some(_), Some(held)) => return Err(Attempt::held(held)),
        (Some(timeout), None) => exchange.lane().send(&request, connection, timeout).await,
    };
    let attempted = Attempt::read(exchange, result, |text| {
        let text = exchange.lane().scrub(&request, text);
        earlier_keys
            .iter()
            .fold(text, |text, key| redacted(text, key.expose()))
    });
    if let Err(attempt) = &attempted {
        if let Some((pause, rate_limit)) = attempt.wish_to_all() {
            gate.close(pause, rate_limit);
        }
    }
    attempted
}

/// Whether a refusal can mean that the organization has no Relay: no other call names it. A failure
/// (5xx) is no refusal, whatever its text: the pass may have been billed.
fn may_be_not_enabled(call: Call, status: u16) -> bool {
    call == Call::Sign && matches!(status, 400..=499) && !matches!(status, 408 | 425 | 429)
}

/// What is wrong with a page.
const NOT_PERSONAS: &str =
    "the answer is not Persona's but that of something on the way, such as a \
                            proxy or a firewall";

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
    /// What is wrong with a success, or with who gave the answer.
    misread: Option<String>,
    unopened: Option<UnopenedClaim>,
    /// Why it was not even begun.
    held: Option<Pause>,
}

impl Attempt {
    fn read<E: Exchange>(
        exchange: &E,
        result: Result<Response, SendFailure>,
        scrub: impl Fn(&str) -> String,
    ) -> Result<(E::Answer, ResponseInfo), Box<Attempt>> {
        let Response { mut head, body } = result.map_err(Self::unanswered)?;
        // Some edges take over the idempotency key as the request's id.
        head.info.request_id = head.info.request_id.filter(|id| scrub(id) == *id);
        if !exchange.is_success(&head) {
            let mut attempt = Self::refused(head, body);
            if let Answer::Refused(status) = attempt.answer {
                attempt.texts = decode_server_error(attempt.body(), scrub);
                if may_be_not_enabled(E::CALL, status) && attempt.texts.says_not_enabled() {
                    attempt.answer = Answer::NotEnabled(status);
                }
            }
            return Err(attempt);
        }
        let misread = match &body {
            None => Misread::Unreadable("its body is larger than 64 KiB".to_owned(), None),
            Some(body) => match exchange.read(&head, body.expose()) {
                Ok(answer) => return Ok((answer, head.info)),
                Err(misread) => misread,
            },
        };
        Err(Self::misread(head, misread))
    }

    /// A success that is none.
    pub(crate) fn misread(head: ResponseHead, misread: Misread) -> Box<Self> {
        let (answer, why, unopened) = match misread {
            Misread::Unreadable(why, unopened) => (Answer::Unreadable, why, unopened),
            Misread::BadSignature(why) => (Answer::BadSignature, why, None),
        };
        let mut attempt = Self::answered(answer, head, None);
        attempt.misread = Some(why);
        attempt.unopened = unopened;
        attempt
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
            held: None,
        })
    }

    /// Nothing was sent, because Persona has asked for a pause.
    fn held(held: Pause) -> Box<Self> {
        let mut attempt = Self::unanswered(SendFailure {
            sent: Sent::Nothing,
            cause: FailureCause::Network,
            description: format!(
                "Persona asked for a pause of {} more seconds; nothing was sent",
                held.opens_in
            ),
        });
        attempt.held = Some(held);
        attempt
    }

    /// Whether it was not even begun, because Persona has asked for a pause.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// An answer that is no success. Who gave it is decided here, and nowhere else.
    pub(crate) fn refused(head: ResponseHead, body: Option<Secret<Vec<u8>>>) -> Box<Self> {
        let status = head.status;
        let text = body.as_ref().map_or(&[][..], |body| body.expose());
        let answer = match (status, speaker(&head, text)) {
            (200..300, _) => Answer::Unreadable,
            (_, Speaker::Persona) => Answer::Refused(status),
            (_, Speaker::OnTheWay) => Answer::Page(status),
        };
        let mut attempt = Self::answered(answer, head, body);
        if let Answer::Page(_) = answer {
            attempt.misread = Some(NOT_PERSONAS.to_owned());
        }
        attempt
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
            held: None,
        })
    }

    pub(crate) fn request_id(&self) -> Option<&str> {
        self.head.as_ref()?.info.request_id.as_deref()
    }

    /// When this was answered, by the clock of whoever answered. Milliseconds since the epoch.
    pub(crate) fn answered_at(&self) -> Option<u64> {
        self.head.as_ref()?.info.answered_at
    }

    /// What tells this failure of Persona's from another one.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self.answer {
            Answer::Refused(status @ (402..=404 | 500..)) | Answer::NotEnabled(status) => {
                Some(Failure::new(status, self.request_id(), self.body()))
            }
            _ => None,
        }
    }

    /// The kind of error that this is when nobody asks again.
    pub(crate) fn kind(&self, call: Call) -> ErrorKind {
        match self.held {
            Some(_) => ErrorKind::RateLimited,
            None => kind_of(call, self.answer, self.timed_out()),
        }
    }

    fn body(&self) -> &[u8] {
        self.body.as_ref().map_or(&[], |body| body.expose())
    }

    fn timed_out(&self) -> bool {
        self.failure
            .as_ref()
            .is_some_and(|failure| failure.cause == FailureCause::Timeout)
    }

    /// Whether the same call meets the same refusal until somebody mends the way.
    pub(crate) fn is_futile(&self) -> bool {
        (self.failure.as_ref()).is_some_and(|failure| failure.cause == FailureCause::Refused)
    }

    /// Whether the same call may fare better later, though nobody changes anything.
    pub(crate) fn may_pass(&self, call: Call, kind: ErrorKind) -> bool {
        may_pass(call, kind) && !self.is_futile()
    }

    /// How long the server asks us to wait, or whoever stands in the way makes us.
    pub(crate) fn wish(&self) -> Option<Duration> {
        if let Some(held) = &self.held {
            return Some(held.wait);
        }
        if self.is_futile() {
            // Longer than any call lasts.
            return Some(Duration::MAX);
        }
        let head = self.head.as_ref()?;
        let reset = || head.rate_limit_reset.filter(|_| head.status == 429);
        head.retry_after.or_else(reset)
    }

    /// The pause that Persona asked of everybody under this limit, not only of this request. Pages of
    /// something on the way ask nothing of others.
    fn wish_to_all(&self) -> Option<(Duration, Option<RateLimit>)> {
        let head = self.head.as_ref()?;
        let is_for_all = self.answer == Answer::Refused(429);
        let pause = self.wish().filter(|_| is_for_all)?;
        Some((pause, head.info.rate_limit.clone()))
    }

    /// The claim of an answer that is unreadable otherwise.
    pub(crate) fn unopened(&self) -> Option<&UnopenedClaim> {
        self.unopened.as_ref()
    }

    /// The error of a single call.
    pub(crate) fn error(&self, call: Call, kind: ErrorKind) -> Error {
        self.error_saying(call, explain(call, kind), kind)
    }

    /// The error of a call that is one of many for a verification.
    pub(crate) fn lasting_error(&self, call: Call, kind: ErrorKind) -> Error {
        self.error_saying(call, explain_lasting(call, kind), kind)
    }

    fn error_saying(&self, call: Call, usual: &'static str, kind: ErrorKind) -> Error {
        let text = match (self.answer, kind) {
            (Answer::NotEnabled(_), ErrorKind::PermissionDenied) => NOT_ENABLED,
            _ => usual,
        };
        let message = format!("{}: {text}", call.step());
        let mut error = match &self.misread {
            Some(why) => Error::new(kind, format!("{message} What is wrong: {why}.")),
            None => Error::new(kind, message.as_str()),
        };
        if let Some(head) = &self.head {
            let texts = self.texts.clone();
            error = error
                .with_status(head.status)
                .with_response(head.info.clone())
                .with_server_texts(texts.title, texts.details, texts.meta);
        }
        if let Some(held) = &self.held {
            let seconds = held.opens_in;
            let message = format!("{message} It ends in {seconds} seconds; nothing was sent.");
            error = Error::new(kind, message).with_response(ResponseInfo {
                rate_limit: held.rate_limit.clone(),
                ..ResponseInfo::default()
            });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_to_sign_can_mean_that_relay_is_not_enabled() {
        for status in [400, 401, 402, 403, 404, 409, 422] {
            assert!(may_be_not_enabled(Call::Sign, status), "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503, 599] {
            assert!(!may_be_not_enabled(Call::Sign, status), "{status}");
        }
        for call in [
            Call::Create,
            Call::Challenge,
            Call::RelayBoundChallenge,
            Call::Redeem,
        ] {
            assert!(!may_be_not_enabled(call, 403), "{call:?}");
        }
    }
}
