//! Runs `tests/scenarios/*.json` in Rust. The form is described in `tests/scenarios/README.md`.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use relaypass::store::{BoxFuture, MemoryStore, Record, Store, StoreError, Swap};
use relaypass::surface::{
    run, ClaimArguments, ClientArguments, CloseArguments, CreateArguments, GetArguments,
    IssueArguments, StartArguments, StoreArgument,
};
use relaypass::{
    generate_key_pair, Claim, ClaimType, Client, Error, ErrorKind, Listener, PrivacyFinding,
    RateLimit, ResponseInfo, Secret, Verification, VerificationId,
};
use relaypass_sandbox::{Options, Sandbox};
use serde_json::{json, Map, Value};

/// Most of a scenario's time is waiting: so many run at the same time, each lane on a sandbox of its own.
const LANES: usize = 4;

type Queue = Arc<Mutex<std::vec::IntoIter<(String, Value)>>>;

#[tokio::test]
async fn every_scenario() {
    let scenarios = read_scenarios();
    assert!(scenarios.len() >= 30, "only {} were found", scenarios.len());
    let mut passed: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (file, _) in &scenarios {
        passed.entry(file.clone()).or_default().1 += 1;
    }
    let queue: Queue = Arc::new(Mutex::new(scenarios.into_iter()));
    let mut lanes = tokio::task::JoinSet::new();
    for _ in 0..LANES {
        lanes.spawn(lane(queue.clone()));
    }
    let mut failures = Vec::new();
    for (file, outcome) in lanes.join_all().await.into_iter().flatten() {
        match outcome {
            Ok(()) => passed.get_mut(&file).expect("a file that was read").0 += 1,
            Err(why) => failures.push(why),
        }
    }
    for (file, (passed, all)) in passed {
        // For the table at the end of `make test`; the harness would keep `println!` to itself.
        let line = format!("\nscenarios: rust {file} {passed}/{all}\n");
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// Runs what is in the queue, one scenario after the other: the file of each, and what it came to.
async fn lane(queue: Queue) -> Vec<(String, Result<(), String>)> {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let mut outcomes = Vec::new();
    loop {
        let next = queue.lock().unwrap().next();
        let Some((file, scenario)) = next else { break };
        let outcome = Runner::new(&sandbox).run(&scenario).await;
        let outcome = outcome.map_err(|why| format!("{}: {why}", scenario["name"]));
        outcomes.push((file, outcome));
    }
    sandbox.stop().await;
    outcomes
}

/// All scenarios, each with the file that it is from.
fn read_scenarios() -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        let mut scenarios: Vec<Value> = serde_json::from_str(&text).unwrap();
        scenarios.retain(|scenario| scenario["name"].as_str().unwrap().contains(&only));
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        scenarios
            .into_iter()
            .map(move |scenario| (name.clone(), scenario))
    };
    files.iter().flat_map(read).collect()
}

type Outcome = Result<Value, Box<Error>>;

struct Runner<'a> {
    sandbox: &'a Sandbox,
    http: reqwest::Client,
    saved: HashMap<String, Value>,
    host_store: Arc<HostStore>,
    /// The kinds of the events that were told.
    told: Arc<Mutex<Vec<&'static str>>>,
}

/// A store of the caller's own, as simple as can be.
#[derive(Default)]
struct HostStore(MemoryStore);

impl Store for HostStore {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        self.0.load(key)
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        self.0.compare_and_swap(key, expected, new)
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.0.scan(prefix, due_before, limit)
    }
}

