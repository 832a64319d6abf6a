//! The options of a client and the arguments of a redemption, as the packages have them.

use std::sync::Arc;

use relaypass::surface::{ClaimArguments, ClientArguments, IntoPlain, StoreArgument};
use relaypass::Secret;

use crate::events::{listener, HostListener};
use crate::store::{HostStore, StoreAdapter};

type Text = String;
type Flag = bool;
type Seconds = f64;
type Whole = i64;

macro_rules! options {
    ($($name:ident: $type:ident,)*) => {
        /// See `relaypass::surface::ClientArguments`.
        #[derive(uniffi::Record)]
        pub struct ClientOptions {
            $(pub $name: Option<$type>,)*
            pub store_url: Option<String>,
            pub store: Option<Arc<dyn HostStore>>,
            pub seal_keys: Vec<Vec<u8>>,
            pub on_event: Option<Arc<dyn HostListener>>,
        }

        impl From<ClientOptions> for ClientArguments {
            fn from(options: ClientOptions) -> Self {
                let by_url = options.store_url.map(|url| StoreArgument::Url(url.into_plain()));
                let object = options
                    .store
                    .map(|store| StoreArgument::Object(Arc::new(StoreAdapter(store))));
                Self {
                    $($name: options.$name.map(IntoPlain::into_plain),)*
                    store: object.or(by_url),
                    seal_keys: options.seal_keys.into_iter().map(Secret::new).collect(),
                    on_event: options.on_event.map(listener),
                }
            }
        }
    };
}

relaypass::plain_options!(options);

/// See `relaypass::surface::ClaimArguments`.
#[derive(uniffi::Record)]
pub struct Redemption {
    pub relay_token: String,
    pub relay_secret: String,
    pub privacy_pass_token: String,
    pub claim_type: Option<String>,
    pub decryption_key: Option<String>,
    pub idempotency_key: Option<String>,
}

impl From<Redemption> for ClaimArguments {
    fn from(redemption: Redemption) -> Self {
        Self {
            relay_token: redemption.relay_token,
            relay_secret: redemption.relay_secret.into_plain(),
            privacy_pass_token: redemption.privacy_pass_token.into_plain(),
            claim_type: redemption.claim_type,
            decryption_key: redemption.decryption_key.map(String::into_plain),
            idempotency_key: redemption.idempotency_key.map(String::into_plain),
        }
    }
}
