//! The site: one page, one button, and who pressed it.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::header::{COOKIE, LOCATION, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::Router;
use relaypass::Secret;
use serde_json::{json, Value};

use super::page::{page, Shown};
use crate::control::CLAIM_TYPE;

/// More visitors than that are not remembered: it is a demonstration.
const MOST_VISITORS: usize = 1000;

pub(super) struct Site {
    http: reqwest::Client,
    gateway: String,
    token: Secret<String>,
    /// Where the browser is sent to; the page's policy must name it.
    persona: String,
    /// The verification of each visitor, by cookie.
    visitors: Mutex<HashMap<String, String>>,
}

pub(super) fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/verify", post(verify))
        .route("/status", get(status))
        .route("/again", post(again))
        .with_state(site)
}

impl Site {
    pub(super) fn new(
        gateway: String,
        token: Secret<String>,
        persona: &str,
    ) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            http: crate::http::client(None)?.build()?,
            gateway,
            token,
            persona: persona.to_owned(),
            visitors: Mutex::default(),
        })
    }

    /// `POST /verifications`: a page of Persona's for the visitor.
    async fn start(&self) -> Result<(String, String), Box<dyn Error + Send + Sync>> {
        let body = json!({ "claim-type": CLAIM_TYPE, "theme": "auto" });
        let started = self.call("/verifications", body).await?;
        let text = |member: &str| started[member].as_str().map(str::to_owned);
        let both = text("id").zip(text("hosted-url"));
        both.ok_or_else(|| "the gateway's answer is not as described".into())
    }

    /// `POST /verifications/{id}/complete`: what came of it.
    async fn complete(&self, id: &str) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let path = format!("/verifications/{id}/complete");
        self.call(&path, json!({})).await
    }

    async fn call(&self, path: &str, body: Value) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let answer = self
            .http
            .post(format!("{}{path}", self.gateway))
            .bearer_auth(self.token.expose())
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await?;
        let is_success = answer.status().is_success();
        let body: Value = serde_json::from_str(&answer.text().await?)?;
        match is_success {
            true => Ok(body),
            false => Err(body["errors"][0]["title"].to_string().into()),
        }
    }

    fn verification_of(&self, headers: &HeaderMap) -> Option<String> {
        let visitors = self.visitors.lock();
        let visitors = visitors.unwrap_or_else(PoisonError::into_inner);
        visitors.get(&visitor(headers)?).cloned()
    }

    fn remember(&self, visitor: String, verification: String) {
        let visitors = self.visitors.lock();
        let mut visitors = visitors.unwrap_or_else(PoisonError::into_inner);
        if visitors.len() >= MOST_VISITORS {
            visitors.clear();
        }
        visitors.insert(visitor, verification);
    }

    fn forget(&self, headers: &HeaderMap) {
        let visitors = self.visitors.lock();
        let mut visitors = visitors.unwrap_or_else(PoisonError::into_inner);
        if let Some(visitor) = visitor(headers) {
            visitors.remove(&visitor);
        }
    }

    /// What this visitor is to see.
    async fn shown(&self, headers: &HeaderMap) -> Shown {
        let Some(id) = self.verification_of(headers) else {
            return Shown::Question;
        };
        match self.complete(&id).await {
            Ok(told) => Shown::of(&told),
            Err(error) => Shown::Trouble(error.to_string()),
        }
    }
}

async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    page(&site.shown(&headers).await, &site.persona)
}

/// Sends the visitor to Persona, without a `Referer`: Persona refuses those who bring one.
async fn verify(State(site): State<Arc<Site>>) -> Response {
    match site.start().await {
        Ok((id, hosted_url)) => {
            let visitor = super::random();
            let cookie = format!("visitor={visitor}; HttpOnly; SameSite=Lax; Path=/");
            site.remember(visitor, id);
            let headers = [
                (SET_COOKIE, cookie),
                (LOCATION, hosted_url),
                (REFERRER_POLICY, "no-referrer".to_owned()),
            ];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(error) => page(&Shown::Trouble(error.to_string()), &site.persona),
    }
}

/// Whether there is something new to see, for the page that waits.
async fn status(State(site): State<Arc<Site>>, headers: HeaderMap) -> &'static str {
    site.shown(&headers).await.name()
}

async fn again(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    site.forget(&headers);
    (StatusCode::SEE_OTHER, [(LOCATION, "/")]).into_response()
}

fn visitor(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    let mut cookies = cookies.split(';').map(str::trim);
    cookies.find_map(|cookie| cookie.strip_prefix("visitor=").map(str::to_owned))
}
