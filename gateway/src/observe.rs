//! What is noted of each request: an id, a span, a line in the log, a count. Never a path, which
//! may hold a relay's token, and never a header or a body.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use relaypass::{os_random, IdempotencyKey};
use tracing::{Instrument as _, Span};

use crate::app::App;
use crate::problem::Outcome;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const PERSONA_REQUEST_ID: HeaderName = HeaderName::from_static("persona-request-id");

/// What log and metrics say where nobody received an answer.
const NO_ANSWER: u16 = 499;

pub(crate) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let endpoint = endpoint(&request);
    let method = method(&request);
    let request_id = request_id(&request);
    let span = tracing::info_span!(
        "request",
        otel.name = endpoint,
        otel.kind = "server",
        request_id = %request_id,
        endpoint,
        method,
        status = tracing::field::Empty,
        code = tracing::field::Empty,
    );
    #[cfg(feature = "otel")]
    crate::traces::continue_callers(&span, request.headers());
    let mut noting = Noting {
        app: &app,
        endpoint,
        span: &span,
        began,
        status: NO_ANSWER,
        code: "client_gone",
        persona_request_id: None,
    };
    let mut response = next.run(request).instrument(span.clone()).await;
    noting.answered(&mut response);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, value);
    }
    let persona_request_id = noting.persona_request_id.as_deref();
    if let Some(Ok(value)) = persona_request_id.map(HeaderValue::from_str) {
        headers.insert(PERSONA_REQUEST_ID, value);
    }
    response
}

/// How a request ended: by an answer, or because its client went away or a stop took too long, which
/// drop what waits here. It is noted in any case.
struct Noting<'a> {
    app: &'a App,
    endpoint: &'static str,
    span: &'a Span,
    began: Instant,
    status: u16,
    code: &'static str,
    persona_request_id: Option<String>,
}

impl Noting<'_> {
    fn answered(&mut self, response: &mut Response) {
        let outcome = response.extensions_mut().remove::<Outcome>();
        self.status = response.status().as_u16();
        self.code = match &outcome {
            Some(outcome) => outcome.code,
            None if self.status < 400 => "ok",
            None => "other",
        };
        self.persona_request_id = outcome.and_then(|outcome| outcome.persona_request_id);
    }
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        let status = self.status;
        let (code, message) = match status {
            NO_ANSWER if self.app.is_stopping() => ("cut_off", "not answered"),
            NO_ANSWER => (self.code, "not answered"),
            _ => (self.code, "answered"),
        };
        let took = self.began.elapsed();
        self.span.record("status", status);
        self.span.record("code", code);
        self.span.in_scope(|| {
            let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let persona_request_id = self.persona_request_id.as_deref();
            tracing::info!(status, code, milliseconds, persona_request_id, "{message}");
        });
        let metrics = &self.app.metrics;
        metrics.count_answer(self.endpoint, status, code, took);
    }
}

/// The caller's id of this request if it looks like one, else one of ours. It never goes to
/// Persona.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(&REQUEST_ID);
    let given = given.and_then(|value| value.to_str().ok());
    let is_id = |id: &&str| {
        (1..=64).contains(&id.len())
            && (id.bytes()).all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    match given.filter(is_id) {
        Some(id) => id.to_owned(),
        None => IdempotencyKey::random(&mut os_random()).expose().to_owned(),
    }
}

/// The template of the path, from a closed set.
fn endpoint(request: &Request) -> &'static str {
    const ENDPOINTS: [&str; 10] = [
        "/relays",
        "/relays/privacy-passes",
        "/relays/{relay-token}/redeem",
        "/verifications",
        "/verifications/{id}",
        "/verifications/{id}/complete",
        "/healthz",
        "/readyz",
        "/metrics",
        "/privacy",
    ];
    let matched = request.extensions().get::<MatchedPath>();
    let is_it = |endpoint: &&&str| matched.is_some_and(|matched| matched.as_str() == **endpoint);
    ENDPOINTS.iter().find(is_it).copied().unwrap_or("other")
}

fn method(request: &Request) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
