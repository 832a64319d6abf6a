//! Keys and claims, without a client.

use pyo3::prelude::*;
use relaypass::surface::{self, GenerateKeyArguments};

use crate::answer::KeyPairRecord;
use crate::arguments::{Given, Read};
use crate::outcome::Outcome;
use crate::runtime::{away, wait};

/// Generates a key pair. Other threads go on, and Ctrl-C is heard.
#[pyfunction]
pub(crate) fn generate_key_pair(py: Python<'_>, bits: Given<'_, '_>) -> PyResult<Outcome> {
    let bits = bits.read("bits")?;
    let key = wait(py, Box::pin(GenerateKeyArguments { bits }.generate()))?;
    Ok(Outcome::new(key.map(KeyPairRecord::from)))
}

macro_rules! functions {
    ($($function:ident: $arguments:ident {
        $($needed:ident: $needed_type:ident),*;
        $($other:ident: $other_type:ident),*
    } -> $answer:ident,)*) => {$(
        #[pyfunction]
        #[pyo3(signature = (*, $($needed,)* $($other=None,)*))]
        pub(crate) fn $function(
            py: Python<'_>,
            $($needed: &Bound<'_, PyAny>,)*
            $($other: Given<'_, '_>,)*
        ) -> PyResult<Outcome> {
            let arguments = surface::$arguments {
                $($needed: $needed.read(stringify!($needed))?,)*
                $($other: $other.read(stringify!($other))?,)*
            };
            let answer = away(py, || surface::compute(arguments));
            Ok(Outcome::new(answer.map(crate::answer::$answer::from)))
        }
    )*};
}

relaypass::functions!(functions);
