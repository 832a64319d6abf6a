//! The engine: performs what the state machine says, and stores each step before its effect.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::api::StartVerification;
use super::machine::{step, Effect, Event, Goal, Run, Step};
use super::record::{Beginning, Durable, RelayKept, State};
use crate::claim::{Claim, ClaimType};
use crate::client::{Attempting, IssuePrivacyPass, PassBinding, Ports, Question, RelayToken};
use crate::encoding::encode_hex;
use crate::error::{Error, ErrorKind, Result, UnopenedClaim};
use crate::events::EventKind;
use crate::http::Attempt;
use crate::outcome::{out_of_patience, Budget, Step as Call};
use crate::passes::{Looked, Purchase};
use crate::records::{Changed, Kept, Loaded, Stored, KEEP_FINISHED};
use crate::secret::rand_core::Rng;
use crate::secret::{IdempotencyKey, RelaySecret, Secret};
use crate::store::Swap;

/// So many records are looked up at once by [`Engine::recover`].
const PAGE: usize = 100;
/// How long `start` waits for the challenge beside the relay. Without it, the pass is bought later.
const CHALLENGE_GRACE: Duration = Duration::from_secs(2);

/// Drives verifications.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) ports: Ports,
    pub(crate) binding: PassBinding,
}

/// What a verification came to so far.
#[derive(Debug)]
pub(crate) enum Told {
    Pending,
    Answered(Claim),
    Expired,
}

/// What leads from a caller's reference to a verification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Reference {
    id: String,
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

/// The key of a verification's record.
pub(crate) fn record_key(id: &str) -> String {
    format!("{PREFIX}{id}")
}

const PREFIX: &str = "verification/";

