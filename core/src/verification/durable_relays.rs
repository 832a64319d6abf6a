//! Steps 2 and 3 as calls that may be repeated.

use std::time::Duration;

use super::Engine;
use crate::client::{
    Client, GenerateClaim, GeneratedClaim, IssuePrivacyPass, PrivacyPass, RelayToken,
};
use crate::error::{Error, ErrorKind, ResponseInfo, Result, UnopenedClaim};
use crate::http::{now_ms, number_of};
use crate::pass::PrivacyPassToken;
use crate::privacy::PrivacyReport;
use crate::records::{NameKey, StoredSecret};
use crate::secret::Secret;

/// Steps 2 and 3 of [`Relays`](crate::Relays) for callers who keep their relays and passes
/// themselves, but want each step done once: what is asked is kept in the client's store before it
/// is sent, and whoever repeats the call, in whatever process, gets the first answer.
///
/// Steps are found again by a keyed hash of what names them, so the store shows neither passes nor
/// API keys. The key is in the store, sealed like everything else.
#[derive(Clone)]
pub struct DurableRelays<'a> {
    client: &'a Client,
    limit: Option<Duration>,
}

impl Client {
    /// Steps 2 and 3 as calls that may be repeated. They need a store.
    pub fn durable_relays(&self) -> DurableRelays<'_> {
        DurableRelays {
            client: self,
            limit: None,
        }
    }
}

