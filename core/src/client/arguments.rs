//! Arguments as other languages have them: plain texts and numbers.
//!
//! Bindings translate and never decide; so the rules about what may be left out, what excludes
//! what, and what a number may be stand here once.

use std::sync::Arc;
use std::time::Duration;

use super::{
    rules, Client, ClientBuilder, CreateRelay, Environment, GenerateClaim, IssuePrivacyPass,
    PassBinding, RelayToken, Relays,
};
use crate::claim::{open_claim, Claim, ClaimType, DecryptionKey, EncryptionKey};
use crate::credential::{RelaySecret, SealKey};
use crate::described::{described, Described, Shape};
use crate::error::{Error, Result};
use crate::events::Listener;
use crate::secret::{IdempotencyKey, Secret};
use crate::store::{self, Store};

described! {
    /// The options of a client. See [`ClientBuilder`] for each.
    #[derive(Clone, Default)]
    pub struct ClientArguments {
        /// [`ClientBuilder::api_key`].
        pub api_key: Option<Secret<String>>,
        /// [`ClientBuilder::base_url`].
        pub base_url: Option<String> => rules::BASE_URL,
        /// `production` or `sandbox`: [`ClientBuilder::environment`].
        pub environment: Option<String> => rules::ENVIRONMENT,
        /// Seconds: [`ClientBuilder::timeout`].
        pub timeout_seconds: Option<f64> => rules::TIMEOUT,
        /// [`ClientBuilder::retries`].
        pub retries: Option<i64> => rules::RETRIES,
        /// [`ClientBuilder::ca_pem`].
        pub ca_pem: Option<String>,
        /// [`ClientBuilder::anonymous_proxy`].
        pub anonymous_proxy: Option<Secret<String>>,
        /// [`ClientBuilder::identified_proxy`].
        pub identified_proxy: Option<Secret<String>>,
        /// A private key in PEM: [`ClientBuilder::decryption_key`].
        pub decryption_key: Option<Secret<String>>,
        /// [`ClientBuilder::store`].
        pub store: Option<StoreArgument>,
        /// Seconds: [`ClientBuilder::store_timeout`].
        pub store_timeout_seconds: Option<f64> => rules::STORE_TIMEOUT,
        /// Keys of 32 bytes: [`ClientBuilder::seal_keys`].
        pub seal_keys: Vec<Secret<Vec<u8>>>,
        /// `claim_type` or `relay`: [`ClientBuilder::pass_binding`].
        pub pass_binding: Option<String> => rules::PASS_BINDING,
        /// [`ClientBuilder::pass_pool`].
        pub pass_pool: Option<i64> => rules::PASS_POOL,
        /// [`ClientBuilder::background`].
        pub background: Option<bool> => rules::BACKGROUND,
        /// [`ClientBuilder::on_event`].
        pub on_event: Option<Listener>,
    }
}

/// The options that are plain values, each with what it is: `plain_options!(then)` calls `then!` with
/// them. What a binding makes of `store`, `seal_keys` and `on_event` is its own.
#[doc(hidden)]
#[macro_export]
macro_rules! plain_options {
    ($then:ident) => {
        $then! {
            api_key: Text,
            base_url: Text,
            environment: Text,
            timeout_seconds: Seconds,
            retries: Whole,
            ca_pem: Text,
            anonymous_proxy: Text,
            identified_proxy: Text,
            decryption_key: Text,
            store_timeout_seconds: Seconds,
            pass_binding: Text,
            pass_pool: Whole,
            background: Flag,
        }
    };
}

/// A value of another language that becomes one of ours.
pub trait IntoPlain<T> {
    /// The same value. A number outside the range stays outside the range.
    fn into_plain(self) -> T;
}

impl<T> IntoPlain<T> for T {
    fn into_plain(self) -> T {
        self
    }
}

impl IntoPlain<Secret<String>> for String {
    fn into_plain(self) -> Secret<String> {
        Secret::new(self)
    }
}

impl IntoPlain<i64> for f64 {
    fn into_plain(self) -> i64 {
        // `as` saturates.
        self as i64
    }
}

/// A store, as other languages name it.
#[derive(Clone)]
pub enum StoreArgument {
    /// By address: see [`store::open`](crate::store::open).
    Url(Secret<String>),
    /// An object of the host language.
    Object(Arc<dyn Store>),
}

impl Described for StoreArgument {
    const SHAPE: Shape = Shape::one("store");
}

