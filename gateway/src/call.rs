//! From a request to the call it stands for: its body, and the work that outlives its client.

use std::future::Future;
use std::sync::Arc;

use axum::body::{to_bytes, Body};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::{HeaderValue, CONTENT_ENCODING};
use axum::http::request::Parts;
use axum::http::StatusCode;
use relaypass::{Client, Result};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

use crate::app::App;
use crate::problem::Problem;
use crate::watched::one_call;

/// A body in JSON.
pub(crate) struct Json<T>(pub(crate) T);

/// What stands for `{…}` in the path.
pub(crate) struct Named(pub(crate) String);

impl FromRequestParts<Arc<App>> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let named = Path::<String>::from_request_parts(parts, app).await;
        named
            .map(|Path(text)| Self(text))
            .map_err(|_| Problem::invalid("The path is not UTF-8 when it is decoded."))
    }
}

/// What a body should be.
pub(crate) trait Described: DeserializeOwned {
    /// In words, for those who sent something else. What they sent is never repeated: it may be a
    /// secret.
    const MEMBERS: &'static str;

    /// What an empty body stands for.
    fn when_empty() -> Option<Self> {
        None
    }
}

impl<T: Described> FromRequest<Arc<App>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let is_encoded = |encoding: &HeaderValue| {
            let encoding = encoding.as_bytes().trim_ascii();
            !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity")
        };
        if (request.headers().get_all(CONTENT_ENCODING).iter()).any(is_encoded) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid_argument",
                "The body has a Content-Encoding, and bodies are read as they are: send it without.",
            ));
        }
        let bytes = read(request.into_body(), app).await?;
        if bytes.is_empty() {
            if let Some(value) = T::when_empty() {
                return Ok(Self(value));
            }
        }
        let value = serde_json::from_slice(&bytes).map_err(|_| {
            Problem::invalid(format!(
                "The body must be a JSON object with {}, and nothing else.",
                T::MEMBERS
            ))
        })?;
        Ok(Self(value))
    }
}

async fn read(body: Body, app: &App) -> Result<axum::body::Bytes, Problem> {
    let limits = &app.limits;
    let reading = tokio::time::timeout(limits.body_time, to_bytes(body, limits.body));
    match reading.await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_large(&error) => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_argument",
            format!("The body is larger than {} bytes.", limits.body),
        )),
        Ok(Err(_)) => Err(Problem::invalid(
            "The body ended early, or is not what its head says.",
        )),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "The request's body took too long to arrive; nothing was sent.",
        )),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

/// One of the calls that are worked on at once, for as long as it is held.
pub(crate) fn permit(app: &App) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(&app.calls).try_acquire_owned().map_err(|_| {
        Problem::busy(
            "Too many calls are worked on at once; nothing was sent. Ask again in a moment.",
        )
    })
}

/// Works on a call to its end, even if its client goes away: what was sent to Persona is sent, and
/// the answer may have cost money.
pub(crate) async fn work<T, Working>(
    app: &Arc<App>,
    problem: fn(&relaypass::Error) -> Problem,
    call: impl FnOnce(Client) -> Working,
) -> Result<T, Problem>
where
    T: Send + 'static,
    Working: Future<Output = Result<T>> + Send + 'static,
{
    let permit = permit(app)?;
    let (counting, call) = (Arc::clone(app), call(app.client.clone()));
    let working = app.working.spawn(
        one_call(async move {
            let _permit = permit;
            let _counted = counting.metrics.begin_call();
            let outcome = call.await;
            // Here, where it is heard of even if nobody waits for the answer any more.
            if let Err(error) = &outcome {
                let persona_request_id = error.request_id();
                tracing::info!(code = error.code(), persona_request_id, "{error}");
            }
            outcome
        })
        .in_current_span(),
    );
    match working.await {
        Ok(outcome) => outcome.map_err(|error| problem(&error)),
        // It panicked: nothing else ends it.
        Err(_) => Err(Problem::defect()),
    }
}
