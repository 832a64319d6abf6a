//! What the durable flow stands on: a store, Persona, a clock. Tests put others in their place.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Customer, Environment, Inner, Lifecycle, Owner, Persona, StoreOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::events::{tell, Event, EventKind, Listener};
use crate::outcome::Budget;
use crate::privacy::SeenHours;
use crate::records::{RealWorld, Vault, World, WorldRandom};
use crate::store::{MemoryStore, Sealer};

/// Store, Persona, clock, and who is told of events.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) vault: Arc<Vault>,
    pub(crate) persona: Arc<dyn Persona>,
    pub(crate) world: Arc<dyn World>,
    pub(crate) environment: Environment,
    /// Whose passes and references are used; none: those of the client that was built.
    pub(crate) customer: Option<Customer>,
    pub(crate) listener: Option<Listener>,
    /// Tries and time of one call.
    pub(crate) budget: Budget,
    /// When the call began whose budget this is, by the world's time that never goes back. None: what
    /// these ports are for is many calls, each with a budget of its own.
    pub(crate) began: Option<Duration>,
    pub(crate) purchases: SeenPurchases,
    /// What this process has found out about common hours.
    pub(crate) hours: SeenHours,
    pub(crate) name_seal_is_renewed: Arc<AtomicBool>,
    /// What is told when the client is closed: whoever does many things begins no further one then.
    pub(crate) lifecycle: Arc<Lifecycle>,
}

/// What came of purchases, as far as this process has seen.
pub(crate) type SeenPurchases = Arc<Mutex<Purchases>>;

#[derive(Default)]
pub(crate) struct Purchases {
    /// When a signature was good last, in milliseconds since the epoch.
    usable_at: HashMap<(Environment, String), u64>,
    /// Why passes cannot be bought ahead, for those whose they would be.
    failing: HashMap<(Environment, String, Option<Owner>), ErrorKind>,
}

impl Inner {
    /// How verifications and passes are kept.
    ///
    /// # Errors
    /// `invalid_argument` without a store.
    pub(crate) fn store_options(&self) -> Result<&StoreOptions> {
        self.store_options.as_ref().ok_or_else(|| {
            Error::invalid_argument(
                "This client has no store, and verifications are kept in one: set store, for \
                 example to sqlite:///path/to/file or to an object of yours.",
            )
        })
    }
}

impl Ports {
    /// The ports of a client that has a store.
    ///
    /// # Errors
    /// `invalid_argument` without a store.
    pub(crate) fn of(inner: &Arc<Inner>, limit: Option<Duration>) -> Result<Self> {
        Self::of_many(inner, limit).map(|ports| ports.for_one_call())
    }

    /// Likewise, for a call that does many things. Without a limit of the caller's, each of them may
    /// take as long as a call.
    ///
    /// # Errors
    /// `invalid_argument` without a store.
    pub(crate) fn of_many(inner: &Arc<Inner>, limit: Option<Duration>) -> Result<Self> {
        let store_options = inner.store_options()?;
        let vault = Vault::new(store_options.store.clone(), store_options.sealer.clone());
        let ports = Self::with(vault, inner, limit);
        Ok(match limit {
            Some(_) => ports.for_one_call(),
            None => ports,
        })
    }

    /// The ports of calls that keep nothing.
    pub(crate) fn without_store(inner: &Arc<Inner>, limit: Option<Duration>) -> Self {
        let nothing = Vault::new(Arc::new(MemoryStore::new()), Sealer::default());
        Self::with(nothing, inner, limit).for_one_call()
    }

    fn with(vault: Vault, inner: &Arc<Inner>, limit: Option<Duration>) -> Self {
        Self {
            vault: Arc::new(vault),
            persona: inner.clone(),
            world: Arc::new(RealWorld::new()),
            environment: inner.environment,
            customer: inner.customer.clone(),
            listener: inner.listener.clone(),
            budget: inner.budget(limit),
            began: None,
            purchases: inner.seen.purchases.clone(),
            hours: inner.seen.hours.clone(),
            name_seal_is_renewed: inner.seen.name_seal_is_renewed.clone(),
            lifecycle: inner.lifecycle.clone(),
        }
    }

    /// Whose the records are that are made here; none: the built client's.
    ///
    /// # Errors
    /// When the store cannot say what names are made with.
    pub(crate) async fn owner(&self) -> Result<Option<Owner>> {
        match &self.customer {
            None => Ok(None),
            Some(customer) => {
                let owner = customer.owner(&self.vault, &mut self.random()).await?;
                Ok(Some(owner))
            }
        }
    }

    /// These ports for one call, which begins now unless it has begun already: all that it does,
    /// waiting for the store included, has one deadline.
    pub(crate) fn for_one_call(&self) -> Self {
        if self.began.is_some() {
            return self.clone();
        }
        let deadline = self.world.deadline(self.budget.total);
        Self {
            vault: Arc::new(self.vault.until(deadline)),
            began: Some(self.world.elapsed()),
            ..self.clone()
        }
    }

    /// How much of its time the call has used.
    pub(crate) fn spent(&self) -> Duration {
        let elapsed = self.world.elapsed();
        elapsed.saturating_sub(self.began.unwrap_or(elapsed))
    }

    /// What is left of the call's budget.
    pub(crate) fn left(&self) -> Budget {
        Budget {
            total: self.budget.total.saturating_sub(self.spent()),
            ..self.budget
        }
    }

    /// Notes that a signature for this claim type was good.
    pub(crate) fn saw_usable(&self, claim_type: &str) {
        let now = self.now();
        let mut seen = self.seen_purchases();
        (seen.usable_at).insert((self.environment, claim_type.to_owned()), now);
        let is_other = |environment: Environment, of: &str| {
            environment != self.environment || of != claim_type
        };
        (seen.failing).retain(|(environment, of, _), _| is_other(*environment, of));
    }

    /// When a signature for this claim type was good last, as far as this process has seen.
    pub(crate) fn usable_at(&self, claim_type: &str) -> Option<u64> {
        let seen = self.seen_purchases();
        (seen
            .usable_at
            .get(&(self.environment, claim_type.to_owned())))
        .copied()
    }

    /// Notes why a pass could not be bought ahead for this owner. Whether that is news.
    pub(crate) fn saw_failing(
        &self,
        claim_type: &str,
        owner: Option<Owner>,
        kind: ErrorKind,
    ) -> bool {
        let whose = (self.environment, claim_type.to_owned(), owner);
        self.seen_purchases().failing.insert(whose, kind) != Some(kind)
    }

    fn seen_purchases(&self) -> MutexGuard<'_, Purchases> {
        (self.purchases.lock()).unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> u64 {
        self.world.now_ms()
    }

    pub(crate) fn random(&self) -> WorldRandom<'_> {
        WorldRandom(&*self.world)
    }

    /// Tells the caller's log, and ours.
    pub(crate) fn tell(
        &self,
        kind: EventKind,
        verification_id: Option<&str>,
        request_id: Option<&str>,
        message: &str,
    ) {
        tell(
            self.listener.as_ref(),
            Event {
                kind,
                verification_id: verification_id.map(str::to_owned),
                request_id: request_id.map(str::to_owned),
                message: message.to_owned(),
            },
        );
    }
}
