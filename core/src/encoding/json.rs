//! JSON objects as Persona writes them: in kebab-case, snake_case or camelCase.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};
use zeroize::Zeroize;

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
    let object = serde_json::from_slice(body);
    let object = object.map(|mut object: Unique| std::mem::take(&mut object.0));
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

/// Wipes the texts in a value, which then are empty.
pub(crate) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An object whose members have different names. It may be half of a private key when the other half
/// turns out to be none: what nobody takes out of it is wiped.
struct Unique(Map<String, Value>);

impl Drop for Unique {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

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
        let mut object = Unique(Map::new());
        while let Some((name, value)) = members.next_entry::<String, Value>()? {
            if let Some(mut earlier) = object.0.insert(name, value) {
                wipe(&mut earlier);
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(object)
    }
}

/// Takes a text out of an object, without leaving a copy behind.
pub(crate) fn take_text(
    object: &mut Map<String, Value>,
    kebab: &str,
) -> Result<String, Unreadable> {
    let value = object
        .remove(kebab)
        .or_else(|| object.remove(&kebab.replace('-', "_")))
        .or_else(|| object.remove(&camel_case(kebab)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_in_a_value_is_wiped() {
        let mut value = serde_json::json!({"d": "canary", "oth": [{"r": "canary"}], "n": 5});
        wipe(&mut value);
        assert_eq!(
            value,
            serde_json::json!({"d": "", "oth": [{"r": ""}], "n": 5})
        );
    }

    #[test]
    fn an_object_is_taken_out_whole_and_refused_with_a_member_twice() {
        let object = parse_unique_object(br#"{"a":"canary","b":{"c":"canary"}}"#).unwrap();
        assert_eq!(object["a"], "canary");
        assert_eq!(object["b"]["c"], "canary");
        for twice in [r#"{"a":"x","a":"x"}"#, r#"{"a":"x","\u0061":null}"#] {
            assert!(parse_unique_object(twice.as_bytes()).is_err(), "{twice}");
        }
    }
}
