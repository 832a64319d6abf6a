//! How a client is described, and what is refused.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::form::{Accepted, EncryptionForm};
use super::privacy::{check_strict, Isolation, Privacy};
use super::proxies::{name_of, read_anonymous};
use super::rules::{
    DEFAULT_IDLE_TIMEOUT, DEFAULT_PURCHASE_WINDOW, DEFAULT_RETRIES, DEFAULT_TIMEOUT,
    LONGEST_PURCHASE_WINDOW, LONGEST_TIMEOUT, MOST_PASSES, MOST_RETRIES,
};
use super::ways::{WayOut, Ways};
use super::{Client, Inner, Seen, StoreOptions};
use crate::claim::DecryptionKeys;
use crate::credential::{ApiKey, SealKey};
use crate::error::{Error, Result};
use crate::events::Listener;
use crate::given::one_of;
use crate::http::{
    parse_proxy, AnonymousLanes, BaseUrl, IdentifiedLane, NamedRoute, ReqwestTransport, Route,
    RouteOptions, Transport,
};
use crate::secret::Secret;
use crate::store::{Sealer, Store, Timed};

/// Which of Persona's two worlds: passes and relays of one do not fit the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Environment {
    /// Real people, real bills.
    Production,
    /// Claims always pass, nothing is billed.
    Sandbox,
}

impl Environment {
    /// Reads `production` or `sandbox`.
    ///
    /// # Errors
    /// `invalid_argument` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let names = [
            ("production", Environment::Production),
            ("sandbox", Environment::Sandbox),
        ];
        one_of("The environment", text, &names)
    }

    /// `production` or `sandbox`.
    pub fn as_str(self) -> &'static str {
        match self {
            Environment::Production => "production",
            Environment::Sandbox => "sandbox",
        }
    }

    pub(super) fn of_key(api_key: &ApiKey) -> Option<Self> {
        let key = api_key.expose();
        if key.starts_with("persona_production_") {
            Some(Environment::Production)
        } else if key.starts_with("persona_sandbox_") {
            Some(Environment::Sandbox)
        } else {
            None
        }
    }
}

/// What a pass is bound to when a verification buys one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PassBinding {
    /// Every relay of its claim type: Persona's current generation. It can be bought ahead.
    #[default]
    ClaimType,
    /// The one relay it is for: the first generation.
    Relay,
}

impl PassBinding {
    /// Reads `claim_type` or `relay`.
    ///
    /// # Errors
    /// `invalid_argument` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let names = [
            ("claim_type", PassBinding::ClaimType),
            ("relay", PassBinding::Relay),
        ];
        one_of("The pass binding", text, &names)
    }
}

/// Describes a [`Client`]. Texts are checked by [`ClientBuilder::build`].
#[derive(Clone, Default)]
pub struct ClientBuilder {
    api_key: Option<Secret<String>>,
    base_url: Option<String>,
    environment: Option<Environment>,
    timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    retries: Option<u32>,
    ca_pem: Option<String>,
    anonymous_proxies: Option<Vec<Secret<String>>>,
    identified_proxy: Option<Secret<String>>,
    decryption_key: Option<DecryptionKeys>,
    encryption_form: EncryptionForm,
    identified_transport: Option<Arc<dyn Transport>>,
    anonymous_transport: Option<Arc<dyn Transport>>,
    store: Option<Arc<dyn Store>>,
    store_timeout: Option<Duration>,
    seal_keys: Vec<SealKey>,
    pass_binding: PassBinding,
    purchase_window: Option<Duration>,
    pass_pool: u32,
    privacy: Privacy,
    isolation: Isolation,
    background: bool,
    listener: Option<Listener>,
    wrap_transport: Option<WrapTransport>,
}

