//! The three steps, with an encrypted claim, against a local sandbox:
//!
//! ```sh
//! relaypass sandbox                  # prints url and production_api_key
//! RELAYPASS_BASE_URL=… RELAYPASS_API_KEY=… cargo run --example three_steps
//! ```

use relaypass::{
    generate_key_pair, ClaimType, Client, CreateRelay, GenerateClaim, IssuePrivacyPass, Relay,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let base_url = std::env::var("RELAYPASS_BASE_URL")?;
    let client = Client::builder()
        .api_key(std::env::var("RELAYPASS_API_KEY")?)
        .base_url(&base_url)
        .decryption_key(generate_key_pair(2048)?)
        .build()?;
    let claim_type = ClaimType::parse("age_over18_verified")?;

    // 1. Open a session for the visitor. Names nobody.
    let relay = client
        .relays()
        .create(CreateRelay::new(claim_type.clone()))
        .await?;
    // 2. Buy a pass. Names you, but not the visitor; the only call that is billed.
    let pass = client
        .relays()
        .issue_privacy_pass(IssuePrivacyPass::ClaimType(claim_type.clone()))
        .await?;
    visitor_verifies(&base_url, &relay).await?;
    // 3. Redeem the pass for the claim. Names nobody.
    let mut request = GenerateClaim::new(
        relay.relay_token,
        relay.relay_secret,
        pass.privacy_pass_token,
    );
    request.claim_type = Some(claim_type);
    let answer = client.relays().generate_claim(request).await?;

    let passed = answer.claim.is_some_and(|claim| claim.passed());
    println!("{}", if passed { "passed" } else { "failed" });
    Ok(())
}

/// In life the visitor does this in a browser, on Persona's page; here the sandbox is told.
async fn visitor_verifies(base_url: &str, relay: &Relay) -> Result<(), reqwest::Error> {
    let token = relay.relay_token.as_str();
    reqwest::Client::new()
        .post(format!("{base_url}/_sandbox/relays/{token}/finish"))
        .header("content-type", "application/json")
        .body(r#"{"result":"passed"}"#)
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}
