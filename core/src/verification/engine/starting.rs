//! How a verification begins: its relay, what its pass begins with, and the caller's reference.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{unknown_id, Engine};
use crate::claim::ClaimType;
use crate::client::{IssuePrivacyPass, Owner, PassBinding};
use crate::encoding::encode_hex;
use crate::error::{Error, ErrorKind, Result};
use crate::http::Way;
use crate::outcome::Budget;
use crate::passes::Purchase;
use crate::records::{Changed, Loaded, NameKey, Stored, StoredSecret, KEEP_FINISHED};
use crate::secret::rand_core::Rng;
use crate::secret::IdempotencyKey;
use crate::verification::api::StartVerification;
use crate::verification::machine::{Goal, Run};
use crate::verification::record::{record_key, Beginning, Durable, Purpose, State, StoredRelay};

/// How long `start` waits for the challenge beside the relay. Without it, the pass is bought later.
const CHALLENGE_GRACE: Duration = Duration::from_secs(2);

/// What leads from a caller's reference to a verification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(super) id: String,
    expires_at: u64,
}

impl Stored for Reference {
    fn due_at(&self) -> Option<u64> {
        None
    }

    fn expires_at(&self) -> Option<u64> {
        Some(self.expires_at)
    }
}

/// What a verification begins with, beside its relay.
enum Provision {
    None,
    Pooled(String),
    Blinded(StoredSecret),
}

/// Where a reference leads.
enum Referred {
    Open(Box<Loaded<Durable>>),
    New(String),
}

impl Engine {
    /// Creates the relay and stores the verification. What is left to do until there is a pass is
    /// [`Engine::prepare`]'s.
    pub(crate) async fn start(
        &self,
        request: &StartVerification,
    ) -> Result<(Loaded<Durable>, bool)> {
        self.for_one_call().start_now(request).await
    }

    async fn start_now(&self, request: &StartVerification) -> Result<(Loaded<Durable>, bool)> {
        self.ports.persona.check_can_issue()?;
        self.check_has_pool()?;
        let Some(reference) = &request.reference else {
            return self.begin(request, self.random_id(), None).await;
        };
        let (key, mut found) = self.find_reference(reference).await?;
        loop {
            let id = match self.refer(&key, found.take(), request).await? {
                Referred::Open(open) => return Ok((*open, false)),
                Referred::New(id) => id,
            };
            let (stored, is_new) = self.begin(request, id.clone(), Some(key.clone())).await?;
            if self.leads_to(&key, &id).await? {
                return Ok((stored, is_new));
            }
            found = self.ports.vault.load(&key).await?;
            // Meanwhile the verification was over, or forgotten, and the reference leads elsewhere.
            if is_new && self.is_open(&stored.content) {
                self.withdraw(&stored).await?;
            }
        }
    }

    /// Drives a verification that was just started until there is a pass, or until all is done that
    /// comes before a purchase which is put off: then it says for how many milliseconds.
    pub(crate) async fn prepare(&self, stored: Loaded<Durable>) -> Result<Option<u64>> {
        if self.is_strict {
            // Its pass comes from the pool when the answer is asked for.
            return Ok(None);
        }
        let id = stored.content.id().to_owned();
        if let (State::Issuing { .. }, left @ Some(_)) = (
            &stored.content.state,
            stored.content.is_put_off_for(self.ports.now()),
        ) {
            return Ok(left);
        }
        let mut run = Run::new(Goal::Pass, self.ports.now());
        run.is_own = true;
        let driven = self.drive(stored, run, false).await;
        if self.purchase_window == 0 {
            return driven?.map(|_| None);
        }
        // What failed before the moment is tried again at the moment.
        let there = self.load(&id).await?;
        Ok(there.content.is_put_off_for(self.ports.now()))
    }

    /// Likewise, when the moment of a purchase that was put off has come. Somebody may have bought it
    /// meanwhile, or ended the verification.
    pub(crate) async fn prepare_later(&self, id: &str) -> Result<()> {
        let stored = self.load(id).await?;
        let mut run = Run::new(Goal::Pass, self.ports.now());
        run.is_its_moment = true;
        self.drive(stored, run, false).await?.map(|_| ())
    }

