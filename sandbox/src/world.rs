//! What the sandbox knows. A world is everything that a reset throws away; what outlives it are
//! the API keys and the RSA keys. A request works in the world it began in, so that one which is
//! still running when a test resets cannot disturb the next.

use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use subtle::ConstantTimeEq as _;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::idempotency::Idempotency;
use crate::keys::{Environment, KeyRing};
use crate::ledger::Ledger;
use crate::limits::RateLimits;
use crate::mac_key::MacKey;
use crate::random::random_token;
use crate::relays::Relays;
use crate::requests::RequestLog;
use crate::settings::Settings;

/// One running sandbox.
pub(crate) struct Sandboxed {
    pub(crate) api_key: String,
    pub(crate) production_api_key: String,
    pub(crate) organization_id: String,
    production_environment_id: String,
    sandbox_environment_id: String,
    pub(crate) keys: KeyRing,
    pub(crate) connections: AtomicU64,
    key_bits: usize,
    world: RwLock<Arc<World>>,
}

impl Sandboxed {
    pub(crate) fn new(key_bits: usize) -> Arc<Self> {
        Arc::new(Self {
            api_key: random_token("persona_sandbox_"),
            production_api_key: random_token("persona_production_"),
            organization_id: random_token("org_"),
            production_environment_id: random_token("env_"),
            sandbox_environment_id: random_token("env_"),
            keys: KeyRing::default(),
            connections: AtomicU64::new(0),
            key_bits,
            world: RwLock::new(Arc::new(World::new(key_bits))),
        })
    }

    pub(crate) fn world(&self) -> Arc<World> {
        Arc::clone(&self.world.read().expect("no panic while swapping worlds"))
    }

    pub(crate) fn reset(&self) {
        let fresh = Arc::new(World::new(self.key_bits));
        *self.world.write().expect("no panic while swapping worlds") = fresh;
    }

    /// The environment of an API key, or `None` if it is not one of ours.
    pub(crate) fn environment_of(&self, api_key: &str) -> Option<Environment> {
        let is = |ours: &str| bool::from(ours.as_bytes().ct_eq(api_key.as_bytes()));
        if is(&self.production_api_key) {
            return Some(Environment::Production);
        }
        is(&self.api_key).then_some(Environment::Sandbox)
    }

    pub(crate) fn environment_id(&self, environment: Environment) -> &str {
        match environment {
            Environment::Production => &self.production_environment_id,
            Environment::Sandbox => &self.sandbox_environment_id,
        }
    }
}

pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) settings: RwLock<Settings>,
    pub(crate) mac_key: MacKey,
    pub(crate) relays: Relays,
    /// Nonces of the passes that are spent.
    pub(crate) spent: Mutex<HashSet<String>>,
    pub(crate) idempotency: Idempotency,
    pub(crate) limits: RateLimits,
    pub(crate) faults: Faults,
    pub(crate) ledger: Ledger,
    pub(crate) requests: RequestLog,
}

impl World {
    fn new(key_bits: usize) -> Self {
        Self {
            clock: Clock::default(),
            settings: RwLock::new(Settings::new(key_bits)),
            mac_key: MacKey::random(),
            relays: Relays::default(),
            spent: Mutex::default(),
            idempotency: Idempotency::default(),
            limits: RateLimits::default(),
            faults: Faults::default(),
            ledger: Ledger::default(),
            requests: RequestLog::default(),
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        let settings = self.settings.read().expect("no panic while merging");
        settings.clone()
    }

    pub(crate) fn recording(&self) -> bool {
        let settings = self.settings.read().expect("no panic while merging");
        settings.record_requests
    }
}
