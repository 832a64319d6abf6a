//! Nothing secret is logged, not even at the loudest level, by us or by what we stand on.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use relaypass::{
    generate_key_pair, ClaimType, Client, CreateRelay, GenerateClaim, IssuePrivacyPass,
};
use relaypass_sandbox::{Options, Sandbox};

use crate::support::own_process::in_own_process;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_loudest_log_holds_no_secret() {
    // There is one log for all tests of a process.
    if !in_own_process("logs::the_loudest_log_holds_no_secret", &[]) {
        return;
    }
    let log = Log::default();
    let writer = log.clone();
    // Both `tracing` and `log` end up here.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    tracing::trace!("the log works");

    let sandbox = Sandbox::start(Options {
        tls: true,
        ..Options::default()
    })
    .await
    .unwrap();
    let ready = sandbox.ready();
    let key = generate_key_pair(2048).unwrap();
    let client = Client::builder()
        .base_url(&ready.url)
        .api_key(&ready.api_key)
        .ca_pem(ready.ca_pem.as_deref().unwrap())
        .decryption_key(key.clone())
        .build()
        .unwrap();
    let claim_type = ClaimType::parse("age_over18_verified").unwrap();
    let relays = client.relays();
    let relay = relays
        .create(CreateRelay::new(claim_type.clone()))
        .await
        .unwrap();
    let request = IssuePrivacyPass::ClaimType(claim_type);
    let pass = relays.issue_privacy_pass(request).await.unwrap();
    let request = GenerateClaim::new(
        relay.relay_token,
        relay.relay_secret.clone(),
        pass.privacy_pass_token.clone(),
    );
    let answer = relays.generate_claim(request.clone()).await.unwrap();
    let refused = relays.generate_claim(request).await.unwrap_err();
    assert_eq!(refused.code(), "pass_rejected");

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("the log works"), "{text}");
    for (what, secret) in [
        ("API key", ready.api_key.as_str()),
        ("relay secret", relay.relay_secret.expose()),
        ("session token", relay.relay_session_access_token.expose()),
        ("pass", pass.privacy_pass_token.expose()),
        ("claim", answer.claim_payload.expose()),
        ("private key", &key.to_pem().expose()[100..160]),
    ] {
        assert!(!text.contains(secret), "the {what} is in the log");
    }
}
