//! JSON objects as Persona writes them: in kebab-case, snake_case or camelCase.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
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
        Err(error) => Err(not_json(&error)),
    }
}

/// Likewise, and refuses an object that names a member twice: two readers could take different ones.
pub(crate) fn parse_unique_object(body: &[u8]) -> Result<Map<String, Value>, Unreadable> {
    let object = serde_json::from_slice(body).map(|Unique(object)| object);
    object.map_err(|error| match error.is_data() {
        true => Unreadable("it is no JSON object, or names a member twice".to_owned()),
        false => not_json(&error),
    })
}

/// The parser's own message can quote the body; where it stopped cannot.
fn not_json(error: &serde_json::Error) -> Unreadable {
    Unreadable(format!(
        "it is not JSON (line {}, column {})",
        error.line(),
        error.column()
    ))
}

/// An object whose members have different names.
struct Unique(Map<String, Value>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
        let mut object = Map::new();
        while let Some((name, value)) = members.next_entry::<String, Value>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(Unique(object))
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
