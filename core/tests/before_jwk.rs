//! Encrypted verifications that were open when there was no form but PEM are completed by today's code.
//!
//! `before_jwk.json` holds what that code stored, byte for byte but for the values of one run, which
//! stand in capitals, and for times, which begin at [`BEGIN`]. Here they become those of another run.
//! What 0.1.0 stored is beside the core's own tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use relaypass::store::{MemoryStore, Record, Store};
use relaypass::{
    generate_key_pair, Client, CreateRelay, DecryptionKey, EncryptionForm, GenerateClaim,
    IdempotencyKey, IssuePrivacyPass, KeyForm, Relay, StartVerification, Status, VerificationId,
};
use serde_json::Value;

use crate::support::persona::{claim_type, Persona};

const BEGIN: u64 = 1_700_000_000_000;
const ID: &str = "da27cb22-16ea-4b6c-9bfc-4c44937a04b4";
const KEY: &str = "3a97023d-1118-47c9-adbc-a3627107c9db";

fn before_jwk() -> BTreeMap<String, String> {
    serde_json::from_str(include_str!("before_jwk.json")).unwrap()
}

/// Those in which the pass is there, in the words of [`before_jwk`].
fn of_0_1_0() -> BTreeMap<String, String> {
    let records = include_str!("../src/verification/released/0.1.0.json");
    let records: BTreeMap<String, Value> = serde_json::from_str(records).unwrap();
    let has_pass = |name: &str| name.starts_with("ready") || name.starts_with("redeeming");
    let is_to_be_asked = |name: &str| {
        // Its pass is not to be used, or its session is over.
        has_pass(name) && !name.contains("rejected") && !name.contains("after the end")
    };
    let mut texts = BTreeMap::new();
    for (name, mut record) in records {
        if !is_to_be_asked(&name) {
            continue;
        }
        record["encrypted"] = true.into();
        record["id"] = "ID".into();
        record["claim_type"] = claim_type().as_str().into();
        record["relay"]["token"] = "RELAY TOKEN".into();
        record["relay"]["secret"] = "RELAY SECRET".into();
        record["state"]["pass"]["token"] = "PASS".into();
        texts.insert(name, record.to_string());
    }
    texts
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis() as u64
}

/// The times in a record, if it was begun a minute ago.
fn at_present(record: &str) -> String {
    let mut moved = String::new();
    let begun = now() - 60_000;
    let mut rest = record;
    while let Some(start) = rest.find(":1700") {
        let (before, time) = rest.split_at(start + 1);
        let (time, after) = time.split_at(13);
        let time: u64 = time.parse().unwrap();
        moved.push_str(before);
        moved.push_str(&(time - BEGIN + begun).to_string());
        rest = after;
    }
    moved + rest
}

/// A relay whose key went out in PEM, and everything else that a record is about.
struct Begun {
    relay: Relay,
    pass: String,
    key: DecryptionKey,
}

impl Begun {
    async fn at(persona: &Persona) -> Self {
        let key = generate_key_pair(2048).unwrap();
        let client = persona.client().build().unwrap();
        let mut request = CreateRelay::new(claim_type());
        request.encryption_key = Some(key.encryption_key().clone());
        request.encryption_form = Some(EncryptionForm::Pem);
        let relay = client.relays().create(request).await.unwrap();
        assert_eq!(relay.encryption_form, Some(KeyForm::Pem));
        let bound_to = IssuePrivacyPass::ClaimType(claim_type());
        let pass = client.relays().issue_privacy_pass(bound_to).await.unwrap();
        let pass = pass.privacy_pass_token.expose().to_owned();
        persona.finish(&relay, "passed").await;
        Self { relay, pass, key }
    }

    /// The record with the values of this run.
    fn fill(&self, record: &str) -> String {
        let relay = &self.relay;
        at_present(record)
            .replace("\"ID\"", &format!("\"{ID}\""))
            .replace("RELAY TOKEN", relay.relay_token.as_str())
            .replace("RELAY SECRET", relay.relay_secret.expose())
            .replace(
                "SESSION ACCESS TOKEN",
                relay.relay_session_access_token.expose(),
            )
            .replace("\"PASS\"", &format!("\"{}\"", self.pass))
            .replace("IDEMPOTENCY KEY", KEY)
    }

    /// A client of today that has this record in its store, and would send keys in that form.
    async fn client(&self, persona: &Persona, record: &str, form: EncryptionForm) -> Client {
        let store = Arc::new(MemoryStore::new());
        let record: &str = &self.fill(record);
        let content: Value = serde_json::from_str(record).unwrap();
        let stored = Record {
            // The format of the value, that it is not sealed, and the format of the content.
            value: [&[1, 0, 1], record.as_bytes()].concat(),
            version: 7,
            due_at: content["due_at"].as_u64(),
            expires_at: None,
        };
        let key = format!("verification/{ID}");
        let put = store.compare_and_swap(&key, None, Some(stored)).await;
        put.unwrap();
        let client = persona.client().decryption_key(self.key.clone());
        let client = client.encryption_form(form).store(store);
        client.build().unwrap()
    }
}

async fn complete(client: &Client) -> relaypass::Result<Status> {
    let id = VerificationId::parse(ID).unwrap();
    let completion = client.verifications().complete(&id, false).await?;
    assert!(completion.claim.unwrap().passed());
    Ok(completion.status)
}

