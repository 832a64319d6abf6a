//! The options of a client, as JavaScript has them.

use napi_derive::napi;
use relaypass::surface::{ClientArguments, IntoPlain, StoreArgument};

use crate::events::{listener, Tell};
use crate::store::{Bytes, HostStore};

pub(crate) type Text = String;
pub(crate) type SecretText = String;
pub(crate) type SecretTexts = Vec<String>;
pub(crate) type Flag = bool;
pub(crate) type Seconds = f64;
pub(crate) type Whole = f64;

macro_rules! options {
    ($($name:ident: $type:ident,)*) => {
        /// See `relaypass::surface::ClientArguments`.
        #[napi(object, object_to_js = false)]
        pub struct ClientOptions {
            $(pub $name: Option<$type>,)*
            pub store_url: Option<String>,
            pub store: Option<HostStore>,
            pub seal_keys: Vec<Bytes>,
            pub on_event: Option<Tell>,
        }

        impl From<ClientOptions> for ClientArguments {
            fn from(options: ClientOptions) -> Self {
                Self {
                    $($name: options.$name.into_plain(),)*
                    store: StoreArgument::of(options.store, options.store_url),
                    seal_keys: options.seal_keys.into_plain(),
                    on_event: options.on_event.map(listener),
                }
            }
        }
    };
}

relaypass::plain_options!(options);
