//! The hosted flow: the page on which a person passes or fails the check. Here, by a click.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERER, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::Router;
use serde::Deserialize;

use crate::keys::{Environment, Namespace};
use crate::relays::{Outcome, Relay};
use crate::world::Sandboxed;

const PAGE: &str = include_str!("hosted.html");

pub(crate) fn routes() -> Router<Arc<Sandboxed>> {
    Router::new().route("/relay", get(show).post(finish))
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "relay-session-access-token", default)]
    session_access_token: String,
    #[serde(default)]
    theme: String,
}

async fn show(
    State(sandboxed): State<Arc<Sandboxed>>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    let theme = theme(&parameters);
    if headers.contains_key(REFERER) {
        return referer_refused(theme);
    }
    let world = sandboxed.world();
    let Some(relay) = world.relays.by_session(&parameters.session_access_token) else {
        return unknown_session(theme);
    };
    if let Some(outcome) = relay.finished() {
        return finished(theme, &relay, outcome);
    }
    if !relay.session_is_open(world.clock.now()) {
        return session_over(theme);
    }
    question(theme, &relay)
}

async fn finish(
    State(sandboxed): State<Arc<Sandboxed>>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let theme = theme(&parameters);
    if headers.contains_key(REFERER) {
        return referer_refused(theme);
    }
    let world = sandboxed.world();
    let Some(relay) = world.relays.by_session(&parameters.session_access_token) else {
        return unknown_session(theme);
    };
    let outcome = match &body[..] {
        b"result=passed" => Outcome::Passed,
        b"result=failed" => Outcome::Failed,
        _ => return question(theme, &relay),
    };
    match relay.finish(outcome, world.clock.now()) {
        Ok(()) => finished(theme, &relay, outcome),
        Err(_) => session_over(theme),
    }
}

fn theme(parameters: &Parameters) -> &'static str {
    match parameters.theme.as_str() {
        "light" => "light",
        "dark" => "dark",
        _ => "auto",
    }
}

fn question(theme: &str, relay: &Relay) -> Response {
    let Namespace {
        environment,
        claim_type,
    } = &relay.namespace;
    let (heading, explanation) = in_plain_words(claim_type);
    let note = match environment {
        Environment::Production => "",
        Environment::Sandbox => {
            "<p class=\"note\">This relay belongs to the sandbox environment: its claim passes \
             whatever you choose here.</p>"
        }
    };
    let content = format!(
        "<p>{explanation}</p>\
         <form method=\"post\">\
         <button name=\"result\" value=\"passed\" class=\"pass\">Pass</button>\
         <button name=\"result\" value=\"failed\">Fail</button>\
         </form>{note}\
         <p class=\"claim\">Claim type <code>{}</code></p>",
        escape(claim_type)
    );
    page(StatusCode::OK, theme, &heading, &content)
}

fn finished(theme: &str, relay: &Relay, outcome: Outcome) -> Response {
    let (heading, sentence) = match outcome {
        Outcome::Passed => ("Passed", "The check is recorded as passed."),
        Outcome::Failed => ("Not passed", "The check is recorded as failed."),
    };
    let content = format!(
        "<p role=\"status\">{sentence} You can close this page and go back to where you came \
         from.</p><p class=\"claim\">Claim type <code>{}</code></p>",
        escape(&relay.namespace.claim_type)
    );
    page(StatusCode::OK, theme, heading, &content)
}

fn unknown_session(theme: &str) -> Response {
    page(
        StatusCode::NOT_FOUND,
        theme,
        "This link is not known",
        "<p>The sandbox has no session for it. It may have been reset or restarted since the link \
         was made: create a new relay.</p>",
    )
}

fn session_over(theme: &str) -> Response {
    page(
        StatusCode::GONE,
        theme,
        "This session is over",
        "<p>A session lasts 30 minutes. Create a new relay to try again.</p>",
    )
}

fn referer_refused(theme: &str) -> Response {
    page(
        StatusCode::FORBIDDEN,
        theme,
        "This page cannot be opened from there",
        "<p>The request carried a <code>Referer</code> header, which tells this page who asks. \
         Open the link with <code>Referrer-Policy: no-referrer</code>, or with \
         <code>rel=\"noreferrer\"</code>.</p>",
    )
}

/// The question that a claim type asks, as a heading and a sentence.
fn in_plain_words(claim_type: &str) -> (String, String) {
    if claim_type == "live_human_presence" {
        return (
            "Are you a live human?".to_owned(),
            "Somebody wants to know whether a real person is here, and nothing else.".to_owned(),
        );
    }
    let age = claim_type
        .strip_prefix("age_over")
        .and_then(|rest| rest.split_once('_'))
        .filter(|(age, _)| !age.is_empty() && age.bytes().all(|byte| byte.is_ascii_digit()));
    if let Some((age, scope)) = age {
        let scope = match scope {
            "verified" => "to a verified standard".to_owned(),
            place => format!("by the rules of {}", capitalised(place)),
        };
        return (
            format!("Are you over {age}?"),
            format!(
                "Somebody wants to know whether you are over {age}, {}, and nothing else.",
                escape(&scope)
            ),
        );
    }
    (
        "Does this claim hold for you?".to_owned(),
        "Somebody asks for a claim that this sandbox has no plain words for.".to_owned(),
    )
}

/// `united_kingdom` -> `United Kingdom`
fn capitalised(place: &str) -> String {
    let words: Vec<_> = place
        .split('_')
        .filter(|word| !word.is_empty())
        .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
        .collect();
    words.join(" ")
}

fn page(status: StatusCode, theme: &str, heading: &str, content: &str) -> Response {
    let html = PAGE
        .replace("{theme}", theme)
        .replace("{heading}", heading)
        .replace("{content}", content);
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
        ),
    ];
    (status, headers, html).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