#[tokio::test]
async fn what_was_open_is_completed_with_one_pass_and_one_redemption() {
    let records: Vec<_> = before_jwk().into_iter().chain(of_0_1_0()).collect();
    assert!(records.len() >= 12, "only {} records", records.len());
    for (name, record) in records {
        // Its purchase is another test's.
        if name.starts_with("issuing") {
            continue;
        }
        for form in [EncryptionForm::Auto, EncryptionForm::Jwk] {
            let persona = Persona::start().await;
            let begun = Begun::at(&persona).await;
            let client = begun.client(&persona, &record, form).await;
            assert_eq!(complete(&client).await.unwrap(), Status::Passed, "{name}");
            // It is known now.
            assert_eq!(complete(&client).await.unwrap(), Status::Passed, "{name}");
            let ledger = persona.ledger().await;
            let counts =
                ["billed", "redeemed", "double_spends"].map(|count| ledger[count].as_u64());
            assert_eq!(counts, [Some(1), Some(1), Some(0)], "{name}");
            persona.stop().await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_had_under_the_key_in_the_record() {
    for (name, record) in before_jwk() {
        if !name.starts_with("redeeming") {
            continue;
        }
        let persona = Persona::start().await;
        let begun = Begun::at(&persona).await;
        let (token, secret) = (&begun.relay.relay_token, &begun.relay.relay_secret);
        let mut lost = GenerateClaim::new(token.clone(), secret.clone(), begun.pass.clone());
        lost.idempotency_key = Some(IdempotencyKey::parse(KEY).unwrap());
        let before = persona.client().build().unwrap();
        before.relays().generate_claim(lost).await.unwrap();
        let client = begun.client(&persona, &record, EncryptionForm::Auto).await;
        assert_eq!(complete(&client).await.unwrap(), Status::Passed, "{name}");
        let ledger = persona.ledger().await;
        let counts = ["redeemed", "double_spends"].map(|count| ledger[count].as_u64());
        assert_eq!(counts, [Some(1), Some(0)], "{name}");
    }
}

/// The signature that was lost was billed: the same key asks for it. What is blinded is for the keys of
/// this run, so it is today's, and has the same members.
#[tokio::test]
async fn a_signature_that_was_lost_is_had_under_the_key_in_the_record() {
    let persona = Persona::start().await;
    let key = generate_key_pair(2048).unwrap();
    let store = Arc::new(MemoryStore::new());
    let client = persona.client().decryption_key(key.clone());
    let client = client.encryption_form(EncryptionForm::Pem).retries(1);
    let client = client.store(store.clone()).build().unwrap();
    persona.fault("sign", "drop_after_commit", 2).await;
    let request = StartVerification::new(claim_type());
    let started = client.verifications().start(request).await.unwrap();
    persona.visit(&started, "passed").await;
    let key_of_it = format!("verification/{}", started.id.as_str());
    let stored = store.load(&key_of_it).await.unwrap().unwrap();
    let today: Value = serde_json::from_slice(&stored.value[3..]).unwrap();
    let purchase = &today["state"]["purchase"];
    let blinded: BTreeMap<String, Value> =
        serde_json::from_str(purchase["blinded"].as_str().unwrap()).unwrap();
    assert_eq!(
        blinded.keys().collect::<Vec<_>>(),
        [
            "blinded_message",
            "challenge",
            "inverse",
            "nonce",
            "token_key",
            "token_key_id"
        ]
    );

    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let relay = &today["relay"];
    let record = before_jwk()["issuing, the signature lost"]
        .replace("\"BLINDED\"", &purchase["blinded"].to_string())
        .replace("IDEMPOTENCY KEY", &text(&purchase["key"]))
        .replace("RELAY TOKEN", &text(&relay["token"]))
        .replace("RELAY SECRET", &text(&relay["secret"]));
    let begun = Begun {
        key,
        ..Begun::at(&persona).await
    };
    let billed = persona.ledger().await["billed"].as_u64().unwrap();
    let client = begun.client(&persona, &record, EncryptionForm::Jwk).await;
    assert_eq!(complete(&client).await.unwrap(), Status::Passed);
    let ledger = persona.ledger().await;
    assert_eq!(ledger["billed"].as_u64(), Some(billed), "{ledger}");
    assert_eq!(ledger["redeemed"].as_u64(), Some(1), "{ledger}");
}

/// Whoever takes the encryption away, or encrypts in the other form, is not Persona.
#[tokio::test]
async fn a_claim_in_another_form_than_pem_is_refused() {
    for (format, form) in [
        ("plain", EncryptionForm::Auto),
        ("jwe", EncryptionForm::Auto),
        ("jwe", EncryptionForm::Jwk),
    ] {
        let persona = Persona::start().await;
        let begun = Begun::at(&persona).await;
        let record = &before_jwk()["ready"];
        let client = begun.client(&persona, record, form).await;
        persona.wrong_claim(format).await;
        let error = complete(&client).await.unwrap_err();
        assert_eq!(error.code(), "claim_mismatch", "{format}, {form:?}");
    }
}

/// The stand-ins are gone, and the times are of today.
#[tokio::test]
async fn records_are_filled_in_wholly() {
    let persona = Persona::start().await;
    let begun = Begun::at(&persona).await;
    for (name, record) in before_jwk().into_iter().chain(of_0_1_0()) {
        let filled = begun.fill(&record);
        let is_left = [
            " TOKEN", " SECRET", " KEY", "\"PASS\"", "\"ID\"", ":1700000",
        ];
        let is_left = is_left.map(|text| filled.contains(text));
        assert!(!is_left.contains(&true), "{name}: {is_left:?}");
    }
}
