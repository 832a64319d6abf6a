//! The client and its calls.

use napi::{Either, Env};
use napi_derive::napi;
use relaypass::surface::{self, Call, ClientArguments, CloseArguments, IntoPlain};

use crate::answer::{
    CompletionRecord, Count, GeneratedClaimRecord, Nothing, PrivacyPassRecord, RelayRecord,
    VerificationRecord,
};
use crate::arguments::{ClientOptions, Flag, SecretText, SecretTexts, Text, Whole};
use crate::call::{promise, CancelToken, Promised, Way};
use crate::errors::Outcome;

/// See `relaypass::Client`.
#[napi]
pub struct Client {
    client: relaypass::Client,
}

/// Makes a client. Nothing is sent.
#[napi(catch_unwind)]
pub fn open_client(options: ClientOptions) -> Outcome<Client> {
    match surface::open(&ClientArguments::from(options)) {
        Ok(client) => Either::A(Client { client }),
        Err(error) => Either::B((&error).into()),
    }
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

    /// A call that does nothing: what crossing over and back costs.
    #[napi(catch_unwind)]
    pub fn noop<'env>(
        &self,
        env: &'env Env,
        timeout_seconds: Option<f64>,
        token: Option<&CancelToken>,
    ) -> napi::Result<Promised<'env, Nothing>> {
        let way = Way {
            token,
            ..Way::AT_ONCE
        };
        promise(
            env,
            way,
            surface::noop(self.client.clone(), timeout_seconds),
        )
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
                    $($needed: $needed_type,)*
                    $($other: Option<$other_type>,)*
                    timeout_seconds: Option<f64>,
                    token: Option<&CancelToken>,
                    scope: u32,
                ) -> napi::Result<Promised<'env, $answer>> {
                    let arguments = surface::$arguments {
                        $($needed: $needed.into_plain(),)*
                        $($other: $other.into_plain(),)*
                    };
                    let way = Way { token, scope, is_long: surface::$arguments::IS_LONG };
                    let client = self.client.clone();
                    promise(env, way, async move {
                        surface::run(arguments, &client, timeout_seconds).await
                    })
                }
            )*
        }
    };
}

relaypass::calls!(calls);
