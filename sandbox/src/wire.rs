//! Bodies: what a request may contain, in three casings, and how answers and errors are written.

use std::borrow::Cow;

use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue, CONTENT_TYPE, WWW_AUTHENTICATE};
use hyper::{HeaderMap, StatusCode};
use serde_json::{json, Map, Value};

use crate::settings::Settings;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// A request, read whole.
pub(crate) struct Received {
    pub(crate) method: hyper::Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    /// A header's text; `None` if it is absent or no visible ASCII.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer as it will be sent and, under an idempotency key, stored.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        let mut headers = HeaderMap::with_capacity(12);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self {
            status,
            headers,
            body: Bytes::from(body.to_string()),
        }
    }
}

/// What a handler says when all is well: members in kebab-case, cased only when sent.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) members: Vec<(&'static str, Value)>,
}

impl Reply {
    pub(crate) fn into_answer(self, inflection: Inflection) -> Answer {
        let members: Map<String, Value> = self
            .members
            .into_iter()
            .map(|(name, value)| (inflection.apply(name), value))
            .collect();
        Answer::json(self.status, &Value::Object(members))
    }
}

/// What a handler says when it refuses: one error in Persona's shape.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    title: Cow<'static, str>,
    details: Option<String>,
    www_authenticate: Option<String>,
    /// Whether the idempotency layer keeps it.
    pub(crate) stored: bool,
}

impl Refusal {
    pub(crate) fn new(
        status: StatusCode,
        title: impl Into<Cow<'static, str>>,
        details: impl Into<String>,
    ) -> Self {
        Self {
            status,
            title: title.into(),
            details: Some(details.into()),
            www_authenticate: None,
            stored: true,
        }
    }

    pub(crate) fn bad_request(details: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad Request", details)
    }

    pub(crate) fn not_found(details: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "Record not found", details)
    }

    /// Persona's 401 about an API key has a title and nothing else.
    pub(crate) fn unauthenticated() -> Self {
        Self {
            details: None,
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                "Must be authenticated to access this endpoint",
                "",
            )
        }
    }

    /// A refusal whose status is a setting, since Persona's own is not documented.
    pub(crate) fn with_status(status: u16, details: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).expect("settings hold statuses of 400 to 599");
        Self::new(status, default_title(status), details)
    }

    pub(crate) fn stored(mut self, stored: bool) -> Self {
        self.stored = stored;
        self
    }

    pub(crate) fn challenging(mut self, www_authenticate: String) -> Self {
        self.www_authenticate = Some(www_authenticate);
        self
    }

    pub(crate) fn into_answer(self) -> Answer {
        let mut error = json!({ "title": self.title });
        if let Some(details) = self.details {
            error["details"] = Value::String(details);
        }
        let mut answer = Answer::json(self.status, &json!({ "errors": [error] }));
        if let Some(challenge) = self.www_authenticate {
            answer.headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_str(&challenge).expect("a challenge is base64url and hex"),
            );
        }
        answer
    }
}

/// Persona's titles, by status.
pub(crate) fn default_title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "Bad Request",
        StatusCode::UNAUTHORIZED => "Must be authenticated to access this endpoint",
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::NOT_FOUND => "Record not found",
        StatusCode::CONFLICT => "Conflict",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable entity",
        StatusCode::TOO_MANY_REQUESTS => "Rate limit exceeded",
        _ => status.canonical_reason().unwrap_or("Error"),
    }
}

/// The casing of an answer's member names, chosen by `Key-Inflection`.
#[derive(Clone, Copy)]
pub(crate) enum Inflection {
    Kebab,
    Camel,
    Snake,
}

impl Inflection {
    pub(crate) fn of(received: &Received) -> Result<Self, Refusal> {
        if !received.headers.contains_key("key-inflection") {
            return Ok(Self::Kebab);
        }
        match received.header("key-inflection") {
            Some("kebab") => Ok(Self::Kebab),
            Some("camel") => Ok(Self::Camel),
            Some("snake") => Ok(Self::Snake),
            _ => Err(Refusal::bad_request(
                "Key-Inflection must be one of: camel, kebab, snake",
            )),
        }
    }

    fn apply(self, kebab: &str) -> String {
        match self {
            Self::Kebab => kebab.to_owned(),
            Self::Snake => kebab.replace('-', "_"),
            Self::Camel => {
                let mut words = kebab.split('-');
                let mut camel = words.next().unwrap_or_default().to_owned();
                for word in words {
                    camel.push_str(&word[..1].to_ascii_uppercase());
                    camel.push_str(&word[1..]);
                }
                camel
            }
        }
    }
}

/// The versions that Persona publishes. Relay is the same in all of them but, perhaps, the newest:
/// what her pages say of it there could not be read whole.
const VERSIONS: [&str; 9] = [
    "2026-09-29",
    "2025-12-08",
    "2025-10-27",
    "2023-01-05",
    "2022-09-01",
    "2021-08-18",
    "2021-07-05",
    "2021-02-21",
    "2020-05-18",
];

pub(crate) fn check_version(received: &Received, settings: &Settings) -> Result<(), Refusal> {
    if settings.unknown_versions
        || !received.headers.contains_key("persona-version")
        || received
            .header("persona-version")
            .is_some_and(|version| VERSIONS.contains(&version))
    {
        return Ok(());
    }
    Err(Refusal::bad_request(
        "Persona-Version is not a published version",
    ))
}

/// A request body's members, taken out one by one; what is left over was not asked for.
pub(crate) struct Members(Map<String, Value>);

impl Members {
    /// Parses a JSON object whose member names may be in kebab-case, camelCase or snake_case.
    pub(crate) fn parse(received: &Received) -> Result<Self, Refusal> {
        let content_type = received.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(Refusal::bad_request(
                "The body must be sent as application/json",
            ));
        }
        let Ok(Value::Object(object)) = serde_json::from_slice(&received.body) else {
            return Err(Refusal::bad_request("The body must be a JSON object"));
        };
        let mut members = Map::with_capacity(object.len());
        for (name, value) in object {
            let kebab = kebab(&name);
            if members.insert(kebab, value).is_some() {
                return Err(Refusal::bad_request(format!("{name} is given twice")));
            }
        }
        Ok(Self(members))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn take(&mut self, name: &str) -> Result<Value, Refusal> {
        self.0
            .remove(name)
            .ok_or_else(|| Refusal::bad_request(format!("{name} is missing")))
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String, Refusal> {
        match self.take(name)? {
            Value::String(text) => Ok(text),
            _ => Err(Refusal::bad_request(format!("{name} must be a string"))),
        }
    }

    pub(crate) fn nullable_text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.take(name)? {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            _ => Err(Refusal::bad_request(format!(
                "{name} must be a string or null"
            ))),
        }
    }

    /// A boolean that may be left out, which means false.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Refusal> {
        match self.0.remove(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(Refusal::bad_request(format!("{name} must be a boolean"))),
        }
    }

    /// Persona's bodies are closed: nothing may be left.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::bad_request(format!(
                "{name} is not a known property"
            ))),
        }
    }
}

fn kebab(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 2);
    for character in name.chars() {
        match character {
            '_' => kebab.push('-'),
            'A'..='Z' => {
                kebab.push('-');
                kebab.push(character.to_ascii_lowercase());
            }
            _ => kebab.push(character),
        }
    }
    kebab
}
