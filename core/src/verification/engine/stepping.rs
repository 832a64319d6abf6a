//! Single steps for callers who keep their own relays and passes: asked twice, done once.

use super::driving::{Driven, Shelf};
use super::{unknown_id, Engine, Progress};
use crate::client::{IssuePrivacyPass, RelayToken};
use crate::credential::RelaySecret;
use crate::error::{Error, ErrorKind, ResponseInfo, Result};
use crate::http::Way;
use crate::passes::{Attempts, Purchase};
use crate::records::{Changed, Loaded, StoredSecret};
use crate::secret::IdempotencyKey;
use crate::verification::machine::{first_request, Event, Goal, Run};
use crate::verification::record::{record_key, Beginning, Durable, Purpose, State, StoredRelay};

impl Engine {
    /// Buys a pass under this id, or finds the one that was bought. `way`: the number of the relay's, if it is bound
    /// to one.
    pub(crate) async fn buy(
        &self,
        id: String,
        bound_to: &IssuePrivacyPass,
        way: Option<u64>,
    ) -> Result<StoredSecret> {
        let engine = self.for_one_call();
        engine.ports.persona.check_can_issue()?;
        engine.buy_now(id, bound_to, way).await
    }

    async fn buy_now(
        &self,
        id: String,
        bound_to: &IssuePrivacyPass,
        way: Option<u64>,
    ) -> Result<StoredSecret> {
        let began = self.ports.now();
        let stored = match self.find_step(&id).await? {
            Some(there) => there,
            None => {
                self.check_sells_to_callers()?;
                let left = self.ports.left();
                let blinded = (self.ports.persona).blind(bound_to, way.map(Way::Of), &left);
                let blinded = blinded.await?;
                let purchase = Purchase::new(blinded, self.ports.now(), &mut self.ports.random());
                let (relay, claim_type) = names(bound_to, way);
                let state = State::Issuing { purchase };
                self.begin_step(Purpose::Purchase, id, relay, claim_type, state)
                    .await?
            }
        };
        let same = match bound_to {
            IssuePrivacyPass::ClaimType(claim_type) => {
                stored.0.content.claim_type == claim_type.as_str()
            }
            IssuePrivacyPass::Relay {
                relay_token,
                relay_secret,
            } => {
                let relay = stored.0.content.relay.as_ref();
                // Whatever gives its way: that of an older record was another, or none.
                relay.is_some_and(|relay| *relay == kept(relay_token, relay_secret, relay.way))
            }
        };
        if !same || stored.0.content.environment != self.ports.environment.as_str() {
            return Err(Error::invalid_argument(
                "This idempotency key was used for another request; nothing was sent.",
            ));
        }
        let run = Run::new(Goal::Pass, began);
        match self.go_on_with_step(stored, run).await? {
            Progress::Bought(pass) => Ok(pass),
            _ => Err(busy()),
        }
    }

    /// Buys a pass for a caller who keeps everything himself.
    pub(crate) async fn buy_unkept(
        &self,
        bound_to: &IssuePrivacyPass,
    ) -> Result<(StoredSecret, ResponseInfo)> {
        self.check_sells_to_callers()?;
        self.ports.persona.check_can_issue()?;
        let left = self.ports.left();
        let blinded = (self.ports.persona.blind(bound_to, None, &left)).await?;
        let purchase = Purchase::new(blinded, self.ports.now(), &mut self.ports.random());
        let (relay, claim_type) = names(bound_to, None);
        let state = State::Issuing { purchase };
        let record = self.step(Purpose::Purchase, String::new(), relay, claim_type, state);
        let run = Run::new(Goal::Pass, self.ports.now());
        let driven = self.drive_unkept(record, run).await;
        match driven.told?? {
            Progress::Bought(pass) => Ok((pass, driven.info)),
            _ => Err(busy()),
        }
    }

    /// Redeems a pass for a caller who keeps everything himself: under his own key and no other, if
    /// he gives one.
    pub(crate) async fn redeem_unkept(
        &self,
        (relay_token, relay_secret): (&RelayToken, &RelaySecret),
        pass: StoredSecret,
        key: Option<&IdempotencyKey>,
    ) -> Result<((StoredSecret, bool), ResponseInfo)> {
        self.wait_by_chance().await;
        let now = self.ports.now();
        let state = first_request(pass, key, now, &mut self.ports.random());
        let relay = Some(kept(relay_token, relay_secret, None));
        let record = self.step(Purpose::Redemption, String::new(), relay, "", state);
        let mut run = Run::new(Goal::Answer, now);
        if key.is_some() {
            run.only_this_key = true;
            // He may have sent it before.
            run.attempts = Some(Attempts::taken_up());
        }
        let driven = self.drive_unkept(record, run).await;
        match driven.told?? {
            Progress::Given(payload, consumed) => Ok(((payload, consumed), driven.info)),
            _ => Err(busy()),
        }
    }

    async fn drive_unkept(&self, content: Durable, mut run: Run) -> Driven {
        run.is_own = true;
        let stored = Loaded {
            content,
            version: 0,
        };
        self.drive_on(Shelf::Nowhere, stored, run, Event::Continue)
            .await
    }

    /// Redeems a pass under this id, or finds what was answered: the payload, and whether the pass
    /// is spent. A pass that cannot be redeemed (any more) begins nothing. `way`: the number of the relay's.
    pub(crate) async fn redeem(
        &self,
        id: String,
        relay: (&RelayToken, &RelaySecret),
        pass: Result<StoredSecret>,
        way: u64,
    ) -> Result<(StoredSecret, bool)> {
        let engine = self.for_one_call();
        engine.redeem_now(id, relay, pass, way).await
    }

