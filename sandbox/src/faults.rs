//! Faults on demand: what a test wants to go wrong, and in which call.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue, CONTENT_TYPE};
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{json, Map, Value};

use crate::claim::WrongClaim;
use crate::wire::{default_title, Answer};

/// One of the four calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Create,
    Challenge,
    Sign,
    Redeem,
}

impl Step {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Challenge => "challenge",
            Self::Sign => "sign",
            Self::Redeem => "redeem",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// As it was given, but for `times`.
    described: Map<String, Value>,
    /// `None`: any call.
    step: Option<Step>,
    /// `None`: for ever.
    times: Option<u64>,
}

/// What goes wrong. "Executed" is whether the call did its work, "stored" whether the idempotency
/// layer keeps the faulty answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Kind {
    DropBeforeCommit {},
    DropAfterCommit {},
    Delay {
        milliseconds: u64,
    },
    DelayBeforeCommit {
        milliseconds: u64,
    },
    Truncate {},
    Status {
        status: u16,
        title: Option<String>,
        details: Option<String>,
        #[serde(default)]
        headers: Headers,
        #[serde(default)]
        stored: bool,
        #[serde(default)]
        executed: bool,
    },
    WrongSignature {
        #[serde(default)]
        stored: bool,
    },
    WrongKeyId {},
    WrongClaim(WrongClaim),
    OversizedBody {
        #[serde(default = "two_gibibytes")]
        bytes: u64,
        #[serde(default)]
        chunked: bool,
    },
    Drip {
        milliseconds: u64,
    },
    Redirect {
        #[serde(default = "nowhere")]
        location: String,
    },
    Respond {
        #[serde(default = "ok")]
        status: u16,
        #[serde(default)]
        headers: Headers,
        body: Option<String>,
        body_base64: Option<String>,
        #[serde(default)]
        stored: bool,
        #[serde(default)]
        executed: bool,
    },
    RotateKey {},
}

/// Headers as an object, or as a list of pairs where one name comes twice.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Headers {
    Object(BTreeMap<String, String>),
    Pairs(Vec<(String, String)>),
}

impl Default for Headers {
    fn default() -> Self {
        Self::Pairs(Vec::new())
    }
}

fn two_gibibytes() -> u64 {
    2 << 30
}

fn nowhere() -> String {
    "/redirected".to_owned()
}

fn ok() -> u16 {
    200
}

/// An answer that takes the place of the handler's.
pub(crate) struct Substitute {
    pub(crate) answer: Answer,
    pub(crate) stored: bool,
    pub(crate) executed: bool,
    /// Whether the answer goes out without the headers that all others have.
    pub(crate) verbatim: bool,
}

impl Fault {
    /// Parses one fault of the control API.
    pub(crate) fn parse(described: Value) -> Result<Self, String> {
        let Value::Object(mut members) = described else {
            return Err("a fault must be an object".to_owned());
        };
        let described = members.clone();
        let step = match members.remove("step").as_ref().and_then(Value::as_str) {
            Some("create") => Some(Step::Create),
            Some("challenge") => Some(Step::Challenge),
            Some("sign") => Some(Step::Sign),
            Some("redeem") => Some(Step::Redeem),
            Some("any") => None,
            _ => {
                return Err("`step` must be one of create, challenge, sign, redeem, any".to_owned())
            }
        };
        let times = match members.remove("times") {
            None => Some(1),
            Some(times) => match times.as_u64() {
                Some(0) => None,
                Some(times) => Some(times),
                None => return Err("`times` must be a number of times, 0 for ever".to_owned()),
            },
        };
        let name = (members.get("fault").and_then(Value::as_str))
            .unwrap_or_default()
            .to_owned();
        let kind: Kind = serde_json::from_value(Value::Object(members))
            .map_err(|error| format!("the fault `{name}`: {error}"))?;
        let fault = Self {
            name,
            kind,
            described,
            step,
            times,
        };
        // Parsed now and not when it strikes, so that a mistake shows where it was made.
        fault.try_substitute(Step::Sign)?;
        if let Kind::WrongClaim(wrong) = &fault.kind {
            wrong.check()?;
        }
        Ok(fault)
    }

    /// The fault as the control API takes it, with the times that are left.
    fn to_json(&self) -> Value {
        let mut described = self.described.clone();
        described.insert("times".to_owned(), json!(self.times.unwrap_or(0)));
        Value::Object(described)
    }

    pub(crate) fn substitute(&self, step: Step) -> Option<Substitute> {
        self.try_substitute(step)
            .expect("the fault was checked when it was parsed")
    }

