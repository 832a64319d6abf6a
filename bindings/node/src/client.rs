//! The client and its calls.

use napi::Env;
use napi_derive::napi;
use relaypass::surface::{self, Call, ClientArguments, CloseArguments, IntoPlain};

use crate::answer::Nothing;
use crate::arguments::ClientOptions;
use crate::call::{promise, CancelToken, Promised, Way};
use crate::errors::{outcome, Outcome};

/// See `relaypass::Client`.
#[napi]
pub struct Client {
    client: relaypass::Client,
}

/// Makes a client. Nothing is sent.
#[napi(catch_unwind)]
pub fn open_client(options: ClientOptions) -> Outcome<Client> {
    let opened = surface::open(&ClientArguments::from(options));
    outcome(opened.map(|client| Client { client }))
}

#[napi]
impl Client {
    /// `production` or `sandbox`.
    #[napi(getter, catch_unwind)]
    pub fn environment(&self) -> &'static str {
        self.client.environment().as_str()
    }

    /// See `relaypass::Client::close`.
    #[napi(catch_unwind)]
    pub fn close<'env>(
        &self,
        env: &'env Env,
        timeout_seconds: Option<f64>,
        is_called_back: bool,
    ) -> napi::Result<Promised<'env, Nothing>> {
        let arguments = CloseArguments {
            timeout_seconds,
            is_called_back,
        };
        promise(env, Way::AT_ONCE, arguments.run(self.client.clone()))
    }
}

// One by one: an object would cost more to read.
macro_rules! calls {
    ($($method:ident: $arguments:ident {
        $($needed:ident: $needed_type:ident),*;
        $($other:ident: $other_type:ident),*
    } -> $answer:ident,)*) => {
        #[napi]
        impl Client {
            $(
                #[napi(catch_unwind)]
                #[allow(clippy::too_many_arguments, reason = "these are the call's")]
                pub fn $method<'env>(
                    &self,
                    env: &'env Env,
                    $($needed: crate::arguments::$needed_type,)*
                    $($other: Option<crate::arguments::$other_type>,)*
                    timeout_seconds: Option<f64>,
                    token: Option<&CancelToken>,
                    scope: u32,
                ) -> napi::Result<Promised<'env, crate::answer::$answer>> {
                    let arguments = surface::$arguments {
                        $($needed: $needed.into_plain(),)*
                        $($other: $other.into_plain(),)*
                    };
                    let way = Way { token, scope, is_long: surface::$arguments::IS_LONG };
                    promise(env, way, surface::run(arguments, self.client.clone(), timeout_seconds))
                }
            )*
        }
    };
}

relaypass::calls!(calls);
