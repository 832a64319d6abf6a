//! What is known of an idempotency key.

use serde::{Deserialize, Serialize};

use super::{Answer, Meaning};
use crate::encoding::encode_hex;

/// The state of a key. In a record stand the keys that are `Lost`: whoever reads one there cannot
/// know whether it was sent. A key that is resolved, or was provably never sent, leaves the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyState {
    /// It may be asked, and nothing was sent under it yet.
    Open,
    /// It was asked, and the answer is unknown.
    Lost,
    /// It was answered in Persona's own words.
    Resolved,
}

/// A 5xx of Persona's, or a 402, 403 or 404, as far as it tells two of them apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// The SHA-256 hash of its body.
    body: String,
}

impl Failure {
    /// Whether what was asked for was not there.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status == 404
    }

    pub(crate) fn new(status: u16, request_id: Option<&str>, body: &[u8]) -> Self {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
        Self {
            status,
            request_id: request_id.map(str::to_owned),
            body: encode_hex(hash.as_ref()),
        }
    }

    /// Whether this one is a stored answer, replayed: asking again is futile. It says the same under
    /// the same `Request-Id`, or it is a 500 where there are no ids to tell by.
    fn replays(&self, before: &Self) -> bool {
        self == before && (self.request_id.is_some() || self.status == 500)
    }
}

/// What one worker has learned under one key since it took it up, and how the one before it left it.
#[derive(Clone, Debug)]
pub(crate) struct KeyHistory {
    state: KeyState,
    /// Whether somebody asked, or may have asked, before this worker took it up.
    is_taken_up: bool,
    /// Answers of Persona's that are given a second look.
    looks: u32,
    failures: u32,
    unreadable: u32,
    last_failure: Option<Failure>,
    is_replayed: bool,
}

impl KeyHistory {
    /// A key that this worker has just made and stored.
    pub(crate) fn open() -> Self {
        Self {
            state: KeyState::Open,
            is_taken_up: false,
            looks: 0,
            failures: 0,
            unreadable: 0,
            last_failure: None,
            is_replayed: false,
        }
    }

    /// A key that was found in a record: it may have been sent, and this may be how it failed last.
    pub(crate) fn taken_up(last_failure: Option<Failure>) -> Self {
        Self {
            state: KeyState::Lost,
            is_taken_up: true,
            last_failure,
            ..Self::open()
        }
    }

    /// Notes an answer and what it means.
    pub(crate) fn note(&mut self, answer: Answer, meaning: Meaning, failure: Option<Failure>) {
        match meaning {
            Meaning::Untouched => {}
            Meaning::Lost | Meaning::BadSignature => {
                self.state = KeyState::Lost;
                self.unreadable += u32::from(answer == Answer::Unreadable);
                self.looks += u32::from(meaning == Meaning::BadSignature);
            }
            Meaning::Failed => {
                self.state = KeyState::Lost;
                self.failures += 1;
                self.compare(failure);
            }
            Meaning::Conflict(_) | Meaning::PassRejected => {
                self.looks += 1;
                self.last_failure = None;
            }
            Meaning::Denied | Meaning::KeyGone => {
                self.looks += 1;
                self.compare(failure);
                self.resolve();
            }
            Meaning::Unauthenticated | Meaning::NotYet | Meaning::Refused(_) => self.resolve(),
        }
    }

    /// Whether this failure is the one before it, replayed.
    fn compare(&mut self, failure: Option<Failure>) {
        self.is_replayed = match (&failure, &self.last_failure) {
            (Some(now), Some(before)) => now.replays(before),
            _ => false,
        };
        self.last_failure = failure;
    }

    /// How Persona failed last under the key.
    pub(crate) fn last_failure(&self) -> Option<&Failure> {
        self.last_failure.as_ref()
    }

    fn resolve(&mut self) {
        if self.state == KeyState::Open {
            self.state = KeyState::Resolved;
        }
    }

    /// Whether a request under the key may have been executed, and its answer is unknown.
    pub(crate) fn is_lost(&self) -> bool {
        self.state == KeyState::Lost
    }

    /// Whether nothing was sent under the key.
    pub(crate) fn is_open(&self) -> bool {
        self.state == KeyState::Open
    }

    /// Whether the key was there before this worker.
    pub(crate) fn is_taken_up(&self) -> bool {
        self.is_taken_up
    }

    /// How often Persona gave an answer that deserves a second look.
    pub(crate) fn looks(&self) -> u32 {
        self.looks
    }

    /// How often Persona failed.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// How often a success could not be read.
    pub(crate) fn unreadable(&self) -> u32 {
        self.unreadable
    }

    /// Whether the last failure is one that Persona stored.
    pub(crate) fn is_replayed(&self) -> bool {
        self.is_replayed
    }
}
