//! Arguments on their way from Python: a wrong type is a `TypeError` that names the argument; a
//! value without an equal in Rust becomes the nearest one, and the core says what it thinks of it.

use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyList, PyString};
use relaypass::surface::{ClientArguments, StoreArgument};
use relaypass::{Listener, Secret};

/// An argument as it came, if it came.
pub(crate) type Given<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// What an argument of this name is read from.
pub(crate) trait Read<T> {
    fn read(self, name: &str) -> PyResult<T>;
}

impl<T: FromGiven> Read<T> for &Bound<'_, PyAny> {
    fn read(self, name: &str) -> PyResult<T> {
        T::from_given(self, name)
    }
}

impl<T: FromGiven> Read<Option<T>> for Given<'_, '_> {
    fn read(self, name: &str) -> PyResult<Option<T>> {
        self.map(|value| T::from_given(value, name)).transpose()
    }
}

/// What can be made of an argument.
pub(crate) trait FromGiven: Sized {
    fn from_given(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Self>;
}

/// A `str`. A lone surrogate, which UTF-8 does not have, becomes U+FFFD: Python's own error would
/// carry the whole text along, and the text may be a secret.
impl FromGiven for String {
    fn from_given(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Self> {
        match value.cast::<PyString>() {
            Ok(text) => Ok(text.to_string_lossy().into_owned()),
            Err(_) => Err(wrong_type(value, name, "a str")),
        }
    }
}

impl FromGiven for Secret<String> {
    fn from_given(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Self> {
        String::from_given(value, name).map(Secret::new)
    }
}

/// An `int`; beyond 64 bits the largest or the smallest.
impl FromGiven for i64 {
    fn from_given(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Self> {
        let nearest = || Ok(if value.lt(0)? { i64::MIN } else { i64::MAX });
        number(value, nearest, name, "an int")
    }
}

/// A number of seconds, `float` or `int`; beyond all floats it is infinite.
impl FromGiven for f64 {
    fn from_given(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Self> {
        number(value, || Ok(f64::INFINITY), name, "a number of seconds")
    }
}

/// A number, or the one `nearest` to it.
fn number<'py, T: FromPyObjectOwned<'py, Error = PyErr>>(
    value: &Bound<'py, PyAny>,
    nearest: impl Fn() -> PyResult<T>,
    name: &str,
    expected: &str,
) -> PyResult<T> {
    match value.extract() {
        Ok(number) => Ok(number),
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => nearest(),
        Err(_) => Err(wrong_type(value, name, expected)),
    }
}

/// `True` or `False`.
impl FromGiven for bool {
    fn from_given(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Self> {
        match value.cast::<PyBool>() {
            Ok(truth) => Ok(truth.is_true()),
            Err(_) => Err(wrong_type(value, name, "a bool")),
        }
    }
}

/// A key of `bytes`.
impl FromGiven for Secret<Vec<u8>> {
    fn from_given(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Self> {
        match value.cast::<PyBytes>() {
            Ok(bytes) => Ok(Secret::new(bytes.as_bytes().to_vec())),
            Err(_) => Err(wrong_type(value, name, "bytes or a list of bytes")),
        }
    }
}

/// One, or a list of them.
impl<T: FromGiven> FromGiven for Vec<T> {
    fn from_given(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Self> {
        match value.cast::<PyList>() {
            Ok(list) => list.iter().map(|one| T::from_given(&one, name)).collect(),
            Err(_) => Ok(vec![T::from_given(value, name)?]),
        }
    }
}

/// The options of a client, by the names that Python has for them. What Python itself holds, a
/// store and a listener, comes apart.
pub(crate) fn options(
    given: &Bound<'_, PyDict>,
    store: Option<StoreArgument>,
    on_event: Option<Listener>,
) -> PyResult<ClientArguments> {
    macro_rules! read {
        ($($name:ident: $type:ident $(=> $rule:ident)?,)*) => {
            ClientArguments {
                $($name: option(given, stringify!($name))?,)*
                store: store.or(option(given, "store_url")?.map(StoreArgument::Url)),
                seal_keys: option(given, "seal_key")?.unwrap_or_default(),
                on_event,
            }
        };
    }
    Ok(relaypass::plain_options!(read))
}

/// An option of this name, which in Python does not have its unit. `None` is as good as not there.
fn option<T: FromGiven>(options: &Bound<'_, PyDict>, name: &str) -> PyResult<Option<T>> {
    let name = name.trim_end_matches("_seconds");
    let value = options.get_item(name)?.filter(|value| !value.is_none());
    value.as_ref().read(name)
}

/// Names the type of the value, never the value.
fn wrong_type(value: &Bound<'_, PyAny>, name: &str, expected: &str) -> PyErr {
    match value.get_type().name() {
        Ok(actual) => PyTypeError::new_err(format!("{name} must be {expected}, not {actual}")),
        Err(failed) => failed,
    }
}