impl<'a> Runner<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        Self {
            sandbox,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            saved: HashMap::new(),
            host_store: Arc::default(),
            told: Arc::default(),
        }
    }

    async fn run(&mut self, scenario: &Value) -> Result<(), String> {
        self.control("reset", Some(&json!({}))).await;
        let described = &scenario["client"];
        let client = self.client(described);
        let expected = &described["expect"];
        if !expected.is_null() {
            let error = client.err().map(Box::new).ok_or("the client was made")?;
            return compare(&Err(error), expected);
        }
        let client = client.map_err(|error| format!("no client: {error}"))?;
        // Further clients: other processes, with the same options and the same store.
        let mut others: HashMap<String, Client> = HashMap::new();
        let outcome = self.play(scenario, &client, &mut others).await;
        // What is still being bought is not to be billed to the next scenario.
        for client in others.values().chain([&client]) {
            let _ = client.close(None).await;
        }
        outcome
    }

    async fn play(
        &mut self,
        scenario: &Value,
        client: &Client,
        others: &mut HashMap<String, Client>,
    ) -> Result<(), String> {
        let described = &scenario["client"];
        for (index, step) in scenario["steps"].as_array().unwrap().iter().enumerate() {
            let client = match step["client"].as_str() {
                None => client,
                Some(name) => {
                    if !others.contains_key(name) {
                        let other = self.client(&self.described_by(described, step));
                        let other = other.map_err(|error| format!("no other client: {error}"))?;
                        others.insert(name.to_owned(), other);
                    }
                    &others[name]
                }
            };
            let outcome = self.step(client, step).await;
            compare(&outcome, &self.resolve(&step["expect"]))
                .map_err(|why| format!("step {index} ({}): {why}", step["do"]))?;
            if let Some(name) = step["save"].as_str() {
                let result = outcome.unwrap_or_else(|error| describe(&error));
                self.saved.insert(name.to_owned(), result);
            }
        }
        Ok(())
    }

    /// How another client is made: as the first one, with the step's own options laid over.
    fn described_by(&self, described: &Value, step: &Value) -> Value {
        let mut described = described.clone();
        let options = step["client_options"].as_object().into_iter().flatten();
        for (name, value) in options {
            match name.as_str() {
                "environment" => described["environment"] = value.clone(),
                _ => described["options"][name] = self.resolve(value),
            }
        }
        described
    }

    fn client(&self, described: &Value) -> Result<Client, Error> {
        let ready = self.sandbox.ready();
        let key = match described["environment"].as_str() {
            Some("sandbox") => &ready.api_key,
            _ => &ready.production_api_key,
        };
        let options = &described["options"];
        let text = |name: &str| options[name].as_str().map(str::to_owned);
        let arguments = ClientArguments {
            api_key: match described.get("api_key") {
                None => Some(key.clone()),
                Some(given) => given.as_str().map(str::to_owned),
            }
            .map(Secret::new),
            base_url: Some(
                described["base_url"]
                    .as_str()
                    .unwrap_or(&ready.url)
                    .to_owned(),
            ),
            environment: text("environment").or_else(|| {
                // A client without a key has no prefix to tell the environment by.
                described["environment"].as_str().map(str::to_owned)
            }),
            timeout_seconds: options["timeout"].as_f64(),
            retries: options["retries"].as_i64(),
            ca_pem: text("ca_pem"),
            // The sandbox takes what is sent to a proxy for itself.
            anonymous_proxy: (!options["anonymous_proxy"].is_null()).then(|| {
                let proxies = texts(&options["anonymous_proxy"]).into_iter();
                let ours = |proxy: String| match proxy.as_str() {
                    "sandbox" => ready.url.clone(),
                    _ => proxy,
                };
                proxies.map(ours).map(Secret::new).collect()
            }),
            identified_proxy: text("identified_proxy").map(Secret::new),
            decryption_key: keys(&options["decryption_key"]),
            encryption_form: text("encryption_form"),
            store: text("store").map(|store| match store.as_str() {
                "host" => StoreArgument::Object(self.host_store.clone()),
                _ => StoreArgument::Url(Secret::new(store)),
            }),
            seal_keys: text("seal_key").iter().map(|hex| from_hex(hex)).collect(),
            pass_binding: text("pass_binding"),
            // Nothing waits in scenarios, unless they say so.
            purchase_window_seconds: Some(options["purchase_window"].as_f64().unwrap_or(0.0)),
            pass_pool: options["pass_pool"].as_i64(),
            privacy: text("privacy"),
            isolation: text("isolation"),
            on_event: Some({
                let told = Arc::clone(&self.told);
                Listener::new(move |event| told.lock().unwrap().push(event.kind.name()))
            }),
            ..ClientArguments::default()
        };
        arguments.parse()?.build()
    }

    async fn step(&self, client: &Client, step: &Value) -> Outcome {
        let with: Map<String, Value> = step["with"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), self.resolve(value)))
            .collect();
        let text = |name: &str| with.get(name).and_then(Value::as_str).map(str::to_owned);
        let secret = |name: &str| text(name).map(Secret::new);
        let body = Value::Object(with.clone());
        match step["do"].as_str().unwrap() {
            "relays.create" => {
                let arguments = CreateArguments {
                    claim_type: text("claim_type").unwrap(),
                    encryption_key: with.get("encryption_key").and_then(key_text),
                };
                let relay = run(arguments, client, None).await?;
                Ok(json!({
                    "relay_token": relay.relay_token.as_str(),
                    "relay_secret": relay.relay_secret.expose(),
                    "relay_session_access_token": relay.relay_session_access_token.expose(),
                    "encryption_form": relay.encryption_form.map(relaypass::KeyForm::as_str),
                    "request_id": relay.info.request_id,
                    "rate_limit": rate_limit(&relay.info),
                }))
            }
            "relays.issue_privacy_pass" => {
                let arguments = IssueArguments {
                    claim_type: text("claim_type"),
                    relay_token: text("relay_token"),
                    relay_secret: secret("relay_secret"),
                };
                let pass = run(arguments, client, None).await?;
                Ok(json!({
                    "privacy_pass_token": pass.privacy_pass_token.expose(),
                    "request_id": pass.info.request_id,
                    "rate_limit": rate_limit(&pass.info),
                }))
            }
            "relays.generate_claim" => {
                let arguments = ClaimArguments {
                    relay_token: text("relay_token").unwrap(),
                    relay_secret: secret("relay_secret").unwrap(),
                    privacy_pass_token: secret("privacy_pass_token").unwrap(),
                    claim_type: text("claim_type"),
                    decryption_key: with.get("decryption_key").and_then(keys),
                    idempotency_key: secret("idempotency_key"),
                    encryption_form: text("encryption_form"),
                };
                let answer = run(arguments, client, None).await?;
                Ok(json!({
                    "claim_payload": answer.claim_payload.expose(),
                    "token_consumed": answer.token_consumed,
                    "claim": answer.claim.map(claim),
                    "request_id": answer.info.request_id,
                    "rate_limit": rate_limit(&answer.info),
                }))
            }
            "verifications.start" => {
                let arguments = StartArguments {
                    claim_type: text("claim_type").unwrap(),
                    reference: text("reference"),
                    theme: text("theme"),
                };
                Ok(verification(run(arguments, client, None).await?))
            }
            "verifications.complete" => {
                let id = VerificationId::parse(text("id").unwrap())?;
                let reissue = with.get("reissue") == Some(&Value::Bool(true));
                let answer = client.verifications().complete(&id, reissue).await?;
                Ok(json!({
                    "status": answer.status.as_str(),
                    "claim": answer.claim.map(claim),
                }))
            }
            "verifications.get" => {
                let arguments = GetArguments {
                    id: text("id").unwrap(),
                    theme: text("theme"),
                };
                Ok(verification(run(arguments, client, None).await?))
            }
            "verifications.forget" => {
                let id = VerificationId::parse(text("id").unwrap())?;
                client.verifications().forget(&id).await?;
                Ok(Value::Null)
            }
            "verifications.recover" => Ok(json!({
                "driven": client.verifications().recover().await?,
            })),
            "passes.prefetch" => {
                let claim_type = ClaimType::parse(text("claim_type").unwrap())?;
                let count = u32::try_from(with["count"].as_u64().unwrap()).unwrap();
                Ok(json!({
                    "bought": client.passes().prefetch(&claim_type, count).await?,
                }))
            }
            "passes.count" => {
                let claim_type = ClaimType::parse(text("claim_type").unwrap())?;
                Ok(json!({"count": client.passes().count(&claim_type).await?}))
            }
            "privacy_report" => {
                let report = client.privacy_report().await?;
                let finding = |finding: &PrivacyFinding| {
                    json!({
                        "code": finding.code.name(),
                        "severity": finding.severity.name(),
                        "who": finding.who,
                        "links": finding.links,
                        "why": finding.why,
                        "evidence": finding.evidence,
                        "change": finding.change,
                    })
                };
                let findings: Vec<Value> = report.findings.iter().map(finding).collect();
                Ok(json!({ "findings": findings, "text": report.to_string() }))
            }
            "close" => {
                let arguments = CloseArguments {
                    timeout_seconds: with.get("timeout").and_then(Value::as_f64),
                    is_called_back: false,
                };
                arguments.parse()?.make(client).await?;
                Ok(Value::Null)
            }
            "events" => {
                let count = usize::try_from(with["count"].as_u64().unwrap()).unwrap();
                let began = Instant::now();
                while self.told.lock().unwrap().len() < count {
                    assert!(
                        began.elapsed() < Duration::from_secs(20),
                        "no such event is told"
                    );
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Ok(json!({"kinds": *self.told.lock().unwrap()}))
            }
            "generate_key" => {
                let bits = usize::try_from(with["bits"].as_u64().unwrap()).unwrap();
                let key = generate_key_pair(bits)?;
                Ok(json!({
                    "public_key_pem": key.encryption_key().as_pem(),
                    "public_jwk": json_of(key.encryption_key().as_jwk()),
                    "private_key_pem": key.to_pem().expose(),
                }))
            }
            "sandbox.finish" => {
                let path = format!("relays/{}/finish", text("relay_token").unwrap());
                Ok(self
                    .control(&path, Some(&json!({"result": with["result"]})))
                    .await)
            }
            // The visitor's part: a click on the page.
            "sandbox.visit" => {
                let request = self
                    .http
                    .post(text("hosted_url").unwrap())
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(format!("result={}", text("result").unwrap()));
                let status = request.send().await.unwrap().status();
                assert!(status.is_success(), "the hosted page answers {status}");
                Ok(Value::Null)
            }
            step @ ("sandbox.clock" | "sandbox.faults" | "sandbox.settings") => {
                Ok(self.control(&step["sandbox.".len()..], Some(&body)).await)
            }
            step @ ("sandbox.ledger" | "sandbox.requests") => {
                Ok(self.control(&step["sandbox.".len()..], None).await)
            }
            unknown => panic!("no such step: {unknown}"),
        }
    }

    fn resolve(&self, value: &Value) -> Value {
        if let Value::Array(items) = value {
            return items.iter().map(|item| self.resolve(item)).collect();
        }
        if let Value::Object(members) = value {
            let resolved = |(name, member): (&String, &Value)| (name.clone(), self.resolve(member));
            return members.iter().map(resolved).collect();
        }
        let Some(path) = value.as_str().and_then(|text| text.strip_prefix('$')) else {
            return value.clone();
        };
        let (name, rest) = path.split_once('.').unwrap_or((path, ""));
        let saved = self
            .saved
            .get(name)
            .unwrap_or_else(|| panic!("nothing saved as {name}"));
        look_up(saved, rest)
            .unwrap_or_else(|| panic!("no {path}"))
            .clone()
    }

    async fn control(&self, path: &str, body: Option<&Value>) -> Value {
        let url = format!("{}/_sandbox/{path}", self.sandbox.ready().url);
        let request = match body {
            None => self.http.get(url),
            Some(body) => self
                .http
                .post(url)
                .header("content-type", "application/json")
                .body(body.to_string()),
        };
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// A key as it is given: a text, or a JWK, whose JSON is the text.
fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        jwk => Some(jwk.to_string()),
    }
}

