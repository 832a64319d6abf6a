//! One of several names, such as `production` or `sandbox`.

use super::meant;
use crate::error::{Error, Result};

/// A name that is longer may be anything.
const LONGEST_NAME: usize = 16;

/// Reads one of these names, in capitals or not, with hyphens or underscores.
///
/// # Errors
/// `invalid_argument`: the names that there are, and the one that is unknown if it can be no secret.
pub(crate) fn one_of<T: Copy>(what: &str, text: &str, names: &[(&str, T)]) -> Result<T> {
    let given = meant(text);
    let is_given = |name: &str| {
        let signs = name.bytes().zip(given.bytes());
        let is_same = |(one, other): (u8, u8)| {
            one.eq_ignore_ascii_case(&other) || matches!((one, other), (b'_', b'-') | (b'-', b'_'))
        };
        name.len() == given.len() && signs.into_iter().all(is_same)
    };
    if let Some((_, found)) = names.iter().find(|(name, _)| is_given(name)) {
        return Ok(*found);
    }
    let (last, others) = names.split_last().expect("there are names");
    let others: Vec<_> = others
        .iter()
        .map(|(name, _)| format!("\"{name}\""))
        .collect();
    let is_word = given
        .bytes()
        .all(|sign| sign.is_ascii_alphabetic() || matches!(sign, b'_' | b'-'));
    let unknown = match given {
        "" => ", and this is empty".to_owned(),
        given if is_word && given.len() <= LONGEST_NAME => format!(", not \"{given}\""),
        _ => String::new(),
    };
    Err(Error::invalid_argument(format!(
        "{what} is {} or \"{}\"{unknown}.",
        others.join(", "),
        last.0
    )))
}
