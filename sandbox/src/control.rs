//! The control API under `/_sandbox/`: what only a test double has.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{json, Map, Value};

use crate::clock;
use crate::faults::Fault;
use crate::relays::Outcome;
use crate::world::Sandboxed;

pub(crate) fn routes() -> Router<Arc<Sandboxed>> {
    Router::new()
        .route("/_sandbox/relays/{token}/finish", post(finish))
        .route("/_sandbox/clock", get(now).post(advance))
        .route(
            "/_sandbox/faults",
            get(faults).post(append_faults).delete(clear_faults),
        )
        .route("/_sandbox/settings", get(settings).post(change_settings))
        .route("/_sandbox/reset", post(reset))
        .route("/_sandbox/ledger", get(ledger))
        .route("/_sandbox/requests", get(requests).delete(clear_requests))
        .fallback(unknown)
}

/// Why a control call is refused: `{"error": "…"}`.
struct Refused(StatusCode, String);

impl Refused {
    fn bad_request(error: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

async fn finish(
    State(sandboxed): State<Arc<Sandboxed>>,
    Path(token): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refused> {
    let outcome = match sole_member(&body, "result")?
        .as_str()
        .and_then(Outcome::parse)
    {
        Some(outcome) => outcome,
        None => return Err(Refused::bad_request("`result` must be passed or failed")),
    };
    let world = sandboxed.world();
    let relay = (world.relays.by_token(&token))
        .ok_or_else(|| Refused(StatusCode::NOT_FOUND, "there is no such relay".to_owned()))?;
    relay.finish(outcome, world.clock.now()).map_err(|_| {
        Refused(
            StatusCode::CONFLICT,
            "the relay's session is over".to_owned(),
        )
    })?;
    Ok(Json(json!({})))
}

async fn now(State(sandboxed): State<Arc<Sandboxed>>) -> Json<Value> {
    Json(json!({ "now": clock::rfc3339(sandboxed.world().clock.now()) }))
}

async fn advance(
    State(sandboxed): State<Arc<Sandboxed>>,
    body: Bytes,
) -> Result<Json<Value>, Refused> {
    let seconds = sole_member(&body, "advance_seconds")?.as_i64();
    let seconds = seconds.ok_or_else(|| {
        Refused::bad_request("`advance_seconds` must be a whole number; below zero moves back")
    })?;
    if !sandboxed.world().clock.advance(seconds) {
        return Err(Refused::bad_request("that is more than a hundred years"));
    }
    Ok(now(State(sandboxed)).await)
}

async fn faults(State(sandboxed): State<Arc<Sandboxed>>) -> Json<Value> {
    Json(json!({ "faults": sandboxed.world().faults.to_json() }))
}

async fn append_faults(
    State(sandboxed): State<Arc<Sandboxed>>,
    body: Bytes,
) -> Result<Json<Value>, Refused> {
    let Value::Array(described) = sole_member(&body, "faults")? else {
        return Err(Refused::bad_request("`faults` must be an array"));
    };
    let faults = described
        .into_iter()
        .map(Fault::parse)
        .collect::<Result<Vec<_>, _>>()
        .map_err(Refused::bad_request)?;
    sandboxed.world().faults.append(faults);
    Ok(Json(json!({})))
}

async fn clear_faults(State(sandboxed): State<Arc<Sandboxed>>) -> Json<Value> {
    sandboxed.world().faults.clear();
    Json(json!({}))
}

async fn settings(State(sandboxed): State<Arc<Sandboxed>>) -> Json<Value> {
    Json(Value::Object(sandboxed.world().settings().to_members()))
}

async fn change_settings(
    State(sandboxed): State<Arc<Sandboxed>>,
    body: Bytes,
) -> Result<Json<Value>, Refused> {
    let changes = object(&body)?;
    let world = sandboxed.world();
    let mut settings = world.settings.write().expect("no panic while merging");
    *settings = settings.merged(changes).map_err(Refused::bad_request)?;
    Ok(Json(Value::Object(settings.to_members())))
}

async fn reset(State(sandboxed): State<Arc<Sandboxed>>) -> Json<Value> {
    sandboxed.reset();
    Json(json!({}))
}

async fn ledger(State(sandboxed): State<Arc<Sandboxed>>) -> Json<Value> {
    Json(sandboxed.world().ledger.to_json())
}

async fn requests(State(sandboxed): State<Arc<Sandboxed>>) -> Json<Value> {
    Json(sandboxed.world().requests.to_json())
}

async fn clear_requests(State(sandboxed): State<Arc<Sandboxed>>) -> Json<Value> {
    sandboxed.world().requests.clear();
    Json(json!({}))
}

async fn unknown() -> Refused {
    Refused(
        StatusCode::NOT_FOUND,
        "there is no such control call".to_owned(),
    )
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Refused> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Refused::bad_request("the body must be a JSON object")),
    }
}

/// The one member that a body has.
fn sole_member(body: &[u8], name: &str) -> Result<Value, Refused> {
    let mut object = object(body)?;
    let member = object.remove(name);
    match (member, object.keys().next()) {
        (Some(member), None) => Ok(member),
        (None, _) => Err(Refused::bad_request(format!("`{name}` is missing"))),
        (_, Some(other)) => Err(Refused::bad_request(format!("`{other}` is not known here"))),
    }
}
