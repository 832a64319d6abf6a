//! The gate before a lane: when Persona asks for a pause, everybody who would ask under the same limit
//! pauses, not only the call that was told.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::RateLimit;
use crate::secret::os_random;
use crate::secret::rand_core::Rng;
use crate::sync::Mutex;

/// A gate stays closed for so long at most. Persona counts requests by the minute; and whoever could
/// silence a client for longer would see which requests, of which lane, begin again together.
const LONGEST: Duration = Duration::from_secs(60);

/// Those who wait go on over this part of the pause more, and no longer than this, so that they do
/// not come all at once.
const SPREAD: u32 = 4;
const WIDEST_SPREAD: Duration = Duration::from_secs(5);

/// The gates of a client that are closed.
#[derive(Default)]
pub(crate) struct Gates(Mutex<HashMap<Limit, Closed>>);

/// Whose limit it is: a digest of what names it.
type Limit = [u8; 32];

struct Closed {
    until: Instant,
    rate_limit: Option<RateLimit>,
}

/// The gate for all requests under one limit.
#[derive(Clone)]
pub(crate) struct Gate {
    gates: Arc<Gates>,
    limit: Limit,
}

/// Why nothing is sent now.
pub(crate) struct Pause {
    /// How long this one is to wait.
    pub(crate) wait: Duration,
    /// When the gate opens, in seconds from now.
    pub(crate) opens_in: u64,
    pub(crate) rate_limit: Option<RateLimit>,
}

impl Gate {
    /// The gate of the requests that these parts name: an environment, or an API key.
    pub(crate) fn new(gates: &Arc<Gates>, named: &[&str]) -> Self {
        let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for part in named {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let limit = digest.finish().as_ref().try_into();
        Self {
            gates: gates.clone(),
            limit: limit.expect("SHA-256 has 32 bytes"),
        }
    }

    /// Closes it for a pause that was asked for.
    pub(crate) fn close(&self, pause: Duration, rate_limit: Option<RateLimit>) {
        let now = Instant::now();
        let until = now + pause.min(LONGEST);
        let mut gates = (self.gates.0.lock()).unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, closed| closed.until > now);
        let closed = gates.entry(self.limit).or_insert(Closed {
            until,
            rate_limit: None,
        });
        closed.until = closed.until.max(until);
        closed.rate_limit = rate_limit;
    }

    /// Whether it is closed, and what follows for whoever would pass.
    pub(crate) fn held(&self) -> Option<Pause> {
        let gates = (self.gates.0.lock()).unwrap_or_else(PoisonError::into_inner);
        let closed = gates.get(&self.limit)?;
        let left = closed.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        let opens_in = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        let spread = (left / SPREAD).min(WIDEST_SPREAD);
        let millis = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX);
        Some(Pause {
            wait: left + Duration::from_millis(os_random().next_u64() % (millis + 1)),
            opens_in,
            rate_limit: closed.rate_limit.as_ref().map(|limit| RateLimit {
                remaining: 0,
                reset_seconds: opens_in,
                ..limit.clone()
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gates() -> [Gate; 3] {
        let gates = Arc::default();
        let named = [["key", "a"], ["key", "a"], ["key", "b"]];
        named.map(|named| Gate::new(&gates, &named))
    }

    #[tokio::test(start_paused = true)]
    async fn it_holds_all_who_share_the_limit_and_nobody_else() {
        let [one, same, other] = gates();
        one.close(Duration::from_millis(1500), None);
        assert_eq!(same.held().expect("it is closed").opens_in, 2);
        assert!(other.held().is_none());
        // A shorter wish that comes later opens nothing.
        same.close(Duration::from_millis(1), None);
        tokio::time::sleep(Duration::from_millis(1499)).await;
        assert!(one.held().is_some());
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(one.held().is_none() && same.held().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn no_wish_closes_it_for_more_than_a_minute() {
        let [gate, ..] = gates();
        gate.close(Duration::MAX, None);
        assert!(gate.held().expect("it is closed").opens_in <= 60);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_do_not_go_on_together() {
        let [gate, ..] = gates();
        let pause = Duration::from_secs(20);
        gate.close(pause, None);
        let mut waits: Vec<_> = (0..100)
            .map(|_| gate.held().expect("closed").wait)
            .collect();
        waits.sort_unstable();
        assert!(waits[0] >= pause && waits[99] <= pause + WIDEST_SPREAD);
        assert!(waits[99] - waits[0] > Duration::from_secs(2), "{waits:?}");
    }
}

#[cfg(all(test, relaypass_loom))]
mod models {
    use super::*;
    use crate::sync::{play, spawn};

    #[test]
    fn of_two_pauses_that_are_asked_for_at_once_the_longer_one_holds() {
        play(|| {
            let gates = Arc::default();
            let [gate, other] = ["one", "other"].map(|name| Gate::new(&gates, &[name]));
            let closing = [20, 40].map(|seconds| {
                let gate = gate.clone();
                spawn(move || {
                    gate.close(Duration::from_secs(seconds), None);
                    assert!(gate
                        .held()
                        .is_some_and(|pause| pause.opens_in + 1 > seconds));
                })
            });
            other.close(Duration::from_secs(10), None);
            for thread in closing {
                thread.join().unwrap();
            }
            assert!(gate.held().is_some_and(|pause| pause.opens_in > 30));
            assert!(other.held().is_some());
        });
    }
}
