//! The options of a client, as the packages have them.

use std::sync::Arc;

use relaypass::surface::{ClientArguments, IntoPlain, StoreArgument};

use crate::events::{listener, HostListener};
use crate::store::{HostStore, StoreAdapter};

pub(crate) type Text = String;
pub(crate) type SecretText = String;
pub(crate) type SecretTexts = Vec<String>;
pub(crate) type Flag = bool;
pub(crate) type Seconds = f64;
pub(crate) type Whole = i64;

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
                let store = options.store.map(StoreAdapter);
                Self {
                    $($name: options.$name.into_plain(),)*
                    store: StoreArgument::of(store, options.store_url),
                    seal_keys: options.seal_keys.into_plain(),
                    on_event: options.on_event.map(listener),
                }
            }
        }
    };
}

relaypass::plain_options!(options);
