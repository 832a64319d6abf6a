//! The client: options, and the three steps as stateless calls.

mod arguments;
mod options;
mod relays;
mod steps;

pub use arguments::{
    parse_seconds, ClaimArguments, ClientArguments, CreateArguments, IssueArguments, OpenArguments,
};
pub use options::{ClientBuilder, Environment};
pub use relays::{
    CreateRelay, GenerateClaim, GeneratedClaim, IssuePrivacyPass, PassText, PrivacyPass, Relay,
    RelayToken, Relays,
};

use std::sync::Arc;
use std::time::Duration;

use crate::claim::DecryptionKey;
use crate::http::{AnonymousLane, IdentifiedLane};

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
    inner: Arc<Inner>,
}

struct Inner {
    anonymous: AnonymousLane,
    identified: Option<IdentifiedLane>,
    environment: Environment,
    decryption_key: Option<DecryptionKey>,
    timeout: Duration,
    retries: u32,
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