    /// Creates the relay, and stores the verification under this id unless it is there already.
    async fn begin(
        &self,
        request: &StartVerification,
        id: String,
        reference_key: Option<String>,
    ) -> Result<(Loaded<Durable>, bool)> {
        let ports = &self.ports;
        let owner = ports.owner().await?;
        let relay_bound = self.binding == PassBinding::Relay;
        let left = ports.left();
        // Kept with the relay, and not with the reference: whoever begins anew may leave by another way.
        let number = ports.random().next_u64();
        let way = Way::Of(number);
        let (relay, provision) = tokio::join!(
            ports.persona.create(&request.claim_type, way, &left),
            async {
                match relay_bound || self.is_strict {
                    true => Provision::None,
                    false => self.provide(owner.as_ref(), &request.claim_type, way).await,
                }
            },
        );
        let (relay, now) = (relay?, ports.now());
        if self.is_strict {
            // Persona knows the claim type: a pool of it can be bought.
            self.want_passes(request.claim_type.as_str()).await?;
        }
        // At a time that Persona cannot guess.
        let window = if self.is_strict {
            0
        } else {
            self.purchase_window
        };
        let buy_at = (window > 0).then(|| now + ports.random().next_u64() % window);
        let state = match provision {
            Provision::None => State::Created { pooled: None },
            Provision::Pooled(key) => State::Created { pooled: Some(key) },
            Provision::Blinded(blinded) => {
                let purchase = match buy_at {
                    None => Purchase::new(blinded, now, &mut ports.random()),
                    Some(_) => Purchase::unasked(blinded, now),
                };
                State::Issuing { purchase }
            }
        };
        let beginning = Beginning {
            purpose: Purpose::Verification,
            id: id.clone(),
            environment: ports.environment.as_str().to_owned(),
            claim_type: request.claim_type.as_str().to_owned(),
            owner,
            reference_key,
            encryption_form: relay.encryption_form,
            relay_bound,
            relay: Some(StoredRelay {
                token: StoredSecret::new(relay.relay_token.as_str()),
                secret: StoredSecret::new(relay.relay_secret.expose()),
                session_access_token: StoredSecret::new(
                    relay.relay_session_access_token.expose().as_str(),
                ),
                way: Some(number),
            }),
            state,
            buy_at,
        };
        let record = Durable::begin(beginning, now, &mut ports.random());
        // A clock that is behind must not end a session early.
        let record = record.made_at(relay.info.answered_at);
        let record = match self.is_strict {
            true => {
                let (strict, state) = (record.as_strict(), record.state.clone());
                strict.moved(state, now, &mut ports.random())
            }
            false => record,
        };
        let put = match ports
            .vault
            .put(&record_key(&id), None, record.clone())
            .await
        {
            // The write may have landed all the same, and the call's time be up. Without its id, the
            // caller would begin another one.
            Err(failed) => match ports.vault.in_grace().load(&record_key(&id)).await {
                Ok(Some(there)) if there.content == record => Changed::Done(there),
                _ => return Err(failed),
            },
            put => put?,
        };
        match put {
            Changed::Done(stored) => Ok((stored, true)),
            // Another start with the same reference was faster; this relay is left to expire.
            Changed::Refused(there) => {
                let there = there.ok_or_else(unknown_id)?;
                self.check_same(request, &there.content)?;
                Ok((there, false))
            }
        }
    }

    /// What comes first: a pass of the pool, or a challenge to buy one. That leaves by the relay's way: time joins the
    /// two, and by another one it would show two exits of one client.
    async fn provide(&self, owner: Option<&Owner>, claim_type: &ClaimType, way: Way) -> Provision {
        // Neither is worth failing for: what is missing here is made up for later.
        if let Ok(Some(key)) = (self.ports).find_pooled(owner, claim_type.as_str()).await {
            return Provision::Pooled(key);
        }
        let bound_to = IssuePrivacyPass::ClaimType(claim_type.clone());
        let budget = Budget {
            retries: 0,
            attempt: self.ports.budget.attempt.min(CHALLENGE_GRACE),
            ..self.ports.left()
        };
        let blinded = (self.ports.persona).blind(&bound_to, Some(way), &budget);
        match blinded.await {
            Ok(blinded) => Provision::Blinded(blinded),
            Err(_) => Provision::None,
        }
    }

    /// Finds the open verification of a reference, or the id of the one to come.
    async fn refer(
        &self,
        key: &str,
        mut found: Option<Loaded<Reference>>,
        request: &StartVerification,
    ) -> Result<Referred> {
        let vault = &self.ports.vault;
        loop {
            let reference = found.take();
            if let Some(reference) = &reference {
                let id = &reference.content.id;
                match vault.load::<Durable>(&record_key(id)).await? {
                    // Somebody is about to create it, or crashed over it: either may go on. The swap
                    // makes sure that it was not forgotten while we looked.
                    None => {
                        let same = reference.content.clone();
                        let (id, version) = (id.clone(), Some(reference.version));
                        match vault.put(key, version, same).await? {
                            Changed::Done(_) => return Ok(Referred::New(id)),
                            Changed::Refused(there) => found = there,
                        }
                        continue;
                    }
                    Some(open) if self.is_open(&open.content) => {
                        // Since we read it, it may have been forgotten, and another start may have
                        // stored its own under its id, and be about to withdraw it.
                        let there = vault.load::<Reference>(key).await?;
                        if there.as_ref().is_none_or(|there| there.content.id != *id) {
                            found = there;
                            continue;
                        }
                        self.check_same(request, &open.content)?;
                        return Ok(Referred::Open(Box::new(open)));
                    }
                    Some(_) => {}
                }
            }
            let fresh = Reference {
                id: self.random_id(),
                expires_at: self.ports.now() + KEEP_FINISHED,
            };
            let id = fresh.id.clone();
            let version = reference.map(|reference| reference.version);
            match vault.put(key, version, fresh).await? {
                Changed::Done(_) => return Ok(Referred::New(id)),
                Changed::Refused(there) => found = there,
            }
        }
    }

