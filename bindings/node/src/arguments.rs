//! The options of a client, as JavaScript has them.

use std::sync::Arc;

use napi_derive::napi;
use relaypass::surface::{ClientArguments, IntoPlain, StoreArgument};

use crate::events::{listener, Tell};
use crate::store::{Bytes, HostStore};

type Text = String;
type Flag = bool;
type Seconds = f64;
type Whole = f64;

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
                let by_url = options.store_url.map(|url| StoreArgument::Url(url.into_plain()));
                let object = options.store.map(|store| StoreArgument::Object(Arc::new(store)));
                let seal_keys = options.seal_keys.into_iter();
                Self {
                    $($name: options.$name.map(IntoPlain::into_plain),)*
                    store: object.or(by_url),
                    seal_keys: seal_keys.map(IntoPlain::into_plain).collect(),
                    on_event: options.on_event.map(listener),
                }
            }
        }
    };
}

relaypass::plain_options!(options);