impl DurableRelays<'_> {
    /// Limits the whole call to this time, retries and the store included.
    pub fn within(self, limit: Duration) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// Step 2: buys a pass, once for each `idempotency_key` of this API key. For 24 hours a repeated
    /// call returns the same pass, or goes on where the first one stopped.
    ///
    /// # Errors
    /// Those of [`Relays::issue_privacy_pass`](crate::Relays::issue_privacy_pass);
    /// `invalid_argument` without a store, for a key of other than 1 to 255 visible ASCII
    /// characters, or one that was used for another request; `store`.
    pub async fn issue_privacy_pass(
        &self,
        request: IssuePrivacyPass,
        idempotency_key: &str,
    ) -> Result<PrivacyPass> {
        let issue = async {
            let _call = self.client.inner.lifecycle.begin_call()?;
            crate::credential::check_visible(idempotency_key, "the idempotency key", 255)?;
            let inner = &self.client.inner;
            let engine = self.engine()?;
            let api_key = inner.signing_lane()?.api_key();
            let parts = [api_key.expose(), idempotency_key];
            let names = self.names(&engine).await?;
            let id = names.id("purchase", &parts);
            let way = match &request {
                IssuePrivacyPass::Relay { relay_token, .. } => Some(way(&names, relay_token)),
                IssuePrivacyPass::ClaimType(_) => None,
            };
            let pass = engine.buy(id, &request, way).await?;
            Ok(PrivacyPass {
                privacy_pass_token: PrivacyPassToken::parse(pass.expose(), now_ms())?,
                info: ResponseInfo::default(),
            })
        };
        issue
            .await
            .map_err(|error: Error| error.in_operation("relays.issue_privacy_pass"))
    }

    /// Step 3: redeems a pass, once. Whoever repeats the call with the same relay and pass gets the
    /// first answer, also when the pass is spent by now; the answer is kept for 30 days.
    ///
    /// A call that is answered with `permission_denied` (not finished yet) asks a new question each
    /// time.
    ///
    /// # Errors
    /// Those of [`Relays::generate_claim`](crate::Relays::generate_claim); `invalid_argument`
    /// without a store, or if the request brings an idempotency key of its own; `store`.
    pub async fn generate_claim(&self, request: GenerateClaim) -> Result<GeneratedClaim> {
        let generate = async {
            let _call = self.client.inner.lifecycle.begin_call()?;
            if request.idempotency_key.is_some() {
                return Err(Error::invalid_argument(
                    "A kept redemption has idempotency keys of its own; leave yours out.",
                ));
            }
            let inner = &self.client.inner;
            let text = request.privacy_pass_token.expose().as_str();
            let pass = match PrivacyPassToken::parse(text, now_ms()) {
                Ok(pass) => Ok(StoredSecret::new(pass.expose())),
                // What it was answered outlives it.
                Err(expired) if expired.kind() == ErrorKind::PassExpired => Err(expired),
                Err(no_pass) => return Err(no_pass),
            };
            let engine = self.engine()?;
            let relay = (&request.relay_token, &request.relay_secret);
            let parts = [relay.0.as_str(), relay.1.expose(), text];
            let names = self.names(&engine).await?;
            let id = names.id("redemption", &parts);
            let way = way(&names, &request.relay_token);
            let (payload, token_consumed) = engine.redeem(id, relay, pass, way).await?;
            let claim_payload = Secret::new(payload.expose().to_owned());
            let claim = inner.read_claim(payload.expose(), &request).await;
            let claim = claim.map_err(|error| {
                error.with_unopened_claim(UnopenedClaim {
                    claim_payload: claim_payload.clone(),
                    token_consumed: Some(token_consumed),
                })
            })?;
            Ok(GeneratedClaim {
                claim_payload,
                token_consumed,
                claim,
                info: ResponseInfo::default(),
            })
        };
        generate
            .await
            .map_err(|error: Error| error.in_operation("relays.generate_claim"))
    }

    /// [`Client::privacy_report`] of a server whose callers buy passes with API keys of their own.
    ///
    /// # Errors
    /// Those of [`Client::privacy_report`].
    pub async fn privacy_report(&self) -> Result<PrivacyReport> {
        self.client.report_with_callers(self.limit).await
    }

    /// Seals what steps are named with anew, if another than the first seal key has sealed it. Call
    /// it when a process begins, and an old seal key can be dropped one day: all else that it sealed
    /// is gone by itself.
    ///
    /// # Errors
    /// `invalid_argument` without a store; `store`; `decryption` when none of the seal keys opens
    /// it.
    pub async fn renew_seal(&self) -> Result<()> {
        let renew = async {
            let _call = self.client.inner.lifecycle.begin_call()?;
            NameKey::renew_seal(&self.engine()?.ports.vault).await
        };
        renew
            .await
            .map_err(|error| error.in_operation("relays.renew_seal"))
    }

    /// Whether steps can be kept now: what they are named with can be read and opened, and the store
    /// takes writes: it puts a record without content under `ready`, once a second at most. As [`DurableRelays::renew_seal`], it
    /// may seal anew what they are named with.
    ///
    /// # Errors
    /// `invalid_argument` without a store; `store`; `decryption` when none of the seal keys opens
    /// what is there.
    pub async fn check_ready(&self) -> Result<()> {
        let check = async {
            let _call = self.client.inner.lifecycle.begin_call()?;
            let ports = self.engine()?.ports;
            NameKey::renew_seal(&ports.vault).await?;
            ports.vault.check_writes(ports.now()).await
        };
        let checked = check.await;
        checked.map_err(|error: Error| error.in_operation("relays.check_ready"))
    }

    fn engine(&self) -> Result<Engine> {
        let inner = &self.client.inner;
        Engine::of(inner, self.limit)
    }

    /// What gives steps their names in the store. It is read each time: a worker that went on with one
    /// that is no longer there would do again what others did.
    async fn names(&self, engine: &Engine) -> Result<NameKey> {
        NameKey::of(&engine.ports.vault, &mut engine.ports.random()).await
    }
}

