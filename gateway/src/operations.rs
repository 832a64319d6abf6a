//! For whoever runs the gateway: is it alive, is it ready, what does it do, what does it offer.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{HeaderMap, HeaderValue, ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::call::permit;
use crate::credentials::Operator;
use crate::privacy::PrivacyReport;
use crate::problem::{ErrorDocument, Problem};

/// A store that takes longer is not ready.
const PATIENCE: Duration = Duration::from_secs(2);
/// Open verifications are counted so far: a scrape has a bound.
const MOST_COUNTED: usize = 1000;

/// That all is well.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// The process answers.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operations",
    operation_id = "health",
    responses((status = 200, description = "The process answers", body = Health)),
)]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// The store can be reached and takes writes, and the gateway is not about to stop.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operations",
    operation_id = "readiness",
    responses(
        (status = 200, description = "Calls are welcome", body = Health),
        (status = 503, description = "The store cannot be reached or takes no writes, or the gateway stops", body = ErrorDocument),
    ),
)]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Health>, Problem> {
    if app.is_stopping() {
        return Err(Problem::busy("The gateway is about to stop."));
    }
    // Also opens what is sealed in there: without the right key no step can be found.
    let relays = app.client.durable_relays();
    in_time(relays.check_ready()).await?;
    Ok(Json(Health { status: "ok" }))
}

/// What Prometheus reads: its own text, or OpenMetrics if that is asked for. No label names a caller, a relay or a
/// verification.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    operation_id = "metrics",
    responses((
        status = 200,
        description = "Numbers, as text",
        content((String = "text/plain"), (String = "application/openmetrics-text")),
    )),
)]
pub(crate) async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let verifications = app.client.verifications();
    let counting = verifications.count_open(MOST_COUNTED);
    // Without its store the gateway still has numbers to tell.
    if let Ok(Ok(open)) = tokio::time::timeout(PATIENCE, counting).await {
        app.metrics.set_open(open);
    }
    let (kind, text) = match headers.get_all(ACCEPT).iter().any(takes_open_metrics) {
        true => (
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            app.metrics.open_metrics(),
        ),
        false => (
            "text/plain; version=0.0.4; charset=utf-8",
            app.metrics.prometheus(),
        ),
    };
    ([(CONTENT_TYPE, kind)], text).into_response()
}

fn takes_open_metrics(accepted: &HeaderValue) -> bool {
    let text = accepted.to_str().unwrap_or_default();
    text.to_ascii_lowercase()
        .contains("application/openmetrics-text")
}

/// What Persona, and others, could link as this gateway is configured, and by what was seen. No address, URL
/// or key is in it.
#[utoipa::path(
    get,
    path = "/privacy",
    tag = "operations",
    operation_id = "privacy",
    responses(
        (status = 200, description = "What can be linked", body = PrivacyReport),
        (status = "4XX", description = "The request", body = ErrorDocument),
        (status = 503, description = "The store cannot be reached, or the gateway is busy or stops", body = ErrorDocument),
    ),
    security(("operator-token" = [])),
)]
pub(crate) async fn privacy(
    State(app): State<Arc<App>>,
    _: Operator,
) -> Result<Json<PrivacyReport>, Problem> {
    if app.is_stopping() {
        return Err(Problem::busy("The gateway is about to stop."));
    }
    // It reads many records, which takes as much as a call does.
    let _permit = permit(&app)?;
    let report = in_time(app.client.durable_relays().privacy_report()).await?;
    Ok(Json(PrivacyReport::from(report)))
}

/// What the store says, if it does so in time.
async fn in_time<T>(asking: impl Future<Output = relaypass::Result<T>>) -> Result<T, Problem> {
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(said)) => Ok(said),
        Ok(Err(error)) => {
            tracing::warn!(code = error.code(), "the store failed: {error}");
            Err(Problem::not_ready("store", "The gateway's store failed."))
        }
        Err(_) => Err(Problem::not_ready(
            "store",
            "The gateway's store does not answer.",
        )),
    }
}
