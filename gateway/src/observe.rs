//! What is noted of each request: an id, a span, a line in the log, a count. Never a path, which
//! may hold a relay's token, and never a header or a body.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use relaypass::{os_random, IdempotencyKey};
use tracing::Instrument as _;

use crate::app::App;
use crate::problem::Outcome;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const PERSONA_REQUEST_ID: HeaderName = HeaderName::from_static("persona-request-id");

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
    let mut response = next.run(request).instrument(span.clone()).await;
    let outcome = response.extensions_mut().remove::<Outcome>();
    let status = response.status().as_u16();
    let code = match &outcome {
        Some(outcome) => outcome.code,
        None if status < 400 => "ok",
        None => "other",
    };
    let persona_request_id = outcome.and_then(|outcome| outcome.persona_request_id);
    let took = began.elapsed();
    span.record("status", status);
    span.record("code", code);
    span.in_scope(|| {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(status, code, milliseconds, persona_request_id, "answered");
    });
    app.metrics.count_answer(endpoint, status, code, took);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, value);
    }
    if let Some(value) = persona_request_id.and_then(|id| HeaderValue::from_str(&id).ok()) {
        headers.insert(PERSONA_REQUEST_ID, value);
    }
    response
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
    const ENDPOINTS: [&str; 9] = [
        "/relays",
        "/relays/privacy-passes",
        "/relays/{relay-token}/redeem",
        "/verifications",
        "/verifications/{id}",
        "/verifications/{id}/complete",
        "/healthz",
        "/readyz",
        "/metrics",
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