impl ClientArguments {
    /// Checks the texts and numbers, and describes the client.
    ///
    /// # Errors
    /// `invalid_argument`, and what to change.
    pub fn parse(&self) -> Result<ClientBuilder> {
        let mut builder = Client::builder();
        if let Some(api_key) = &self.api_key {
            builder = builder.api_key(api_key.expose().as_str());
        }
        if let Some(base_url) = &self.base_url {
            builder = builder.base_url(base_url.as_str());
        }
        if let Some(environment) = &self.environment {
            builder = builder.environment(Environment::parse(environment)?);
        }
        if let Some(seconds) = self.timeout_seconds {
            builder = builder.timeout(parse_seconds(seconds)?);
        }
        if let Some(retries) = self.retries {
            let retries = u32::try_from(retries).map_err(|_| {
                Error::invalid_argument("The number of retries must be from 0 to 10.")
            })?;
            builder = builder.retries(retries);
        }
        if let Some(ca_pem) = &self.ca_pem {
            builder = builder.ca_pem(ca_pem.as_str());
        }
        if let Some(proxy) = &self.anonymous_proxy {
            builder = builder.anonymous_proxy(proxy.expose().as_str());
        }
        if let Some(proxy) = &self.identified_proxy {
            builder = builder.identified_proxy(proxy.expose().as_str());
        }
        if let Some(pem) = &self.decryption_key {
            builder = builder.decryption_key(DecryptionKey::from_pem(pem.expose())?);
        }
        match &self.store {
            None => {}
            Some(StoreArgument::Object(store)) => builder = builder.store(Arc::clone(store)),
            Some(StoreArgument::Url(url)) => builder = builder.store(store::open(url.expose())?),
        }
        if let Some(seconds) = self.store_timeout_seconds {
            builder = builder.store_timeout(parse_seconds(seconds)?);
        }
        let seal_keys = self.seal_keys.iter().map(parse_seal_key);
        builder = builder.seal_keys(seal_keys.collect::<Result<_>>()?);
        if let Some(binding) = &self.pass_binding {
            builder = builder.pass_binding(PassBinding::parse(binding)?);
        }
        if let Some(target) = self.pass_pool {
            let target = u32::try_from(target).map_err(|_| {
                Error::invalid_argument("The pass pool must hold from 0 to 100 passes.")
            })?;
            builder = builder.pass_pool(target);
        }
        if let Some(background) = self.background {
            builder = builder.background(background);
        }
        if let Some(listener) = &self.on_event {
            builder = builder.on_event(listener.clone());
        }
        Ok(builder)
    }
}

fn parse_seal_key(bytes: &Secret<Vec<u8>>) -> Result<SealKey> {
    let bytes: [u8; SealKey::LEN] = bytes.expose().as_slice().try_into().map_err(|_| {
        Error::invalid_argument("A seal key has exactly 32 bytes; make it with a secure generator.")
    })?;
    Ok(SealKey::new(bytes))
}

/// Reads a time in seconds, as other languages write it.
///
/// # Errors
/// `invalid_argument` for what is no number, not more than 0, or beyond all use.
pub fn parse_seconds(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero() && duration.as_secs() < rules::A_DAY)
        .ok_or_else(|| {
            Error::invalid_argument("A timeout must be more than 0 and less than a day.")
        })
}

described! {
    /// The arguments of `relays.create`.
    pub struct CreateArguments {
        /// What is asked.
        pub claim_type: String,
        /// A public key in PEM.
        pub encryption_key: Option<String>,
    }
}

impl CreateArguments {
    /// Checks the arguments.
    ///
    /// # Errors
    /// `invalid_argument`, and what to change.
    pub fn parse(self) -> Result<CreateRelay> {
        let parse = || {
            Ok(CreateRelay {
                claim_type: ClaimType::parse(self.claim_type)?,
                encryption_key: self
                    .encryption_key
                    .map(|pem| EncryptionKey::from_pem(&pem))
                    .transpose()?,
            })
        };
        parse().map_err(|error: Error| error.in_operation("relays.create"))
    }
}

described! {
    /// The arguments of `relays.issue_privacy_pass`: a claim type, or a relay's token and secret.
    pub struct IssueArguments {
        /// Binds the pass to a claim type.
        pub claim_type: Option<String>,
        /// Binds the pass to a relay.
        pub relay_token: Option<String>,
        /// That relay's secret.
        pub relay_secret: Option<Secret<String>>,
    }
}

