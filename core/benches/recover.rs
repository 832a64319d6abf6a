//! Measures `recover` with few and with many finished verifications beside 100 that are due, and
//! prints one JSON object; `tests/bench/run` puts it into a table.
//!
//! `sqlite FOLDER CLOSED` or `postgres URL CLOSED`; `slow FOLDER` for a thousand that are due, with a
//! Persona that answers after 100 ms, `hanging FOLDER` for one that never does; against RELAYPASS_BASE_URL with
//! RELAYPASS_API_KEY.

use std::sync::Arc;
use std::time::{Duration, Instant};

use relaypass::store::{create_table, open, Record};
use relaypass::transport::{
    BoxFuture, Connection, FailureCause, Request, Response, SendFailure, Sent, Transport,
};

#[path = "stored/mod.rs"]
mod stored;

use stored::{builder, fill_sqlite, finish_one, make_due, start_one, Rows};

const DUE: usize = 100;
/// So many are due where Persona is slow or hangs.
const MANY_DUE: usize = 1000;
const ROUNDS: usize = 15;

fn main() {
    // `cargo bench` adds `--bench`; `cargo test` runs benches without arguments of their own.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    match arguments.first().map(String::as_str) {
        Some("sqlite") => {
            let file = format!("{}/recover.sqlite", arguments[1]);
            runtime.block_on(measure(
                &format!("sqlite://{file}"),
                &arguments[2],
                |rows| fill_sqlite(&file, rows),
            ));
        }
        Some("postgres") => {
            let url = arguments[1].clone();
            runtime.block_on(measure(&url, &arguments[2], |rows| {
                fill_postgres(&url, rows)
            }));
        }
        Some("slow") => runtime.block_on(measure_far(&arguments[1], |way| {
            Arc::new(Slow {
                way,
                latency: Duration::from_millis(100),
            })
        })),
        Some("hanging") => runtime.block_on(measure_far(&arguments[1], |_| Arc::new(Hanging))),
        _ => println!(
            "nothing to measure: say `sqlite FOLDER CLOSED`, `postgres URL CLOSED`, `slow FOLDER` \
             or `hanging FOLDER`"
        ),
    }
}

/// How long `recover` takes for many that are due, over a way like this.
async fn measure_far(
    folder: &str,
    way: impl Fn(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync + 'static,
) {
    let url = format!("sqlite://{folder}/far.sqlite");
    create_table(&url).await.expect("a table");
    let store = open(&url).expect("a store");
    let near = builder().store(store.clone()).build().expect("a client");
    for _ in 0..MANY_DUE {
        let key = start_one(&near, &*store).await;
        make_due(&*store, &key, true).await;
    }
    let far = builder().store(store).wrap_transports(way).build();
    let far = far.expect("a client");
    let began = Instant::now();
    let driven = far.verifications().recover().await.expect("recovers");
    let seconds = began.elapsed().as_secs_f64();
    println!(r#"{{"seconds": {seconds:.2}, "driven": {driven}}}"#);
}

/// A way on which every request takes its time.
struct Slow {
    way: Arc<dyn Transport>,
    latency: Duration,
}

impl Transport for Slow {
    fn send<'a>(
        &'a self,
        url: &'a str,
        request: &'a Request,
        connection: Connection,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Response, SendFailure>> {
        Box::pin(async move {
            tokio::time::sleep(self.latency).await;
            self.way.send(url, request, connection, timeout).await
        })
    }
}

/// A way on which no answer comes.
struct Hanging;

impl Transport for Hanging {
    fn send<'a>(
        &'a self,
        _: &'a str,
        _: &'a Request,
        _: Connection,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Response, SendFailure>> {
        Box::pin(async move {
            tokio::time::sleep(timeout).await;
            Err(SendFailure {
                sent: Sent::Perhaps,
                cause: FailureCause::Timeout,
                description: "no answer came in time".to_owned(),
            })
        })
    }
}

async fn measure(url: &str, closed: &str, fill: impl FnOnce(Rows)) {
    create_table(url).await.expect("a table");
    let store = open(url).expect("a store");
    let client = builder().store(store.clone()).build().expect("a client");
    let closed = closed.parse().expect("a number");
    let template = finish_one(&client, &*store).await;
    tokio::task::block_in_place(|| {
        fill(Rows {
            count: closed,
            template,
        });
    });
    let mut open = Vec::new();
    for _ in 0..DUE {
        open.push(start_one(&client, &*store).await);
    }
    let mut millis = Vec::new();
    for _ in 0..ROUNDS {
        for key in &open {
            make_due(&*store, key, false).await;
        }
        let began = Instant::now();
        let driven = client.verifications().recover().await.expect("recovers");
        millis.push(began.elapsed().as_secs_f64() * 1e3);
        assert_eq!(driven, DUE as u64, "all that is due, and nothing else");
    }
    millis.sort_by(f64::total_cmp);
    // The least disturbed round: what else the machine does shows in all others.
    println!(r#"{{"millis": {:.2}}}"#, millis[0]);
}

fn fill_postgres(url: &str, rows: Rows) {
    tokio::runtime::Handle::current().block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
            .await
            .expect("connects");
        tokio::spawn(connection);
        let Record {
            value,
            version,
            expires_at,
            ..
        } = rows.template;
        let insert = "INSERT INTO relaypass_records \
             SELECT 'verification/00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'), \
                    $1, $2, NULL, $3 FROM generate_series(0, $4::bigint - 1) n";
        let expires_at = expires_at.map(|at| at as i64);
        client
            .execute(
                insert,
                &[&value, &(version as i64), &expires_at, &(rows.count as i64)],
            )
            .await
            .expect("inserts");
        client
            .batch_execute("ANALYZE relaypass_records")
            .await
            .expect("analyses");
    });
}
