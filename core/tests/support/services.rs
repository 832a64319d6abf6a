//! PostgreSQL and Redis, started by tests/services/run for one test binary.
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::Value;

/// The servers. They end with this process: it holds the script's standard input.
pub struct Services {
    urls: Value,
    _script: Mutex<(Child, ChildStdin)>,
}

impl Services {
    /// Started once for all tests of this binary.
    pub fn start() -> &'static Services {
        static SERVICES: OnceLock<Services> = OnceLock::new();
        SERVICES.get_or_init(|| {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/services/run");
            let mut child = Command::new(script)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("tests/services/run runs");
            let mut line = String::new();
            let mut output = BufReader::new(child.stdout.take().unwrap());
            output.read_line(&mut line).unwrap();
            let stdin = child.stdin.take().unwrap();
            Services {
                urls: serde_json::from_str(&line).expect("tests/services/run says why not"),
                _script: Mutex::new((child, stdin)),
            }
        })
    }

    /// A database of the test's own, without the table; none where there is no PostgreSQL.
    pub async fn postgres_database(&self) -> Option<String> {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let url = self.urls["postgres"].as_str()?;
        let name = format!("test_{number}");
        let admin = connect(url).await;
        admin
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .unwrap();
        Some(url.replace("/postgres", &format!("/{name}")))
    }

    /// The authority behind the server's certificate.
    pub fn postgres_ca(&self) -> &str {
        self.urls["postgres_ca"].as_str().unwrap()
    }
}

/// A plain connection, to look behind the store's back.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}
