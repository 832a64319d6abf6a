//! A small client of its own: the protocol once more, sharing nothing with the sandbox.

use aws_lc_rs::digest::{digest, SHA256};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine as _;
use blind_rsa_signatures::{BlindSignature, DefaultRng, Options as Padding, PublicKey};
use relaypass_sandbox::{Options, Sandbox};
use reqwest::header::HeaderMap;
use serde_json::{json, Value};

pub const CREATE: &str = "/api/privacy/v1/relays";
pub const CHALLENGE: &str = "/api/privacy/v1/relays/challenge";
pub const SIGN: &str = "/api/v1/privacy-passes";
pub const CLAIM_TYPE: &str = "age_over18_verified";

pub type IssuerKey = PublicKey;

pub struct Api {
    pub sandbox: Sandbox,
    pub http: reqwest::Client,
}

pub struct Relay {
    pub token: String,
    pub secret: String,
    pub session: String,
}

/// What step 2a gives, or the 401 of the first generation.
#[derive(Clone, Debug, PartialEq)]
pub struct Materials {
    pub challenge: String,
    pub token_key: String,
    pub token_key_id: String,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON answer")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub fn title(&self) -> String {
        self.json()["errors"][0]["title"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The claim of a redeemed relay that has no encryption key.
    pub fn claim(&self) -> Value {
        serde_json::from_str(self.json()["claim-payload"].as_str().unwrap()).unwrap()
    }
}

impl Api {
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub async fn start_with(options: Options) -> Self {
        let sandbox = Sandbox::start(options).await.unwrap();
        let mut http = reqwest::Client::builder()
            .no_proxy()
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none());
        if let Some(pem) = &sandbox.ready().ca_pem {
            let ca = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
            http = http.tls_certs_only([ca]);
        }
        Self {
            http: http.build().unwrap(),
            sandbox,
        }
    }

    pub fn production_key(&self) -> &str {
        &self.sandbox.ready().production_api_key
    }

    pub fn sandbox_key(&self) -> &str {
        &self.sandbox.ready().api_key
    }

