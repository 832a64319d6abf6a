//! Several values in one text.

use super::{bare, meant};

/// The items of a list, each as it is meant. Commas stand between them, and one may stand at the end. A
/// JSON array of texts is a list, too.
///
/// # Errors
/// The number, from 1, of the place that holds nothing: something is missing there.
pub fn items(text: &str) -> Result<Vec<&str>, usize> {
    let text = meant(text);
    let within = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let array = within.filter(|within| within.contains(['"', '\'']));
    let text = bare(array.unwrap_or(text));
    let text = text.strip_suffix(',').unwrap_or(text);
    let items = text.split(',').map(meant).enumerate();
    items
        .map(|(index, item)| match item {
            "" => Err(index + 1),
            item => Ok(item),
        })
        .collect()
}
