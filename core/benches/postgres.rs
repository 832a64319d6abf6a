//! Measures calls of a store in PostgreSQL, and whole flows on it, over a link of some length, and prints one
//! JSON object of microseconds and of round trips; `tests/bench/measure_postgres.py` makes a table of them.
//!
//! `URL MICROS`: a database without the table, and what a round trip to it takes; against RELAYPASS_BASE_URL
//! with RELAYPASS_API_KEY.

use std::future::Future;
use std::time::{Duration, Instant};

use relaypass::store::{create_table, open, Record, Store, Swap};
use relaypass::{ClaimType, Client, StartVerification, Status};

#[path = "../tests/support/link.rs"]
mod link;
// Others fill stores.
#[expect(dead_code)]
#[path = "stored/mod.rs"]
mod stored;

use link::{port_of, Link};
use stored::builder;

const ROUNDS: usize = 51;
const NEW_CLIENTS: usize = 15;
/// Flows before those that count.
const WARMUP: usize = 20;

fn main() {
    // `cargo bench` adds `--bench`; `cargo test` runs benches without arguments of their own.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let [url, micros] = arguments.as_slice() else {
        println!("nothing to measure: say URL and MICROS");
        return;
    };
    let round_trip = Duration::from_micros(micros.parse().expect("a number"));
    let link = Link::to(port_of(url), round_trip);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        create_table(url).await.expect("a table");
        let by_link = link.url(url);
        let mut measured = Measured::default();
        measure_calls(&by_link, &link, &mut measured).await;
        measure_flows(&by_link, &link, &mut measured).await;
        println!("{{{}}}", measured.0.join(", "));
    });
}

/// Members of the object.
#[derive(Default)]
struct Measured(Vec<String>);

impl Measured {
    /// Of rounds: the time of the least disturbed one, since what else the machine does shows in all others,
    /// and the median of how often the link was gone over.
    fn add(&mut self, name: &str, rounds: &[(Duration, usize)]) {
        let (mut times, mut counts): (Vec<_>, Vec<_>) = rounds.iter().copied().unzip();
        times.sort();
        counts.sort_unstable();
        let (micros, round_trips) = (times[0].as_micros(), counts[counts.len() / 2]);
        let member = format!(r#""{name}": {{"micros": {micros}, "round_trips": {round_trips}}}"#);
        self.0.push(member);
    }
}

async fn timed(link: &Link, call: impl Future<Output = ()>) -> (Duration, usize) {
    link.take();
    let began = Instant::now();
    call.await;
    (began.elapsed(), link.take())
}

async fn measure_calls(url: &str, link: &Link, measured: &mut Measured) {
    let (mut connecting, mut first, mut loads, mut swaps) = (vec![], vec![], vec![], vec![]);
    // Kept until the end: a goodbye would count as a round trip of whatever is measured then.
    let mut stores = Vec::new();
    for round in 0..ROUNDS {
        let store = open(url).expect("a store");
        let key = format!("measured/{round}");
        connecting.push(timed(link, load(&*store, &key)).await);
        swap(&*store, &key, 0).await;
        // On a connection that knows loads and inserts.
        first.push(timed(link, swap(&*store, &key, 1)).await);
        loads.push(timed(link, load(&*store, &key)).await);
        swaps.push(timed(link, swap(&*store, &key, 2)).await);
        stores.push(store);
    }
    measured.add("connecting", &connecting);
    measured.add("first", &first);
    measured.add("load", &loads);
    measured.add("swap", &swaps);
}

async fn load(store: &dyn Store, key: &str) {
    store.load(key).await.expect("loads");
}

async fn swap(store: &dyn Store, key: &str, expected: u64) {
    let new = Some(Record {
        value: vec![7; 2000],
        version: expected + 1,
        due_at: None,
        expires_at: None,
    });
    let expected = (expected > 0).then_some(expected);
    let swap = store.compare_and_swap(key, expected, new).await;
    assert_eq!(swap.expect("swaps"), Swap::Done);
}

async fn measure_flows(url: &str, link: &Link, measured: &mut Measured) {
    let client_of = |url| {
        let client = builder().store(open(url).expect("a store")).build();
        client.expect("a client")
    };
    let (mut anew, mut clients) = (vec![], vec![]);
    for _ in 0..NEW_CLIENTS {
        // As in a new process: it connects, and fetches its first challenge.
        let client = client_of(url);
        anew.push(timed(link, flow(&client)).await);
        clients.push(client);
    }
    let client = client_of(url);
    for _ in 0..WARMUP {
        flow(&client).await;
    }
    let mut flows = Vec::new();
    for _ in 0..ROUNDS {
        flows.push(timed(link, flow(&client)).await);
    }
    measured.add("new client", &anew);
    measured.add("flow", &flows);
}

/// In the sandbox environment nobody has to pass.
async fn flow(client: &Client) {
    let claim_type = ClaimType::parse("age_over18_verified").expect("a claim type");
    let request = StartVerification::new(claim_type);
    let started = client.verifications().start(request).await;
    let id = started.expect("starts").id;
    let completed = client.verifications().complete(&id, false).await;
    assert_eq!(completed.expect("completes").status, Status::Passed);
}
