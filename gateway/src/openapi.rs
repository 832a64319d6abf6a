//! The routes and their description, from the same code.

use std::sync::{Arc, OnceLock};

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::Router;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::OpenApi as Description;
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::{operations, relays, verifications};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "relaypass gateway",
        description = "Persona Relay over HTTP. Not affiliated with Persona.",
        license(name = "MIT OR Apache-2.0"),
    ),
    modifiers(&Credentials),
    tags(
        (name = "relays", description = "The three steps; credentials come with each call"),
        (name = "verifications", description = "The durable flow, under the operator's API key"),
        (name = "operations", description = "For whoever runs the gateway"),
    ),
)]
struct Api;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, description: &mut Description) {
        let components = description.components.get_or_insert_default();
        for (name, what) in [
            ("api-key", "Your Persona API key"),
            ("operator-token", "The gateway's RELAYPASS_GATEWAY_TOKEN"),
        ] {
            let mut bearer = Http::new(HttpAuthScheme::Bearer);
            bearer.description = Some(what.to_owned());
            components.add_security_scheme(name, SecurityScheme::Http(bearer));
        }
    }
}

/// Every endpoint.
pub(crate) fn routes() -> Router<Arc<App>> {
    whole().split_for_parts().0
}

/// The OpenAPI description, as `/openapi.json` gives it.
pub fn openapi_json() -> &'static str {
    static JSON: OnceLock<String> = OnceLock::new();
    JSON.get_or_init(|| {
        let (_, description) = whole().split_for_parts();
        description.to_pretty_json().expect("it is plain JSON")
    })
}

fn whole() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(relays::create))
        .routes(routes!(relays::issue))
        .routes(routes!(relays::redeem))
        .routes(routes!(verifications::start))
        .routes(routes!(verifications::get, verifications::forget))
        .routes(routes!(verifications::complete))
        .routes(routes!(operations::health))
        .routes(routes!(operations::ready))
        .routes(routes!(operations::metrics))
        .routes(routes!(operations::privacy))
        .routes(routes!(description))
}

/// This description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operations",
    operation_id = "openapi",
    responses((status = 200, description = "This description", body = Object)),
)]
pub(crate) async fn description() -> Response {
    let json = openapi_json();
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}
