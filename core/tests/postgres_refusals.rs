//! What a real PostgreSQL refuses, in its own words and with what helps. Each test is named after what
//! it fears.

use relaypass::store::{create_table, open, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

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

/// A server, or what says that it is one: to each client it answers this, and no more.
async fn that_says(greeting: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut clients = Vec::new();
        while let Ok((mut client, _)) = listener.accept().await {
            let mut asked = [0; 1024];
            let _ = client.read(&mut asked).await;
            let _ = client.write_all(greeting).await;
            clients.push(client);
        }
    });
    format!("postgres://u:canary@127.0.0.1:{port}/d?connect_timeout=1")
}

#[tokio::test]
async fn a_pooler_without_a_connection_left_does_not_read_as_a_slow_store() {
    // Nobody has to say who he is, and the server waits for the first question.
    let welcome = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
    let (silent, welcoming) = (that_says(b"").await, that_says(welcome).await);
    let (silent, welcoming) = tokio::join!(refusal(&silent), refusal(&welcoming));
    for text in [silent, welcoming] {
        assert!(
            text.contains("no new connection was ready in 4 seconds"),
            "{text}"
        );
        assert!(
            text.contains("A pooler such as PgBouncer has no connection left"),
            "{text}"
        );
        assert!(text.contains("default_pool_size"), "{text}");
    }
}

/// Where nobody takes connections, and the next one is not even refused.
#[cfg(target_os = "linux")]
struct Silent {
    port: u16,
    _listens: TcpListener,
    _waits: std::net::TcpStream,
}

#[cfg(target_os = "linux")]
impl Silent {
    fn new() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listens = socket.listen(0).unwrap();
        let address = listens.local_addr().unwrap();
        Self {
            port: address.port(),
            _listens: listens,
            _waits: std::net::TcpStream::connect(address).unwrap(),
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn silent_hosts_do_not_take_the_time_of_the_one_that_answers() {
    let refusing = b"E\0\0\0\x17SFATAL\0C28P01\0Mno\0\0";
    let last = that_says(refusing).await;
    let silent: [Silent; 5] = std::array::from_fn(|_| Silent::new());
    let hosts: String = (silent.iter())
        .map(|silent| format!("127.0.0.1:{},", silent.port))
        .collect();
    let text = refusal(&last.replace('@', &format!("@{hosts}"))).await;
    assert!(text.contains("SQLSTATE 28P01"), "{text}");
}

#[tokio::test]
async fn a_table_that_is_locked_is_no_server_that_hangs() {
    let Some(url) = Services::start().postgres_database().await else {
        return;
    };
    create_table(&url).await.unwrap();
    let other = connect(&url).await;
    let lock = "BEGIN; LOCK TABLE relaypass_records";
    other.batch_execute(lock).await.unwrap();
    let store = open(&format!("{url}?connect_timeout=1")).unwrap();
    let swap = store.compare_and_swap("key", None, record());
    tokio::pin!(swap);
    // A new connection is waited for, for 4 seconds; a lock as long as the caller likes.
    let waited = tokio::time::timeout(std::time::Duration::from_secs(5), &mut swap).await;
    assert!(waited.is_err(), "{waited:?}");
    other.batch_execute("COMMIT").await.unwrap();
    swap.await.unwrap();
}
