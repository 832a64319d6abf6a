//! The rate limit: a fixed window of one minute, for each environment.

use std::sync::Mutex;

use hyper::header::{HeaderName, HeaderValue};
use hyper::StatusCode;

use crate::keys::Environment;
use crate::wire::Answer;

const WINDOW_SECONDS: i64 = 60;

#[derive(Default)]
pub(crate) struct RateLimits {
    production: Mutex<Window>,
    sandbox: Mutex<Window>,
}

#[derive(Default)]
struct Window {
    number: i64,
    requests: u64,
}

/// How a request stands with the limit.
pub(crate) struct Standing {
    limit: u64,
    remaining: u64,
    reset_seconds: i64,
    pub(crate) exceeded: bool,
}

impl RateLimits {
    /// Counts a request.
    pub(crate) fn admit(&self, environment: Environment, limit: u64, now: i64) -> Standing {
        let window = match environment {
            Environment::Production => &self.production,
            Environment::Sandbox => &self.sandbox,
        };
        let mut window = window.lock().expect("no panic while counting");
        let number = now.div_euclid(WINDOW_SECONDS);
        if window.number != number {
            *window = Window {
                number,
                requests: 0,
            };
        }
        window.requests += 1;
        Standing {
            limit,
            remaining: limit.saturating_sub(window.requests),
            reset_seconds: WINDOW_SECONDS - now.rem_euclid(WINDOW_SECONDS),
            exceeded: window.requests > limit,
        }
    }
}

impl Standing {
    /// Writes the standing into an answer, except where the answer has its own. Nothing is left
    /// where the answer is a 429, though it be one that a test asked for.
    pub(crate) fn write(&self, answer: &mut Answer) {
        let remaining = if answer.status == StatusCode::TOO_MANY_REQUESTS {
            0
        } else {
            self.remaining
        };
        let mut write = |name: &'static str, value: HeaderValue| {
            (answer.headers)
                .entry(HeaderName::from_static(name))
                .or_insert(value);
        };
        write("ratelimit-limit", self.limit.into());
        write("ratelimit-remaining", remaining.into());
        write("ratelimit-reset", self.reset_seconds.into());
    }
}
