//! Keys and claims, without a client.

use relaypass::surface::{self, GenerateKeyArguments, IntoPlain};

use crate::answer::KeyPairRecord;
use crate::call::drive;
use crate::errors::CallError;

/// Generates a key pair on a thread where half a second of arithmetic blocks nobody.
#[uniffi::export]
pub async fn generate_keys(bits: Option<i64>, number: u64) -> Result<KeyPairRecord, CallError> {
    let generating = Box::pin(GenerateKeyArguments { bits }.generate());
    drive(number, false, generating).await
}

macro_rules! functions {
    ($($function:ident: $arguments:ident {
        $($needed:ident: $needed_type:ident),*;
        $($other:ident: $other_type:ident),*
    } -> $answer:ident,)*) => {$(
        #[uniffi::export]
        pub fn $function(
            $($needed: crate::arguments::$needed_type,)*
            $($other: Option<crate::arguments::$other_type>,)*
        ) -> Result<crate::answer::$answer, CallError> {
            let answer = surface::compute(surface::$arguments {
                $($needed: $needed.into_plain(),)*
                $($other: $other.into_plain(),)*
            });
            Ok(answer?.into())
        }
    )*};
}

relaypass::functions!(functions);