    fn try_substitute(&self, step: Step) -> Result<Option<Substitute>, String> {
        match &self.kind {
            Kind::Status {
                status,
                title,
                details,
                headers,
                stored,
                executed,
            } => {
                let status = parse_status(*status)?;
                let mut error = json!({
                    "title": title.as_deref().unwrap_or_else(|| default_title(status)),
                });
                // Persona's 401 has details on redeem only.
                let may_have_details = status != StatusCode::UNAUTHORIZED || step == Step::Redeem;
                if let Some(details) = details {
                    error["details"] = json!(details);
                } else if may_have_details {
                    error["details"] = json!("The sandbox was told to answer this");
                }
                let mut answer = Answer::json(status, &json!({ "errors": [error] }));
                write_headers(&mut answer.headers, headers)?;
                Ok(Some(Substitute {
                    answer,
                    stored: *stored,
                    executed: *executed,
                    verbatim: false,
                }))
            }
            Kind::Redirect { location } => {
                let mut answer = Answer {
                    status: StatusCode::TEMPORARY_REDIRECT,
                    headers: HeaderMap::new(),
                    body: Bytes::new(),
                };
                let location = Headers::Pairs(vec![("location".to_owned(), location.clone())]);
                write_headers(&mut answer.headers, &location)?;
                Ok(Some(Substitute {
                    answer,
                    stored: false,
                    executed: false,
                    verbatim: false,
                }))
            }
            Kind::Respond {
                status,
                headers,
                body,
                body_base64,
                stored,
                executed,
            } => {
                let body = match (body, body_base64) {
                    (Some(_), Some(_)) => {
                        return Err("give `body` or `body_base64`, not both".to_owned())
                    }
                    (Some(text), None) => Bytes::from(text.clone()),
                    (None, Some(base64)) => STANDARD
                        .decode(base64)
                        .map_err(|_| "`body_base64` is not base64".to_owned())?
                        .into(),
                    (None, None) => Bytes::new(),
                };
                let mut answer = Answer {
                    status: parse_status(*status)?,
                    headers: HeaderMap::new(),
                    body,
                };
                write_headers(&mut answer.headers, headers)?;
                answer
                    .headers
                    .entry(CONTENT_TYPE)
                    .or_insert(HeaderValue::from_static("application/json"));
                Ok(Some(Substitute {
                    answer,
                    stored: *stored,
                    executed: *executed,
                    verbatim: true,
                }))
            }
            _ => Ok(None),
        }
    }
}

fn parse_status(status: u16) -> Result<StatusCode, String> {
    if (200..=599).contains(&status) {
        Ok(StatusCode::from_u16(status).expect("200 to 599 are statuses"))
    } else {
        Err("`status` must be from 200 to 599".to_owned())
    }
}

fn write_headers(target: &mut HeaderMap, headers: &Headers) -> Result<(), String> {
    let mut write = |name: &str, value: &str| -> Result<(), String> {
        let wrong = || format!("`{name}: {value}` is not a header");
        let parsed = HeaderName::try_from(name).map_err(|_| wrong())?;
        let value = HeaderValue::try_from(value).map_err(|_| wrong())?;
        if parsed == CONTENT_TYPE {
            target.insert(parsed, value);
        } else {
            target.append(parsed, value);
        }
        Ok(())
    };
    match headers {
        Headers::Object(object) => (object.iter()).try_for_each(|(name, value)| write(name, value)),
        Headers::Pairs(pairs) => (pairs.iter()).try_for_each(|(name, value)| write(name, value)),
    }
}

/// The queue: the first fault that fits a call strikes it.
#[derive(Default)]
pub(crate) struct Faults {
    queue: Mutex<VecDeque<Fault>>,
}

impl Faults {
    pub(crate) fn append(&self, faults: Vec<Fault>) {
        let mut queue = self.queue.lock().expect("no panic while queueing");
        queue.extend(faults);
    }

    pub(crate) fn clear(&self) {
        self.queue.lock().expect("no panic while queueing").clear();
    }

    pub(crate) fn to_json(&self) -> Value {
        let queue = self.queue.lock().expect("no panic while queueing");
        queue.iter().map(Fault::to_json).collect()
    }

    pub(crate) fn take(&self, step: Step) -> Option<Fault> {
        let mut queue = self.queue.lock().expect("no panic while queueing");
        let position =
            (queue.iter()).position(|fault| fault.step.is_none() || fault.step == Some(step))?;
        let fault = &mut queue[position];
        match &mut fault.times {
            None => return Some(fault.clone()),
            Some(times) if *times > 1 => {
                *times -= 1;
                return Some(fault.clone());
            }
            Some(_) => {}
        }
        queue.remove(position)
    }
}