impl IssueArguments {
    /// Checks the arguments.
    ///
    /// # Errors
    /// `invalid_argument`, and what to change.
    pub fn parse(self) -> Result<IssuePrivacyPass> {
        let parse = || match (self.claim_type, self.relay_token, self.relay_secret) {
            (Some(claim_type), None, None) => {
                Ok(IssuePrivacyPass::ClaimType(ClaimType::parse(claim_type)?))
            }
            (None, Some(relay_token), Some(relay_secret)) => Ok(IssuePrivacyPass::Relay {
                relay_token: RelayToken::parse(relay_token)?,
                relay_secret: RelaySecret::parse(relay_secret.expose().as_str())?,
            }),
            _ => Err(Error::invalid_argument(
                "A pass is issued either for a claim type, or for a relay by its token and its \
                 secret; give one or the other.",
            )),
        };
        parse().map_err(|error: Error| error.in_operation("relays.issue_privacy_pass"))
    }
}

described! {
    /// The arguments of `relays.generate_claim`.
    pub struct ClaimArguments {
        /// The relay's token.
        pub relay_token: String,
        /// The relay's secret.
        pub relay_secret: Secret<String>,
        /// The pass to redeem.
        pub privacy_pass_token: Secret<String>,
        /// What was asked.
        pub claim_type: Option<String>,
        /// A private key in PEM.
        pub decryption_key: Option<Secret<String>>,
        /// The idempotency key of an earlier call whose answer never arrived.
        pub idempotency_key: Option<Secret<String>>,
    }
}

impl ClaimArguments {
    /// Checks the arguments.
    ///
    /// # Errors
    /// `invalid_argument`, and what to change.
    pub fn parse(self) -> Result<GenerateClaim> {
        let parse = || {
            Ok(GenerateClaim {
                relay_token: RelayToken::parse(self.relay_token)?,
                relay_secret: RelaySecret::parse(self.relay_secret.expose().as_str())?,
                privacy_pass_token: self.privacy_pass_token,
                claim_type: self.claim_type.map(ClaimType::parse).transpose()?,
                decryption_key: self
                    .decryption_key
                    .map(|pem| DecryptionKey::from_pem(pem.expose()))
                    .transpose()?,
                idempotency_key: self
                    .idempotency_key
                    .map(|key| IdempotencyKey::parse(key.expose().as_str()))
                    .transpose()?,
            })
        };
        parse().map_err(|error: Error| error.in_operation("relays.generate_claim"))
    }
}

described! {
    /// The arguments of `open_claim`.
    pub struct OpenArguments {
        /// The payload as Persona sent it.
        pub claim_payload: Secret<String>,
        /// A private key in PEM.
        pub decryption_key: Option<Secret<String>>,
        /// What was asked.
        pub claim_type: Option<String>,
    }
}

impl OpenArguments {
    /// Checks the arguments and opens the claim: [`open_claim`].
    ///
    /// # Errors
    /// `invalid_argument`, and those of [`open_claim`].
    pub fn open(self) -> Result<Claim> {
        let open = || {
            let key = self
                .decryption_key
                .map(|pem| DecryptionKey::from_pem(pem.expose()))
                .transpose()?;
            let asked = self.claim_type.map(ClaimType::parse).transpose()?;
            open_claim(self.claim_payload.expose(), key.as_ref(), asked.as_ref())
        };
        open().map_err(|error: Error| error.in_operation("open_claim"))
    }
}

impl Relays<'_> {
    /// [`Relays::within`] as other languages give it: in seconds, or not at all.
    ///
    /// # Errors
    /// Those of [`parse_seconds`].
    pub fn within_seconds(self, seconds: Option<f64>) -> Result<Self> {
        match seconds {
            Some(seconds) => Ok(self.within(parse_seconds(seconds)?)),
            None => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_for_a_claim_type_or_for_a_relay() {
        let text = |given: bool| given.then(|| "text".to_owned());
        for bits in 0..8 {
            let [claim_type, relay_token, relay_secret] = [1, 2, 4].map(|bit| bits & bit != 0);
            let parsed = IssueArguments {
                claim_type: text(claim_type),
                relay_token: text(relay_token),
                relay_secret: text(relay_secret).map(Secret::new),
            }
            .parse();
            assert_eq!(parsed.is_ok(), bits == 1 || bits == 6, "{bits}");
            if let Err(error) = parsed {
                assert_eq!(error.operation(), "relays.issue_privacy_pass");
            }
        }
    }

    #[test]
    fn odd_numbers_are_refused_and_do_not_panic() {
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 86_400.0] {
            assert_eq!(
                parse_seconds(seconds).unwrap_err().code(),
                "invalid_argument"
            );
        }
        assert_eq!(parse_seconds(0.25).unwrap(), Duration::from_millis(250));
        for retries in [-1, 11, i64::MAX] {
            let arguments = ClientArguments {
                retries: Some(retries),
                ..ClientArguments::default()
            };
            assert!(arguments
                .parse()
                .and_then(|builder| builder.build())
                .is_err());
        }
    }
}
