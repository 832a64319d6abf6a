//! Measures the core and prints one JSON object; `tests/bench/run` puts it into a table.
//!
//! `pass BITS`: microseconds of one pass, each the median of 200.
//!   `micros`: blind + finalize, with a factor that was made ahead;
//!   `cold_micros`: the same with nothing made ahead;
//!   `online_micros`: blind alone, with a factor that was made ahead: what a call waits for between the
//!   challenge and the request for the signature;
//!   `ahead_micros`: making a factor ahead, its share of a batch of 64;
//!   `reference_micros`: blind + finalize by `blind-rsa-signatures`.
//! `flows COUNT CONCURRENCY WARMUP`: whole flows against RELAYPASS_BASE_URL with RELAYPASS_API_KEY.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Instant;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use relaypass::pass::{Challenge, PendingPass, TokenKey};
use relaypass::{
    os_random, ClaimType, Client, CreateRelay, Environment, GenerateClaim, IssuePrivacyPass,
};

// The tests use all of it.
#[expect(dead_code)]
#[path = "../tests/support/signer.rs"]
mod signer;

use signer::KeyPair;

/// So many factors are made together, as a client does it.
const BATCH: usize = relaypass::pass::reserve::BATCH;

fn main() {
    // `cargo bench` adds `--bench`; `cargo test` runs benches without arguments of their own.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let number = |index: usize| arguments[index].parse::<usize>().expect("a number");
    match arguments.first().map(String::as_str) {
        Some("pass") => measure_pass(number(1)),
        Some("flows") => measure_flows(number(1), number(2), number(3)),
        _ => println!("nothing to measure: say `pass BITS` or `flows COUNT CONCURRENCY WARMUP`"),
    }
}

fn measure_pass(bits: usize) {
    let pair = KeyPair::generate(bits);
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let spki = encode(&pair.spki());
    let challenge = encode(br#"{"token_type":2,"mac":"m","expires_at":"2100-01-01T00:00:00Z"}"#);
    let token_key = TokenKey::decode(&spki, "key").expect("a key");
    let challenge = Challenge::decode(&challenge).expect("a challenge");
    let rng = &mut os_random();
    let mut spent: [Vec<f64>; 5] = Default::default();
    let mut factors = Vec::new();
    for round in 0..210 {
        let mut ahead = 0.0;
        if factors.is_empty() {
            let started = Instant::now();
            factors = token_key.public_key().factors(BATCH, rng);
            ahead = micros_since(started) / BATCH as f64;
        }
        let mut pass = |factor| {
            let (token_key, challenge) = (token_key.clone(), challenge.clone());
            let started = Instant::now();
            let pending = PendingPass::blind_with(challenge, token_key, factor, rng);
            let pending = pending.expect("blinds");
            let blinding = micros_since(started);
            let signature = encode(&pair.sign(pending.blinded_message()));
            let started = Instant::now();
            pending.finalize(&signature).expect("verifies");
            (blinding, micros_since(started))
        };
        let (cold_blinding, cold_finalizing) = pass(None);
        let (blinding, finalizing) = pass(factors.pop());
        let message = [round as u8; 98];
        let started = Instant::now();
        let blinded = pair.blind(&message);
        let mut reference = micros_since(started);
        let signature = pair.sign(blinded.blinded_message());
        let started = Instant::now();
        blinded.finalize(&signature).expect("verifies");
        reference += micros_since(started);
        // The first rounds warm the caches.
        if round < 10 {
            continue;
        }
        let cold = cold_blinding + cold_finalizing;
        let round = [blinding + finalizing, cold, blinding, ahead, reference];
        for (spent, micros) in spent.iter_mut().zip(round) {
            if micros > 0.0 {
                spent.push(micros);
            }
        }
    }
    let [micros, cold, online, ahead, reference] = spent.map(median);
    println!(
        r#"{{"micros": {micros:.1}, "cold_micros": {cold:.1}, "online_micros": {online:.1}, "ahead_micros": {ahead:.1}, "reference_micros": {reference:.1}}}"#
    );
}

fn micros_since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e6
}

fn median(mut micros: Vec<f64>) -> f64 {
    micros.sort_by(f64::total_cmp);
    micros[micros.len() / 2]
}

fn measure_flows(count: usize, concurrency: usize, warmup: usize) {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let client = Client::builder()
        .base_url(variable("RELAYPASS_BASE_URL"))
        .api_key(variable("RELAYPASS_API_KEY"))
        .environment(Environment::Sandbox)
        .build()
        .expect("a client");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let client = &client;
    let flows = |count| async move {
        let next = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..concurrency)
            .map(|_| {
                let (client, next) = (client.clone(), next.clone());
                tokio::spawn(async move {
                    while next.fetch_add(1, Ordering::Relaxed) < count {
                        flow(&client).await.expect("a flow");
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.expect("a worker");
        }
    };
    runtime.block_on(flows(warmup));
    let (started, cpu) = (Instant::now(), cpu_seconds());
    runtime.block_on(flows(count));
    println!(
        r#"{{"flows": {count}, "seconds": {:.3}, "cpu_seconds": {:.3}}}"#,
        started.elapsed().as_secs_f64(),
        cpu_seconds() - cpu
    );
}

async fn flow(client: &Client) -> relaypass::Result<()> {
    let claim_type = ClaimType::parse("age_over18_verified")?;
    let relays = client.relays();
    let relay = relays.create(CreateRelay::new(claim_type.clone())).await?;
    let pass = relays
        .issue_privacy_pass(IssuePrivacyPass::ClaimType(claim_type))
        .await?;
    let (token, secret) = (relay.relay_token, relay.relay_secret);
    let request = GenerateClaim::new(token, secret, pass.privacy_pass_token);
    let answer = relays.generate_claim(request).await?;
    assert!(answer.claim.is_some_and(|claim| claim.passed()));
    Ok(())
}

/// CPU time of this process, user and system (Linux: `/proc/self/stat`, in ticks of 10 ms).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let behind_name = stat.rsplit(')').next().expect("a name in brackets");
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}
