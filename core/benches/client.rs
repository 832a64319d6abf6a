//! Measures the core and prints one JSON object; `tests/bench/run` puts it into a table.
//!
//! `pass BITS`: microseconds of one pass, of medians of 200.
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
use relaypass::pass::{Challenge, Factor, PendingPass, TokenKey};
use relaypass::{
    os_random, ClaimType, Client, CreateRelay, Environment, GenerateClaim, IssuePrivacyPass,
};

// The tests use all of it.
#[expect(dead_code)]
#[path = "../tests/support/signer.rs"]
mod signer;

use signer::{Blinded, KeyPair};

/// So many factors are made together, as a client does it.
const BATCH: usize = relaypass::pass::reserve::BATCH;
const ROUNDS: usize = 210;

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
    let ahead = median(|_| {
        token_key.public_key().factors(BATCH, rng);
    });
    // Each step in a row of its own: signing, which is not measured, takes a hundred times as long, and leaves
    // the caches cold.
    let mut pass = |mut factors: Vec<Factor>| {
        let mut pending = Vec::new();
        let blinding = median(|_| {
            let (token_key, challenge) = (token_key.clone(), challenge.clone());
            let blinded = PendingPass::blind_with(challenge, token_key, factors.pop(), rng);
            pending.push(blinded.expect("blinds"));
        });
        let sign = |pending: &PendingPass| encode(&pair.sign(pending.blinded_message()));
        let signatures: Vec<_> = pending.iter().map(sign).collect();
        let finalizing = median(|round| {
            let finalized = pending[round].finalize(&signatures[round]);
            finalized.expect("verifies");
        });
        (blinding, finalizing)
    };
    let (cold_blinding, finalizing) = pass(Vec::new());
    let cold = cold_blinding + finalizing;
    let factors = token_key.public_key().factors(ROUNDS, &mut os_random());
    let (online, finalizing) = pass(factors);
    let micros = online + finalizing;
    let message = [7; 98];
    let mut blinded = Vec::new();
    let mut reference = median(|_| blinded.push(pair.blind(&message)));
    let sign = |blinded: &Blinded<'_>| pair.sign(blinded.blinded_message());
    let signatures: Vec<_> = blinded.iter().map(sign).collect();
    reference += median(|round| {
        let finalized = blinded[round].finalize(&signatures[round]);
        finalized.expect("verifies");
    });
    println!(
        r#"{{"micros": {micros:.1}, "cold_micros": {cold:.1}, "online_micros": {online:.1}, "ahead_micros": {:.1}, "reference_micros": {reference:.1}}}"#,
        ahead / BATCH as f64
    );
}

/// The median of what these rounds take, in microseconds. The first ones warm the caches.
fn median(mut work: impl FnMut(usize)) -> f64 {
    let mut micros: Vec<f64> = (0..ROUNDS)
        .map(|round| {
            let started = Instant::now();
            work(round);
            started.elapsed().as_secs_f64() * 1e6
        })
        .skip(10)
        .collect();
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
