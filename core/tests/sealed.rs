//! What a leaked table shows: with a seal key, no secret, at no point of a verification's life.
//!
//! Between the client and the real store stands one that looks: it opens every value that is
//! written, collects the secrets in it, and dumps the whole table as whoever stole it would.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::support::persona::{claim_type, Persona};
use crate::support::services::{connect, Services};
use relaypass::store::{create_table, open, BoxFuture, Record, Sealer, Store, StoreError, Swap};
use relaypass::{generate_key_pair, SealKey, StartVerification, Status, Verification};
use serde_json::Value;

const SEAL_KEY: [u8; 32] = [7; 32];

/// What is no secret: names of records, what was asked, and public halves of keys.
const NO_SECRET: [&str; 14] = [
    "id",
    "environment",
    "claim_type",
    "reference_key",
    "pool_key",
    "pooled",
    "by",
    "came_from",
    "code",
    "message",
    "token_key",
    "token_key_id",
    "blinded_message",
    "is",
];

/// Where stolen copies come from.
enum Thief {
    File(std::path::PathBuf),
    Table(String),
}

impl Thief {
    async fn steal(&self) -> Vec<u8> {
        match self {
            Thief::File(folder) => {
                // The log beside the file holds what is not in the file yet.
                let files = std::fs::read_dir(folder).unwrap();
                files
                    .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
                    .collect()
            }
            Thief::Table(url) => {
                let rows = connect(url)
                    .await
                    .query("SELECT key, value FROM relaypass_records", &[])
                    .await
                    .unwrap();
                rows.iter()
                    .flat_map(|row| [row.get::<_, String>(0).into_bytes(), row.get(1)].concat())
                    .collect()
            }
        }
    }
}

struct Looking {
    store: Arc<dyn Store>,
    thief: Thief,
    secrets: Mutex<BTreeSet<String>>,
    states: Mutex<BTreeSet<String>>,
    dumps: Mutex<Vec<Vec<u8>>>,
}

impl Looking {
    fn look(&self, key: &str, record: &Record) {
        let sealer = Sealer::new(vec![SealKey::new(SEAL_KEY)]);
        let content = sealer.open(key, record.version, &record.value).unwrap();
        let content: Value = serde_json::from_slice(&content[1..]).unwrap();
        if let Some(state) = content["state"]["is"].as_str() {
            self.states.lock().unwrap().insert(state.to_owned());
        }
        collect(&content, "", &mut self.secrets.lock().unwrap());
    }
}

/// Every long text but those that are no secret; what is stored inside a text, too.
fn collect(value: &Value, name: &str, secrets: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                collect(value, name, secrets);
            }
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| collect(value, name, secrets)),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ Value::Object(_)) => collect(&inner, name, secrets),
            _ if text.len() >= 12 && !NO_SECRET.contains(&name) => {
                secrets.insert(text.clone());
            }
            _ => {}
        },
        _ => {}
    }
}

