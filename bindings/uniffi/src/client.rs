//! The client and its calls.

use std::sync::Arc;

use relaypass::surface::{self, Call, ClientArguments, CloseArguments, IntoPlain};

use crate::arguments::ClientOptions;
use crate::call::{drive, Timeout};
use crate::errors::CallError;

/// See `relaypass::Client`.
#[derive(uniffi::Object)]
pub struct NativeClient {
    client: relaypass::Client,
}

#[uniffi::export]
impl NativeClient {
    /// Makes a client. Nothing is sent.
    #[uniffi::constructor]
    pub fn open(options: ClientOptions) -> Result<Arc<Self>, CallError> {
        let client = surface::open(&ClientArguments::from(options))?;
        Ok(Arc::new(Self { client }))
    }

    /// `production` or `sandbox`.
    pub fn environment(&self) -> String {
        self.client.environment().as_str().to_owned()
    }

    /// See `relaypass::Client::close`.
    pub async fn close_client(
        &self,
        is_called_back: bool,
        number: u64,
        timeout: Timeout,
    ) -> Result<(), CallError> {
        let arguments = CloseArguments {
            timeout_seconds: timeout.0,
            is_called_back,
        };
        drive(number, false, Box::pin(arguments.run(self.client.clone()))).await
    }
}

macro_rules! calls {
    ($($method:ident: $arguments:ident {
        $($needed:ident: $needed_type:ident),*;
        $($other:ident: $other_type:ident),*
    } -> $answer:ident,)*) => {
        $(
            /// The arguments of a call, in one buffer: each costs Kotlin as much as the rest.
            #[derive(uniffi::Record)]
            pub struct $arguments {
                $(pub $needed: crate::arguments::$needed_type,)*
                $(pub $other: Option<crate::arguments::$other_type>,)*
            }
        )*

        #[uniffi::export]
        impl NativeClient {
            $(
                pub async fn $method(
                    &self,
                    arguments: $arguments,
                    number: u64,
                    timeout: Timeout,
                ) -> Result<crate::answer::$answer, CallError> {
                    let $arguments { $($needed,)* $($other,)* } = arguments;
                    let arguments = surface::$arguments {
                        $($needed: $needed.into_plain(),)*
                        $($other: $other.into_plain(),)*
                    };
                    let call = surface::run(arguments, self.client.clone(), timeout.0);
                    drive(number, surface::$arguments::IS_LONG, Box::pin(call)).await
                }
            )*
        }
    };
}

relaypass::calls!(calls);