/// One text, or a list of them.
fn texts(given: &Value) -> Vec<String> {
    let texts = match given {
        Value::Array(texts) => texts.iter().map(Value::as_str).collect(),
        text => vec![text.as_str()],
    };
    let texts: Option<Vec<&str>> = texts.into_iter().collect();
    let texts = texts.expect("a text, or a list of texts");
    texts.into_iter().map(str::to_owned).collect()
}

/// One key, or a list of them.
fn keys(given: &Value) -> Option<Vec<Secret<String>>> {
    let texts: Vec<String> = match given {
        Value::Array(keys) => keys.iter().filter_map(key_text).collect(),
        key => vec![key_text(key)?],
    };
    Some(texts.into_iter().map(Secret::new).collect())
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn rate_limit(info: &ResponseInfo) -> Value {
    info.rate_limit
        .as_ref()
        .map_or(Value::Null, |limit: &RateLimit| {
            json!({
                "limit": limit.limit,
                "remaining": limit.remaining,
                "reset_seconds": limit.reset_seconds,
            })
        })
}

fn verification(verification: Verification) -> Value {
    json!({
        "id": verification.id.as_str(),
        "claim_type": verification.claim_type.as_str(),
        "status": verification.status.as_str(),
        "claim": verification.claim.map(claim),
        "session_access_token": verification.session_access_token.map(|token| token.expose().clone()),
        "hosted_url": verification.hosted_url.map(|url| url.expose().clone()),
        "purchase_failure": verification.purchase_failure.map(ErrorKind::code),
        "expires_at": verification.expires_at,
    })
}

fn from_hex(hex: &str) -> Secret<Vec<u8>> {
    let bytes = (0..hex.len()).step_by(2);
    Secret::new(
        bytes
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect(),
    )
}

fn claim(claim: Claim) -> Value {
    let methods: Vec<Value> = claim
        .methodology
        .iter()
        .map(|method| json!({"method": method.method, "result": method.result}))
        .collect();
    json!({
        "claim_type": claim.claim_type,
        "claim_result": claim.claim_result,
        "passed": claim.passed(),
        "methodology": methods,
    })
}

fn compare(outcome: &Outcome, expected: &Value) -> Result<(), String> {
    let no_members = Map::new();
    let expected = expected.as_object().unwrap_or(&no_members);
    let actual = match (outcome, expected.contains_key("error")) {
        (Ok(result), false) => result.clone(),
        (Ok(_), true) => return Err(format!("succeeded instead of failing: {expected:?}")),
        (Err(error), false) => return Err(format!("failed: {error} ({error:?})")),
        (Err(error), true) => describe(error),
    };
    for (path, expected) in expected {
        let value = look_up(&actual, path).ok_or_else(|| format!("no {path} in {actual}"))?;
        if !matches(value, expected) {
            return Err(format!("{path} is {value}, not {expected} (in {actual})"));
        }
    }
    Ok(())
}

fn describe(error: &Error) -> Value {
    let unopened = error.unopened_claim();
    json!({
        "error": error.code(),
        "message": error.message(),
        "status": error.status(),
        "retryable": error.retryable(),
        "operation": error.operation(),
        "title": error.title(),
        "details": error.details(),
        "token_consumed": unopened.and_then(|unopened| unopened.token_consumed),
        "claim_payload": unopened.map(|unopened| unopened.claim_payload.expose()),
        "idempotency_key": error.idempotency_key().map(|key| key.expose()),
    })
}

fn look_up<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.')
        .filter(|name| !name.is_empty())
        .try_fold(value, |value, name| match name.parse::<usize>() {
            Ok(index) => value.get(index),
            Err(_) => value.get(name),
        })
}

fn matches(value: &Value, expected: &Value) -> bool {
    let single = expected
        .as_object()
        .filter(|object| object.len() == 1)
        .and_then(|object| object.iter().next());
    match single.map(|(name, operand)| (name.as_str(), operand)) {
        Some(("type", kind)) => match kind.as_str().unwrap() {
            "string" => value.is_string(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            unknown => panic!("no such type: {unknown}"),
        },
        Some(("contains", part)) => value
            .as_str()
            .is_some_and(|text| text.contains(part.as_str().unwrap())),
        Some(("not", other)) => value != other,
        Some(("length", length)) => {
            value.as_array().map(Vec::len) == length.as_u64().map(|n| n as usize)
        }
        _ => value == expected,
    }
}
