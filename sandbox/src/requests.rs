//! The request log, for tests that look at the wire. It holds credentials.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::Version;
use serde_json::{json, Value};

use crate::clock;
use crate::tap::Tap;
use crate::wire::Answer;

/// The log keeps this many requests, the newest.
const CAPACITY: usize = 10_000;

#[derive(Default)]
pub(crate) struct RequestLog {
    entries: Mutex<VecDeque<Entry>>,
}

pub(crate) struct Entry {
    /// Milliseconds since the epoch.
    pub(crate) at: i64,
    /// A number for each TCP connection.
    pub(crate) connection: u64,
    pub(crate) handshake: Option<Handshake>,
    pub(crate) head: Head,
    pub(crate) body: Bytes,
    /// `None`: the connection was dropped without an answer.
    pub(crate) answer: Option<Answer>,
    pub(crate) fault: Option<String>,
    /// Whether the client went away before the answer began.
    pub(crate) abandoned: Arc<AtomicBool>,
}

/// The beginning of a request.
pub(crate) struct Head {
    version: Version,
    method: String,
    /// With the query.
    path: String,
    /// In the order and spelling of the wire, as far as the version has them.
    headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn of(parts: &Parts, tap: &Tap) -> Self {
        let method = parts.method.as_str().to_owned();
        let path = match parts.uri.path_and_query() {
            Some(path) if parts.version == Version::HTTP_2 => path.to_string(),
            _ => parts.uri.to_string(),
        };
        let headers = tap.headers(&method, &path).unwrap_or_else(|| {
            let authority = (parts.version == Version::HTTP_2)
                .then(|| parts.uri.authority())
                .flatten()
                .map(|authority| (":authority".to_owned(), authority.to_string()));
            let headers = (parts.headers.iter())
                .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())));
            authority.into_iter().chain(headers).collect()
        });
        Self {
            version: parts.version,
            method,
            path,
            headers,
        }
    }
}

/// How a TLS connection began.
#[derive(Clone, Copy)]
pub(crate) enum Handshake {
    Full,
    /// From an earlier connection's ticket, which lets a server tell that both are one client's.
    Resumed,
}

impl RequestLog {
    pub(crate) fn record(&self, entry: Entry) {
        let mut entries = self.entries.lock().expect("no panic while recording");
        if entries.len() == CAPACITY {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    pub(crate) fn clear(&self) {
        (self.entries.lock().expect("no panic while recording")).clear();
    }

    pub(crate) fn to_json(&self) -> Value {
        let entries = self.entries.lock().expect("no panic while recording");
        json!({ "requests": entries.iter().map(Entry::to_json).collect::<Vec<_>>() })
    }
}

impl Entry {
    fn to_json(&self) -> Value {
        let tls = self.handshake.map(|handshake| match handshake {
            Handshake::Full => json!({ "handshake": "full" }),
            Handshake::Resumed => json!({ "handshake": "resumed" }),
        });
        let response = self.answer.as_ref().map(|answer| {
            let headers: Vec<_> = (answer.headers.iter())
                .map(|(name, value)| [name.as_str().to_owned(), text(value.as_bytes())])
                .collect();
            json!({
                "status": answer.status.as_u16(),
                "headers": headers,
                "body": text(&answer.body),
            })
        });
        json!({
            "at": clock::rfc3339_milliseconds(self.at),
            "connection": self.connection,
            "tls": tls,
            "version": format!("{:?}", self.head.version),
            "method": self.head.method,
            "path": self.head.path,
            "headers": self.head.headers,
            "body": text(&self.body),
            "response": response,
            "fault": self.fault,
            "abandoned": self.abandoned.load(Ordering::Relaxed),
        })
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
