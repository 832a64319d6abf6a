//! What the durable flow stands on: a store, Persona, a clock. Tests put others in their place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Environment, Inner, Persona};
use crate::error::{Error, Result};
use crate::events::{tell, Event, EventKind, Listener};
use crate::outcome::Budget;
use crate::records::{RealWorld, Vault, World, WorldRandom};
use crate::store::{MemoryStore, Sealer};

/// Store, Persona, clock, and who is told of events.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) vault: Arc<Vault>,
    pub(crate) persona: Arc<dyn Persona>,
    pub(crate) world: Arc<dyn World>,
    pub(crate) environment: Environment,
    pub(crate) listener: Option<Listener>,
    /// Tries and time of one call.
    pub(crate) budget: Budget,
    pub(crate) usable: Usable,
}

/// When a signature was good last, by claim type, in milliseconds since the epoch.
pub(crate) type Usable = Arc<Mutex<HashMap<String, u64>>>;

impl Ports {
    /// The ports of a client that has a store.
    ///
    /// # Errors
    /// `invalid_argument` without a store.
    pub(crate) fn of(inner: &Arc<Inner>, budget: Budget) -> Result<Self> {
        let keeping = inner.keeping.as_ref().ok_or_else(|| {
            Error::invalid_argument(
                "This client has no store, and verifications are kept in one: set store, for \
                 example to sqlite:///path/to/file or to an object of yours.",
            )
        })?;
        let vault = Vault::new(keeping.store.clone(), keeping.sealer.clone());
        Ok(Self::with(vault, inner, budget))
    }

    /// The ports of calls that keep nothing.
    pub(crate) fn without_store(inner: &Arc<Inner>, budget: Budget) -> Self {
        let nothing = Vault::new(Arc::new(MemoryStore::new()), Sealer::default());
        Self::with(nothing, inner, budget)
    }

    fn with(vault: Vault, inner: &Arc<Inner>, budget: Budget) -> Self {
        Self {
            vault: Arc::new(vault),
            persona: inner.clone(),
            world: Arc::new(RealWorld::new()),
            environment: inner.environment,
            listener: inner.listener.clone(),
            budget,
            usable: inner.seen.usable.clone(),
        }
    }

    /// Notes that a signature for this claim type was good.
    pub(crate) fn saw_usable(&self, claim_type: &str) {
        let now = self.now();
        let mut usable = self.usable.lock().unwrap_or_else(PoisonError::into_inner);
        usable.insert(claim_type.to_owned(), now);
    }

    /// When a signature for this claim type was good last, as far as this process has seen.
    pub(crate) fn usable_at(&self, claim_type: &str) -> Option<u64> {
        let usable = self.usable.lock().unwrap_or_else(PoisonError::into_inner);
        usable.get(claim_type).copied()
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
