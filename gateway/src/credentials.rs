//! What callers show: their API key, a relay's secret, the operator's token.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::HeaderMap;
use relaypass::{RelaySecret, Result, Secret};

use crate::app::App;
use crate::problem::Problem;

/// The API key of an `Authorization: Bearer` header.
pub(crate) struct CallersKey(pub(crate) Secret<String>);

/// The secret of a `Persona-Relay-Secret` header, if there is one.
pub(crate) struct CallersRelaySecret(pub(crate) Option<RelaySecret>);

/// The key of an `Idempotency-Key` header, if there is one.
pub(crate) struct CallersIdempotencyKey(pub(crate) Option<Secret<String>>);

/// Proof that the caller knows the operator's token.
pub(crate) struct Operator;

impl FromRequestParts<Arc<App>> for CallersKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        bearer(&parts.headers)?.map(Self).ok_or_else(|| {
            Problem::unauthenticated(
                "This call needs your Persona API key: Authorization: Bearer <API key>.",
            )
        })
    }
}

impl FromRequestParts<Arc<App>> for CallersRelaySecret {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        let secret = one(&parts.headers, "persona-relay-secret")?;
        let secret = secret.map(|secret| RelaySecret::parse(secret.as_str()));
        let secret = secret.transpose().map_err(|e| Problem::of_step(&e))?;
        Ok(Self(secret))
    }
}

impl FromRequestParts<Arc<App>> for CallersIdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        Ok(Self(
            one(&parts.headers, "idempotency-key")?.map(Secret::new),
        ))
    }
}

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Some(token) = &app.token else {
            return Err(Problem::new(
                axum::http::StatusCode::NOT_FOUND,
                "not_found",
                "This endpoint is closed: the gateway's operator opens it with \
                 RELAYPASS_API_KEY and RELAYPASS_GATEWAY_TOKEN.",
            ));
        };
        match bearer(&parts.headers)? {
            Some(shown) if token.matches(shown.expose()) => Ok(Self),
            Some(_) => Err(Problem::unauthenticated(
                "The token is not this gateway's: Authorization: Bearer <RELAYPASS_GATEWAY_TOKEN>.",
            )),
            None => Err(Problem::unauthenticated(
                "This call needs the gateway's token: Authorization: Bearer <RELAYPASS_GATEWAY_TOKEN>.",
            )),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<Secret<String>>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(Problem::invalid(
            "The header authorization stands there twice.",
        ));
    }
    let token = value.and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
    });
    Ok(token.map(Secret::new))
}

/// A header that may stand there once.
fn one(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name).iter();
    let wrong = |what: &str| Err(Problem::invalid(format!("The header {name} {what}.")));
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => wrong("stands there twice"),
        (Some(value), None) => match value.to_str() {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(_) => wrong("has other than visible ASCII characters"),
        },
    }
}