    async fn redeem_now(
        &self,
        id: String,
        (relay_token, relay_secret): (&RelayToken, &RelaySecret),
        pass: Result<StoredSecret>,
        way: u64,
    ) -> Result<(StoredSecret, bool)> {
        // Before the request is made and stored: what it is answered is of this call.
        let mut began = self.ports.now();
        let found = self.find_step(&id).await?;
        let is_closed = |(there, _): &(Loaded<Durable>, bool)| there.content.is_closed();
        if self.is_strict && !found.as_ref().is_some_and(is_closed) {
            self.wait_by_chance().await;
            began = self.ports.now();
        }
        let stored = match found {
            Some(there) => there,
            None => {
                let now = self.ports.now();
                let state = first_request(pass?, None, now, &mut self.ports.random());
                let relay = Some(kept(relay_token, relay_secret, Some(way)));
                self.begin_step(Purpose::Redemption, id, relay, "", state)
                    .await?
            }
        };
        let run = Run::new(Goal::Answer, began);
        match self.go_on_with_step(stored, run).await? {
            Progress::Given(payload, consumed) => Ok((payload, consumed)),
            _ => Err(busy()),
        }
    }

    async fn find_step(&self, id: &str) -> Result<Option<(Loaded<Durable>, bool)>> {
        let there = self.ports.vault.load::<Durable>(&record_key(id)).await?;
        Ok(there.map(|there| (there, false)))
    }

    /// Stores what is to be done, unless somebody was faster. True: it was us.
    async fn begin_step(
        &self,
        purpose: Purpose,
        id: String,
        relay: Option<StoredRelay>,
        claim_type: &str,
        state: State,
    ) -> Result<(Loaded<Durable>, bool)> {
        let ports = &self.ports;
        let key = record_key(&id);
        let record = self.step(purpose, id, relay, claim_type, state);
        match ports.vault.put(&key, None, record).await? {
            Changed::Done(stored) => Ok((stored, true)),
            Changed::Refused(there) => Ok((there.ok_or_else(unknown_id)?, false)),
        }
    }

    fn step(
        &self,
        purpose: Purpose,
        id: String,
        relay: Option<StoredRelay>,
        claim_type: &str,
        state: State,
    ) -> Durable {
        let beginning = Beginning {
            purpose,
            id,
            environment: self.ports.environment.as_str().to_owned(),
            claim_type: claim_type.to_owned(),
            owner: None,
            reference_key: None,
            encryption_form: None,
            // Its pass is the caller's, and is never put into the pool.
            relay_bound: relay.is_some(),
            relay,
            state,
            buy_at: None,
        };
        Durable::begin(beginning, self.ports.now(), &mut self.ports.random())
    }

    async fn go_on_with_step(
        &self,
        (stored, is_own): (Loaded<Durable>, bool),
        mut run: Run,
    ) -> Result<Progress> {
        run.is_own = is_own;
        let driven = self.drive_on(Shelf::Record, stored, run, Event::Continue);
        driven.await.told?
    }
}

/// What a purchase is bound to, as its record says it.
fn names(bound_to: &IssuePrivacyPass, way: Option<u64>) -> (Option<StoredRelay>, &str) {
    match bound_to {
        IssuePrivacyPass::ClaimType(claim_type) => (None, claim_type.as_str()),
        IssuePrivacyPass::Relay {
            relay_token,
            relay_secret,
        } => (Some(kept(relay_token, relay_secret, way)), ""),
    }
}

fn kept(relay_token: &RelayToken, relay_secret: &RelaySecret, way: Option<u64>) -> StoredRelay {
    StoredRelay {
        token: StoredSecret::new(relay_token.as_str()),
        secret: StoredSecret::new(relay_secret.expose()),
        session_access_token: StoredSecret::new(""),
        way,
    }
}

fn busy() -> Error {
    Error::new(
        ErrorKind::Timeout,
        "Another worker is busy with this step; ask again.",
    )
    .with_retryable(true)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::claim::ClaimType;
    use crate::store::MemoryStore;
    use crate::verification::seller::{engine, Seller, TOTAL};

    #[tokio::test(start_paused = true)]
    async fn challenge_and_signature_share_the_time_of_one_call() {
        let challenge = Duration::from_secs(20);
        let seller = Arc::new(Seller {
            challenge,
            ..Seller::default()
        });
        let engine = engine(Arc::new(MemoryStore::new()), seller.clone());
        let claim_type = ClaimType::parse("age_over18_verified").expect("a claim type");
        let bound_to = IssuePrivacyPass::ClaimType(claim_type);
        let pass = engine.buy("purchase/1".to_owned(), &bound_to, None).await;
        assert_eq!(pass.expect("a pass").expose(), "pass");
        let left = *seller.left_for_signature.lock().expect("nobody panicked");
        assert_eq!(left, Some(TOTAL - challenge));
    }

    #[tokio::test(start_paused = true)]
    async fn a_purchase_is_found_again_whatever_gave_its_way_and_for_no_other_relay() {
        let engine = engine(Arc::new(MemoryStore::new()), Arc::new(Seller::default()));
        let bound_to = |secret| IssuePrivacyPass::Relay {
            relay_token: RelayToken::parse("relay").expect("a token"),
            relay_secret: RelaySecret::parse(secret).expect("a secret"),
        };
        let (id, same, other) = ("purchase/1", bound_to("secret"), bound_to("other"));
        for way in [None, Some(1), Some(2)] {
            let pass = engine.buy(id.to_owned(), &same, way).await;
            assert_eq!(pass.expect("a pass").expose(), "pass");
        }
        let refused = engine.buy(id.to_owned(), &other, None).await;
        let refused = refused.expect_err("it is another relay");
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    }
}
