//! Each worker's own clock, which may be wrong, step, or stand still with its machine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::executor::{Sim, Worker, BEGIN};
use crate::future::BoxFuture;
use crate::records::World;

/// The clocks of all workers. Those not named here are right.
#[derive(Default)]
pub(super) struct Clocks(BTreeMap<Worker, Clock>);

#[derive(Clone, Copy, Default)]
struct Clock {
    /// Milliseconds by which it is ahead.
    ahead: i64,
    /// How long its machine has slept: monotonic time does not count it.
    slept: u64,
    asleep_until: u64,
}

impl Clocks {
    /// Has a clock show another time from now on.
    pub(super) fn step(&mut self, worker: Worker, ahead: i64) {
        self.0.entry(worker).or_default().ahead = ahead;
    }

    /// Suspends a worker's machine: it does nothing until it wakes.
    pub(super) fn suspend(&mut self, worker: Worker, now: u64, wakes_at: u64) {
        let clock = self.0.entry(worker).or_default();
        clock.slept += wakes_at.saturating_sub(now.max(clock.asleep_until));
        clock.asleep_until = clock.asleep_until.max(wakes_at);
    }

    /// How long a worker still sleeps, if it does.
    pub(super) fn left_asleep(&self, worker: Worker, now: u64) -> Option<u64> {
        let left = self.of(worker).asleep_until.saturating_sub(now);
        (left > 0).then_some(left)
    }

    fn of(&self, worker: Worker) -> Clock {
        self.0.get(&worker).copied().unwrap_or_default()
    }
}

/// The world as one worker sees it.
pub(super) struct WorkersWorld {
    pub(super) sim: Arc<Sim>,
    pub(super) worker: Worker,
}

impl WorkersWorld {
    fn clock(&self) -> Clock {
        self.sim.with_clocks(|clocks, _| clocks.of(self.worker))
    }
}

impl World for WorkersWorld {
    fn now_ms(&self) -> u64 {
        let now = self.sim.now().checked_add_signed(self.clock().ahead);
        now.expect("clocks are off by hours")
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.sim.now() - BEGIN - self.clock().slept)
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'_, ()> {
        self.sim.sleep(pause)
    }

    fn deadline(&self, after: Duration) -> Option<tokio::time::Instant> {
        self.sim.deadline(after)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.sim.fill_random(bytes);
    }
}
