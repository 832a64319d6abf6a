//! The one page, in each of its states.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

const PAGE: &str = include_str!("page.html");

/// What a visitor is to see.
pub(super) enum Shown {
    Question,
    Pending,
    /// The claim, and whether it is passed.
    Claim {
        passed: bool,
        claim: Value,
    },
    Expired,
    Trouble(String),
}

impl Shown {
    /// From what `complete` told.
    pub(super) fn of(told: &Value) -> Self {
        let claim = told["claim"].clone();
        match told["status"].as_str() {
            Some("passed") => Shown::Claim {
                passed: true,
                claim,
            },
            Some("failed") => Shown::Claim {
                passed: false,
                claim,
            },
            Some("expired") => Shown::Expired,
            _ => Shown::Pending,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Shown::Question => "question",
            Shown::Pending => "pending",
            Shown::Claim { passed: true, .. } => "passed",
            Shown::Claim { passed: false, .. } => "failed",
            Shown::Expired => "expired",
            Shown::Trouble(_) => "trouble",
        }
    }
}

/// The page; `persona` is where its form leads by a redirection.
pub(super) fn page(shown: &Shown, persona: &str) -> Response {
    let (heading, content) = words(shown);
    let body = PAGE
        .replace("{state}", shown.name())
        .replace("{heading}", heading)
        .replace("{content}", &content);
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
         connect-src 'self'; form-action 'self' {persona}; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, "no-referrer".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, body).into_response()
}

fn words(shown: &Shown) -> (&'static str, String) {
    const AGAIN: &str =
        "<form method=\"post\" action=\"/again\"><button>Start again</button></form>";
    match shown {
        Shown::Question => (
            "Are you over 18?",
            "<p>The cellar door opens for adults. Persona checks your age; we are told yes or no, \
             and nothing else about you. Persona is not told which site asked.</p>\
             <form method=\"post\" action=\"/verify\" target=\"_blank\" rel=\"noopener\">\
             <button class=\"main\">Verify my age</button></form>\
             <p class=\"note\">The check opens in a new tab.</p>"
                .to_owned(),
        ),
        Shown::Pending => (
            "Waiting for the check",
            format!(
                "<p role=\"status\">Finish the check in the other tab. This page notices by \
                 itself.</p>\
                 <form method=\"get\" action=\"/\"><button class=\"main\">I have finished</button></form>\
                 {AGAIN}"
            ),
        ),
        Shown::Claim { passed, claim } => {
            let (heading, sentence) = match passed {
                true => (
                    "Welcome in",
                    "You are over 18. That, and how it was checked, is all we know about you.",
                ),
                false => (
                    "The door stays shut",
                    "The check was not passed. We do not know why, and nothing else about you.",
                ),
            };
            let content = format!(
                "<p role=\"status\">{sentence}</p>\
                 <h2>The claim, as this site has it</h2>{}{AGAIN}",
                described(claim)
            );
            (heading, content)
        }
        Shown::Expired => (
            "The check was not finished",
            format!("<p role=\"status\">A session lasts 30 minutes.</p>{AGAIN}"),
        ),
        Shown::Trouble(why) => (
            "That did not work",
            format!(
                "<p role=\"alert\">The gateway says: {}. Nothing is lost; try again.</p>{AGAIN}",
                escape(why)
            ),
        ),
    }
}

fn described(claim: &Value) -> String {
    let text = |value: &Value| escape(value.as_str().unwrap_or("not said"));
    let methods: Vec<String> = (claim["methodology"].as_array().into_iter().flatten())
        .map(|method| format!("{}: {}", text(&method["method"]), text(&method["result"])))
        .collect();
    let methods = match methods.is_empty() {
        true => "not said".to_owned(),
        false => methods.join("<br>"),
    };
    format!(
        "<dl><dt>Asked</dt><dd>{}</dd><dt>Result</dt><dd>{}</dd><dt>How it was checked</dt>\
         <dd>{methods}</dd></dl>",
        text(&claim["claim-type"]),
        text(&claim["claim-result"]),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
