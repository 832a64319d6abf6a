//! Errors as Persona writes them: the same shape, her status where she answered, and our `code`.

use axum::http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::Json;
use relaypass::{Error, ErrorKind};
use serde::Serialize;
use serde_json::{json, Map, Value};
use utoipa::ToSchema;

/// What a caller is told instead of what he asked for.
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    body: Box<ErrorObject>,
    headers: Vec<(HeaderName, HeaderValue)>,
    persona_request_id: Option<String>,
}

/// The body of every answer that is no success.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorDocument {
    errors: Vec<ErrorObject>,
}

/// What went wrong.
#[derive(Serialize, ToSchema)]
struct ErrorObject {
    /// In a few words; Persona's own, if she answered.
    title: String,
    /// What happened, whose fault it is, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
    /// The stable code of this kind of error.
    #[schema(example = "permission_denied")]
    code: &'static str,
    /// Persona's, if she gave any; `retryable` says whether the same call may succeed later, and
    /// `message`, where `details` are Persona's and she gave none, what relaypass says: it begins with
    /// the step.
    meta: Map<String, Value>,
}

/// What the log and the metrics call the outcome.
#[derive(Clone)]
pub(crate) struct Outcome {
    pub(crate) code: &'static str,
    pub(crate) persona_request_id: Option<String>,
}

impl Problem {
    /// An error of the gateway's own.
    pub(crate) fn new(status: StatusCode, code: &'static str, details: impl Into<String>) -> Self {
        let mut meta = Map::new();
        let is_retryable =
            [StatusCode::SERVICE_UNAVAILABLE, StatusCode::REQUEST_TIMEOUT].contains(&status);
        meta.insert("retryable".to_owned(), json!(is_retryable));
        Self {
            status,
            code,
            body: Box::new(ErrorObject {
                title: title(code).to_owned(),
                details: Some(details.into()),
                code,
                meta,
            }),
            headers: Vec::new(),
            persona_request_id: None,
        }
    }

    /// The caller gave something that cannot be right. Nothing was sent or stored.
    pub(crate) fn invalid(details: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_argument", details)
    }

    /// The caller did not say who he is.
    pub(crate) fn unauthenticated(details: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, "authentication", details);
        problem.with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// There is too much to do, or the gateway is about to stop.
    pub(crate) fn busy(details: impl Into<String>) -> Self {
        Self::not_ready("busy", details)
    }

    /// The gateway cannot work, for now.
    pub(crate) fn not_ready(code: &'static str, details: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, details);
        problem.with_header(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// The gateway has a defect.
    pub(crate) fn defect() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "This is a mistake of relaypass, please report it.",
        )
    }

    /// An error of a step: Persona's status and words, if she answered.
    pub(crate) fn of_step(error: &Error) -> Self {
        let answered = error.status().filter(|status| (400..600).contains(status));
        let status = answered.unwrap_or_else(|| own_status(error.kind()));
        Self::of(error, status)
    }

    /// An error of a verification. Persona's 401 is about the operator's key and none of the
    /// caller's business, so the status is ours.
    pub(crate) fn of_verification(error: &Error) -> Self {
        Self::of(error, own_status(error.kind()))
    }

    fn of(error: &Error, status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        // A database names users, hosts and tables, which are the operator's: the log has them.
        let details = match error.kind() {
            ErrorKind::Store => STORE_FAILED,
            _ => error.message(),
        };
        let mut problem = Self::new(status, error.code(), details);
        if let Some(words) = error.title() {
            words.clone_into(&mut problem.body.title);
        }
        if let Some(Value::Object(meta)) = error.meta() {
            problem.body.meta.extend(meta.clone());
        }
        if let Some(words) = error.details() {
            // At which step it was, and what to do, says the text whose place they take.
            let message = problem.body.details.replace(words.to_owned());
            tell(&mut problem.body.meta, message);
        }
        let retryable = json!(error.retryable());
        problem.body.meta.insert("retryable".to_owned(), retryable);
        if let Some(unopened) = error.unopened_claim() {
            // The pass may be spent: what came for it is the caller's, whatever it is.
            let payload = json!(unopened.claim_payload.expose());
            problem
                .body
                .meta
                .insert("claim-payload".to_owned(), payload);
            let consumed = json!(unopened.token_consumed);
            problem
                .body
                .meta
                .insert("token-consumed".to_owned(), consumed);
        }
        problem.persona_request_id = error.request_id().map(str::to_owned);
        if let Some(limit) = error.rate_limit() {
            for (name, value) in [
                ("ratelimit-limit", limit.limit),
                ("ratelimit-remaining", limit.remaining),
                ("ratelimit-reset", limit.reset_seconds),
            ] {
                problem = problem.with_header(HeaderName::from_static(name), value.into());
            }
        }
        problem
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let errors = vec![*self.body];
        let mut response = (self.status, Json(ErrorDocument { errors })).into_response();
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(Outcome {
            code: self.code,
            persona_request_id: self.persona_request_id,
        });
        response
    }
}

