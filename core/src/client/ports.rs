//! What the durable flow stands on: a store, Persona, a clock. Tests put others in their place.

use std::sync::Arc;

use super::{Environment, Inner, Persona};
use crate::error::{Error, Result};
use crate::events::{tell, Event, EventKind, Listener};
use crate::outcome::Budget;
use crate::records::{RealWorld, Vault, World, WorldRandom};

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
}

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
        Ok(Self {
            vault: Arc::new(Vault::new(keeping.store.clone(), keeping.sealer.clone())),
            persona: inner.clone(),
            world: Arc::new(RealWorld::new()),
            environment: inner.environment,
            listener: inner.listener.clone(),
            budget,
        })
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
