//! The client: options, and the three steps as stateless calls.

mod arguments;
mod blinding;
mod closing;
mod consistency;
mod form;
mod issuer;
mod opening;
mod options;
mod owner;
mod persona;
mod ports;
mod privacy;
mod proxies;
mod relays;
mod reporting;
mod requests;
pub(crate) mod rules;
mod signers;
mod steps;
mod ways;

pub(crate) use arguments::parse_keys;
pub use arguments::{parse_seconds, ClientArguments, IntoPlain, StoreArgument};
pub use closing::{Close, CloseArguments};
pub(crate) use closing::{Lifecycle, UnderWay};
pub use form::EncryptionForm;
pub use options::{ClientBuilder, Environment, PassBinding};
pub(crate) use owner::{Customer, Owner};
#[cfg(test)]
pub(crate) use persona::AttemptResult;
pub(crate) use persona::{AttemptOptions, Persona, Question};
pub(crate) use ports::{Ports, SeenPurchases};
pub use privacy::{Isolation, Privacy};
pub use relays::Relays;
pub use requests::{
    CreateRelay, GenerateClaim, GeneratedClaim, IssuePrivacyPass, PassText, PrivacyPass, Relay,
    RelayToken,
};
pub(crate) use rules::{MOST_AHEAD, MOST_PASSES};
#[cfg(any(test, relaypass_fuzzing))]
pub(crate) use ways::host_of as proxy_host;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;

use self::blinding::TokenKeys;
use self::form::Accepted;
use self::signers::Signers;
use self::ways::Ways;
use crate::claim::DecryptionKeys;
use crate::credential::ApiKey;
use crate::error::Result;
use crate::events::{EventCounts, Listener};
use crate::http::{AnonymousLanes, Gates, IdentifiedLane, Route};
use crate::privacy::SeenHours;
use crate::store::{Sealer, Timed};

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
    /// Whose passes and references these are, if not those of the client that was built.
    pub(crate) customer: Option<Customer>,
    /// The client that was built, if this one is its [`Client::on_behalf_of`] somebody else.
    pub(crate) built: Option<Arc<Inner>>,
    pub(crate) anonymous: AnonymousLanes,
    pub(crate) identified: Option<IdentifiedLane>,
    /// The way of the call that names us, for whoever brings a key.
    pub(crate) identified_route: Route,
    pub(crate) environment: Environment,
    pub(crate) privacy: Privacy,
    pub(crate) decryption_key: Option<DecryptionKeys>,
    pub(crate) encryption_form: EncryptionForm,
    /// In which form Persona took a key last.
    accepted: Accepted,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    /// The address of the page for visitors.
    pub(crate) hosted_page: String,
    pub(crate) store_options: Option<StoreOptions>,
    pub(crate) listener: Option<Listener>,
    pub(crate) seen: Arc<Seen>,
    /// The keys that passes are signed with.
    token_keys: Arc<TokenKeys>,
    pub(crate) lifecycle: Arc<Lifecycle>,
    /// Where calls wait while Persona asks for a pause.
    pub(crate) gates: Arc<Gates>,
    /// By which ways the lanes leave: for a report, and for what strict privacy asks.
    ways: Ways,
}

/// How verifications and passes are kept.
#[derive(Clone)]
pub(crate) struct StoreOptions {
    pub(crate) store: Arc<Timed>,
    pub(crate) sealer: Sealer,
    pub(crate) pass_binding: PassBinding,
    pub(crate) purchase_window: Duration,
    pub(crate) pass_pool: u32,
    pub(crate) background: bool,
}

/// What this process has seen. Only for notices: nothing is decided by it, but by what it found out about common
/// hours.
#[derive(Default)]
pub(crate) struct Seen {
    /// What issuers gave, by environment and claim type: each has keys of its own.
    pub(crate) issuers: Mutex<HashMap<(Environment, String), issuer::Known>>,
    /// What came of purchases.
    pub(crate) purchases: SeenPurchases,
    pub(crate) hours: SeenHours,
    /// What was told.
    events: Arc<EventCounts>,
    /// Under whose API keys passes were signed.
    signers: Signers,
    /// How many passes were bought with the step that buys one.
    pub(crate) bought_when_called: AtomicU64,
    /// Whether the key of names was sealed with the first seal key when this client began.
    pub(crate) name_seal_is_renewed: Arc<AtomicBool>,
    /// The claim types that were asked for: those whose pools are filled.
    pub(crate) claim_types: Mutex<BTreeSet<String>>,
    /// The task in the background, once it has begun.
    pub(crate) background: Mutex<Option<JoinHandle<()>>>,
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

