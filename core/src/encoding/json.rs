//! JSON objects as Persona writes them: in kebab-case, snake_case or camelCase.

use serde_json::{Map, Value};

/// A body that cannot be read, and what is wrong with it. It never quotes the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) String);

/// Parses a body as one JSON object. Depth is bounded by the parser (128), size by the transport.
pub(crate) fn parse_object(body: &[u8]) -> Result<Map<String, Value>, Unreadable> {
    if std::str::from_utf8(body).is_err() {
        return Err(Unreadable("it is not UTF-8".to_owned()));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Unreadable("it is JSON, but not an object".to_owned())),
        // The parser's own message can quote the body; where it stopped cannot.
        Err(error) => Err(Unreadable(format!(
            "it is not JSON (line {}, column {})",
            error.line(),
            error.column()
        ))),
    }
}

/// Takes a text out of an object, without leaving a copy behind.
pub(crate) fn take_text(
    object: &mut Map<String, Value>,
    kebab: &str,
) -> Result<String, Unreadable> {
    let names = [kebab.to_owned(), kebab.replace('-', "_"), camel_case(kebab)];
    let value = names.iter().find_map(|name| object.remove(name));
    match value {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        _ => Err(Unreadable(format!(
            "{kebab} is missing, empty or not a string"
        ))),
    }
}

/// Looks a member up by its kebab-case name, in kebab, snake and camel case.
pub(crate) fn member<'a>(object: &'a Map<String, Value>, kebab: &str) -> Option<&'a Value> {
    object
        .get(kebab)
        .or_else(|| object.get(&kebab.replace('-', "_")))
        .or_else(|| object.get(&camel_case(kebab)))
}

fn camel_case(kebab: &str) -> String {
    let mut words = kebab.split('-');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        name.push_str(&word[..1].to_ascii_uppercase());
        name.push_str(&word[1..]);
    }
    name
}
