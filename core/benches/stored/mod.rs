//! Stores with many rows: a client on one, and rows that are written behind its back. A million by the
//! store itself would take too long.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use relaypass::store::{Record, Store};
use relaypass::{ClaimType, Client, ClientBuilder, Environment, StartVerification, Status};
use serde_json::{json, Value};

pub fn builder() -> ClientBuilder {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    Client::builder()
        .base_url(variable("RELAYPASS_BASE_URL"))
        .api_key(variable("RELAYPASS_API_KEY"))
        .environment(Environment::Sandbox)
        .purchase_window(Duration::ZERO)
}

/// Verifications: the same value under other keys.
pub struct Rows {
    pub count: u64,
    pub template: Record,
}

impl Rows {
    pub fn key(number: u64) -> String {
        format!("verification/00000000-0000-4000-8000-{number:012x}")
    }
}

pub fn fill_sqlite(file: &str, rows: Rows) {
    let mut connection = rusqlite::Connection::open(file).expect("opens");
    let transaction = connection.transaction().expect("begins");
    {
        let mut insert = transaction
            .prepare("INSERT INTO relaypass_records VALUES (?1, ?2, ?3, ?4, ?5)")
            .expect("the table of the store");
        let expires_at = rows.template.expires_at.map(|at| at as i64);
        let due_at = rows.template.due_at.map(|at| at as i64);
        let version = rows.template.version as i64;
        for number in 0..rows.count {
            let value = &rows.template.value;
            insert
                .execute((Rows::key(number), value, version, due_at, expires_at))
                .expect("inserts");
        }
    }
    transaction.commit().expect("commits");
}

pub async fn finish_one(client: &Client, store: &dyn Store) -> Record {
    let key = start_one(client, store).await;
    let id = key.strip_prefix("verification/").expect("its key");
    let id = relaypass::VerificationId::parse(id).expect("its id");
    let answer = client.verifications().complete(&id, false).await;
    assert_eq!(answer.expect("completes").status, Status::Passed);
    let record = store.load(&key).await.expect("loads");
    record.expect("the record is there")
}

/// A verification that has its pass; its key.
pub async fn start_one(client: &Client, store: &dyn Store) -> String {
    let claim_type = ClaimType::parse("age_over18_verified").expect("a claim type");
    let request = StartVerification::new(claim_type);
    let started = client.verifications().start(request).await.expect("starts");
    let key = format!("verification/{}", started.id.as_str());
    loop {
        let record = store.load(&key).await.expect("loads").expect("is there");
        if content(&record)["state"]["is"] == "ready" {
            return key;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// `is_over`: its session, too, an hour ago, so that Persona is asked. (A week ago, nobody would be.)
pub async fn make_due(store: &dyn Store, key: &str, is_over: bool) {
    let record = store.load(key).await.expect("loads").expect("is there");
    let mut content = content(&record);
    content["due_at"] = json!(1);
    if is_over {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("a clock after 1970").as_millis();
        content["session_ends_at"] = json!(u64::try_from(now).expect("not so late") - 3_600_000);
    }
    // Whoever bought its pass has only just left it.
    content["leased_until"] = Value::Null;
    let due = Record {
        value: [&record.value[..3], content.to_string().as_bytes()].concat(),
        version: record.version + 1,
        due_at: Some(1),
        expires_at: None,
    };
    store
        .compare_and_swap(key, Some(record.version), Some(due))
        .await
        .expect("swaps");
}

/// What is in a record that is not sealed: three bytes of formats, and JSON.
pub fn content(record: &Record) -> Value {
    serde_json::from_slice(&record.value[3..]).expect("JSON")
}