/// Persona's own `message` stays hers.
fn tell(meta: &mut Map<String, Value>, message: Option<String>) {
    meta.entry("message").or_insert_with(|| json!(message));
}

const STORE_FAILED: &str =
    "The gateway's store failed, and its log says why. Nothing was sent that was not stored: repeat the \
     call later.";

/// The status of an error that Persona did not answer with, or that is not the caller's to read.
fn own_status(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::InvalidArgument | ErrorKind::PassExpired => 400,
        // The gateway's own settings forbid it.
        ErrorKind::PrivacyRefused => 403,
        ErrorKind::NotFound => 404,
        ErrorKind::Conflict | ErrorKind::Unprocessable | ErrorKind::PassRejected => 409,
        ErrorKind::RateLimited => 429,
        ErrorKind::Internal => 500,
        ErrorKind::Store | ErrorKind::Closed => 503,
        ErrorKind::Timeout => 504,
        _ => 502,
    }
}

fn title(code: &str) -> &'static str {
    match code {
        "invalid_argument" => "The request cannot be right",
        "authentication" => "The credentials are missing or wrong",
        "permission_denied" => "Permission denied",
        "not_found" => "Not found",
        "method_not_allowed" => "Method not allowed",
        "conflict" => "Another request is in the way",
        "unprocessable" => "The request was refused",
        "rate_limited" => "Too many requests",
        "server_error" => "Persona failed",
        "timeout" => "No answer in time",
        "network" => "Persona cannot be reached",
        "protocol" => "Persona broke the protocol",
        "pass_rejected" => "The privacy pass is not accepted",
        "pass_expired" => "The privacy pass is too old",
        "decryption" => "The claim does not open",
        "claim_mismatch" => "The claim is not the one that was asked for",
        "privacy_refused" => "Strict privacy does not allow it",
        "store" => "The gateway's store failed",
        "outcome_unknown" => "Nobody can tell what came of it",
        "closed" => "The gateway is about to stop",
        "busy" => "The gateway is busy",
        "internal" => "relaypass failed inside",
        _ => "The gateway failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_database_says_is_not_for_callers() {
        let error = Error::example(ErrorKind::Store);
        for problem in [Problem::of_step(&error), Problem::of_verification(&error)] {
            assert_eq!(problem.body.details.as_deref(), Some(STORE_FAILED));
            assert!(!STORE_FAILED.contains(error.message()));
        }
    }

    #[test]
    fn a_message_of_personas_is_not_replaced() {
        let (mut none, mut hers) = (Map::new(), Map::new());
        hers.insert("message".to_owned(), json!("hers"));
        for meta in [&mut none, &mut hers] {
            tell(meta, Some("ours".to_owned()));
        }
        assert_eq!(
            (&none["message"], &hers["message"]),
            (&json!("ours"), &json!("hers"))
        );
    }

    #[test]
    fn every_code_has_a_title_and_a_status_of_its_own() {
        for &kind in ErrorKind::ALL {
            let problem = Problem::of_step(&Error::example(kind));
            let is_error = problem.status.is_client_error() || problem.status.is_server_error();
            assert!(is_error, "{kind:?}");
            assert_eq!(problem.code, kind.code());
            if kind != ErrorKind::Cancelled {
                assert_ne!(problem.body.title, title(""), "{kind:?}");
            }
        }
    }
}
