//! Arguments as other languages have them: plain texts and numbers.
//!
//! Bindings translate and never decide; so the rules about what may be left out, what excludes
//! what, and what a number may be stand here once.

use std::convert::identity;
use std::sync::Arc;
use std::time::Duration;

use super::{
    rules, Client, ClientBuilder, EncryptionForm, Environment, Isolation, PassBinding, Privacy,
    Relays,
};
use crate::claim::DecryptionKeys;
use crate::credential::SealKey;
use crate::described::{described, Described, Shape};
use crate::error::{Error, Result};
use crate::events::Listener;
use crate::secret::Secret;
use crate::store::{self, Store};

/// The options that are plain values, each with what it is and the rule of `rules.rs` that it keeps:
/// `plain_options!(then)` calls `then!` with them. What a binding makes of `store`, `seal_keys` and
/// `on_event` is its own.
///
/// `environment` is `production` or `sandbox`, `pass_binding` is `claim_type` or `relay`, `anonymous_proxy` are
/// URLs, one or several in each text, `encryption_form` is `auto`, `pem` or `jwk`, and `decryption_key` are private keys, each in PEM or as a
/// JWK, the newest first.
#[doc(hidden)]
#[macro_export]
macro_rules! plain_options {
    ($then:ident $($with:tt)*) => {
        $then! {
            $($with)*
            api_key: SecretText,
            base_url: Text => BASE_URL,
            environment: Text => ENVIRONMENT,
            timeout_seconds: Seconds => TIMEOUT,
            idle_timeout_seconds: Seconds => IDLE_TIMEOUT,
            retries: Whole => RETRIES,
            ca_pem: Text,
            anonymous_proxy: SecretTexts,
            identified_proxy: SecretText,
            decryption_key: SecretTexts,
            encryption_form: Text => ENCRYPTION_FORM,
            store_timeout_seconds: Seconds => STORE_TIMEOUT,
            pass_binding: Text => PASS_BINDING,
            purchase_window_seconds: Seconds => PURCHASE_WINDOW,
            pass_pool: Whole => PASS_POOL,
            privacy: Text => PRIVACY,
            isolation: Text => ISOLATION,
            background: Flag => BACKGROUND,
        }
    };
}

type Text = String;
type SecretText = Secret<String>;
type SecretTexts = Vec<Secret<String>>;
type Flag = bool;
type Seconds = f64;
type Whole = i64;

macro_rules! declare {
    ($($name:ident: $type:ident $(=> $rule:ident)?,)*) => {
        described! {
            /// The options of a client. See [`ClientBuilder`] for each.
            #[derive(Clone, Default)]
            pub struct ClientArguments {
                $(
                    /// See [`ClientBuilder`].
                    pub $name: Option<$type> $(=> rules::$rule)?,
                )*
                /// [`ClientBuilder::store`].
                pub store: Option<StoreArgument>,
                /// Keys of 32 bytes: [`ClientBuilder::seal_keys`].
                pub seal_keys: Vec<Secret<Vec<u8>>>,
                /// [`ClientBuilder::on_event`].
                pub on_event: Option<Listener>,
            }
        }
    };
}

plain_options!(declare);

/// Declares the record in which a binding has the options, `plain_options!(client_options (…))`:
/// how its host's store and listener come, and what makes the core's of them.
#[doc(hidden)]
#[macro_export]
macro_rules! client_options {
    (
        ($record:ident, $store:ty => $hosted:expr, $key:ty, $tell:ty => $listener:expr)
        $($name:ident: $type:ident $(=> $rule:ident)?,)*
    ) => {
        $record! {
            /// See `relaypass::surface::ClientArguments`.
            pub struct ClientOptions {
                $(pub $name: Option<$type>,)*
                pub store_url: Option<String>,
                pub store: Option<$store>,
                pub seal_keys: Vec<$key>,
                pub on_event: Option<$tell>,
            }
        }

        impl From<ClientOptions> for $crate::surface::ClientArguments {
            fn from(options: ClientOptions) -> Self {
                use $crate::surface::{Hosted, IntoPlain, StoreArgument};
                let store = options.store.map($hosted).map(Hosted);
                Self {
                    $($name: options.$name.into_plain(),)*
                    store: StoreArgument::of(store, options.store_url),
                    seal_keys: options.seal_keys.into_plain(),
                    on_event: options.on_event.map($listener),
                }
            }
        }
    };
}

