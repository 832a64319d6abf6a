//! Tells in plain words what went over the wire, from the sandbox's log.

use serde_json::Value;

/// Prints each step: what was sent, what Persona learned, what it cost.
pub(crate) fn narrate(requests: &[Value]) {
    for request in requests {
        let path = request["path"].as_str().unwrap_or_default();
        let (title, sent, learned, cost) = explain(path, request);
        println!("{title}");
        println!("  sent:            {sent}");
        println!("  Persona learned: {learned}");
        println!("  cost:            {cost}");
        println!("  API key in it:   {}", yes_or_no(has_api_key(request)));
        let status = &request["response"]["status"];
        println!(
            "  answered:        {status}, connection {}{}\n",
            request["connection"],
            claim_form(request)
        );
    }
}

fn explain(path: &str, request: &Value) -> (&'static str, String, &'static str, &'static str) {
    let body: Value = request["body"]
        .as_str()
        .and_then(|body| serde_json::from_str(body).ok())
        .unwrap_or_default();
    match path {
        "/api/privacy/v1/relays" => (
            "1  create a relay",
            format!(
                "the question ({}) and {}",
                body["claim-type"].as_str().unwrap_or("?"),
                match (&body["encryption-key-pem"], &body["encryption-key-jwk"]) {
                    (Value::Null, Value::Null) => "no encryption key",
                    (_, Value::Null) => "a public key in PEM to encrypt the answer with",
                    _ => "a public key as a JWK to encrypt the answer with",
                }
            ),
            "somebody will ask this about a visitor; not who asks",
            "nothing",
        ),
        "/api/privacy/v1/relays/challenge" => (
            "2a ask what a pass must be bound to",
            "the question again".to_owned(),
            "nothing new; everybody should get the same challenge within the hour",
            "nothing",
        ),
        "/api/v1/privacy-passes" => (
            "2b have a blinded pass signed",
            "a blinded message and the API key".to_owned(),
            "this customer bought one pass; not which one, and not for which visitor",
            "1 pass (billed)",
        ),
        path if path.ends_with("/generate-claim") => (
            "3  redeem the pass for the claim",
            "the relay's secret and the unblinded pass, which Persona has never seen".to_owned(),
            "some customer's pass is spent on this relay; not whose",
            "the pass",
        ),
        _ => ("?  another call", path.to_owned(), "?", "?"),
    }
}

/// How the claim came, if it came.
fn claim_form(request: &Value) -> &'static str {
    let answer = request["response"]["body"].as_str();
    let answer: Option<Value> = answer.and_then(|answer| serde_json::from_str(answer).ok());
    let payload = answer
        .as_ref()
        .and_then(|answer| answer["claim-payload"].as_str());
    match payload {
        None => "",
        Some(payload) if payload.starts_with('{') => "; the claim in the clear",
        Some(payload) if payload.contains('.') => "; the claim encrypted, as a JWE",
        Some(_) => "; the claim encrypted, as RSA-OAEP in base64",
    }
}

fn has_api_key(request: &Value) -> bool {
    request["headers"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|header| {
            header[1]
                .as_str()
                .is_some_and(|value| value.contains("persona_production_"))
        })
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes {
        "yes"
    } else {
        "no"
    }
}