/// What gives a relay's way in all steps that name it, in whatever process: Persona, who made the token, cannot tell it.
fn way(names: &NameKey, relay_token: &RelayToken) -> u64 {
    number_of(&names.id("way", &[relay_token.as_str()]))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::credential::RelaySecret;
    use crate::encoding::encode_base64url;
    use crate::records::{Changed, Vault};
    use crate::secret::os_random;
    use crate::store::{MemoryStore, Record, Sealer, Store, StoreError, Swap};
    use crate::verification::machine::first_request;
    use crate::verification::record::{record_key, Beginning, Durable, Purpose, State};

    const PAYLOAD: &str = r#"{"claim_type":"age_over18_verified","claim_result":"passed"}"#;

    /// Nobody listens there: whatever is sent is an error.
    fn client(store: &Arc<MemoryStore>) -> Client {
        let client = Client::builder().base_url("http://127.0.0.1:9");
        let client = client.store(store.clone() as Arc<dyn Store>);
        client.build().expect("a client")
    }

    /// Puts a record in this state into the store.
    async fn put(store: &Arc<MemoryStore>, purpose: Purpose, id: &str, state: State, now: u64) {
        let beginning = Beginning {
            purpose,
            id: id.to_owned(),
            environment: "production".to_owned(),
            claim_type: String::new(),
            owner: None,
            reference_key: None,
            encryption_form: None,
            relay_bound: true,
            relay: None,
            state,
            buy_at: None,
        };
        let record = Durable::begin(beginning, now, &mut os_random());
        let vault = Vault::new(store.clone(), Sealer::default());
        let put = vault.put(&record_key(id), None, record).await;
        assert!(matches!(put, Ok(Changed::Done(_))));
    }

    fn redemption_of_an_expired_pass() -> GenerateClaim {
        let challenge = r#"{"token_type":2,"issuer_name":"i","origin_info":"o","expires_at":"2020-01-01T00:00:00Z","mac":"m"}"#;
        let pass = format!(
            r#"{{"token_nonce":"n","signature":"c2ln","key_id":"k","challenge":{challenge}}}"#
        );
        GenerateClaim::new(
            RelayToken::parse("relay").expect("a token"),
            RelaySecret::parse("secret").expect("a secret"),
            encode_base64url(pass.as_bytes()),
        )
    }

    #[tokio::test]
    async fn an_answer_is_told_although_its_pass_has_expired_since() {
        let store = Arc::new(MemoryStore::new());
        let client = client(&store);
        let request = redemption_of_an_expired_pass();
        let parts = [
            request.relay_token.as_str(),
            request.relay_secret.expose(),
            request.privacy_pass_token.expose(),
        ];
        let kept = client.durable_relays();
        let engine = kept.engine().expect("there is a store");
        let names = kept.names(&engine).await.expect("a key");
        let id = names.id("redemption", &parts);
        let given = State::Given {
            payload: StoredSecret::new(PAYLOAD),
            consumed: true,
        };
        put(&store, Purpose::Redemption, &id, given, now_ms()).await;
        let told = client.durable_relays().generate_claim(request).await;
        let told = told.expect("what was answered");
        assert!(told.token_consumed && told.claim.expect("a claim").passed());
    }

    #[tokio::test]
    async fn an_expired_pass_begins_no_redemption() {
        let store = Arc::new(MemoryStore::new());
        let request = redemption_of_an_expired_pass();
        let refused = client(&store)
            .durable_relays()
            .generate_claim(request)
            .await;
        let refused = refused.expect_err("it has expired");
        assert_eq!(refused.kind(), ErrorKind::PassExpired);
        let stored = store
            .scan("verification/", None, 1)
            .await
            .expect("the store works");
        assert!(stored.is_empty(), "{stored:?}");
    }

    #[tokio::test]
    async fn verifications_are_counted_though_many_steps_are_due_before_them() {
        let store = Arc::new(MemoryStore::new());
        let now = now_ms();
        for number in 0..60 {
            let question = first_request(StoredSecret::new("pass"), None, now, &mut os_random());
            let id = format!("redemption/{number}");
            put(&store, Purpose::Redemption, &id, question, now).await;
        }
        for number in 0..12 {
            let state = State::Created { pooled: None };
            let later = now + 60 * 60 * 1000;
            let id = number.to_string();
            put(&store, Purpose::Verification, &id, state, later).await;
        }
        let client = client(&store);
        for (most, counted) in [(20, 12), (10, 10)] {
            let open = client.verifications().count_open(most).await;
            assert_eq!(open.expect("the store works"), counted);
        }
    }

    /// Returns short and foreign keys, whatever it is asked for.
    struct Confused(Arc<MemoryStore>);

    impl Store for Confused {
        fn load<'a>(
            &'a self,
            key: &'a str,
        ) -> crate::future::BoxFuture<'a, std::result::Result<Option<Record>, StoreError>> {
            self.0.load(key)
        }

        fn compare_and_swap<'a>(
            &'a self,
            key: &'a str,
            expected: Option<u64>,
            new: Option<Record>,
        ) -> crate::future::BoxFuture<'a, std::result::Result<Swap, StoreError>> {
            self.0.compare_and_swap(key, expected, new)
        }

        fn scan<'a>(
            &'a self,
            _: &'a str,
            _: Option<u64>,
            _: usize,
        ) -> crate::future::BoxFuture<'a, std::result::Result<Vec<String>, StoreError>> {
            let keys = [
                "",
                "v",
                "verif\u{e9}cation/1",
                "names",
                "verification/",
                "pass/x",
            ];
            Box::pin(async move { Ok(keys.map(str::to_owned).to_vec()) })
        }
    }

    #[tokio::test]
    async fn a_store_that_returns_short_and_foreign_keys_is_survived() {
        let store = Arc::new(Confused(Arc::new(MemoryStore::new())));
        let client = Client::builder().base_url("http://127.0.0.1:9");
        let client = client.store(store as Arc<dyn Store>).build();
        let client = client.expect("a client");
        let open = client.verifications().count_open(10).await;
        assert_eq!(open.expect("nothing is wrong"), 0);
        let driven = client.verifications().recover().await;
        assert_eq!(driven.expect("nothing is wrong"), 0);
    }

    #[tokio::test]
    async fn a_redemption_without_its_relay_is_a_damaged_record_and_no_endless_loop() {
        let store = Arc::new(MemoryStore::new());
        let client = client(&store);
        let id = "00000000-0000-4000-8000-000000000000";
        let pass = StoredSecret::new("pass");
        let state = first_request(pass, None, now_ms(), &mut os_random());
        put(&store, Purpose::Verification, id, state, now_ms() - 60_000).await;
        let id = crate::VerificationId::parse(id).expect("an id");
        let damaged = client.verifications().complete(&id, false).await;
        let damaged = damaged.expect_err("there is no relay");
        assert_eq!(damaged.kind(), ErrorKind::Store);
    }

    #[tokio::test]
    async fn a_column_that_was_altered_by_hand_is_put_right_by_the_next_write() {
        let store = Arc::new(MemoryStore::new());
        let client = client(&store);
        let key = "verification/00000000-0000-4000-8000-000000000000";
        let pass = StoredSecret::new("pass");
        let state = first_request(pass, None, now_ms(), &mut os_random());
        let id = &key["verification/".len()..];
        put(&store, Purpose::Verification, id, state, now_ms() - 60_000).await;
        let there = store
            .load(key)
            .await
            .expect("it works")
            .expect("it is there");
        let (version, expires_at) = (there.version, Some(1));
        let altered = Record {
            expires_at,
            version: version + 1,
            value: Sealer::default().seal(
                key,
                version + 1,
                &Sealer::default()
                    .open(key, version, &there.value)
                    .expect("it has no seal"),
            ),
            ..there
        };
        let put = store.compare_and_swap(key, Some(version), Some(altered));
        put.await.expect("the store works");
        let id = crate::VerificationId::parse(id).expect("an id");
        // It has no relay: but what is written before that is found is right.
        let _ = client.verifications().complete(&id, false).await;
        let there = store
            .load(key)
            .await
            .expect("it works")
            .expect("it is there");
        assert_eq!(there.expires_at, None);
    }
}
