//! What a store's methods return, read: a wrong type is an error that names the method, what was
//! expected, and the type that came; never the value.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyInt, PyList, PyString, PyType};
use relaypass::store::{Record, StoreError};

pub(crate) fn loaded(value: &Bound<'_, PyAny>) -> Result<Option<Record>, StoreError> {
    if value.is_none() {
        return Ok(None);
    }
    let is_record = record_class(value.py()).is_ok_and(|class| {
        value.is_instance(class).unwrap_or(false) // A metaclass that raises is not ours.
    });
    if !is_record {
        return Err(wrong("load", "a relaypass.StoreRecord or None", value));
    }
    Ok(Some(Record {
        value: member(value, "value", "bytes", |value| {
            Some(value.cast::<PyBytes>().ok()?.as_bytes().to_vec())
        })?,
        version: member(value, "version", NUMBER, number)?,
        due_at: member(value, "due_at", NUMBER_OR_NONE, number_or_none)?,
        expires_at: member(value, "expires_at", NUMBER_OR_NONE, number_or_none)?,
    }))
}

pub(crate) fn swapped(value: &Bound<'_, PyAny>) -> Result<bool, StoreError> {
    match value.cast::<PyBool>() {
        Ok(done) => Ok(done.is_true()),
        Err(_) => Err(wrong("compare_and_swap", "True or False", value)),
    }
}

pub(crate) fn scanned(value: &Bound<'_, PyAny>) -> Result<Vec<String>, StoreError> {
    let Ok(keys) = value.cast::<PyList>() else {
        return Err(wrong("scan", "a list of str", value));
    };
    keys.iter()
        .map(|key| match key.cast::<PyString>() {
            Ok(key) => Ok(key.to_string_lossy().into_owned()),
            Err(_) => Err(wrong("scan", "a list with nothing but str", &key)),
        })
        .collect()
}

/// A member of the record that `load` returned.
fn member<T>(
    record: &Bound<'_, PyAny>,
    name: &str,
    expected: &str,
    read: impl FnOnce(&Bound<'_, PyAny>) -> Option<T>,
) -> Result<T, StoreError> {
    let value = record.getattr(name);
    let value = value.unwrap_or_else(|_| record.py().None().into_bound(record.py()));
    read(&value).ok_or_else(|| {
        StoreError::new(format!(
            "The store's load returned a record whose {name} must be {expected}, not {}.",
            type_name(&value)
        ))
    })
}

const NUMBER: &str = "an int of at least 0";
const NUMBER_OR_NONE: &str = "an int of at least 0 or None";

/// In Python, a bool is an int; here it is a mistake.
pub(crate) fn number(value: &Bound<'_, PyAny>) -> Option<u64> {
    let is_number = value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>();
    is_number.then(|| value.extract().ok())?
}

#[expect(
    clippy::option_option,
    reason = "the outer one says whether the type is right"
)]
fn number_or_none(value: &Bound<'_, PyAny>) -> Option<Option<u64>> {
    if value.is_none() {
        return Some(None);
    }
    number(value).map(Some)
}

/// Names the type of the value, never the value.
pub(crate) fn wrong(method: &str, expected: &str, value: &Bound<'_, PyAny>) -> StoreError {
    StoreError::new(format!(
        "The store's {method} must return {expected}, not {}.",
        type_name(value)
    ))
}

pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    let name = value.get_type().name();
    name.map_or_else(|_| "something else".to_owned(), |name| name.to_string())
}

fn record_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "relaypass.stores", "StoreRecord")
}