    pub async fn try_post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> reqwest::Result<Answer> {
        let url = format!("{}{path}", self.sandbox.ready().url);
        let mut request = self
            .http
            .post(url)
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body(body.into()).send().await?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await?,
        })
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        self.try_post(path, headers, body.to_string())
            .await
            .unwrap()
    }

    pub async fn control(&self, path: &str, body: Value) -> Value {
        let answer = self.post(&format!("/_sandbox/{path}"), &[], body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    pub async fn look(&self, path: &str) -> Value {
        let url = format!("{}/_sandbox/{path}", self.sandbox.ready().url);
        let text = self
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub async fn fault(&self, fault: Value) {
        self.control("faults", json!({ "faults": [fault] })).await;
    }

    pub async fn set(&self, name: &str, value: impl Into<Value>) {
        let value: Value = value.into();
        self.control("settings", json!({ name: value })).await;
    }

    pub async fn ledger(&self, name: &str) -> u64 {
        self.look("ledger").await[name].as_u64().unwrap()
    }

    pub async fn advance(&self, seconds: i64) {
        self.control("clock", json!({ "advance_seconds": seconds }))
            .await;
    }

    pub async fn finish(&self, relay: &Relay, result: &str) {
        let path = format!("relays/{}/finish", relay.token);
        self.control(&path, json!({ "result": result })).await;
    }

    /// A production relay.
    pub async fn create(&self) -> Relay {
        self.create_with(json!({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null }))
            .await
    }

    pub async fn create_with(&self, body: Value) -> Relay {
        let answer = self.post(CREATE, &[], body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        Relay {
            token: text("relay-token"),
            secret: text("relay-secret"),
            session: text("relay-session-access-token"),
        }
    }

    pub async fn passed_relay(&self) -> Relay {
        let relay = self.create().await;
        self.finish(&relay, "passed").await;
        relay
    }

    pub async fn challenge(&self) -> Materials {
        self.challenge_with(json!({ "claim-type": CLAIM_TYPE }))
            .await
    }

    pub async fn challenge_with(&self, body: Value) -> Materials {
        let answer = self.post(CHALLENGE, &[], body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        Materials {
            challenge: text("challenge"),
            token_key: text("token-key"),
            token_key_id: text("token-key-id"),
        }
    }

    /// The challenge of the first generation, from the 401.
    pub async fn relay_bound_challenge(&self, relay: &Relay) -> Materials {
        let answer = self.redeem_with(relay, &[]).await;
        assert_eq!(answer.status, 401);
        let header = answer.header("www-authenticate");
        let parameter = |name: &str| {
            let start = header.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
            header[start..].split('"').next().unwrap().to_owned()
        };
        assert!(header.starts_with("PrivateToken challenge=\""));
        Materials {
            challenge: parameter("challenge"),
            token_key: parameter("token-key"),
            token_key_id: parameter("token-key-id"),
        }
    }

    pub async fn sign(&self, api_key: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let authorization = format!("Bearer {api_key}");
        let mut all = vec![("authorization", authorization.as_str())];
        all.extend_from_slice(headers);
        self.post(SIGN, &all, body).await
    }

    /// A production pass.
    pub async fn pass(&self) -> String {
        let materials = self.challenge().await;
        self.pass_of(&materials, self.production_key()).await
    }

    pub async fn pass_of(&self, materials: &Materials, api_key: &str) -> String {
        let blinded = Blinded::new(materials);
        let answer = self.sign(api_key, &[], blinded.request()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        blinded
            .finalize(&answer)
            .expect("a signature that verifies")
    }

    pub async fn redeem(&self, relay: &Relay, pass: &str) -> Answer {
        let authorization = format!("PrivateToken token={pass}");
        self.redeem_with(relay, &[("authorization", &authorization)])
            .await
    }

    pub async fn redeem_under(&self, relay: &Relay, pass: &str, key: &str) -> Answer {
        let authorization = format!("PrivateToken token={pass}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("idempotency-key", key),
        ];
        self.redeem_with(relay, &headers).await
    }

    pub async fn redeem_with(&self, relay: &Relay, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("persona-relay-secret", relay.secret.as_str())];
        all.extend_from_slice(headers);
        self.post(&redeem_path(relay), &all, json!({})).await
    }
}

pub fn redeem_path(relay: &Relay) -> String {
    format!("/api/privacy/v1/relays/{}/generate-claim", relay.token)
}

/// A token between blinding and finalizing.
pub struct Blinded {
    key: IssuerKey,
    nonce: String,
    challenge: String,
    key_id: String,
    input: Vec<u8>,
    blinding: blind_rsa_signatures::BlindingResult,
}

impl Blinded {
    pub fn new(materials: &Materials) -> Self {
        let key = IssuerKey::from_der(&decode(&materials.token_key)).unwrap();
        let challenge = String::from_utf8(decode(&materials.challenge)).unwrap();
        let mac = serde_json::from_str::<Value>(&challenge).unwrap()["mac"]
            .as_str()
            .unwrap()
            .to_owned();
        let mut random = [0; 32];
        getrandom::fill(&mut random).unwrap();
        let nonce = hex(&random);
        let mut input = vec![0, 2];
        for text in [&nonce, &mac, &materials.token_key_id] {
            input.extend_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        }
        Self {
            blinding: (key.blind(&mut DefaultRng, &input, false, &Padding::default())).unwrap(),
            key,
            nonce,
            challenge,
            key_id: materials.token_key_id.clone(),
            input,
        }
    }

    pub fn request(&self) -> Value {
        json!({
            "blinded-token": URL_SAFE_NO_PAD.encode(&*self.blinding.blind_msg),
            "key-id": self.key_id,
        })
    }

    /// The pass, or `None` if the signature does not verify.
    pub fn finalize(&self, answer: &Answer) -> Option<String> {
        let blind_signature = decode(answer.json()["blind-sig"].as_str().unwrap());
        let signature = self
            .key
            .finalize(
                &BlindSignature(blind_signature),
                &self.blinding.secret,
                None,
                &self.input,
                &Padding::default(),
            )
            .ok()?;
        let json = format!(
            r#"{{"token_nonce":"{}","signature":"{}","key_id":"{}","challenge":{}}}"#,
            self.nonce,
            URL_SAFE_NO_PAD.encode(&*signature),
            self.key_id,
            self.challenge
        );
        Some(URL_SAFE_NO_PAD.encode(json))
    }
}

/// The pass with a change to its JSON text.
pub fn changed(pass: &str, from: &str, to: &str) -> String {
    let json = String::from_utf8(decode(pass)).unwrap();
    assert!(json.contains(from), "{json}");
    URL_SAFE_NO_PAD.encode(json.replacen(from, to, 1))
}

pub fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
