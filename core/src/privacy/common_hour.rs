//! The common hours, in which all strict clients buy. Pure.
//!
//! A pass carries the hour in which it was bought, and Persona knows whose API keys signed in that hour.
//! Whoever was alone in it is named (`tests/privacy`). So all strict clients buy in the same hour of the week,
//! each a whole pool, whatever it has used; and a pool that is new, or half used, in the same hour of a day.

use serde::{Deserialize, Serialize};

use super::Sighting;
use crate::records::{DAY, HOUR, MINUTE};

/// From 10:00 to 11:00 UTC.
const OF_THE_DAY: u64 = 10 * HOUR;

/// Days are counted from 1 January 1970, a Thursday: on Tuesdays.
const OF_THE_WEEK: u64 = 5;

/// Nothing is sent so close to an end of the hour: clocks differ.
pub(crate) const MARGIN: u64 = MINUTE;

/// So long after an end of the hour everybody has come to it, because clocks differ.
pub(crate) const LATE: u64 = 5 * MINUTE;

/// The common hour of one day, counted since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct CommonHour(u64);

impl CommonHour {
    /// The one that it is now, if it is one. Times are milliseconds since the epoch, UTC.
    pub(crate) fn at(now: u64) -> Option<Self> {
        let of_today = Self(now / DAY);
        (of_today.begins() <= now && now < of_today.ends()).then_some(of_today)
    }

    /// The next one that begins.
    pub(crate) fn after(now: u64) -> Self {
        let of_today = Self(now / DAY);
        match now < of_today.begins() {
            true => of_today,
            false => Self(of_today.0 + 1),
        }
    }

    /// The last one that has ended.
    pub(crate) fn before(now: u64) -> Self {
        let of_today = Self(now / DAY);
        match now < of_today.ends() {
            true => Self(of_today.0.saturating_sub(1)),
            false => of_today,
        }
    }

    /// Whether this challenge is what Persona gives in it: challenges end one to two hours ahead, on the hour.
    pub(crate) fn gives(self, seen: &Sighting) -> bool {
        seen.expires_at() == self.ends().saturating_add(HOUR)
    }

    pub(crate) fn begins(self) -> u64 {
        self.0.saturating_mul(DAY).saturating_add(OF_THE_DAY)
    }

    pub(crate) fn ends(self) -> u64 {
        self.begins().saturating_add(HOUR)
    }

    /// From when on something may be sent in it. Records are no reason to overflow: theirs may say any hour.
    pub(crate) fn opens(self) -> u64 {
        self.begins().saturating_add(MARGIN)
    }

    /// Until when something may be sent in it.
    pub(crate) fn closes(self) -> u64 {
        self.ends() - MARGIN
    }

    /// Whether it is the one of the week, in which every pool is bought anew.
    pub(crate) fn is_of_the_week(self) -> bool {
        self.0 % 7 == OF_THE_WEEK
    }

    /// Whether a pass that was bought in it is used now. All clients change to the passes of an hour when it
    /// ends, and drop what is left of the week when the hour of the next week ends: a pass that is used longer
    /// names whoever did not buy in that hour.
    pub(crate) fn is_used_at(self, now: u64) -> bool {
        self.ends() <= now && now < self.is_used_until()
    }

    /// Whether a pass of it may be asked for now: for the first time well within the hour; after it, only under a
    /// key that was made in it. That one may have been sent then, and Persona knows it. And only while the pass is of
    /// use. `asked_since`: when the key was made, if it may have been sent.
    pub(crate) fn may_ask(self, asked_since: Option<u64>, now: u64) -> bool {
        let is_within = |at: u64| self.begins() <= at && at < self.ends();
        match asked_since {
            None => self.opens() <= now && now < self.closes(),
            Some(made_at) => is_within(made_at) && (is_within(now) || self.is_used_at(now)),
        }
    }

    /// Whether it is over by the clocks of all who share a store, if theirs are about right.
    pub(crate) fn is_over(self, now: u64) -> bool {
        now >= self.ends().saturating_add(LATE)
    }

