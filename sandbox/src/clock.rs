//! The sandbox's clock: the real one, and an offset that tests move.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use time::format_description::well_known::Rfc3339;
use time::OffsetDateTime;

pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 24 * HOUR;

/// How far from the real time the clock may be moved: a hundred years either way, so that every
/// date keeps a four-digit year.
const FARTHEST_SECONDS: i64 = 100 * 366 * DAY;

#[derive(Default)]
pub(crate) struct Clock {
    offset_seconds: AtomicI64,
}

impl Clock {
    /// Seconds since the epoch.
    pub(crate) fn now(&self) -> i64 {
        self.now_milliseconds().div_euclid(1000)
    }

    pub(crate) fn now_milliseconds(&self) -> i64 {
        let real = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("the real clock is past 1970");
        let real = i64::try_from(real.as_millis()).expect("the real clock is before the year 3000");
        real + self.offset_seconds.load(Ordering::Relaxed) * 1000
    }

    /// Moves the clock; a negative number moves it back. `false` if that is too far.
    pub(crate) fn advance(&self, seconds: i64) -> bool {
        self.offset_seconds
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |offset| {
                offset
                    .checked_add(seconds)
                    .filter(|offset| offset.abs() <= FARTHEST_SECONDS)
            })
            .is_ok()
    }
}

/// `2026-05-18T18:00:00Z`
pub(crate) fn rfc3339(seconds: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(seconds)
        .expect("the clock cannot be moved out of the calendar");
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// `2026-05-18T18:00:00.123Z`
pub(crate) fn rfc3339_milliseconds(milliseconds: i64) -> String {
    let mut text = rfc3339(milliseconds.div_euclid(1000));
    text.pop();
    format!("{text}.{:03}Z", milliseconds.rem_euclid(1000))
}

/// Seconds since the epoch of an RFC 3339 time.
pub(crate) fn parse_rfc3339(text: &str) -> Option<i64> {
    Some(OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp())
}
