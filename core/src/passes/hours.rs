//! What this process finds out about common hours, by its own clock and Persona's: see [`Hours`].

use std::sync::{MutexGuard, PoisonError};

use crate::client::Ports;
use crate::error::Result;
use crate::privacy::{Clock, CommonHour, Hours, InHour};

impl Ports {
    /// Notes what Persona's clock says now, by an answer of hers; none if it does not say.
    pub(crate) fn saw_clock(&self, hour: CommonHour, hers: Option<u64>) {
        let (ours, elapsed) = (self.now(), self.world.elapsed());
        self.seen_hours().saw_clock(hour, hers, ours, elapsed);
    }

    /// What this process has measured of its clock in this common hour.
    pub(crate) fn clock_in(&self, hour: CommonHour) -> Clock {
        let (now, elapsed) = (self.now(), self.world.elapsed());
        self.seen_hours().clock_in(hour, now, elapsed)
    }

    /// # Errors
    /// `privacy_refused` if this process's clock was found to differ from Persona's.
    pub(crate) fn check_clock(&self, hour: CommonHour) -> Result<()> {
        self.seen_hours().check_clock(hour)
    }

    /// Remembers something of an hour. Whether it is news to this process.
    pub(crate) fn remember(&self, what: InHour, claim_type: &str, hour: CommonHour) -> bool {
        let elapsed = self.world.elapsed();
        (self.seen_hours()).remember(what, claim_type, hour, elapsed)
    }

    /// Whether this process has found so within the last hour.
    pub(crate) fn remembers(&self, what: InHour, claim_type: &str, hour: CommonHour) -> bool {
        let elapsed = self.world.elapsed();
        (self.seen_hours()).remembers(what, claim_type, hour, elapsed)
    }

    fn seen_hours(&self) -> MutexGuard<'_, Hours> {
        self.hours.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
