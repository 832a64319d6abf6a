//! What this process has found out about common hours: whether its clock is Persona's, and what it has said.
//!
//! Not stored: a clock is a process's own, and what one has found says nothing of another one's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::common_hour::MARGIN;
use super::CommonHour;
use crate::error::{Error, ErrorKind, Result};
use crate::records::{HOUR, MINUTE};

/// By so much a clock may differ from Persona's: twice that is kept free at both ends of the hour.
pub(crate) const APART: u64 = MARGIN / 2;

/// A clock that agreed is measured anew after so long, by the time that nobody can set.
const MEASURED: Duration = Duration::from_millis(HOUR);

/// One that differed, after so long: somebody may have set it.
const MEASURE_AGAIN: u64 = 10 * MINUTE;

/// So many hours of a pool are remembered.
const MOST: usize = 32;

/// What this process has found out, see [`Hours`].
pub(crate) type SeenHours = Arc<Mutex<Hours>>;

/// What one process has found out about common hours.
#[derive(Default)]
pub(crate) struct Hours {
    clock: Option<Measured>,
    found: HashMap<(InHour, String), BTreeMap<CommonHour, Duration>>,
}

/// What is remembered of one hour of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum InHour {
    /// Enough is left in it.
    NothingWanted,
    /// Nothing is to be told of what it came to, or nobody can tell for now.
    Settled,
    /// That nobody knows what its passes were bought for.
    Unknown,
    /// That its passes were deleted.
    Deleted,
}

/// Persona's clock, as it was measured in a common hour.
struct Measured {
    hour: CommonHour,
    /// What it said; none: nobody can tell.
    hers: Option<u64>,
    ours: u64,
    elapsed: Duration,
}

/// What is known of this process's clock in a common hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Unmeasured,
    Agrees,
    Differs,
}

impl Measured {
    fn clock(&self) -> Clock {
        match self.hers {
            Some(hers) if hers.abs_diff(self.ours) <= APART => Clock::Agrees,
            _ => Clock::Differs,
        }
    }

    fn refusal(&self) -> Error {
        let what = match self.hers {
            None => "Persona's answer does not say what time it is".to_owned(),
            Some(hers) => format!(
                "The clock of this process is {} seconds {} Persona's",
                hers.abs_diff(self.ours) / 1_000,
                if hers > self.ours {
                    "behind"
                } else {
                    "ahead of"
                }
            ),
        };
        Error::new(
            ErrorKind::PrivacyRefused,
            format!(
                "{what}: what it buys could be signed after the common hour, and would name you. It buys nothing \
                 until the two agree within {} seconds.",
                APART / 1_000
            ),
        )
    }
}

impl Hours {
    /// Notes what Persona's clock says at a moment of ours; none if her answer does not say.
    pub(crate) fn saw_clock(
        &mut self,
        hour: CommonHour,
        hers: Option<u64>,
        ours: u64,
        elapsed: Duration,
    ) {
        self.clock = Some(Measured {
            hour,
            hers,
            ours,
            elapsed,
        });
    }

    /// What this process has measured of its clock in this common hour.
    pub(crate) fn clock_in(&self, hour: CommonHour, now: u64, elapsed: Duration) -> Clock {
        let Some(measured) = self.clock.as_ref().filter(|it| it.hour == hour) else {
            return Clock::Unmeasured;
        };
        match measured.clock() {
            Clock::Agrees if elapsed >= measured.elapsed + MEASURED => Clock::Unmeasured,
            Clock::Differs if now.abs_diff(measured.ours) >= MEASURE_AGAIN => Clock::Unmeasured,
            clock => clock,
        }
    }

    /// # Errors
    /// `privacy_refused` if this process's clock was found to differ from Persona's.
    pub(crate) fn check_clock(&self, hour: CommonHour) -> Result<()> {
        match self.clock.as_ref().filter(|it| it.hour == hour) {
            Some(measured) if measured.clock() == Clock::Differs => Err(measured.refusal()),
            _ => Ok(()),
        }
    }

    /// Remembers something of an hour. Whether it is news to this process.
    pub(crate) fn remember(
        &mut self,
        what: InHour,
        claim_type: &str,
        hour: CommonHour,
        elapsed: Duration,
    ) -> bool {
        let hours = (self.found)
            .entry((what, claim_type.to_owned()))
            .or_default();
        let is_news = hours.insert(hour, elapsed).is_none();
        while hours.len() > MOST {
            hours.pop_first();
        }
        is_news
    }

    /// Whether this process has found so within the last hour. Its clock may have been wrong before.
    pub(crate) fn remembers(
        &self,
        what: InHour,
        claim_type: &str,
        hour: CommonHour,
        elapsed: Duration,
    ) -> bool {
        let hours = self.found.get(&(what, claim_type.to_owned()));
        let since = hours.and_then(|hours| hours.get(&hour));
        since.is_some_and(|since| elapsed < *since + MEASURED)
    }
}
