//! The idempotency layer, as documented: the first status and body under a key are kept for 24
//! hours, whether success or failure, and given again to the same request. A 401 or a 429 is never
//! kept.

use std::collections::HashMap;
use std::sync::Mutex;

use aws_lc_rs::digest;
use hyper::StatusCode;

use crate::clock::DAY;
use crate::wire::{Answer, Received, Refusal};

#[derive(Default)]
pub(crate) struct Idempotency {
    records: Mutex<HashMap<String, Record>>,
}

enum Record {
    Running {
        fingerprint: Fingerprint,
    },
    Stored {
        fingerprint: Fingerprint,
        answer: Answer,
        /// Seconds since the epoch.
        at: i64,
    },
}

/// What to do with a request that carries a key.
pub(crate) enum Begun<'a> {
    /// It is the first of its key: execute it, then [`complete`](Running::complete).
    Run(Running<'a>),
    /// It was answered before.
    Replay(Answer),
    /// The key belongs to another request, or the same one is being executed.
    Refused(Refusal),
}

impl Idempotency {
    /// `scope` is the endpoint, the credential and the key.
    pub(crate) fn begin(&self, scope: String, fingerprint: Fingerprint, now: i64) -> Begun<'_> {
        let mut records = self.records.lock().expect("no panic while looking up");
        let known = match records.get(&scope) {
            Some(Record::Stored { at, .. }) if now - at >= DAY => None,
            other => other,
        };
        match known {
            None => {
                let running = Record::Running {
                    fingerprint: fingerprint.clone(),
                };
                records.insert(scope.clone(), running);
                Begun::Run(Running {
                    records: &self.records,
                    scope,
                    fingerprint,
                })
            }
            Some(
                Record::Running { fingerprint: first }
                | Record::Stored {
                    fingerprint: first, ..
                },
            ) if *first != fingerprint => Begun::Refused(Refusal::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Unprocessable entity",
                "Idempotency-Key was used before with other parameters",
            )),
            Some(Record::Running { .. }) => Begun::Refused(Refusal::new(
                StatusCode::CONFLICT,
                "Conflict",
                "A request with this Idempotency-Key is still being executed",
            )),
            Some(Record::Stored { answer, .. }) => Begun::Replay(answer.clone()),
        }
    }
}

/// A request being executed under its key; the key is free again if it comes to nothing.
pub(crate) struct Running<'a> {
    records: &'a Mutex<HashMap<String, Record>>,
    scope: String,
    fingerprint: Fingerprint,
}

impl Running<'_> {
    pub(crate) fn complete(self, answer: &Answer, now: i64) {
        if matches!(
            answer.status,
            StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS
        ) {
            return;
        }
        let mut records = self.records.lock().expect("no panic while storing");
        let stored = Record::Stored {
            fingerprint: self.fingerprint.clone(),
            answer: answer.clone(),
            at: now,
        };
        records.insert(self.scope.clone(), stored);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // A panic elsewhere may have poisoned the lock; there is nothing to free then.
        let Ok(mut records) = self.records.lock() else {
            return;
        };
        if let Some(Record::Running { .. }) = records.get(&self.scope) {
            records.remove(&self.scope);
        }
    }
}

/// What must be the same for the key to mean the same request: path, credentials and body.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint(Vec<u8>);

impl Fingerprint {
    pub(crate) fn of(received: &Received) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        let header = |name| {
            received
                .headers
                .get(name)
                .map_or(&b""[..], |value| value.as_bytes())
        };
        for part in [
            received.path.as_bytes(),
            header("authorization"),
            header("persona-relay-secret"),
            &received.body,
        ] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        Self(context.finish().as_ref().to_vec())
    }
}