    /// Whether this reference leads to this verification.
    async fn leads_to(&self, key: &str, id: &str) -> Result<bool> {
        let reference = self.ports.vault.load::<Reference>(key).await?;
        Ok(reference.is_some_and(|reference| reference.content.id == id))
    }

    /// Forgets what was stored for a verification that had been forgotten before: several who start
    /// under one reference share its id.
    async fn withdraw(&self, ours: &Loaded<Durable>) -> Result<()> {
        let id = ours.content.id();
        let withdrawn = match self.load(id).await {
            Ok(there) if there.version == ours.version => self.forget(id).await,
            // Somebody goes on with it.
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        withdrawn.or_else(|error| match error.kind() {
            ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
    }

    fn is_open(&self, record: &Durable) -> bool {
        !record.is_closed() && self.ports.now() < record.session_ends_at
    }

    /// Whether a verification that is there already is the one that is asked for.
    fn check_same(&self, request: &StartVerification, record: &Durable) -> Result<()> {
        self.check_environment(record)?;
        if record.claim_type == request.claim_type.as_str() {
            return self.check_goes_on(record);
        }
        Err(Error::invalid_argument(
            "The open verification of this reference asks for another claim type.",
        ))
    }

    fn random_id(&self) -> String {
        IdempotencyKey::random(&mut self.ports.random())
            .expose()
            .to_owned()
    }

    /// Where a reference is kept, under a keyed hash of it, and what is there.
    async fn find_reference(&self, reference: &str) -> Result<(String, Option<Loaded<Reference>>)> {
        let ports = &self.ports;
        let name_key = self.name_key().await?;
        let owner = ports.owner().await?;
        let whose = owner.as_ref().map_or("", Owner::as_str);
        let parts = [ports.environment.as_str(), whose, reference];
        let key = name_key.id("reference", &parts);
        let found = ports.vault.load::<Reference>(&key).await?;
        if found.is_none() {
            let unkeyed = self.unkeyed_reference_key(reference);
            let there = ports.vault.load::<Reference>(&unkeyed).await?;
            if let Some(there) = there {
                if self.is_in_use(&there.content, owner.as_ref()).await? {
                    return Ok((unkeyed, Some(there)));
                }
            }
        }
        Ok((key, found))
    }

    /// What names are made with. It is sealed anew once for each client, so that an old seal key can be
    /// dropped one day. Not more often: while seal keys change, workers with another first key would
    /// undo each other's work until the end.
    async fn name_key(&self) -> Result<NameKey> {
        let (vault, random) = (&self.ports.vault, &mut self.ports.random());
        let is_renewed = &self.ports.name_seal_is_renewed;
        if is_renewed.load(Ordering::Relaxed) {
            return NameKey::of(vault, random).await;
        }
        let renewed = NameKey::renewed(vault, random).await?;
        is_renewed.store(true, Ordering::Relaxed);
        Ok(renewed)
    }

    /// Where relaypass 0.1.0 kept it. What began there ends there.
    fn unkeyed_reference_key(&self, reference: &str) -> String {
        let named = format!("{}\0{reference}", self.ports.environment.as_str());
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, named.as_bytes());
        format!("reference/{}", encode_hex(hash.as_ref()))
    }

    /// Whether a reference of 0.1.0's, which knew no owners, leads to a verification that is open, or
    /// about to be created, and is nobody else's by now.
    async fn is_in_use(&self, reference: &Reference, owner: Option<&Owner>) -> Result<bool> {
        let key = record_key(&reference.id);
        let there = self.ports.vault.load::<Durable>(&key).await?;
        // What is not there yet was never bought for: an owner begins under a name of his own.
        Ok(there.map_or(owner.is_none(), |there| {
            let may_be_his = there.content.may_belong_to(owner);
            may_be_his && self.is_open(&there.content)
        }))
    }
}
