//! Arguments on their way from Python: a wrong type is a `TypeError` that names the argument; a
//! value without an equal in Rust becomes the nearest one, and the core says what it thinks of it.

use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyList, PyString};
use relaypass::Secret;

/// A `str`. A lone surrogate, which UTF-8 does not have, becomes U+FFFD: Python's own error would
/// carry the whole text along, and the text may be a secret.
pub(crate) fn text(value: &Bound<'_, PyAny>, name: &str) -> PyResult<String> {
    match value.cast::<PyString>() {
        Ok(text) => Ok(text.to_string_lossy().into_owned()),
        Err(_) => Err(wrong_type(value, name, "a str")),
    }
}

/// A `str` that is a secret.
pub(crate) fn secret(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Secret<String>> {
    text(value, name).map(Secret::new)
}

/// An `int`; beyond 64 bits the largest or the smallest.
pub(crate) fn whole(value: &Bound<'_, PyAny>, name: &str) -> PyResult<i64> {
    match value.extract() {
        Ok(number) => Ok(number),
        Err(error) if is_overflow(value, &error) => {
            Ok(if value.lt(0)? { i64::MIN } else { i64::MAX })
        }
        Err(_) => Err(wrong_type(value, name, "an int")),
    }
}

/// A number of seconds, `float` or `int`; beyond all floats it is infinite.
pub(crate) fn seconds(value: &Bound<'_, PyAny>, name: &str) -> PyResult<f64> {
    match value.extract() {
        Ok(number) => Ok(number),
        Err(error) if is_overflow(value, &error) => Ok(f64::INFINITY),
        Err(_) => Err(wrong_type(value, name, "a number of seconds")),
    }
}

/// `True` or `False`.
pub(crate) fn truth(value: &Bound<'_, PyAny>, name: &str) -> PyResult<bool> {
    match value.cast::<PyBool>() {
        Ok(truth) => Ok(truth.is_true()),
        Err(_) => Err(wrong_type(value, name, "a bool")),
    }
}

/// Keys: `bytes`, or a list of them.
pub(crate) fn keys(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<Secret<Vec<u8>>>> {
    let key = |value: &Bound<'_, PyAny>| match value.cast::<PyBytes>() {
        Ok(bytes) => Ok(Secret::new(bytes.as_bytes().to_vec())),
        Err(_) => Err(wrong_type(value, name, "bytes or a list of bytes")),
    };
    match value.cast::<PyList>() {
        Ok(list) => list.iter().map(|item| key(&item)).collect(),
        Err(_) => Ok(vec![key(value)?]),
    }
}

/// An argument that may be left out.
pub(crate) fn optional<T>(
    convert: fn(&Bound<'_, PyAny>, &str) -> PyResult<T>,
    value: Option<&Bound<'_, PyAny>>,
    name: &str,
) -> PyResult<Option<T>> {
    value.map(|value| convert(value, name)).transpose()
}

fn is_overflow(value: &Bound<'_, PyAny>, error: &PyErr) -> bool {
    error.is_instance_of::<PyOverflowError>(value.py())
}

/// Names the type of the value, never the value.
fn wrong_type(value: &Bound<'_, PyAny>, name: &str, expected: &str) -> PyErr {
    match value.get_type().name() {
        Ok(actual) => PyTypeError::new_err(format!("{name} must be {expected}, not {actual}")),
        Err(failed) => failed,
    }
}
