//! Records that a released version wrote are read and carried on.
//!
//! `<version>.json` holds what that version's own code stored, in every state. A verification's times
//! begin at [`BEGIN`]; its person passes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::engine::{Engine, Progress};
use super::record::{record_key, Durable};
use crate::claim::{open_claim, Claim, ClaimType, KeyForm};
use crate::client::{
    AttemptOptions, AttemptResult, Environment, IssuePrivacyPass, PassBinding, Persona, Ports,
    Question, Relay,
};
use crate::error::{ErrorKind, ResponseInfo, Result};
use crate::future::BoxFuture;
use crate::http::Way;
use crate::outcome::Budget;
use crate::passes::{Pooled, PooledState};
use crate::privacy::CommonHour;
use crate::privacy::{Fetched, Sighting};
use crate::records::{StoredSecret, Vault, World, MINUTE};
use crate::secret::rand_core::Rng;
use crate::secret::{os_random, IdempotencyKey};
use crate::store::{MemoryStore, Record, Sealer, Store};

const BEGIN: u64 = 1_700_000_000_000;
const CLAIM: &str = r#"{"claim_type":"age","claim_result":"passed"}"#;

/// A Persona who gives what is asked for, and remembers under which keys.
#[derive(Default)]
struct Generous {
    keys: Mutex<Vec<String>>,
    /// In which form each claim was to be opened.
    forms: Mutex<Vec<Option<KeyForm>>>,
}

impl Generous {
    fn hears(&self, key: &IdempotencyKey) {
        let mut keys = self.keys.lock().expect("nobody panicked");
        keys.push(key.expose().to_owned());
    }
}

impl Persona for Generous {
    fn check_can_issue(&self) -> Result<()> {
        Ok(())
    }

    fn create<'a>(
        &'a self,
        _: &'a ClaimType,
        _: Way,
        _: &'a Budget,
    ) -> BoxFuture<'a, Result<Relay>> {
        unreachable!("every record has its relay")
    }

    fn blind<'a>(
        &'a self,
        _: &'a IssuePrivacyPass,
        _: Option<Way>,
        _: &'a Budget,
    ) -> BoxFuture<'a, Result<StoredSecret>> {
        Box::pin(async { Ok(StoredSecret::new("blinded")) })
    }

    fn fetch<'a>(
        &'a self,
        _: &'a ClaimType,
        _: Option<CommonHour>,
        _: Way,
        _: &'a Budget,
    ) -> BoxFuture<'a, Result<(Fetched, Option<u64>)>> {
        unreachable!("nobody was strict")
    }

    fn blind_for<'a>(&'a self, _: &'a Fetched) -> BoxFuture<'a, Result<StoredSecret>> {
        unreachable!("nobody was strict")
    }

    fn check_common<'a>(
        &'a self,
        _: &'a ClaimType,
        _: &'a Sighting,
        _: Duration,
    ) -> BoxFuture<'a, Result<bool>> {
        unreachable!("nobody was strict")
    }

    fn sign<'a>(
        &'a self,
        blinded: &'a StoredSecret,
        key: IdempotencyKey,
        _: AttemptOptions,
    ) -> BoxFuture<'a, Result<AttemptResult<StoredSecret>>> {
        assert_eq!(blinded.expose(), "blinded");
        self.hears(&key);
        Box::pin(async { Ok(Ok((StoredSecret::new("pass"), ResponseInfo::default()))) })
    }

    fn redeem<'a>(
        &'a self,
        question: Question<'a>,
        _: AttemptOptions,
    ) -> BoxFuture<'a, Result<AttemptResult<(StoredSecret, bool)>>> {
        assert_eq!(question.pass.expose(), "pass");
        self.hears(&question.key);
        Box::pin(async {
            Ok(Ok((
                (StoredSecret::new(CLAIM), true),
                ResponseInfo::default(),
            )))
        })
    }

    fn open<'a>(
        &'a self,
        payload: &'a StoredSecret,
        form: Option<KeyForm>,
        asked: &'a ClaimType,
    ) -> BoxFuture<'a, Result<Claim>> {
        self.forms.lock().expect("nobody panicked").push(form);
        Box::pin(async move { open_claim(payload.expose(), None, Some(asked)) })
    }
}

