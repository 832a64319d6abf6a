//! Measures whether calls become slower as a store fills, and prints one JSON object of microseconds;
//! `tests/bench/measure_growth.py` makes a chart of them.
//!
//! `finished FOLDER COUNT`, `open FOLDER COUNT`, `ahead FOLDER COUNT`: a SQLite file with so many
//! verifications that are over, or open and not due, or with so many passes bought ahead; against
//! RELAYPASS_BASE_URL with RELAYPASS_API_KEY.

use std::time::{Duration, Instant};

use relaypass::store::{create_table, open, Record};
use relaypass::{ClaimType, Client, StartVerification, Status, VerificationId};

#[path = "stored/mod.rs"]
mod stored;

use stored::{builder, fill_sqlite, finish_one, make_due, start_one, Rows};

/// So many are driven on by one `recover`.
const DUE: usize = 20;
const ROUNDS: usize = 101;
/// Milliseconds since the epoch: in the year 2100.
const FAR_AWAY: u64 = 4_102_444_800_000;
const MOST_PASSES: u32 = 1_000;

fn main() {
    // `cargo bench` adds `--bench`; `cargo test` runs benches without arguments of their own.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let [what, folder, count] = arguments.as_slice() else {
        println!("nothing to measure: say finished, open or ahead, FOLDER and COUNT");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let count = count.parse().expect("a number");
    runtime.block_on(measure(what, folder, count));
}

async fn measure(what: &str, folder: &str, count: u64) {
    let file = format!("{folder}/growth.sqlite");
    let url = format!("sqlite://{file}");
    create_table(&url).await.expect("a table");
    let store = open(&url).expect("a store");
    let pool = if what == "ahead" { MOST_PASSES } else { 0 };
    let client = builder().store(store.clone()).pass_pool(pool).build();
    let client = client.expect("a client");
    let template = match what {
        "finished" => Some(finish_one(&client, &*store).await),
        "open" => {
            let key = start_one(&client, &*store).await;
            let record = store.load(&key).await.expect("loads").expect("is there");
            let due_at = Some(FAR_AWAY);
            Some(Record { due_at, ..record })
        }
        _ => {
            let bought = client.passes().prefetch(&claim_type(), count as u32).await;
            assert_eq!(u64::from(bought.expect("buys")), count);
            None
        }
    };
    if let Some(template) = template {
        tokio::task::block_in_place(|| fill_sqlite(&file, Rows { count, template }));
    }
    let one = call_start(&client).await;
    let counted = median(|| async {
        client.passes().count(&claim_type()).await.expect("counts");
    });
    let counted = counted.await;
    let got = median(|| async {
        client.verifications().get(&one).await.expect("is there");
    });
    let got = got.await;
    let started = median(|| async {
        call_start(&client).await;
    });
    let started = started.await;
    let whole = median(|| async {
        let id = call_start(&client).await;
        let completed = client.verifications().complete(&id, false).await;
        assert_eq!(completed.expect("completes").status, Status::Passed);
    });
    let whole = whole.await;
    let mut due = Vec::new();
    for _ in 0..DUE {
        due.push(start_one(&client, &*store).await);
    }
    let mut recovered = Vec::new();
    for _ in 0..11 {
        for key in &due {
            make_due(&*store, key, false).await;
        }
        let began = Instant::now();
        client.verifications().recover().await.expect("recovers");
        recovered.push(micros(began.elapsed()) / DUE as f64);
    }
    recovered.sort_by(f64::total_cmp);
    println!(
        r#"{{"count": {counted:.0}, "get": {got:.0}, "start": {started:.0}, "start and complete": {whole:.0}, "recover, each": {:.0}}}"#,
        recovered[recovered.len() / 2],
    );
}

async fn call_start(client: &Client) -> VerificationId {
    let request = StartVerification::new(claim_type());
    let started = client.verifications().start(request).await;
    started.expect("starts").id
}

fn claim_type() -> ClaimType {
    ClaimType::parse("age_over18_verified").expect("a claim type")
}

/// The median of what a call takes, in microseconds.
async fn median<F: std::future::Future>(call: impl Fn() -> F) -> f64 {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        call().await;
        times.push(micros(began.elapsed()));
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
