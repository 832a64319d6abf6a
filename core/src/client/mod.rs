//! The client: options, and the three steps as stateless calls.

mod arguments;
mod options;
mod persona;
mod ports;
mod relays;
mod steps;

pub use arguments::{
    parse_seconds, ClaimArguments, ClientArguments, CreateArguments, IssueArguments, OpenArguments,
    StoreArgument,
};
pub(crate) use options::MOST_PASSES;
pub use options::{ClientBuilder, Environment, PassBinding};
#[cfg(test)]
pub(crate) use persona::Attempted;
pub(crate) use persona::{Attempting, Persona, Question};
pub(crate) use ports::Ports;
pub use relays::{
    CreateRelay, GenerateClaim, GeneratedClaim, IssuePrivacyPass, PassText, PrivacyPass, Relay,
    RelayToken, Relays,
};

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::claim::DecryptionKey;
use crate::events::Listener;
use crate::http::{AnonymousLane, IdentifiedLane};
use crate::store::{Sealer, Store};

/// Persona Relay for one customer and one environment.
///
/// Cloning it is cheap and shares the connections. It needs a tokio runtime when called, not when
/// made.
///
/// # Example
/// ```no_run
/// # async fn example() -> relaypass::Result<()> {
/// use relaypass::{Client, ClaimType, CreateRelay, GenerateClaim, IssuePrivacyPass};
///
/// let client = Client::builder().api_key("persona_sandbox_…").build()?;
/// let claim_type = ClaimType::parse("age_over18_verified")?;
/// let relay = client.relays().create(CreateRelay::new(claim_type.clone())).await?;
/// let pass = client
///     .relays()
///     .issue_privacy_pass(IssuePrivacyPass::ClaimType(claim_type))
///     .await?;
/// // … the person verifies with Persona …
/// let answer = client
///     .relays()
///     .generate_claim(GenerateClaim::new(
///         relay.relay_token,
///         relay.relay_secret,
///         pass.privacy_pass_token,
///     ))
///     .await?;
/// assert!(answer.claim.is_some_and(|claim| claim.passed()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) anonymous: AnonymousLane,
    pub(crate) identified: Option<IdentifiedLane>,
    pub(crate) environment: Environment,
    pub(crate) decryption_key: Option<DecryptionKey>,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    /// The address of the page for visitors.
    pub(crate) hosted_page: String,
    pub(crate) keeping: Option<Keeping>,
    pub(crate) listener: Option<Listener>,
    pub(crate) seen: Seen,
}

/// How verifications and passes are kept.
pub(crate) struct Keeping {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sealer: Sealer,
    pub(crate) pass_binding: PassBinding,
    pub(crate) pass_pool: u32,
    pub(crate) background: bool,
}

/// What this process has seen. Only for notices: nothing is decided by it.
#[derive(Default)]
pub(crate) struct Seen {
    /// The last token key's id, by claim type.
    pub(crate) key_ids: Mutex<HashMap<String, String>>,
    /// The claim types that were asked for: those whose pools are filled.
    pub(crate) claim_types: Mutex<BTreeSet<String>>,
    /// Whether the task in the background has begun.
    pub(crate) background: AtomicBool,
}

impl Client {
    /// Begins to describe a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// The three steps.
    pub fn relays(&self) -> Relays<'_> {
        Relays::new(&self.inner)
    }

    /// The environment this client speaks for.
    pub fn environment(&self) -> Environment {
        self.inner.environment
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("environment", &self.inner.environment)
            .field("can_issue", &self.inner.identified.is_some())
            .finish_non_exhaustive()
    }
}
