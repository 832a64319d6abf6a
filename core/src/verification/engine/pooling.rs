//! Passes bought ahead: a purchase like any other, with a place in the pool to put it.

use super::driving::{failed_to_buy, Shelf};
use super::{Engine, Progress};
use crate::claim::ClaimType;
use crate::client::IssuePrivacyPass;
use crate::error::{Error, ErrorKind, Result};
use crate::events::EventKind;
use crate::outcome::needs_mending;
use crate::passes::{new_pool_key, Buying, Looked, Pooled, PooledState, Purchase};
use crate::records::{Changed, Loaded};
use crate::store::Swap;
use crate::verification::machine::{Event, Goal, Run};
use crate::verification::record::{Beginning, Durable, Purpose, State};

impl Engine {
    /// Buys one pass for the pool. It is stored before it is asked for, so that a crash costs
    /// nothing. With a `most`, nothing is bought if others were faster and so many are there, or
    /// about to be. Returns whether one was bought.
    pub(crate) async fn buy_pooled(
        &self,
        claim_type: &ClaimType,
        most: Option<u32>,
    ) -> Result<bool> {
        let engine = self.for_one_call();
        engine.ports.persona.check_can_issue()?;
        engine.buy_pooled_now(claim_type, most).await
    }

    async fn buy_pooled_now(&self, claim_type: &ClaimType, most: Option<u32>) -> Result<bool> {
        let ports = &self.ports;
        let bound_to = IssuePrivacyPass::ClaimType(claim_type.clone());
        let blinded = ports.persona.blind(&bound_to, None, &ports.left()).await?;
        let (now, environment) = (ports.now(), ports.environment.as_str());
        let claim_type = claim_type.as_str();
        let purchase = Purchase::new(blinded, now, &mut ports.random());
        let owner = ports.owner().await?;
        let key = new_pool_key(environment, claim_type, owner.as_ref(), &mut ports.random());
        let state = PooledState::Issuing { purchase };
        let mut place = Pooled::new(environment, claim_type, state, now, &mut ports.random());
        place.owner = owner;
        let Changed::Done(place) = ports.vault.put(&key, None, place).await? else {
            return Err(Error::new(
                ErrorKind::Store,
                "A place of the pool with a random name was taken already; nothing was bought.",
            ));
        };
        if let Some(most) = most {
            // Two who counted at the same time see each other's places now. Nothing was sent yet: a
            // place that cannot be weighed against the others goes as well.
            let is_overfull = ports.is_overfull(claim_type, most).await;
            if !matches!(is_overfull, Ok(false)) {
                let deleted = ports.vault.in_grace().delete(&key, place.version).await;
                is_overfull?;
                if deleted? == Swap::Done {
                    return Ok(false);
                }
            }
        }
        let mut run = Run::new(Goal::Pass, now);
        run.is_own = true;
        let bought = self.drive_place(&key, place, run).await;
        if (bought.as_ref()).is_err_and(|error| error.kind() == ErrorKind::Protocol) {
            self.tell_if_stopped(claim_type).await?;
        }
        bought.map(|()| true)
    }