impl Engine {
    /// Creates the relay and stores the verification. What is left to do until there is a pass is
    /// [`Engine::prepare`]'s.
    pub(crate) async fn start(
        &self,
        request: &StartVerification,
    ) -> Result<(Loaded<Durable>, bool)> {
        self.ports.persona.check_can_issue()?;
        let Some(reference) = &request.reference else {
            return self.begin(request, self.random_id(), None).await;
        };
        let key = self.reference_key(reference);
        loop {
            let id = match self.refer(&key, request).await? {
                Referred::Open(open) => return Ok((*open, false)),
                Referred::New(id) => id,
            };
            let (stored, is_new) = self.begin(request, id.clone(), Some(key.clone())).await?;
            if self.leads_to(&key, &id).await? {
                return Ok((stored, is_new));
            }
            // Meanwhile the verification was over, or forgotten, and the reference leads elsewhere.
            if is_new && self.is_open(&stored.content) {
                self.withdraw(&stored).await?;
            }
        }
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

    /// Creates the relay, and stores the verification under this id unless it is there already.
    async fn begin(
        &self,
        request: &StartVerification,
        id: String,
        reference_key: Option<String>,
    ) -> Result<(Loaded<Durable>, bool)> {
        let ports = &self.ports;
        let relay_bound = self.binding == PassBinding::Relay;
        let (relay, provision) = tokio::join!(
            ports.persona.create(&request.claim_type, &ports.budget),
            async {
                match relay_bound {
                    true => Provision::None,
                    false => self.provide(&request.claim_type).await,
                }
            },
        );
        let (relay, now) = (relay?, ports.now());
        let state = match provision {
            Provision::None => State::Created { pooled: None },
            Provision::Pooled(key) => State::Created { pooled: Some(key) },
            Provision::Blinded(blinded) => State::Issuing {
                purchase: Purchase::new(blinded, now, &mut ports.random()),
            },
        };
        let beginning = Beginning {
            id: id.clone(),
            environment: ports.environment.as_str().to_owned(),
            claim_type: request.claim_type.as_str().to_owned(),
            reference_key,
            encrypted: ports.persona.encrypts(),
            relay_bound,
            relay: RelayKept {
                token: Kept::new(relay.relay_token.as_str()),
                secret: Kept::new(relay.relay_secret.expose()),
                session_access_token: Kept::new(relay.relay_session_access_token.expose().as_str()),
            },
            state,
        };
        let record = Durable::begin(beginning, now, &mut ports.random());
        let put = match ports
            .vault
            .put(&record_key(&id), None, record.clone())
            .await
        {
            // The write may have landed all the same.
            Err(failed) => match self.load(&id).await {
                Ok(there) if there.content == record => Changed::Done(there),
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

    /// Whether this reference leads to this verification.
    async fn leads_to(&self, key: &str, id: &str) -> Result<bool> {
        let reference = self.ports.vault.load::<Reference>(key).await?;
        Ok(reference.is_some_and(|reference| reference.content.id == id))
    }

    /// What comes first: a pass of the pool, or a challenge to buy one.
    async fn provide(&self, claim_type: &ClaimType) -> Provision {
        // Neither is worth failing for: what is missing here is made up for later.
        if let Ok(Some(key)) = self.ports.find_pooled(claim_type.as_str()).await {
            return Provision::Pooled(key);
        }
        let bound_to = IssuePrivacyPass::ClaimType(claim_type.clone());
        let budget = Budget {
            retries: 0,
            attempt: self.ports.budget.attempt.min(CHALLENGE_GRACE),
            ..self.ports.budget
        };
        match self.ports.persona.blind(&bound_to, &budget).await {
            Ok(blinded) => Provision::Blinded(blinded),
            Err(_) => Provision::None,
        }
    }

    /// Finds the open verification of a reference, or the id of the one to come.
    async fn refer(&self, key: &str, request: &StartVerification) -> Result<Referred> {
        let vault = &self.ports.vault;
        let mut found = vault.load::<Reference>(key).await?;
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

    /// Drives a verification that was just started until there is a pass.
    pub(crate) async fn prepare(&self, stored: Loaded<Durable>) -> Result<()> {
        let mut run = Run::new(Goal::Pass);
        run.is_own = true;
        self.drive(stored, run, false).await?.map(|_| ())
    }

    /// Finishes whatever is missing, and tells the answer.
    pub(crate) async fn complete(&self, id: &str, reissue: bool) -> Result<Told> {
        let stored = self.load(id).await?;
        self.drive(stored, Run::new(Goal::Answer), reissue).await?
    }

    /// The verification as it is stored.
    pub(crate) async fn load(&self, id: &str) -> Result<Loaded<Durable>> {
        let stored = self.ports.vault.load::<Durable>(&record_key(id)).await?;
        let stored = stored.ok_or_else(unknown_id)?;
        self.check_environment(&stored.content)?;
        if stored.content.id() != id {
            return Err(Error::new(
                ErrorKind::Store,
                "The record belongs to another verification: somebody moved it. It was left \
                 untouched.",
            ));
        }
        Ok(stored)
    }

    /// What the record says, without asking anybody.
    pub(crate) fn tell(&self, record: &Durable) -> Result<Told> {
        match &record.state {
            State::Answered { claim } => Ok(Told::Answered(claim.into())),
            State::Expired => Ok(Told::Expired),
            State::Failed { evidence } => Err(evidence.error()),
            State::Unopened {
                payload,
                consumed,
                evidence,
            } => {
                let asked = ClaimType::parse(record.claim_type.as_str())?;
                let opened = self.ports.persona.open(payload, record.encrypted, &asked);
                match opened {
                    Ok(claim) => Ok(Told::Answered(claim)),
                    Err(error) => Err(match error.kind() {
                        ErrorKind::Decryption => error,
                        _ => evidence.error(),
                    }
                    .with_unopened_claim(UnopenedClaim {
                        claim_payload: Secret::new(payload.expose().to_owned()),
                        token_consumed: *consumed,
                    })),
                }
            }
            State::Issuing { purchase } => match &purchase.stuck {
                Some(evidence) => Err(evidence.error()),
                None => Ok(Told::Pending),
            },
            State::Ready {
                rejected: Some(evidence),
                ..
            } => Err(evidence.error()),
            State::Created { .. } | State::Ready { .. } | State::Redeeming { .. } => {
                Ok(Told::Pending)
            }
        }
    }

    /// Deletes a verification and what leads to it. A pass that is certainly unspent goes to the
    /// pool first.
    pub(crate) async fn forget(&self, id: &str) -> Result<()> {
        let vault = &self.ports.vault;
        loop {
            let stored = self.load(id).await?;
            // A pass that it took and does not have yet is nobody else's: it would be lost.
            let waiting = match &stored.content.state {
                State::Created {
                    pooled: Some(place),
                } => self.ports.take_pooled(place, id).await?,
                _ => None,
            };
            let forgotten =
                (stored.content).forgotten(waiting, self.ports.now(), &mut self.ports.random());
            if let Some(closed) = forgotten {
                let key = record_key(id);
                let put = vault.put(&key, Some(stored.version), closed);
                if let Changed::Done(stored) = put.await? {
                    // What it came to is told to nobody.
                    let _ = self.drive(stored, Run::new(Goal::Answer), false).await?;
                    if self.load(id).await?.content.refund.is_some() {
                        return Err(Error::new(
                            ErrorKind::Store,
                            "Its pass could not be put into the pool; forget it again later.",
                        )
                        .with_retryable(true));
                    }
                }
                continue;
            }
            if let Some(key) = &stored.content.reference_key {
                let reference = vault.load::<Reference>(key).await?;
                if let Some(reference) = reference.filter(|reference| reference.content.id == id) {
                    if vault.delete(key, reference.version).await? == Swap::Refused {
                        // Somebody starts under it at this moment.
                        continue;
                    }
                }
            }
            if vault.delete(&record_key(id), stored.version).await? == Swap::Done {
                return Ok(());
            }
        }
    }

    /// Drives on whatever is due, and says how many records that were.
    ///
    /// # Errors
    /// When the store cannot say what is due. A record that fails does not keep the others.
    pub(crate) async fn recover(&self) -> Result<u64> {
        let passes = format!("pass/{}/", self.ports.environment.as_str());
        Ok(self.recover_all(PREFIX).await? + self.recover_all(&passes).await?)
    }

    async fn recover_all(&self, prefix: &str) -> Result<u64> {
        let mut driven = 0;
        let mut looked_after = HashSet::new();
        let due_before = self.ports.now();
        loop {
            // Those that stay due (a record of a newer version, say) must not hide the others.
            let limit = PAGE + looked_after.len();
            let keys = self
                .ports
                .vault
                .scan(prefix, Some(due_before), limit)
                .await?;
            let fresh = keys.into_iter().filter(|key| !looked_after.contains(key));
            let fresh: Vec<String> = fresh.collect();
            if fresh.is_empty() {
                return Ok(driven);
            }
            for key in fresh {
                let id = key.strip_prefix(PREFIX);
                let done = match id {
                    Some(_) => self.look_after(&key).await,
                    None => self.look_after_place(&key).await,
                };
                match done {
                    Ok(true) => driven += 1,
                    Ok(false) => {}
                    Err(error) => self.ports.tell(
                        EventKind::BackgroundFailure,
                        id,
                        error.request_id(),
                        &error.to_string(),
                    ),
                }
                looked_after.insert(key);
            }
        }
    }

    /// Drives one verification that is due. False if there is nothing to do for us.
    async fn look_after(&self, key: &str) -> Result<bool> {
        let ports = &self.ports;
        let Some(stored) = ports.vault.load::<Durable>(key).await? else {
            return Ok(false);
        };
        if self.check_environment(&stored.content).is_err() || !stored.content.is_due(ports.now()) {
            return Ok(false);
        }
        // The next look is later, whatever comes of this one; and of two workers one goes on.
        let postponed = stored.content.postponed(ports.now(), &mut ports.random());
        let put = ports.vault.put(key, Some(stored.version), postponed);
        let Changed::Done(stored) = put.await? else {
            return Ok(false);
        };
        let goal = match stored.content.is_over(ports.now()) {
            true => Goal::Answer,
            false => stored.content.goal_of_recovery(),
        };
        // An error that the record tells is an outcome like others.
        let _ = self.drive(stored, Run::new(goal), false).await?;
        Ok(true)
    }

    /// Does for a place of the pool whatever is due. False if that was nothing.
    async fn look_after_place(&self, key: &str) -> Result<bool> {
        let ports = &self.ports;
        match ports.look_after_pooled(key).await? {
            Looked::Nothing => Ok(false),
            Looked::Done => Ok(true),
            Looked::TakenBy(by) => {
                // The pass is in the place until the verification has it in its own record.
                let taker = ports.vault.load::<Durable>(&record_key(&by)).await?;
                match taker {
                    Some(taker) if taker.content.takes_from(key) => {
                        let _ = self.drive(taker, Run::new(Goal::Pass), false).await?;
                    }
                    _ => ports.clear_pooled(key, &by).await?,
                }
                Ok(true)
            }
            Looked::MarkFor(from, mark) => {
                let origin = ports.vault.load::<Durable>(&record_key(&from)).await?;
                if let Some(origin) = origin.filter(|origin| origin.content.gives_back_to(key)) {
                    // It finds the mark, and knows then that it has given its pass back.
                    let _ = self.drive(origin, Run::new(Goal::Answer), false).await?;
                    return Ok(true);
                }
                ports.vault.delete(key, mark.version).await?;
                Ok(true)
            }
        }
    }

    /// Goes from step to step until there is something to tell: what the record says, which may be
    /// an error of its own.
    ///
    /// # Errors
    /// What kept the verification from going on.
    async fn drive(
        &self,
        stored: Loaded<Durable>,
        run: Run,
        reissue: bool,
    ) -> Result<Result<Told>> {
        let mut drive = Drive {
            engine: self,
            stored,
            run,
            began: self.ports.now(),
            started: self.ports.world.elapsed(),
            retry: 0,
            failed: None,
        };
        let mut event = match reissue {
            true => Event::Reissue,
            false => Event::Continue,
        };
        loop {
            let now = self.ports.now();
            let random = &mut self.ports.random();
            // What Persona gave is kept until it is stored, whoever is faster.
            let won = event.is_won().then(|| event.clone());
            let next = step(&drive.stored.content, &mut drive.run, event, now, random);
            let effect = match (drive.store(next).await?, won) {
                (Put::Done(effect), _) => effect,
                (Put::Refused(_), Some(won)) if !drive.stored.content.is_closed() => {
                    event = won;
                    continue;
                }
                (Put::Refused(effect), _) => effect,
            };
            event = match drive.perform(effect).await? {
                Performed::Then(event) => event,
                Performed::Told(told) => return Ok(told),
            };
        }
    }

    /// What a verification's pass is bound to.
    fn bound_to(&self, record: &Durable) -> Result<IssuePrivacyPass> {
        match (&record.relay, record.relay_bound) {
            (Some(relay), true) => Ok(IssuePrivacyPass::Relay {
                relay_token: RelayToken::parse(relay.token.expose())?,
                relay_secret: RelaySecret::parse(relay.secret.expose())?,
            }),
            _ => ClaimType::parse(record.claim_type.as_str()).map(IssuePrivacyPass::ClaimType),
        }
    }

    fn is_open(&self, record: &Durable) -> bool {
        !record.is_closed() && self.ports.now() < record.session_ends_at
    }

    /// Whether a verification that is there already is the one that is asked for.
    fn check_same(&self, request: &StartVerification, record: &Durable) -> Result<()> {
        self.check_environment(record)?;
        if record.claim_type == request.claim_type.as_str() {
            return Ok(());
        }
        Err(Error::invalid_argument(
            "The open verification of this reference asks for another claim type.",
        ))
    }

    fn check_environment(&self, record: &Durable) -> Result<()> {
        if record.environment == self.ports.environment.as_str() {
            return Ok(());
        }
        Err(Error::invalid_argument(
            "This verification belongs to the other environment; use a client with a key of that \
             environment. It was left untouched.",
        ))
    }

    fn random_id(&self) -> String {
        IdempotencyKey::random(&mut self.ports.random())
            .expose()
            .to_owned()
    }

    fn reference_key(&self, reference: &str) -> String {
        let environment = self.ports.environment.as_str();
        let named = format!("{environment}\0{reference}");
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, named.as_bytes());
        format!("reference/{}", encode_hex(hash.as_ref()))
    }
}

/// One worker on one verification.
struct Drive<'a> {
    engine: &'a Engine,
    stored: Loaded<Durable>,
    run: Run,
    /// When it began, by the clock and by time that never goes back.
    began: u64,
    started: Duration,
    retry: u32,
    /// The last attempt that failed.
    failed: Option<(Call, Arc<Attempt>)>,
}

enum Performed {
    Then(Event),
    Told(Result<Told>),
}

/// What became of storing a step, and what to do now.
enum Put {
    Done(Effect),
    /// Somebody else was faster; the record is theirs.
    Refused(Effect),
}

impl Drive<'_> {
    /// Stores what a step changed, before its effect. Whoever was faster counts, not we.
    async fn store(&mut self, next: Step) -> Result<Put> {
        let Some(record) = next.store else {
            return Ok(Put::Done(next.effect));
        };
        let ports = &self.engine.ports;
        let key = record_key(&record.id);
        let version = Some(self.stored.version);
        // Of money better twice, or for a step that another worker takes, than never: whoever dies
        // after the swap tells nobody.
        let is_money = next.notice == Some(EventKind::PossibleDoubleCharge);
        if is_money {
            self.notify(EventKind::PossibleDoubleCharge);
        }
        match ports.vault.put(&key, version, record).await? {
            Changed::Done(changed) => {
                let before = std::mem::replace(&mut self.stored, changed);
                self.run.is_own = true;
                if let Some(kind) = next.notice.filter(|_| !is_money) {
                    self.notify(kind);
                }
                if let (
                    State::Created {
                        pooled: Some(place),
                    },
                    State::Ready { .. },
                ) = (&before.content.state, &self.stored.content.state)
                {
                    // If this fails, the place's own record says that it is to be done.
                    let _ = ports.clear_pooled(place, &before.content.id).await;
                }
                Ok(Put::Done(next.effect))
            }
            Changed::Refused(there) => {
                let there = there.ok_or_else(unknown_id)?;
                Ok(Put::Refused(self.take_over(there)))
            }
        }
    }

    /// Goes on from what somebody else stored.
    fn take_over(&mut self, there: Loaded<Durable>) -> Effect {
        self.stored = there;
        self.run.reloaded();
        match self.stored.content.was_answered_since(self.began) {
            true => Effect::TellPending,
            false => Effect::Continue,
        }
    }

    async fn perform(&mut self, effect: Effect) -> Result<Performed> {
        let ports = &self.engine.ports;
        let record = &self.stored.content;
        let event = match effect {
            Effect::Tell => return Ok(Performed::Told(self.engine.tell(record))),
            Effect::TellPending => return Ok(Performed::Told(Ok(Told::Pending))),
            Effect::Fail(kind) => return Err(self.failure(kind)),
            Effect::Continue => Event::Continue,
            Effect::Wait => return self.wait().await,
            Effect::Again => {
                self.pause().await?;
                Event::Continue
            }
            Effect::TakePooled(place) => {
                Event::Pooled(ports.take_pooled(&place, &record.id).await?)
            }
            Effect::Blind => {
                ports.persona.check_can_issue()?;
                let bound_to = self.engine.bound_to(record)?;
                let budget = Budget {
                    total: ports.budget.total.saturating_sub(self.spent()),
                    ..ports.budget
                };
                self.retry = 0;
                Event::Blinded(ports.persona.blind(&bound_to, &budget).await?)
            }
            Effect::Sign => self.sign().await?,
            Effect::Redeem => self.redeem().await?,
            Effect::Refund(refund) => {
                let (place, pass) = (&refund.pool_key, &refund.pass);
                match (ports.give_back(place, &record.id, &record.claim_type, pass)).await {
                    Ok(()) => Event::Refunded,
                    // The answer is there, and what is left to do is due again: see `recover`.
                    Err(_) => return Ok(Performed::Told(self.engine.tell(record))),
                }
            }
        };
        Ok(Performed::Then(event))
    }

    async fn sign(&mut self) -> Result<Event> {
        let State::Issuing { purchase } = &self.stored.content.state else {
            return Ok(Event::Continue);
        };
        let Some(key) = &purchase.key else {
            return Ok(Event::Continue);
        };
        let persona = &self.engine.ports.persona;
        let signed = persona.sign(&purchase.blinded, key.as_key()?, self.attempting());
        Ok(match signed.await? {
            Ok(token) => {
                let blinded = purchase.blinded.clone();
                self.retry = 0;
                Event::Signed { blinded, token }
            }
            Err(attempt) => {
                let attempt = Arc::<Attempt>::from(attempt);
                self.failed = Some((Call::Sign, attempt.clone()));
                Event::NotSigned(attempt)
            }
        })
    }

    async fn redeem(&mut self) -> Result<Event> {
        let record = &self.stored.content;
        let (
            Some(relay),
            State::Redeeming {
                pass,
                question,
                earlier,
                ..
            },
        ) = (&record.relay, &record.state)
        else {
            return Ok(Event::Continue);
        };
        let asked = Question {
            relay_token: &relay.token,
            relay_secret: &relay.secret,
            pass: &pass.token,
            key: question.key.as_key()?,
            earlier_keys: (earlier.iter())
                .map(|asked| asked.key.as_key())
                .collect::<Result<_>>()?,
        };
        let persona = &self.engine.ports.persona;
        Ok(match persona.redeem(asked, self.attempting()).await? {
            Ok((payload, consumed)) => {
                let claim_type = ClaimType::parse(record.claim_type.as_str())?;
                Event::Redeemed {
                    pass: pass.token.clone(),
                    opened: Arc::new(persona.open(&payload, record.encrypted, &claim_type)),
                    payload,
                    consumed,
                }
            }
            Err(attempt) => {
                let attempt = Arc::<Attempt>::from(attempt);
                self.failed = Some((Call::Redeem, attempt.clone()));
                Event::NotRedeemed(attempt)
            }
        })
    }

    /// Pauses before the next attempt, if there is to be one.
    async fn pause(&mut self) -> Result<()> {
        let ports = &self.engine.ports;
        let failed = self.failed.as_ref().map(|(_, attempt)| attempt);
        let wish = failed.and_then(|attempt| attempt.wish());
        let random = ports.random().next_u64();
        let Some(pause) = ports.budget.pause(self.retry, wish, self.spent(), random) else {
            let kind = failed.map_or(ErrorKind::Timeout, |attempt| {
                out_of_patience(attempt.answer, attempt.timed_out())
            });
            return Err(self.failure(kind));
        };
        self.retry += 1;
        ports.world.sleep(pause).await;
        Ok(())
    }

    /// Waits a little for whoever holds the lease, and looks again.
    async fn wait(&mut self) -> Result<Performed> {
        let ports = &self.engine.ports;
        // By chance, so that two who wait do not wake together.
        let pause = Duration::from_millis(50 + ports.random().next_u64() % 100);
        if self.spent() + pause > ports.budget.total {
            return Err(Error::new(
                ErrorKind::Timeout,
                "Another worker is busy with this verification; ask again.",
            )
            .with_retryable(true));
        }
        ports.world.sleep(pause).await;
        let there = self.engine.load(&self.stored.content.id).await?;
        Ok(match self.take_over(there) {
            Effect::TellPending => Performed::Told(Ok(Told::Pending)),
            _ => Performed::Then(Event::Continue),
        })
    }

    fn attempting(&self) -> Attempting {
        Attempting {
            connection: self.run.connection(),
            timeout: self.engine.ports.budget.next_attempt(self.spent()),
        }
    }

    fn spent(&self) -> Duration {
        let elapsed = self.engine.ports.world.elapsed();
        elapsed.saturating_sub(self.started)
    }

    /// The attempt that failed, as an error. The verification can go on from here.
    fn failure(&self, kind: ErrorKind) -> Error {
        let may_pass = matches!(
            kind,
            ErrorKind::RateLimited
                | ErrorKind::ServerError
                | ErrorKind::Timeout
                | ErrorKind::Network
                | ErrorKind::Conflict
        );
        let error = match &self.failed {
            Some((call, attempt)) => attempt.lasting_error(*call, kind),
            None => Error::new(kind, "The call's time was up before anything was sent."),
        };
        error.with_retryable(may_pass)
    }

    fn notify(&self, kind: EventKind) {
        let failed = self.failed.as_ref().map(|(_, attempt)| attempt);
        let message = match kind {
            EventKind::PossibleDoubleCharge => {
                "A pass that may have been billed is asked for under a new idempotency key."
            }
            EventKind::UnknownOutcome => {
                "Nobody can tell what became of a request; the verification says what is known."
            }
            EventKind::Pending => "Persona has no answer yet.",
            EventKind::Refunded => "A pass that was not consumed went back to the pool.",
            EventKind::KeyChanged | EventKind::BackgroundFailure => "",
        };
        self.engine.ports.tell(
            kind,
            Some(&self.stored.content.id),
            failed.and_then(|attempt| attempt.request_id()),
            message,
        );
    }
}

/// What a verification begins with, beside its relay.
enum Provision {
    None,
    Pooled(String),
    Blinded(Kept),
}

/// Where a reference leads.
enum Referred {
    Open(Box<Loaded<Durable>>),
    New(String),
}

fn unknown_id() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "The store has no verification with this id: it was forgotten, or is in another store.",
    )
}