/// Puts something around a transport.
type WrapTransport = Arc<dyn Fn(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync>;

impl ClientBuilder {
    /// The API key. Without one the client can create and redeem, but not issue.
    pub fn api_key(mut self, api_key: impl Into<String>) -> Self {
        self.api_key = Some(Secret::new(api_key.into()));
        self
    }

    /// Where Persona is; the default is `https://api.withpersona.com`. Plain `http` is for loopback
    /// addresses only.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// The environment; by default the API key's prefix tells (`persona_production_` or
    /// `persona_sandbox_`), and a client without key is for production.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// How long one request may take; the default is 10 seconds, the longest 10 minutes. A call
    /// with its retries takes at most 30 seconds, or this, whichever is longer.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// For how long a connection to Persona that nobody uses is used again, for each lane its own; the
    /// default is 20 seconds, the longest 10 minutes. It may stay open for about as long again. Load
    /// balancers close idle connections (many after 60 seconds): a request that is sent into their
    /// closing has an unknown outcome, so stay below.
    pub fn idle_timeout(mut self, idle_timeout: Duration) -> Self {
        self.idle_timeout = Some(idle_timeout);
        self
    }

    /// How often a failed request is asked again; the default is 3, the most 10.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    /// Certificates to trust beside the public ones, in PEM: a company's own authority.
    pub fn ca_pem(mut self, ca_pem: impl Into<String>) -> Self {
        self.ca_pem = Some(ca_pem.into());
        self
    }

    /// The way out for the calls that must not name us: `http://`, `https://` or `socks5h://`. Or several, with
    /// blanks or commas between them; a comma in a URL is written `%2C`.
    ///
    /// Of several, one is drawn for each verification when its relay is created, and serves all calls of that relay,
    /// in every process that has the same list. A relay that only its caller keeps
    /// ([`Client::relays`](crate::Client::relays)) is created by one that is drawn, and redeemed by one that this client
    /// always takes for it. A challenge that is fetched for a purchase alone leaves by one that is drawn when the client
    /// is made; those that a strict pool compares take one after the other. A proxy that does not answer is an error for
    /// the calls that were given it, in every privacy: none leaves by another one, or directly. A new `start`, or
    /// whatever is drawn for next, may be given another one. Proxies are told apart by scheme, user, host and port, not
    /// by password; one that is there twice is refused, as are more than 100.
    pub fn anonymous_proxy(self, url: impl Into<String>) -> Self {
        self.anonymous_proxies([url])
    }

    /// [`ClientBuilder::anonymous_proxy`], as a list. An empty one is refused, and never means a direct connection.
    pub fn anonymous_proxies(mut self, urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let urls = urls.into_iter().map(|url| Secret::new(url.into()));
        self.anonymous_proxies = Some(urls.collect());
        self
    }

    /// The way out for the call that names us.
    pub fn identified_proxy(mut self, url: impl Into<String>) -> Self {
        self.identified_proxy = Some(Secret::new(url.into()));
        self
    }

    /// The key that opens claims, or several, the newest first ([`DecryptionKeys`]). With it, every
    /// relay is created with the public half of the first, and a claim that is not encrypted is
    /// refused, unless a call says otherwise.
    pub fn decryption_key(mut self, key: impl Into<DecryptionKeys>) -> Self {
        self.decryption_key = Some(key.into());
        self
    }

    /// In which form the encryption key is sent; by default the one that Persona takes.
    pub fn encryption_form(mut self, form: EncryptionForm) -> Self {
        self.encryption_form = form;
        self
    }

    /// Another transport than the built-in one for the call that names us. What the lanes promise
    /// is then yours to keep; see [`Transport`].
    pub fn identified_transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.identified_transport = Some(transport);
        self
    }

    /// Another transport than the built-in one for the calls that must not name us.
    pub fn anonymous_transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.anonymous_transport = Some(transport);
        self
    }

    /// Puts something around each lane's transport, the built-in one too, and around that of each of several
    /// proxies: to count and to time requests. The [`Transport`] contract holds for what it returns.
    pub fn wrap_transports(
        mut self,
        wrap: impl Fn(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync + 'static,
    ) -> Self {
        self.wrap_transport = Some(Arc::new(wrap));
        self
    }

    /// Where verifications and passes are kept. Without a store there are the three steps only. A
    /// SQLite file must be relaypass's own: never open it with another SQLite library in this process.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// How long one call of the store may take; the default is 10 seconds, the longest 10 minutes. No
    /// call waits for it beyond its own time.
    pub fn store_timeout(mut self, limit: Duration) -> Self {
        self.store_timeout = Some(limit);
        self
    }

    /// The keys under which records are sealed before they reach the store: the first seals, all
    /// open. To rotate, put the new key first, and drop the old one when no open verification and
    /// no pass is left that it sealed. Without keys, records are stored as they are.
    pub fn seal_keys(mut self, keys: Vec<SealKey>) -> Self {
        self.seal_keys = keys;
        self
    }

    /// What verifications bind their passes to; by default the claim type.
    pub fn pass_binding(mut self, binding: PassBinding) -> Self {
        self.pass_binding = binding;
        self
    }

    /// How long after its relay a verification may buy its pass: at a random moment of this time, so
    /// that by the clock a signature may be for any relay of the last window. The default is 2 minutes,
    /// the longest 20; 0 buys at once. It is bought in the background for as long as this client lives,
    /// or by the next [`recover`](crate::Verifications::recover). A
    /// [`complete`](crate::Verifications::complete) that finds no pass buys one, and tells so with the
    /// event `linkable_by_time`: ask when the visitor returns, or hold passes ready
    /// ([`ClientBuilder::pass_pool`]).
    pub fn purchase_window(mut self, window: Duration) -> Self {
        self.purchase_window = Some(window);
        self
    }

    /// How many passes to hold ready for each claim type that is asked for: 0 (none, the default)
    /// to 1,000. The pool is filled in the background ([`ClientBuilder::background`]).
    ///
    /// With [`Privacy::Strict`] it is bought whole, in the common hours: twice as many as are used in a week are
    /// bought once a week then; twice as many as are used in a day never run out.
    pub fn pass_pool(mut self, target: u32) -> Self {
        self.pass_pool = target;
        self
    }

    /// How far this client goes so that Persona cannot tell whose a relay is; by default as far as costs
    /// nothing ([`Privacy::Standard`]). [`Privacy::Strict`] needs a [`pass_pool`](ClientBuilder::pass_pool)
    /// and an [`anonymous_proxy`](ClientBuilder::anonymous_proxy) that is not the way out of the call that
    /// names us. Then
    ///
    /// * the pool is bought in the common hours, in which all strict clients buy: from 10:00 to 11:00 UTC. On
    ///   Tuesdays it is bought whole, whatever was used, and what is left of the old one is dropped at 11:00; on
    ///   other days if less than half of it is left. Its passes are used from 11:00 on. Something has to call
    ///   `recover` about once a minute then, or the task in the background does;
    /// * a verification takes its pass from the pool when the answer is asked for. If there is none it stays
    ///   pending, with the event `waiting_for_pass`; nothing is bought for it. A new client has no pass before
    ///   the first common hour is over;
    /// * calls that buy a pass for the caller are refused with `privacy_refused`;
    /// * a purchase needs two fetches of the challenge, minutes apart, that agree with each other and with what
    ///   all were given who share the store. A pass whose challenge turns out to differ is dropped, with the
    ///   event `issuer_inconsistent`;
    /// * each anonymous call has a connection of its own, and through a SOCKS proxy whose URL has no
    ///   credentials random ones, so that Tor gives it a circuit of its own;
    /// * a redemption waits up to 2 seconds, at random;
    /// * a pass that was shown to Persona is shown for no other relay. It costs one pass for each claim that did
    ///   not pass, and for each visitor who was asked about and did not return;
    /// * verifications of strict and other clients on one store are kept apart: who is not strict refuses to
    ///   complete a strict one, with `privacy_refused`; a strict client that completes another's puts the pass
    ///   that was bought for it into the other kind's pool;
    /// * what a pool fell short of in its hour is told, with the event `background_failure`.
    pub fn privacy(mut self, privacy: Privacy) -> Self {
        self.privacy = privacy;
        self
    }

    /// What anonymous calls of different relays share; by default open connections ([`Isolation::None`]), so that a
    /// connection shows Persona whose relays are one client's. With [`Isolation::Relay`] they share no connection: each
    /// anonymous call has a connection of its own, resumes no TLS session, and has random credentials through a SOCKS
    /// proxy whose URL has none, so that Tor (`IsolateSOCKSAuth`) gives it a circuit of its own. It costs one TCP and
    /// one TLS handshake for each anonymous call. [`Privacy::Strict`] isolates always, whatever is said here.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Whether a task in the background drives open verifications on and fills the pool, about once
    /// a minute. By default it does not: call `recover` yourself. The task begins with the first
    /// call that needs the store, in the runtime of that call, and ends with the client, or when it is
    /// closed; if that runtime ends before, it begins anew with the next call. A store or listener that
    /// panics ends one round at most, and is told as an event.
    pub fn background(mut self, background: bool) -> Self {
        self.background = background;
        self
    }

    /// Who is told of [`Event`](crate::Event)s.
    pub fn on_event(mut self, listener: Listener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Checks everything and makes the client. Nothing is sent.
    ///
    /// # Errors
    /// `invalid_argument`, and what to change; `privacy_refused` if [`Privacy::Strict`] is asked for and both
    /// lanes leave from one place.
    pub fn build(&self) -> Result<Client> {
        let api_key = self
            .api_key
            .as_ref()
            .map(|key| ApiKey::parse(key.expose().as_str()))
            .transpose()?;
        let base_url = BaseUrl::parse(self.base_url.as_deref().unwrap_or(BaseUrl::PERSONA))?;
        let environment = self.find_environment(api_key.as_ref())?;
        let timeout = read_time("The timeout", self.timeout, DEFAULT_TIMEOUT)?;
        let retries = self.retries.unwrap_or(DEFAULT_RETRIES);
        if retries > MOST_RETRIES {
            return Err(Error::invalid_argument("At most 10 retries are possible."));
        }
        let store_timeout = read_time("The store's timeout", self.store_timeout, DEFAULT_TIMEOUT)?;
        let purchase_window =
            (self.purchase_window).unwrap_or(Duration::from_secs(DEFAULT_PURCHASE_WINDOW));
        if purchase_window > Duration::from_secs(LONGEST_PURCHASE_WINDOW) {
            return Err(Error::invalid_argument(
                "The purchase window must be at most 20 minutes: a session lasts 30.",
            ));
        }
        if self.pass_pool > MOST_PASSES {
            return Err(Error::invalid_argument(
                "At most 1,000 passes of a claim type can be held ready.",
            ));
        }
        if self.store.is_none() && (self.background || self.pass_pool > 0) {
            return Err(Error::invalid_argument(
                "A pool of passes and work in the background need a store: set one.",
            ));
        }
        let identified_proxy = self.identified_proxy.as_ref();
        let identified_proxy = read_proxy(identified_proxy, "The identified proxy", &base_url)?;
        let identified_transport = self.identified_transport.as_ref();
        let identified = self.open_lane(
            identified_transport,
            &base_url,
            identified_proxy.as_ref(),
            true,
        )?;
        let anonymous_transport = self.anonymous_transport.as_ref();
        // None: directly, or by the caller's own transport.
        let anonymous_proxies: Vec<Option<Url>> = match &self.anonymous_proxies {
            None => vec![None],
            Some(texts) => (read_anonymous(texts, &base_url)?.into_iter())
                .map(Some)
                .collect(),
        };
        let open = |proxy: &Option<Url>| {
            let transport =
                self.open_lane(anonymous_transport, &base_url, proxy.as_ref(), false)?;
            Ok(NamedRoute {
                name: proxy.as_ref().map(name_of).unwrap_or_default(),
                route: Route::new(transport, base_url.clone()),
            })
        };
        let anonymous = anonymous_proxies.iter().map(open).collect::<Result<_>>()?;
        let of_anonymous = |proxy: &Option<Url>| WayOut::of(anonymous_transport, proxy.as_ref());
        let ways = Ways {
            anonymous: anonymous_proxies.iter().map(of_anonymous).collect(),
            identified: WayOut::of(identified_transport, identified_proxy.as_ref()),
            is_isolated: self.is_isolated(),
            idle_timeout: self.read_idle_timeout()?,
        };
        if self.privacy.is_strict() {
            check_strict(self.pass_pool, self.pass_binding, &ways)?;
        }
        let identified = Route::new(identified, base_url.clone());
        let gates = Arc::default();
        let seen: Arc<Seen> = Arc::default();
        Ok(Client {
            inner: Arc::new(Inner {
                customer: None,
                built: None,
                hosted_page: base_url.hosted_page(),
                anonymous: AnonymousLanes::new(
                    anonymous,
                    &gates,
                    environment.as_str(),
                    self.is_isolated(),
                ),
                privacy: self.privacy,
                identified: api_key.map(|key| IdentifiedLane::new(identified.clone(), key, &gates)),
                identified_route: identified,
                environment,
                decryption_key: self.decryption_key.clone(),
                encryption_form: self.encryption_form,
                accepted: Accepted::at(base_url.as_str()),
                timeout,
                retries,
                store_options: self.store.clone().map(|store| StoreOptions {
                    store: Arc::new(Timed::new(store, store_timeout)),
                    sealer: Sealer::new(self.seal_keys.clone()),
                    pass_binding: self.pass_binding,
                    purchase_window,
                    pass_pool: self.pass_pool,
                    background: self.background,
                }),
                listener: Some(Listener::for_client(self.listener.as_ref(), &seen.events)),
                seen,
                ways,
                token_keys: Arc::default(),
                lifecycle: Arc::default(),
                gates,
            }),
        })
    }

    fn is_isolated(&self) -> bool {
        self.privacy.is_strict() || self.isolation == Isolation::Relay
    }

    fn read_idle_timeout(&self) -> Result<Duration> {
        read_time("The idle timeout", self.idle_timeout, DEFAULT_IDLE_TIMEOUT)
    }

    fn find_environment(&self, api_key: Option<&ApiKey>) -> Result<Environment> {
        match (self.environment, api_key) {
            (Some(environment), _) => Ok(environment),
            (None, None) => Ok(Environment::Production),
            (None, Some(key)) => Environment::of_key(key).ok_or_else(|| {
                Error::invalid_argument(
                    "The API key begins with neither persona_production_ nor persona_sandbox_; \
                     say which environment it is for (environment = \"production\" or \
                     \"sandbox\").",
                )
            }),
        }
    }

    fn open_lane(
        &self,
        transport: Option<&Arc<dyn Transport>>,
        base_url: &BaseUrl,
        proxy: Option<&Url>,
        resumption: bool,
    ) -> Result<Arc<dyn Transport>> {
        let transport: Arc<dyn Transport> = match transport {
            Some(transport)
                if proxy.is_none() && self.ca_pem.is_none() && self.idle_timeout.is_none() =>
            {
                transport.clone()
            }
            Some(_) => return Err(Error::invalid_argument(
                "A transport of your own has a proxy, certificates and idle connections of its own: \
                 leave them out.",
            )),
            None => Arc::new(ReqwestTransport::new(&RouteOptions {
                base_url,
                proxy,
                ca_pem: self.ca_pem.as_deref(),
                idle_timeout: self.read_idle_timeout()?,
                resumption,
                isolates: self.is_isolated() && !resumption,
            })?),
        };
        Ok(match &self.wrap_transport {
            Some(wrap) => wrap(transport),
            None => transport,
        })
    }
}

fn read_proxy(
    proxy: Option<&Secret<String>>,
    what: &str,
    base_url: &BaseUrl,
) -> Result<Option<Url>> {
    let read = |proxy: &Secret<String>| parse_proxy(proxy.expose(), what, base_url);
    proxy.map(read).transpose()
}

fn read_time(what: &str, given: Option<Duration>, by_default: u64) -> Result<Duration> {
    let time = given.unwrap_or(Duration::from_secs(by_default));
    if time.is_zero() || time > Duration::from_secs(LONGEST_TIMEOUT) {
        return Err(Error::invalid_argument(format!(
            "{what} must be more than nothing and at most 10 minutes."
        )));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_comes_from_the_key_unless_it_is_said() {
        let of = |builder: ClientBuilder| builder.build().unwrap().environment();
        let builder = Client::builder;
        assert_eq!(
            of(builder().api_key("persona_sandbox_x")),
            Environment::Sandbox
        );
        assert_eq!(
            of(builder().api_key("persona_production_x")),
            Environment::Production
        );
        assert_eq!(of(builder()), Environment::Production);
        let said = builder().api_key("other").environment(Environment::Sandbox);
        assert_eq!(of(said), Environment::Sandbox);
        let error = builder().api_key("canary").build().unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert!(!error.to_string().contains("canary"));
    }

    #[test]
    fn options_out_of_range_are_refused() {
        for builder in [
            Client::builder().timeout(Duration::ZERO),
            Client::builder().timeout(Duration::from_secs(601)),
            Client::builder().idle_timeout(Duration::ZERO),
            Client::builder().idle_timeout(Duration::from_secs(601)),
            Client::builder().retries(11),
            Client::builder().api_key("a b"),
            Client::builder().base_url("http://example.com"),
            Client::builder().anonymous_proxy("socks5://a:1"),
            Client::builder()
                .base_url("http://127.0.0.1")
                .anonymous_proxy("http://a:1"),
            Client::builder().ca_pem("x"),
        ] {
            assert_eq!(builder.build().unwrap_err().code(), "invalid_argument");
        }
    }
}