/// Ten minutes after the records were begun, or whenever.
struct Then(u64);

impl World for Then {
    fn now_ms(&self) -> u64 {
        self.0
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn deadline(&self, _: Duration) -> Option<tokio::time::Instant> {
        None
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        os_random().fill_bytes(bytes);
    }
}

fn records() -> BTreeMap<String, serde_json::Value> {
    serde_json::from_str(include_str!("0.1.0.json")).expect("a list of records")
}

/// A store with this record under a key, as 0.1.0 stored it without a seal, and a worker.
async fn worker(key: &str, record: &serde_json::Value, now: u64) -> (Engine, Arc<Generous>) {
    let store = Arc::new(MemoryStore::new());
    let mut content = vec![1]; // the format
    content.extend(serde_json::to_vec(record).expect("it was JSON"));
    let stored = Record {
        value: Sealer::default().seal(key, 7, &content),
        version: 7,
        due_at: record["due_at"].as_u64(),
        expires_at: record["expires_at"].as_u64(),
    };
    let put = store.compare_and_swap(key, None, Some(stored)).await;
    put.expect("the store works");
    let persona = Arc::new(Generous::default());
    let ports = Ports {
        vault: Arc::new(Vault::new(store, Sealer::default())),
        persona: persona.clone(),
        world: Arc::new(Then(now)),
        environment: Environment::Production,
        customer: None,
        listener: None,
        budget: Budget {
            retries: 3,
            attempt: Duration::from_secs(10),
            total: Duration::from_secs(30),
            floor: Duration::from_secs(1),
        },
        began: None,
        purchases: Arc::default(),
        hours: Arc::default(),
        name_seal_is_renewed: Arc::default(),
        lifecycle: Arc::default(),
    };
    let binding = PassBinding::ClaimType;
    (
        Engine {
            ports,
            binding,
            purchase_window: 0,
            is_strict: false,
            pass_pool: 0,
        },
        persona,
    )
}

/// The key that is asked first: the oldest whose answer was lost.
fn first_key(state: &serde_json::Value) -> Option<&str> {
    let oldest = state["earlier"].get(0).unwrap_or(&state["question"]);
    oldest["key"].as_str()
}

#[tokio::test]
async fn every_verification_of_0_1_0_is_completed() {
    let mut completed = 0;
    for (name, record) in records() {
        let is_other = ["place", "purchase", "redemption"];
        if is_other.iter().any(|other| name.starts_with(other)) {
            continue;
        }
        let (engine, persona) = worker("verification/id", &record, BEGIN + 10 * MINUTE).await;
        let told = engine.complete("id", true).await;
        let keys = persona.keys.lock().expect("nobody panicked").clone();
        let state = &record["state"];
        if let Some(key) = first_key(state) {
            assert_eq!(keys.first().map(String::as_str), Some(key), "{name}");
        }
        match (state["is"].as_str().expect("a state"), &*name) {
            ("answered", name) => {
                let told = told.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(matches!(told, Progress::Answered(_)), "{name}: {told:?}");
                assert!(keys.is_empty(), "{name}");
            }
            ("expired", name) => assert!(matches!(told, Ok(Progress::Expired)), "{name}: {told:?}"),
            ("failed", name) => {
                let error = told.expect_err(name);
                assert_eq!(error.kind(), ErrorKind::Conflict, "{name}");
            }
            (_, name) => {
                let told = told.unwrap_or_else(|error| panic!("{name}: {error}"));
                let Progress::Answered(claim) = told else {
                    panic!("{name}: {told:?}");
                };
                assert!(claim.passed(), "{name}");
            }
        }
        let there = engine.load("id").await.expect("it is there");
        assert!(there.content.is_closed(), "{name}");
        completed += 1;
    }
    assert!(completed >= 26, "only {completed} records were found");
}

/// 0.1.0 knew of one way out only, and its records say nothing of it.
#[test]
fn a_relay_of_0_1_0_has_one_way_whoever_reads_its_record() {
    let mut read = 0;
    for (name, record) in records() {
        if record["relay"].is_null() {
            continue;
        }
        assert!(record["relay"]["way"].is_null(), "{name}");
        let way = || {
            let record: Durable = serde_json::from_value(record.clone()).expect("a record");
            record.way()
        };
        assert!(way().is_some() && way() == way(), "{name}");
        read += 1;
    }
    assert!(read >= 20, "only {read} records were found");
}

/// 0.1.0 sent its keys in PEM and did not say so; what is written today says it of a JWK.
#[tokio::test]
async fn an_encrypted_verification_is_opened_in_the_form_of_its_key() {
    let mut opened = 0;
    for (name, mut record) in records() {
        let is_open = ["created", "issuing", "ready", "redeeming"]
            .map(|state| record["state"]["is"] == state);
        let is_step = ["place", "purchase", "redemption"]
            .iter()
            .any(|step| name.starts_with(step));
        if is_step || !is_open.contains(&true) {
            continue;
        }
        record["encrypted"] = true.into();
        for form in [KeyForm::Pem, KeyForm::Jwk] {
            if form == KeyForm::Jwk {
                record["encryption_form"] = "jwk".into();
            }
            let (engine, persona) = worker("verification/id", &record, BEGIN + 10 * MINUTE).await;
            let told = engine.complete("id", true).await;
            assert!(
                matches!(told, Ok(Progress::Answered(_))),
                "{name}: {told:?}"
            );
            let forms = persona.forms.lock().expect("nobody panicked").clone();
            assert_eq!(forms, [Some(form)], "{name}");
            opened += 1;
        }
    }
    assert!(opened >= 20, "only {opened} records were found");
}

#[tokio::test]
async fn every_step_of_0_1_0_is_carried_on() {
    let records = records();
    for name in ["purchase", "purchase, bought"] {
        let key = record_key("id");
        let (engine, _) = worker(&key, &records[name], BEGIN + MINUTE).await;
        let there = engine.ports.vault.load::<Durable>(&key).await;
        let there = there.expect("it is read").expect("it is there");
        assert_eq!(there.content.id(), "id");
        let claim_type = ClaimType::parse("age").expect("a claim type");
        let bound_to = IssuePrivacyPass::ClaimType(claim_type);
        let pass = engine.buy("id".to_owned(), &bound_to, None).await;
        assert_eq!(pass.expect(name).expose(), "pass");
    }
    for (name, record) in records {
        if !name.starts_with("redemption") {
            continue;
        }
        let (engine, persona) = worker("verification/id", &record, BEGIN + MINUTE).await;
        let relay_token = crate::client::RelayToken::parse("token").expect("a token");
        let relay_secret = crate::credential::RelaySecret::parse("secret").expect("a secret");
        let pass = Ok(StoredSecret::new("pass"));
        let given = (engine.redeem("id".to_owned(), (&relay_token, &relay_secret), pass, 0)).await;
        let (payload, consumed) = given.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(consumed, "{name}");
        let keys = persona.keys.lock().expect("nobody panicked").clone();
        match record["state"]["is"] == "given" {
            true => assert_eq!((payload.expose(), keys.len()), ("payload", 0)),
            false => assert_eq!((payload.expose(), keys.len()), (CLAIM, 1), "{name}"),
        }
    }
}

#[tokio::test]
async fn every_place_of_0_1_0_is_looked_after() {
    for (name, record) in records() {
        let Some(kind) = name.strip_prefix("place, ") else {
            continue;
        };
        let key = "pass/production/age/9b2b1ad2-4f5e-4a7e-9f1c-2f6e0a3d5b10";
        let due_at = record["due_at"].as_u64().expect("a place is due some time");
        let (engine, persona) = worker(key, &record, due_at.max(BEGIN + MINUTE)).await;
        engine.recover().await.expect("the store works");
        let there = engine.ports.vault.load::<Pooled>(key).await;
        let there = there.expect("it is read").map(|place| place.content.state);
        let keys = persona.keys.lock().expect("nobody panicked").len();
        match kind {
            "issuing" => {
                let is_bought = matches!(there, Some(PooledState::Available { .. }));
                assert!(is_bought && keys == 1, "{there:?}");
            }
            // Nobody knows the verification that took it; what is too old or gone goes.
            _ => assert_eq!((&there, keys), (&None, 0), "{name}"),
        }
    }
}