impl Store for Looking {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        self.store.load(key)
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(async move {
            if let Some(record) = &new {
                self.look(key, record);
            }
            let swap = self.store.compare_and_swap(key, expected, new).await?;
            let dump = self.thief.steal().await;
            self.dumps.lock().unwrap().push(dump);
            Ok(swap)
        })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.store.scan(prefix, due_before, limit)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_sqlite_file_shows_no_secret() {
    let name = format!("relaypass-sealed-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).unwrap();
    let store = open(&format!("sqlite://{}/store.db", folder.display())).unwrap();
    let seen = live_a_life(store, Thief::File(folder.clone())).await;
    std::fs::remove_dir_all(&folder).unwrap();
    search(&seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_postgresql_table_shows_no_secret() {
    let Some(url) = Services::start().postgres_database().await else {
        return;
    };
    create_table(&url).await.unwrap();
    let seen = live_a_life(open(&url).unwrap(), Thief::Table(url)).await;
    search(&seen);
}

/// Takes verifications through every state.
async fn live_a_life(store: Arc<dyn Store>, thief: Thief) -> Arc<Looking> {
    let looking = Arc::new(Looking {
        store,
        thief,
        secrets: Mutex::default(),
        states: Mutex::default(),
        dumps: Mutex::default(),
    });
    let persona = Persona::start().await;
    let key = generate_key_pair(2048).unwrap();
    let client = persona
        .client()
        .decryption_key(key.clone())
        .store(looking.clone())
        .seal_keys(vec![SealKey::new(SEAL_KEY)])
        .retries(1)
        .build()
        .unwrap();
    let pem = key.to_pem();
    let lines = pem.expose().lines().filter(|line| !line.starts_with('-'));
    looking
        .secrets
        .lock()
        .unwrap()
        .extend(lines.map(str::to_owned));

    let verifications = client.verifications();
    let start = || verifications.start(StartVerification::new(claim_type()));
    let complete = |started: &Verification| {
        let id = started.id.clone();
        let verifications = client.verifications();
        async move { verifications.complete(&id, false).await }
    };

    // A signature that is lost, a question that comes too early, an answer that is lost.
    persona.fault("sign", "drop_after_commit", 1).await;
    let first = start().await.unwrap();
    assert_eq!(complete(&first).await.unwrap().status, Status::Pending);
    persona.visit(&first, "passed").await;
    persona.fault("redeem", "drop_after_commit", 2).await;
    assert!(complete(&first).await.is_err());
    assert_eq!(complete(&first).await.unwrap().status, Status::Passed);

    // A pass that is refunded, and used by the next one.
    let second = start().await.unwrap();
    persona.visit(&second, "failed").await;
    assert_eq!(complete(&second).await.unwrap().status, Status::Failed);
    let third = start().await.unwrap();
    persona.visit(&third, "passed").await;
    assert_eq!(complete(&third).await.unwrap().status, Status::Passed);

    client.passes().prefetch(&claim_type(), 1).await.unwrap();
    persona.stop().await;
    looking
}

fn search(seen: &Looking) {
    let states = seen.states.lock().unwrap();
    for state in [
        "created",
        "issuing",
        "ready",
        "redeeming",
        "answered",
        "available",
        "taken",
        "gone",
    ] {
        assert!(states.contains(state), "no {state} among {states:?}");
    }
    let (secrets, dumps) = (seen.secrets.lock().unwrap(), seen.dumps.lock().unwrap());
    assert!(
        secrets.len() > 20,
        "only {} secrets were seen",
        secrets.len()
    );
    println!(
        "{} dumps, {} secrets, {} states",
        dumps.len(),
        secrets.len(),
        states.len()
    );
    for secret in secrets.iter() {
        for form in forms(secret.as_bytes()) {
            for dump in dumps.iter() {
                let found = dump.windows(form.len()).any(|part| part == form);
                assert!(
                    !found,
                    "a secret of {} characters is in a dump",
                    secret.len()
                );
            }
        }
    }
}

/// Raw, hexadecimal, base64; and the bytes behind what is hexadecimal or base64 itself.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    use std::fmt::Write;
    let mut hex = String::new();
    secret
        .iter()
        .for_each(|byte| write!(hex, "{byte:02x}").unwrap());
    // All whole groups of three: base64 of a longer text contains these, if it is aligned.
    let mut forms = vec![secret.to_vec(), hex.into_bytes()];
    for offset in 0..3 {
        let whole = &secret[offset.min(secret.len())..];
        let whole = &whole[..whole.len() / 3 * 3];
        forms.push(base64(whole));
    }
    forms.retain(|form| form.len() >= 8);
    forms
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks_exact(3);
    groups
        .flat_map(|group| {
            let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
            [18, 12, 6, 0].map(|shift| LETTERS[(bits >> shift & 63) as usize])
        })
        .collect()
}
