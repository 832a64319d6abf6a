//! The sandbox's control calls.

use std::error::Error;

use relaypass::Relay;
use relaypass_sandbox::Ready;
use serde_json::Value;

pub(crate) const CLAIM_TYPE: &str = "age_over18_verified";

/// Controls a sandbox.
pub(crate) struct Control {
    http: reqwest::Client,
    url: String,
}

impl Control {
    pub(crate) fn new(ready: &Ready) -> Self {
        let http = crate::http::client(None).map(|client| client.build());
        let http = http.expect("the public authorities come with this program");
        Self {
            http: http.expect("a client with trust of its own has nothing that could fail"),
            url: format!("{}/_sandbox", ready.url),
        }
    }

    /// The visitor's part: in life, a page of Persona's in their browser.
    pub(crate) async fn visitor_passes(&self, relay: &Relay) -> Result<(), Box<dyn Error>> {
        let path = format!("{}/relays/{}/finish", self.url, relay.relay_token.as_str());
        let body = r#"{"result":"passed"}"#;
        let request = self
            .http
            .post(path)
            .header("content-type", "application/json");
        request.body(body).send().await?.error_for_status()?;
        Ok(())
    }

    pub(crate) async fn ledger(&self) -> Result<Value, Box<dyn Error>> {
        let response = self.http.get(format!("{}/ledger", self.url)).send().await?;
        Ok(serde_json::from_slice(&response.bytes().await?)?)
    }

    /// The requests since the last time.
    pub(crate) async fn take_requests(&self) -> Result<Vec<Value>, Box<dyn Error>> {
        let path = format!("{}/requests", self.url);
        let response = self.http.get(&path).send().await?;
        let mut log: Value = serde_json::from_slice(&response.bytes().await?)?;
        self.http.delete(&path).send().await?.error_for_status()?;
        match log["requests"].take() {
            Value::Array(requests) => Ok(requests),
            _ => Err("the sandbox's log is not a list".into()),
        }
    }

    /// The visitor's part, on the page that `start` returned.
    pub(crate) async fn visit(&self, hosted_url: &str) -> Result<(), Box<dyn Error>> {
        let request = self
            .http
            .post(hosted_url)
            .header("content-type", "application/x-www-form-urlencoded");
        request
            .body("result=passed")
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }

    /// Lets the next redemption be executed, and its answer be late.
    pub(crate) async fn delay_redemption(&self, milliseconds: u64) -> Result<(), Box<dyn Error>> {
        let fault = serde_json::json!({"faults": [
            {"step": "redeem", "fault": "delay", "milliseconds": milliseconds},
        ]});
        let request = self
            .http
            .post(format!("{}/faults", self.url))
            .header("content-type", "application/json");
        request
            .body(fault.to_string())
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }
}
