//! Keys and claims, without a client.

use napi::Env;
use napi_derive::napi;
use relaypass::surface::{self, GenerateKeyArguments, IntoPlain};

use crate::answer::KeyPairRecord;
use crate::call::{promise, Promised, Way};
use crate::errors::{outcome, Outcome};

/// Generates a key pair on a thread where half a second of arithmetic blocks nobody.
#[napi(catch_unwind)]
pub fn generate_keys(env: &Env, bits: Option<f64>) -> napi::Result<Promised<'_, KeyPairRecord>> {
    let bits = bits.into_plain();
    promise(env, Way::AT_ONCE, GenerateKeyArguments { bits }.generate())
}

macro_rules! functions {
    ($($function:ident: $arguments:ident {
        $($needed:ident: $needed_type:ident),*;
        $($other:ident: $other_type:ident),*
    } -> $answer:ident,)*) => {$(
        #[napi(catch_unwind)]
        pub fn $function(
            $($needed: crate::arguments::$needed_type,)*
            $($other: Option<crate::arguments::$other_type>,)*
        ) -> Outcome<crate::answer::$answer> {
            outcome(surface::compute(surface::$arguments {
                $($needed: $needed.into_plain(),)*
                $($other: $other.into_plain(),)*
            }))
        }
    )*};
}

relaypass::functions!(functions);