    pub(crate) fn is_used_until(self) -> u64 {
        let days = match (OF_THE_WEEK + 7 - self.0 % 7) % 7 {
            0 => 7,
            days => days,
        };
        Self(self.0.saturating_add(days)).ends()
    }

    /// How it is called in the keys of places.
    pub(crate) fn name(self) -> String {
        self.0.to_string()
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tuesday, 1 December 2026, 0:00 UTC.
    const TUESDAY: u64 = 1_796_083_200_000;

    #[test]
    fn it_is_from_ten_to_eleven_and_on_tuesdays_that_of_the_week() {
        let at = |time| CommonHour::at(TUESDAY + time);
        assert_eq!(at(10 * HOUR - 1), None);
        assert_eq!(at(11 * HOUR), None);
        let it = at(10 * HOUR).expect("it is ten");
        assert_eq!(at(11 * HOUR - 1), Some(it));
        assert!(it.is_of_the_week());
        assert_eq!(it.begins(), TUESDAY + 10 * HOUR);
        for day in 1..7 {
            let other = at(day * DAY + 10 * HOUR).expect("it is ten");
            assert!(!other.is_of_the_week());
        }
        assert!(at(7 * DAY + 10 * HOUR).is_some_and(CommonHour::is_of_the_week));
    }

    #[test]
    fn the_next_one_begins_and_the_last_one_has_ended() {
        let it = CommonHour::at(TUESDAY + 10 * HOUR).expect("it is ten");
        assert_eq!(CommonHour::after(TUESDAY), it);
        assert_eq!(CommonHour::after(it.begins() - 1), it);
        assert_eq!(CommonHour::after(it.begins()).begins(), it.begins() + DAY);
        assert_eq!(CommonHour::before(it.ends()), it);
        assert_eq!(CommonHour::before(it.ends() - 1).ends(), it.ends() - DAY);
    }

    #[test]
    fn passes_of_an_hour_are_used_from_its_end_to_that_of_the_weeks() {
        for day in 0..7 {
            let of_the_day = TUESDAY + day * DAY + 10 * HOUR;
            let it = CommonHour::at(of_the_day).expect("it is ten");
            let until = TUESDAY + 7 * DAY + 11 * HOUR;
            assert!(!it.is_used_at(it.ends() - 1) && it.is_used_at(it.ends()));
            assert!(it.is_used_at(until - 1) && !it.is_used_at(until));
        }
    }

    #[test]
    fn after_the_hour_only_a_key_of_it_is_asked_for_and_only_while_the_pass_is_of_use() {
        let it = CommonHour::after(TUESDAY);
        let (within, until) = (it.ends() - 1, it.is_used_until());
        assert!(it.may_ask(Some(within), within));
        assert!(!it.may_ask(None, it.ends()) && !it.may_ask(Some(it.ends()), it.ends()));
        assert!(it.may_ask(Some(within), it.ends()) && it.may_ask(Some(within), until - 1));
        assert!(!it.may_ask(Some(within), until) && !it.may_ask(None, it.begins() - 1));
    }

    #[test]
    fn a_key_that_was_never_asked_is_not_asked_for_the_first_time_close_to_an_end_of_the_hour() {
        let it = CommonHour::after(TUESDAY);
        let (first, last) = (it.begins() + MARGIN, it.ends() - MARGIN - 1);
        assert!(it.may_ask(None, first) && it.may_ask(None, last));
        assert!(!it.may_ask(None, first - 1) && !it.may_ask(None, last + 1));
        assert!(it.may_ask(Some(last), last + 1), "it may have been sent");
    }

    #[test]
    fn a_name_is_read_again_and_no_time_overflows() {
        let it = CommonHour::after(TUESDAY);
        assert_eq!(CommonHour::parse(&it.name()), Some(it));
        assert_eq!(CommonHour::parse("x"), None);
        let last = CommonHour(u64::MAX);
        assert!(!last.is_used_at(TUESDAY) && last.is_used_until() == u64::MAX);
        assert!(!last.may_ask(None, TUESDAY) && !last.may_ask(Some(TUESDAY), TUESDAY));
        let _ = (CommonHour::after(u64::MAX), CommonHour::before(0));
    }
}
