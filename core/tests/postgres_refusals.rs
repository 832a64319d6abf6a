//! What a real PostgreSQL refuses, in its own words and with what helps. Each test is named after what
//! it fears.

use relaypass::store::{create_table, open, Record};

use crate::support::services::{connect, Services};

fn record() -> Option<Record> {
    Some(Record {
        value: b"canary".to_vec(),
        version: 1,
        due_at: None,
        expires_at: None,
    })
}

/// What writing to this store comes to, in words.
async fn refusal(url: &str) -> String {
    let store = open(url).unwrap();
    let swap = store.compare_and_swap("key", None, record()).await;
    let error = swap.unwrap_err();
    let text = format!("{error}");
    assert!(!format!("{text} {error:?}").contains("canary"), "{text}");
    text
}

fn name_of(url: &str) -> &str {
    url.rsplit_once('/').unwrap().1
}

/// A user of this database's own who may do nothing, and his URL.
async fn stranger(url: &str) -> String {
    let name = name_of(url);
    let role = format!("CREATE ROLE stranger_{name} LOGIN PASSWORD 'canary'");
    connect(url).await.batch_execute(&role).await.unwrap();
    let (_, place) = url.split_once('@').unwrap();
    format!("postgres://stranger_{name}:canary@{place}")
}

#[tokio::test]
async fn what_keeps_from_connecting_is_named() {
    let Some(url) = Services::start().postgres_database().await else {
        return;
    };
    let (_, port) = url.rsplit_once(':').unwrap();
    let port = &port[..port.find('/').unwrap()];
    for (url, words) in [
        (
            url.replacen("tests:", "tests:canary", 1),
            [
                "SQLSTATE 28P01: password authentication failed",
                "URL is wrong",
            ],
        ),
        (
            url.replace(name_of(&url), "missing"),
            [
                "SQLSTATE 3D000: database \"missing\"",
                "Create the database",
            ],
        ),
        (
            url.replace(port, "1"),
            ["Cannot connect", "nothing listens at that host and port"],
        ),
        (
            "postgres://u:canary@no-such-host.invalid/d?sslmode=disable".to_owned(),
            ["Cannot connect", "lookup"],
        ),
        (
            format!("{url}?sslmode=require"),
            ["an authority that is not trusted here", "with TLS"],
        ),
        (
            format!(
                "{}&hostaddr=127.0.0.1",
                format!(
                    "{url}?sslmode=require&sslrootcert={}",
                    Services::start().postgres_ca()
                )
                .replace("127.0.0.1", "wrong.invalid")
            ),
            ["not for wrong.invalid", "with TLS"],
        ),
    ] {
        let text = refusal(&url).await;
        for words in words {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}

#[tokio::test]
async fn missing_rights_are_named_and_a_table_that_is_there_is_not_created() {
    let Some(url) = Services::start().postgres_database().await else {
        return;
    };
    let url_of_stranger = stranger(&url).await;
    // Since PostgreSQL 15 this is so by itself.
    let admin = connect(&url).await;
    admin
        .batch_execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .await
        .unwrap();
    let error = create_table(&url_of_stranger).await.unwrap_err();
    assert!(error.message().contains("SQLSTATE 42501"), "{error}");
    assert!(error.message().contains("GRANT CREATE"), "{error}");
    create_table(&url).await.unwrap();
    // He is not its owner, and need not be.
    create_table(&url_of_stranger).await.unwrap();
    let text = refusal(&url_of_stranger).await;
    assert!(
        text.contains("needs SELECT, INSERT, UPDATE and DELETE"),
        "{text}"
    );
    assert!(text.contains("SQLSTATE 42501"), "{text}");
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_called_that() {
    let Some(url) = Services::start().postgres_database().await else {
        return;
    };
    let read_only = format!("{url}?options=-cdefault_transaction_read_only%3Don");
    let error = create_table(&read_only).await.unwrap_err();
    assert!(error.message().contains("takes no writes"), "{error}");
    create_table(&url).await.unwrap();
    let text = refusal(&read_only).await;
    assert!(text.contains("takes no writes"), "{text}");
    assert!(text.contains("SQLSTATE 25006"), "{text}");
}
