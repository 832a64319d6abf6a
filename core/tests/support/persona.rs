//! A sandbox and a visitor, for tests of whole verifications.
use std::time::Duration;

use relaypass::{ClaimType, Client, ClientBuilder, IssuePrivacyPass, Relay, Verification};
use relaypass_sandbox::{Options, Sandbox};
use serde_json::{json, Value};

/// What every verification here asks.
pub fn claim_type() -> ClaimType {
    ClaimType::parse("age_over18_verified").unwrap()
}

/// A sandbox in this process.
pub struct Persona(Sandbox);

impl Persona {
    pub async fn start() -> Self {
        Self(Sandbox::start(Options::default()).await.unwrap())
    }

    pub async fn stop(self) {
        self.0.stop().await;
    }

    /// A client of the production environment, where billing shows.
    /// Nothing waits for a random moment.
    pub fn client(&self) -> ClientBuilder {
        Client::builder()
            .purchase_window(Duration::ZERO)
            .base_url(&self.0.ready().url)
            .api_key(&self.0.ready().production_api_key)
    }

    pub fn url(&self) -> &str {
        &self.0.ready().url
    }

    pub fn production_api_key(&self) -> String {
        self.0.ready().production_api_key.clone()
    }

    pub fn sandbox_api_key(&self) -> String {
        self.0.ready().api_key.clone()
    }

    /// Likewise, of the sandbox environment.
    pub fn sandbox_client(&self) -> ClientBuilder {
        (self.client()).api_key(&self.0.ready().api_key)
    }

    pub async fn ledger(&self) -> Value {
        let url = format!("{}/_sandbox/ledger", self.0.ready().url);
        let response = http().get(url).send().await.unwrap();
        serde_json::from_str(&response.text().await.unwrap()).unwrap()
    }

    pub async fn requests(&self) -> usize {
        self.logged().await.len()
    }

    /// All that Persona was asked, as she saw it on the wire.
    pub async fn logged(&self) -> Vec<Value> {
        let url = format!("{}/_sandbox/requests", self.0.ready().url);
        let response = http().get(url).send().await.unwrap();
        let log: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        log["requests"].as_array().unwrap().clone()
    }

    /// The next calls of this step meet a fault.
    pub async fn fault(&self, step: &str, fault: &str, times: u32) {
        let url = format!("{}/_sandbox/faults", self.0.ready().url);
        let body = json!({"faults": [{"step": step, "fault": fault, "times": times}]});
        post(&url, "application/json", body.to_string()).await;
    }

    /// The next call of this step is answered with a wish for a pause, in seconds.
    pub async fn ask_for_pause(&self, step: &str, seconds: u32) {
        let url = format!("{}/_sandbox/faults", self.0.ready().url);
        let headers = json!({"retry-after": seconds.to_string()});
        let fault = json!({"step": step, "fault": "status", "status": 429, "headers": headers});
        let body = json!({"faults": [fault]});
        post(&url, "application/json", body.to_string()).await;
    }

    /// Changes how Persona behaves.
    pub async fn settings(&self, changed: Value) {
        let url = format!("{}/_sandbox/settings", self.0.ready().url);
        post(&url, "application/json", changed.to_string()).await;
    }

    /// Has a client buy twice: the challenge of this hour is known then, and costs the store no more.
    pub async fn warm(&self, client: &Client) {
        for _ in 0..2 {
            let bound_to = IssuePrivacyPass::ClaimType(claim_type());
            client.relays().issue_privacy_pass(bound_to).await.unwrap();
        }
    }

    /// The next claim comes in this form, whatever the relay's key was sent in.
    pub async fn wrong_claim(&self, format: &str) {
        let url = format!("{}/_sandbox/faults", self.0.ready().url);
        let fault = json!({"step": "redeem", "fault": "wrong_claim", "format": format});
        post(
            &url,
            "application/json",
            json!({"faults": [fault]}).to_string(),
        )
        .await;
    }

    /// The visitor's click.
    pub async fn visit(&self, started: &Verification, result: &str) {
        let page = started.hosted_url.as_ref().unwrap().expose();
        let form = "application/x-www-form-urlencoded";
        post(page, form, format!("result={result}")).await;
    }
}

impl Persona {
    /// As [`Persona::visit`], for a relay that the caller keeps.
    pub async fn finish(&self, relay: &Relay, result: &str) {
        let token = relay.relay_token.as_str();
        let url = format!("{}/_sandbox/relays/{token}/finish", self.0.ready().url);
        let body = json!({"result": result});
        post(&url, "application/json", body.to_string()).await;
    }
}

async fn post(url: &str, content_type: &str, body: String) {
    let request = http().post(url).header("content-type", content_type);
    let response = request.body(body).send().await.unwrap();
    assert!(response.status().is_success());
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}