    /// This client's connections and store for somebody who brings an API key of his own, or needs
    /// none: a client without the keys of this one. It costs nothing to make one for each call.
    ///
    /// The environment is the one given; else the key's, if its prefix tells; else this client's.
    ///
    /// Calls under different API keys share connections: use it where Persona may know that one
    /// server speaks for all of them.
    ///
    /// It ends when this client is closed. [`Client::close`] of the one leaves this client open.
    ///
    /// They share neither references nor passes: those belong to the API key, and a client with a new
    /// key of the same customer does not find those of the old one. The id of a verification is enough
    /// to complete it, with whatever client. But what is missing of its pass is bought with the API
    /// key that it was started with and no other, unless a call says `reissue`: then it belongs to the
    /// key of that call. So the task in the
    /// background, and `recover` of another client, finish all that needs no API key; a purchase that
    /// a crash left behind waits for `complete` or `recover` of a client with that key, or is given
    /// up by any of them once it is too late.
    ///
    /// relaypass 0.1.0 did not store whose a verification is. What it began is bought with the API key
    /// of whichever client completes it, and belongs to that one from then on; `recover`, and the task
    /// in the background, buy for it as they did then, with the key of the client that was built.
    ///
    /// # Errors
    /// `invalid_argument` for an API key that cannot be one.
    ///
    /// # Example
    /// ```
    /// # fn example() -> relaypass::Result<()> {
    /// let gateway = relaypass::Client::builder().build()?;
    /// let caller = gateway.on_behalf_of(Some("persona_sandbox_…"), None)?;
    /// assert_eq!(caller.environment(), relaypass::Environment::Sandbox);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_behalf_of(
        &self,
        api_key: Option<&str>,
        environment: Option<Environment>,
    ) -> Result<Client> {
        let inner = &self.inner;
        let api_key = api_key.map(ApiKey::parse).transpose()?;
        let of_key = api_key.as_ref().and_then(Environment::of_key);
        let customer = (api_key.as_ref()).and_then(|key| inner.built().customer_of(key));
        let lane = |key| IdentifiedLane::new(inner.identified_route.clone(), key, &inner.gates);
        let environment = environment.or(of_key).unwrap_or(inner.environment);
        Ok(Client {
            inner: Arc::new(Inner {
                customer,
                built: Some(inner.built().clone()),
                anonymous: (inner.anonymous).of_environment(&inner.gates, environment.as_str()),
                identified: api_key.map(lane),
                identified_route: inner.identified_route.clone(),
                environment,
                privacy: inner.privacy,
                decryption_key: None,
                encryption_form: inner.encryption_form,
                accepted: inner.accepted.clone(),
                timeout: inner.timeout,
                retries: inner.retries,
                hosted_page: inner.hosted_page.clone(),
                store_options: inner.store_options.clone(),
                listener: inner.listener.clone(),
                seen: inner.seen.clone(),
                token_keys: inner.token_keys.clone(),
                lifecycle: inner.lifecycle.derive(),
                gates: inner.gates.clone(),
                ways: inner.ways.clone(),
            }),
        })
    }

    /// The environment this client speaks for.
    pub fn environment(&self) -> Environment {
        self.inner.environment
    }
}

impl Inner {
    /// The client that was built: this one, or the one that this one was derived from.
    pub(crate) fn built(self: &Arc<Self>) -> &Arc<Self> {
        self.built.as_ref().unwrap_or(self)
    }

    /// Whose the passes and references under an API key are. Those under its own are nobody else's.
    fn customer_of(&self, api_key: &ApiKey) -> Option<Customer> {
        let own = self.identified.as_ref().map(IdentifiedLane::api_key);
        (own != Some(api_key)).then(|| Customer::new(api_key))
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