    /// Has the pass of a place signed.
    pub(super) async fn drive_place(
        &self,
        key: &str,
        place: Loaded<Pooled>,
        run: Run,
    ) -> Result<()> {
        let version = place.version;
        let content = Durable::of_place(key, &place.content, self.ports.now());
        let shelf = Shelf::Place {
            key: key.to_owned(),
            place: Box::new(place.content),
        };
        let stored = Loaded { content, version };
        let driven = self.drive_on(shelf, stored, run, Event::Continue).await;
        match driven.told?? {
            Progress::Bought(_) | Progress::Expired => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Timeout,
                "Another worker is busy with this place of the pool.",
            )
            .with_retryable(true)),
        }
    }

    /// Tells why a pass could not be bought ahead in the background, unless this process knows already.
    pub(in crate::verification) async fn tell_purchase_failure(
        &self,
        claim_type: &str,
        error: &Error,
    ) {
        let owner = self.ports.owner().await.unwrap_or_default();
        if needs_mending(error) && self.ports.saw_failing(claim_type, owner, error.kind()) {
            let (kind, message) = (EventKind::PurchaseFailed, failed_to_buy(error));
            self.ports.tell(kind, None, error.request_id(), &message);
        }
    }

    /// Tells that no more passes of a claim type are bought ahead, if that is so now.
    async fn tell_if_stopped(&self, claim_type: &str) -> Result<()> {
        if self.ports.census(claim_type).await?.buying == Buying::Stopped {
            self.ports.tell(EventKind::PoolStopped, None, None, STOPPED);
        }
        Ok(())
    }

    /// Does for a place whatever is due. False if that was nothing.
    pub(super) async fn look_after_place(&self, key: &str) -> Result<bool> {
        let ports = &self.ports;
        match ports.look_after_pooled(key, self.is_strict).await? {
            Looked::Nothing => Ok(false),
            Looked::Done => Ok(true),
            Looked::Buying(place) => {
                let run = Run::new(Goal::Pass, ports.now());
                let claim_type = place.content.claim_type.clone();
                let bought = self.drive_place(key, *place, run).await;
                if let Err(error) = &bought {
                    self.tell_purchase_failure(&claim_type, error).await;
                }
                bought.map(|()| true)
            }
            Looked::TakenBy(by) => {
                // The pass is in the place until the verification has it in its own record.
                let key_of_taker = crate::verification::record::record_key(&by);
                let taker = ports.vault.load::<Durable>(&key_of_taker).await?;
                match taker {
                    // A strict worker would make the verification that took it a strict one.
                    Some(taker) if self.leaves_to_others(&taker.content) => return Ok(false),
                    Some(taker) if taker.content.takes_from(key) => {
                        let run = Run::new(Goal::Pass, ports.now());
                        let _ = self.drive(taker, run, false).await?;
                    }
                    _ => ports.clear_pooled(key, &by).await?,
                }
                Ok(true)
            }
            Looked::MarkFor(from, mark) => {
                let key_of_origin = crate::verification::record::record_key(&from);
                let origin = ports.vault.load::<Durable>(&key_of_origin).await?;
                if let Some(origin) = origin.filter(|origin| origin.content.gives_back_to(key)) {
                    // It finds the mark, and knows then that it has given its pass back.
                    let run = Run::new(Goal::Answer, ports.now());
                    let _ = self.drive(origin, run, false).await?;
                    return Ok(true);
                }
                ports.vault.delete(key, mark.version).await?;
                Ok(true)
            }
        }
    }
}

impl Durable {
    /// The purchase of a place, as the machine sees it. It is stored as a place.
    pub(super) fn of_place(key: &str, place: &Pooled, now: u64) -> Self {
        let state = match &place.state {
            PooledState::Issuing { purchase } => State::Issuing {
                purchase: purchase.clone(),
            },
            PooledState::Available { pass } | PooledState::Taken { pass, .. } => State::Ready {
                pass: pass.clone(),
                lost: Vec::new(),
                answered_at: None,
                rejected: None,
            },
            // Persona did not know the key that was to sign it.
            PooledState::Gone => State::Expired,
        };
        let beginning = Beginning {
            purpose: Purpose::Purchase,
            id: key.to_owned(),
            environment: place.environment.clone(),
            claim_type: place.claim_type.clone(),
            owner: place.owner.clone(),
            reference_key: None,
            encryption_form: None,
            relay_bound: false,
            relay: None,
            state,
            buy_at: None,
        };
        let mut view = Self::begin(beginning, now, &mut crate::secret::os_random());
        // Whose turn it is, the place's own record says.
        view.leased_until = None;
        view
    }

    /// What a place is to hold when this is stored.
    pub(super) fn in_place(&self) -> PooledState {
        match &self.state {
            State::Issuing { purchase } => PooledState::Issuing {
                purchase: purchase.clone(),
            },
            State::Ready { pass, .. } => PooledState::Available { pass: pass.clone() },
            _ => PooledState::Gone,
        }
    }
}

pub(crate) const STOPPED: &str =
    "Two signatures in a row were no use: no more passes of this claim type are \
                       bought ahead until one that is bought otherwise is good, or for an hour.";
