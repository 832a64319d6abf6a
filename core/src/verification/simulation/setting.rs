//! A world with a store, a Persona and a watch, and engines for its workers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::clocks::WorkersWorld;
use super::executor::{Executor, Sim, Worker};
use super::faults::Faults;
use super::persona::SimulatedPersona;
use super::server::Server;
use super::store::SimulatedStore;
use super::watch::Watch;
use crate::claim::ClaimType;
use crate::client::{Environment, PassBinding, Ports};
use crate::events::Listener;
use crate::outcome::Budget;
use crate::records::{Vault, World};
use crate::store::Sealer;
use crate::verification::api::StartVerification;
use crate::verification::engine::Engine;

pub(super) struct Setting {
    pub(super) sim: Arc<Sim>,
    pub(super) faults: Arc<Faults>,
    pub(super) watch: Arc<Watch>,
    pub(super) server: Arc<Mutex<Server>>,
    store: SimulatedStore,
}

impl Setting {
    pub(super) fn new(seed: u64, faults: Faults, server: Server) -> Self {
        let sim = Sim::new(seed);
        let (faults, server) = (Arc::new(faults), Arc::new(Mutex::new(server)));
        let watch = Arc::new(Watch::new(server.clone()));
        Self {
            store: SimulatedStore {
                sim: sim.clone(),
                faults: faults.clone(),
                watch: watch.clone(),
                table: Arc::default(),
            },
            sim,
            faults,
            watch,
            server,
        }
    }

    pub(super) fn executor(&self) -> Executor {
        Executor::new(self.sim.clone())
    }

    /// A process, just started, with a clock that is right.
    pub(super) fn engine(&self, has_key: bool, binding: PassBinding) -> Engine {
        self.worker(None, 3, has_key, binding)
    }

    /// A process of this worker's, just started.
    pub(super) fn worker(
        &self,
        worker: Option<Worker>,
        retries: u32,
        has_key: bool,
        binding: PassBinding,
    ) -> Engine {
        let world: Arc<dyn World> = match worker {
            None => self.sim.clone(),
            Some(worker) => Arc::new(WorkersWorld {
                sim: self.sim.clone(),
                worker,
            }),
        };
        let watch = self.watch.clone();
        let persona = SimulatedPersona {
            sim: self.sim.clone(),
            faults: self.faults.clone(),
            watch: self.watch.clone(),
            server: self.server.clone(),
            has_key,
        };
        Engine {
            ports: Ports {
                vault: Arc::new(Vault::new(Arc::new(self.store.clone()), Sealer::default())),
                persona: Arc::new(persona),
                world,
                environment: Environment::Production,
                customer: None,
                listener: Some(Listener::new(move |event| watch.notice(event))),
                purchases: Arc::default(),
                hours: Arc::default(),
                name_seal_is_renewed: Arc::default(),
                lifecycle: Arc::default(),
                began: None,
                budget: Budget {
                    retries,
                    attempt: Duration::from_secs(10),
                    total: Duration::from_secs(30),
                    floor: Duration::from_secs(1),
                },
            },
            binding,
            purchase_window: 0,
            is_strict: false,
            pass_pool: 0,
        }
    }
}

pub(super) fn claim_type() -> ClaimType {
    ClaimType::parse("age_over18_verified").expect("a claim type")
}

pub(super) fn request(reference: Option<String>) -> StartVerification {
    StartVerification {
        claim_type: claim_type(),
        reference,
    }
}