/// Declares the plain types of a host whose secrets are texts like others: `plain_types!(f64)`, of its
/// whole numbers.
#[doc(hidden)]
#[macro_export]
macro_rules! plain_types {
    ($whole:ident) => {
        pub(crate) type Text = String;
        pub(crate) type SecretText = String;
        pub(crate) type SecretTexts = Vec<String>;
        pub(crate) type Flag = bool;
        pub(crate) type Seconds = f64;
        pub(crate) type Whole = $whole;
    };
}

/// A value of another language that becomes one of ours.
pub trait IntoPlain<T> {
    /// The same value. A number outside the range stays outside the range.
    fn into_plain(self) -> T;
}

macro_rules! into_plain {
    ($($theirs:ty => $ours:ty: $how:expr),* $(,)?) => {$(
        impl IntoPlain<$ours> for $theirs {
            fn into_plain(self) -> $ours {
                $how(self)
            }
        }
    )*};
}

into_plain! {
    String => String: identity,
    String => Secret<String>: Secret::new,
    bool => bool: identity,
    f64 => f64: identity,
    i64 => i64: identity,
    // `as` saturates.
    f64 => i64: |number| number as i64,
}

impl<T: Into<Vec<u8>>> IntoPlain<Secret<Vec<u8>>> for T {
    fn into_plain(self) -> Secret<Vec<u8>> {
        Secret::new(self.into())
    }
}

impl<T, U: IntoPlain<T>> IntoPlain<Option<T>> for Option<U> {
    fn into_plain(self) -> Option<T> {
        self.map(IntoPlain::into_plain)
    }
}

impl<T, U: IntoPlain<T>> IntoPlain<Vec<T>> for Vec<U> {
    fn into_plain(self) -> Vec<T> {
        self.into_iter().map(IntoPlain::into_plain).collect()
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

impl StoreArgument {
    /// The object, or else the store at the address.
    pub fn of(object: Option<impl Store + 'static>, url: Option<String>) -> Option<Self> {
        let object = object.map(|store| Self::Object(Arc::new(store)));
        object.or(url.map(|url| Self::Url(Secret::new(url))))
    }
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
        if let Some(seconds) = self.idle_timeout_seconds {
            builder = builder.idle_timeout(parse_seconds(seconds)?);
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
        if let Some(proxies) = &self.anonymous_proxy {
            let texts = proxies.iter().map(|text| text.expose().as_str());
            builder = builder.anonymous_proxies(texts);
        }
        if let Some(proxy) = &self.identified_proxy {
            builder = builder.identified_proxy(proxy.expose().as_str());
        }
        if let Some(keys) = &self.decryption_key {
            builder = builder.decryption_key(parse_keys(keys)?);
        }
        if let Some(form) = &self.encryption_form {
            builder = builder.encryption_form(EncryptionForm::parse(form)?);
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
        if let Some(seconds) = self.purchase_window_seconds {
            let window = Duration::try_from_secs_f64(seconds).map_err(|_| {
                Error::invalid_argument("The purchase window must be from 0 to 1200 seconds.")
            })?;
            builder = builder.purchase_window(window);
        }
        if let Some(target) = self.pass_pool {
            let target = u32::try_from(target).map_err(|_| {
                Error::invalid_argument("The pass pool must hold from 0 to 1,000 passes.")
            })?;
            builder = builder.pass_pool(target);
        }
        if let Some(privacy) = &self.privacy {
            builder = builder.privacy(Privacy::parse(privacy)?);
        }
        if let Some(isolation) = &self.isolation {
            builder = builder.isolation(Isolation::parse(isolation)?);
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

/// Reads decryption keys, each in any form, the newest first.
///
/// # Errors
/// Those of [`DecryptionKeys::parse`].
pub(crate) fn parse_keys(texts: &[Secret<String>]) -> Result<DecryptionKeys> {
    DecryptionKeys::parse(texts.iter().map(|text| text.expose().as_str()))
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
