//! The built-in stores on real files and a real server.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use crate::support::services::{connect, Services};
use relaypass::store::conformance::{check, Reopen};
use relaypass::store::{
    create_table, open, MemoryStore, PostgresStore, Record, Store, StoreError, Swap,
};

/// A folder that is gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("relaypass-stores-{}-{test}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn url(&self) -> String {
        format!("sqlite://{}/store.db", self.0.display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn reopen(url: &str) -> Reopen {
    let url = url.to_owned();
    Box::new(move || {
        let store = open(&url).unwrap();
        Box::pin(async move { Ok(store) })
    })
}

fn record(version: u64, value: &str) -> Record {
    Record {
        value: value.into(),
        version,
        due_at: None,
        expires_at: None,
    }
}

async fn insert(store: &dyn Store, key: &str) {
    let swap = store.compare_and_swap(key, None, Some(record(1, "value")));
    assert_eq!(swap.await.unwrap(), Swap::Done);
}

/// A database with the table.
async fn postgres() -> Option<String> {
    let url = Services::start().postgres_database().await?;
    create_table(&url).await.unwrap();
    Some(url)
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_the_contract() {
    let report = check(Arc::new(MemoryStore::new()), None).await.unwrap();
    assert_eq!(report.passed.len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract() {
    let folder = Folder::new("contract");
    let store = open(&folder.url()).unwrap();
    let report = check(Arc::clone(&store), Some(reopen(&folder.url()))).await;
    assert_eq!(report.unwrap().passed.len(), 13);
    assert!(store.scan("", None, 1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_contract() {
    let Some(url) = postgres().await else { return };
    let store = open(&url).unwrap();
    let report = check(Arc::clone(&store), Some(reopen(&url))).await;
    assert_eq!(report.unwrap().passed.len(), 13);
    assert!(store.scan("", None, 1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_contract_whatever_isolation_is_the_default() {
    let Some(url) = postgres().await else { return };
    let set = "ALTER DATABASE %I SET default_transaction_isolation = 'serializable'";
    let set = format!(
        "DO $$ BEGIN EXECUTE format('{}', current_database()); END $$",
        set.replace('\'', "''")
    );
    connect(&url).await.batch_execute(&set).await.unwrap();
    check(open(&url).unwrap(), Some(reopen(&url)))
        .await
        .unwrap();
}

const WORKERS: usize = 4;
const INCREMENTS: usize = 50;

/// Not a test: what each process of the next test does.
#[tokio::test]
async fn worker() {
    let Ok(url) = std::env::var("STORES_TEST_URL") else {
        return;
    };
    let store = open(&url).unwrap();
    for _ in 0..INCREMENTS {
        loop {
            let before = store.load("counter").await.unwrap();
            let expected = before.map(|record| record.version);
            let after = record(expected.unwrap_or(0) + 1, "counted");
            let swap = store.compare_and_swap("counter", expected, Some(after));
            if swap.await.unwrap() == Swap::Done {
                break;
            }
        }
    }
}

async fn processes_count_together(url: &str) {
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "stores::worker"])
                .env("STORES_TEST_URL", url)
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut worker in workers {
        assert!(worker.wait().unwrap().success());
    }
    let counter = open(url).unwrap().load("counter").await.unwrap().unwrap();
    assert_eq!(counter.version, (WORKERS * INCREMENTS) as u64);
}

#[tokio::test]
async fn processes_share_one_sqlite_file_which_they_all_create() {
    let folder = Folder::new("processes");
    processes_count_together(&folder.url()).await;
}

#[tokio::test]
async fn processes_share_one_table_which_they_all_create() {
    let Some(url) = Services::start().postgres_database().await else {
        return;
    };
    processes_count_together(&format!("{url}?create_table=true")).await;
}

fn assert_says(error: &StoreError, words: &str) {
    assert!(error.to_string().contains(words), "{error}");
    assert!(error.source().is_some());
}

#[tokio::test]
async fn a_missing_table_says_how_to_create_it() {
    let Some(url) = Services::start().postgres_database().await else {
        return;
    };
    let store = open(&url).unwrap();
    let swap = store.compare_and_swap("key", None, Some(record(1, "canary")));
    assert_says(&swap.await.unwrap_err(), "relaypass store ddl");
    assert_says(&store.load("key").await.unwrap_err(), "relaypass store ddl");
    assert_says(
        &store.scan("", None, 1).await.unwrap_err(),
        "relaypass store ddl",
    );
    // The same store works when the table is there; creating it twice does no harm.
    create_table(&url).await.unwrap();
    create_table(&url).await.unwrap();
    insert(&*store, "key").await;
}

/// Made anew in a schema that comes first, it would hide the one that holds all there is.
#[tokio::test]
async fn a_table_in_another_schema_of_the_search_path_is_the_table() {
    let Some(url) = Services::start().postgres_database().await else {
        return;
    };
    create_table(&url).await.unwrap();
    insert(&*open(&url).unwrap(), "key").await;
    connect(&url)
        .await
        .batch_execute("CREATE SCHEMA own")
        .await
        .unwrap();
    let with_own = format!("{url}?options=-csearch_path%3Down,public");
    create_table(&with_own).await.unwrap();
    let found = open(&with_own).unwrap().load("key").await.unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn nobody_listens() {
    let store = PostgresStore::open("postgres://user:canary@127.0.0.1:1/d").unwrap();
    let error = store.load("key").await.unwrap_err();
    assert_says(&error, "Cannot connect");
    assert!(!format!("{error:?} {error}").contains("canary"));
}

#[tokio::test]
async fn a_wrong_password_is_an_error_that_does_not_repeat_it() {
    let Some(url) = postgres().await else { return };
    let store = PostgresStore::open(&url.replacen("tests:", "tests:canary", 1)).unwrap();
    let error = store.load("key").await.unwrap_err();
    assert_says(&error, "Cannot connect");
    let cause = error.source().unwrap();
    assert!(!format!("{error:?} {error} {cause}").contains("canary"));
}

/// Ends all connections of the store, which rest in its pool.
async fn kill_connections(url: &str) -> u64 {
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'relaypass'";
    connect(url).await.execute(kill, &[]).await.unwrap()
}

#[tokio::test]
async fn reading_goes_on_when_all_connections_are_killed() {
    let Some(url) = postgres().await else { return };
    let store = PostgresStore::open(&url).unwrap();
    insert(&store, "key").await;
    for _ in 0..10 {
        let reading = (0..4).map(|_| store.load("key"));
        let reading: Vec<_> = reading.collect();
        for load in reading {
            load.await.unwrap().unwrap();
        }
        assert!(kill_connections(&url).await > 0);
        // At once: the store may or may not have noticed.
        assert_eq!(store.load("key").await.unwrap(), Some(record(1, "value")));
        assert!(kill_connections(&url).await > 0);
        assert_eq!(store.scan("", None, 2).await.unwrap(), ["key"]);
    }
}

#[tokio::test]
async fn a_swap_whose_connection_is_killed_fails_and_the_next_one_works() {
    let Some(url) = postgres().await else { return };
    let store = Arc::new(PostgresStore::open(&url).unwrap());
    insert(&*store, "key").await;
    // Somebody holds the row, so that the swap is under way when its connection is killed.
    let holder = connect(&url).await;
    let lock = "BEGIN; SELECT * FROM relaypass_records FOR UPDATE";
    holder.batch_execute(lock).await.unwrap();
    let swapping = Arc::clone(&store);
    let swap = tokio::spawn(async move {
        let new = Some(record(2, "new"));
        swapping.compare_and_swap("key", Some(1), new).await
    });
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name = 'relaypass' AND wait_event_type = 'Lock'";
    while holder.query(waiting, &[]).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(kill_connections(&url).await, 1);
    let error = swap.await.unwrap().unwrap_err();
    assert_says(&error, "The connection to PostgreSQL broke");
    holder.batch_execute("COMMIT").await.unwrap();
    let swap = store.compare_and_swap("key", Some(1), Some(record(2, "new")));
    assert_eq!(swap.await.unwrap(), Swap::Done);
}

#[tokio::test]
async fn a_swap_that_was_given_up_does_not_hold_up_the_pool() {
    let Some(url) = postgres().await else { return };
    let store = PostgresStore::open(&format!("{url}?pool_size=1")).unwrap();
    insert(&store, "key").await;
    let holder = connect(&url).await;
    let lock = "BEGIN; SELECT * FROM relaypass_records FOR UPDATE";
    holder.batch_execute(lock).await.unwrap();
    let swap = store.compare_and_swap("key", Some(1), Some(record(2, "late")));
    let limit = std::time::Duration::from_millis(200);
    assert!(tokio::time::timeout(limit, swap).await.is_err());
    // The one connection is stuck; it must not be the one that is used next.
    assert_eq!(store.load("key").await.unwrap(), Some(record(1, "value")));
}

#[tokio::test]
async fn the_due_index_is_used_and_needs_no_sorting() {
    let Some(url) = postgres().await else { return };
    let client = connect(&url).await;
    let fill = "INSERT INTO relaypass_records SELECT 'verification/' || n, '', 1, \
         CASE WHEN n % 1000 = 0 THEN n END FROM generate_series(1, 50000) n; \
         ANALYZE relaypass_records";
    client.batch_execute(fill).await.unwrap();
    let store = PostgresStore::open(&url).unwrap();
    let due = store.scan("verification/", Some(3000), 10).await.unwrap();
    assert_eq!(
        due,
        [
            "verification/1000",
            "verification/2000",
            "verification/3000"
        ]
    );
    // Through a prepared statement, as the store does it, planned for its values and for any.
    for plan in ["force_custom_plan", "force_generic_plan"] {
        let prepare = format!(
            "SET plan_cache_mode = {plan}; DEALLOCATE ALL; PREPARE scan(bigint, text, bigint) AS {}",
            relaypass_scan_due()
        );
        client.batch_execute(&prepare).await.unwrap();
        let explain = "EXPLAIN EXECUTE scan(3000, 'verification/', 10)";
        let steps = client.simple_query(explain).await.unwrap();
        let steps: Vec<String> = steps
            .iter()
            .filter_map(|step| match step {
                tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0)?.to_owned()),
                _ => None,
            })
            .collect();
        let steps = steps.join("\n");
        assert!(steps.contains("relaypass_records_due"), "{steps}");
        assert!(
            !steps.contains("Sort") && !steps.contains("pkey"),
            "{steps}"
        );
    }
}

/// The statement as it stands in the source: it is no part of the public API.
fn relaypass_scan_due() -> String {
    let source = include_str!("../src/store/postgres/mod.rs");
    let (_, statement) = source.split_once("const SCAN_DUE: Statement").unwrap();
    let (_, statement) = statement.split_once("sql: \"").unwrap();
    let (statement, _) = statement.split_once("\",\n").unwrap();
    statement.replace("\\\n", "")
}

#[tokio::test]
async fn tls_is_verified_with_the_given_authority_and_without_it_refused() {
    let Some(url) = postgres().await else { return };
    let ca = Services::start().postgres_ca();
    for mode in ["prefer", "require", "verify-full"] {
        let url = format!("{url}?sslmode={mode}");
        let error = PostgresStore::open(&url).unwrap().load("key").await;
        assert_says(&error.unwrap_err(), "with TLS");
        let store = PostgresStore::open(&format!("{url}&sslrootcert={ca}")).unwrap();
        assert!(store.load("key").await.unwrap().is_none());
    }
    let mine = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE datname = current_database() AND application_name = 'relaypass'";
    let url_with_ca = format!("{url}?sslmode=require&sslrootcert={ca}");
    let store = PostgresStore::open(&url_with_ca).unwrap();
    store.load("key").await.unwrap();
    let row = connect(&url).await.query_one(mine, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));
    // Another name than the certificate's.
    let other = url_with_ca.replace("127.0.0.1", "wrong.invalid") + "&hostaddr=127.0.0.1";
    let error = PostgresStore::open(&other).unwrap().load("key").await;
    assert_says(&error.unwrap_err(), "name verified");
}

#[tokio::test]
async fn a_server_without_tls_is_not_used_where_tls_is_required() {
    // A server that answers "no TLS" to the question and closes.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.read_exact(&mut [0; 8]).await.unwrap();
            socket.write_all(b"N").await.unwrap();
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).await.unwrap();
            assert!(rest.is_empty(), "something was sent without TLS");
        }
    });
    let url = format!("postgres://u:p@127.0.0.1:{port}/d?sslmode=require");
    let error = PostgresStore::open(&url).unwrap().load("key").await;
    assert_says(&error.unwrap_err(), "with TLS");
}

#[tokio::test]
async fn a_row_that_somebody_else_wrote_is_an_error() {
    let Some(url) = postgres().await else { return };
    let client = connect(&url).await;
    let write = "INSERT INTO relaypass_records VALUES ('key', '', -1)";
    client.batch_execute(write).await.unwrap();
    let store = PostgresStore::open(&url).unwrap();
    assert_says(&store.load("key").await.unwrap_err(), "negative");
}
