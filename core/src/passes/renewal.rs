//! How a strict pool is bought anew: when the challenge is fetched, and when each pass is bought. Pure.
//!
//! The plan of a common hour is made once, by whoever comes first, and stored: all who share the store follow
//! it, and each of its moments is taken by one of them. A moment is taken before the pass is bought. Who ends
//! in between leaves the pool one pass short, and nothing is bought twice.

use serde::{Deserialize, Serialize};

use super::common_hour::MARGIN;
use super::CommonHour;
use crate::privacy::Fetched;
use crate::records::{Stored, DAY, MINUTE, SECOND};
use crate::secret::rand_core::CryptoRng;

/// A pool is not begun any more when less is left of the hour.
const LEAST: u64 = 15 * MINUTE;

/// The last pass is to be bought so long before it is too late: who buys looks about once a minute.
const LAST: u64 = 2 * MINUTE;

/// A fetch that brought nothing is made again after so long, and one whose worker ended.
const FETCH_AGAIN: u64 = MINUTE;

/// On average a pass is bought so often at most. Persona's limit is 300 requests a minute.
const LEAST_PAUSE: u64 = 500;

/// What one pool does in a common hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Renewal {
    hour: CommonHour,
    /// How many passes it buys once two fetches agree.
    wanted: u32,
    /// When the challenge is fetched, by one of those who share the store: twice, minutes apart.
    fetch_at: Vec<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fetched: Option<Fetched>,
    /// When a pass is bought, in seconds after the hour's beginning, the soonest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    buy_at: Vec<u32>,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Due {
    Nothing,
    /// Nor is anything: the plan is of a later hour. This clock is behind, or the one that made the plan was ahead.
    IsBehind,
    /// Nobody has looked at the pool in this hour.
    Plan,
    /// The challenge is fetched, under the plan that says so.
    Fetch(Renewal),
    /// A pass is bought for this challenge, under the plan in which its moment is taken.
    Buy(Renewal, Fetched),
}

/// Two fetches brought two challenges.
#[derive(Debug, PartialEq)]
pub(crate) struct Differs;

impl Renewal {
    /// The plan of a pool of `target` passes of which so many are left. None is bought if more than half of it
    /// is there, but in the hour of the week; nor if the hour is nearly over.
    pub(crate) fn plan(
        hour: CommonHour,
        (target, left): (u32, u32),
        now: u64,
        random: &mut impl CryptoRng,
    ) -> Self {
        let rest = rest(hour, now);
        let is_wanted = Self::is_wanted(hour, (target, left)) && rest >= LEAST;
        let first = now.max(hour.begins() + MARGIN) + below(rest / 6, random);
        let second = first + rest / 12 + below(rest / 6, random);
        Self {
            hour,
            wanted: if is_wanted { target } else { 0 },
            fetch_at: if is_wanted {
                vec![first, second]
            } else {
                Vec::new()
            },
            fetched: None,
            buy_at: Vec::new(),
        }
    }

    /// Whether it should buy, and came too late for it.
    pub(crate) fn is_too_late(hour: CommonHour, (target, left): (u32, u32), now: u64) -> bool {
        Self::is_wanted(hour, (target, left)) && rest(hour, now) < LEAST
    }

    fn is_wanted(hour: CommonHour, (target, left): (u32, u32)) -> bool {
        hour.is_of_the_week() || left.saturating_mul(2) < target
    }

    /// What is to be done in this hour.
    pub(crate) fn due(&self, hour: CommonHour, now: u64) -> Due {
        if self.hour != hour {
            return match self.hour < hour {
                true => Due::Plan,
                false => Due::IsBehind,
            };
        }
        if rest(hour, now) == 0 {
            return Due::Nothing;
        }
        if let Some(at) = self.fetch_at.first() {
            if now < *at {
                return Due::Nothing;
            }
            let mut fetching = self.clone();
            fetching.fetch_at[0] = now + FETCH_AGAIN;
            return Due::Fetch(fetching);
        }
        match (&self.fetched, self.buy_at.last()) {
            (Some(fetched), Some(seconds))
                if hour.begins() + u64::from(*seconds) * SECOND <= now =>
            {
                let mut buying = self.clone();
                buying.buy_at.pop();
                Due::Buy(buying, fetched.clone())
            }
            _ => Due::Nothing,
        }
    }

    /// The plan when a fetch brought this. With the second one that agrees, the moments of the purchases are
    /// chosen; with one that does not, nothing is bought in this hour.
    ///
    /// # Errors
    /// If the two differ.
    pub(crate) fn after(
        &self,
        fetched: Fetched,
        now: u64,
        random: &mut impl CryptoRng,
    ) -> Result<Self, Differs> {
        let mut after = self.clone();
        if after.fetch_at.is_empty() {
            return Ok(after);
        }
        after.fetch_at.remove(0);
        // However late the first one came.
        if let Some(second) = after.fetch_at.first_mut() {
            *second = (*second).max(now.saturating_add(rest(self.hour, now) / 12));
        }
        match &after.fetched {
            None => after.fetched = Some(fetched),
            Some(first) if *first != fetched => return Err(Differs),
            Some(_) => {}
        }
        if after.fetch_at.is_empty() {
            let rest = rest(self.hour, now).saturating_sub(LAST);
            let most = u32::try_from(rest / LEAST_PAUSE).unwrap_or(u32::MAX);
            // A clock may have been set back since.
            let begin = now.max(self.hour.begins() + MARGIN);
            let moment = |_| begin + below(rest, random) - self.hour.begins();
            let seconds = |at: u64| u32::try_from(at / SECOND).expect("an hour has 3,600");
            after.buy_at = (0..self.wanted.min(most))
                .map(moment)
                .map(seconds)
                .collect();
            after.buy_at.sort_unstable_by(|one, other| other.cmp(one));
        }
        Ok(after)
    }

    /// The plan when the fetches differ, or what was fetched could be a mark: nothing is bought in this hour.
    pub(crate) fn refused(&self) -> Self {
        Self {
            hour: self.hour,
            wanted: 0,
            fetch_at: Vec::new(),
            fetched: None,
            buy_at: Vec::new(),
        }
    }
}

/// How much is left of an hour for what is sent in it.
fn rest(hour: CommonHour, now: u64) -> u64 {
    let begin = now.max(hour.begins() + MARGIN);
    (hour.ends() - MARGIN).saturating_sub(begin)
}

fn below(most: u64, random: &mut impl CryptoRng) -> u64 {
    random.next_u64() % most.max(1)
}

impl Stored for Renewal {
    fn due_at(&self) -> Option<u64> {
        None
    }

    fn expires_at(&self) -> Option<u64> {
        Some(self.hour.ends().saturating_add(DAY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::Sighting;
    use crate::records::HOUR;
    use crate::secret::os_random;

    fn hour() -> CommonHour {
        CommonHour::after(1_796_083_200_000)
    }

    /// The one of the day after.
    fn of_a_day() -> CommonHour {
        CommonHour::after(hour().begins())
    }

    fn fetched(challenge: &str) -> Fetched {
        Fetched {
            challenge: challenge.to_owned(),
            token_key: "key".to_owned(),
            token_key_id: "id".to_owned(),
            seen: Sighting::example(hour().ends() + HOUR),
        }
    }

    fn plan(hour: CommonHour, left: u32, now: u64) -> Renewal {
        Renewal::plan(hour, (10, left), now, &mut os_random())
    }

    fn after(plan: &Renewal, challenge: &str, now: u64) -> Renewal {
        let after = plan.after(fetched(challenge), now, &mut os_random());
        after.expect("what was fetched agrees")
    }

    fn fetches(plan: &Renewal) -> [u64; 2] {
        plan.fetch_at.as_slice().try_into().expect("two fetches")
    }

    #[test]
    fn in_the_hour_of_the_week_all_buy_and_in_that_of_a_day_who_has_less_than_half() {
        let wanted = |hour: CommonHour, left| plan(hour, left, hour.begins()).wanted;
        for left in [0, 5, 10, 100] {
            assert_eq!(wanted(hour(), left), 10);
        }
        assert_eq!((wanted(of_a_day(), 0), wanted(of_a_day(), 4)), (10, 10));
        assert_eq!((wanted(of_a_day(), 5), wanted(of_a_day(), 10)), (0, 0));
    }

    #[test]
    fn two_fetches_minutes_apart_come_before_the_first_purchase() {
        let begin = hour().begins();
        for _ in 0..200 {
            let plan = plan(hour(), 0, begin);
            let [first, second] = fetches(&plan);
            assert!(first >= begin + MARGIN && second - first >= 4 * MINUTE);
            assert!(second <= begin + 30 * MINUTE);
            assert_eq!(plan.due(hour(), first - 1), Due::Nothing);
            let Due::Fetch(fetching) = plan.due(hour(), first) else {
                panic!("it is due");
            };
            // Nobody else fetches meanwhile, and somebody does if this worker ends.
            assert_eq!(fetching.due(hour(), first + 1), Due::Nothing);
            assert!(matches!(
                fetching.due(hour(), first + FETCH_AGAIN),
                Due::Fetch(_)
            ));
            let once = after(&fetching, "a", first);
            assert_eq!(
                once.due(hour(), second - 1),
                Due::Nothing,
                "one is not enough"
            );
            let twice = after(&once, "a", second);
            assert_eq!(twice.buy_at.len(), 10);
        }
    }

    #[test]
    fn what_differs_is_not_bought_for() {
        let plan = plan(hour(), 0, hour().begins());
        let [first, second] = fetches(&plan);
        let once = after(&plan, "a", first);
        let twice = once.after(fetched("b"), second, &mut os_random());
        assert_eq!(twice, Err(Differs));
        let twice = once.refused();
        for at in [second, second + 10 * MINUTE, hour().ends() - 1] {
            assert_eq!(twice.due(hour(), at), Due::Nothing);
        }
    }

    #[test]
    fn each_moment_is_taken_once_and_all_are_within_the_hour() {
        let plan = plan(hour(), 0, hour().begins());
        let [first, second] = fetches(&plan);
        let once = after(&plan, "a", first);
        let mut plan = after(&once, "a", second);
        let (from, to) = ((second - plan.hour.begins()) / SECOND, 57 * 60);
        assert!((plan.buy_at.iter()).all(|at| (from..to).contains(&u64::from(*at))));
        let late = hour().ends() - MARGIN - 1;
        for _ in 0..10 {
            let Due::Buy(taken, for_it) = plan.due(hour(), late) else {
                panic!("there are ten");
            };
            assert_eq!(for_it, fetched("a"));
            plan = taken;
        }
        assert_eq!(plan.due(hour(), late), Due::Nothing);
    }

    #[test]
    fn after_the_hour_nothing_is_bought_and_another_hour_has_a_plan_of_its_own() {
        let plan = plan(hour(), 0, hour().begins());
        assert_eq!(plan.due(hour(), hour().ends() - MARGIN), Due::Nothing);
        assert_eq!(plan.due(of_a_day(), of_a_day().begins()), Due::Plan);
    }

    #[test]
    fn a_clock_that_is_set_back_buys_nothing_again_and_ends_no_process() {
        let later = plan(of_a_day(), 0, of_a_day().begins());
        assert_eq!(later.due(hour(), hour().begins()), Due::IsBehind);
        let begin = hour().begins();
        let mut plan = plan(hour(), 0, begin);
        plan.wanted = 1_000;
        for back in [begin - DAY, begin - 1, 0] {
            let once = after(&plan, "a", back);
            let twice = after(&once, "a", back);
            assert!(twice.buy_at.iter().all(|at| (60..57 * 60).contains(at)));
        }
        let ahead = after(&plan, "a", u64::MAX);
        let ahead = after(&ahead, "a", u64::MAX);
        assert!(ahead.buy_at.is_empty());
    }

    #[test]
    fn two_fetches_are_minutes_apart_also_if_the_first_one_is_late() {
        let plan = plan(hour(), 0, hour().begins());
        let [_, second] = fetches(&plan);
        let late = second.max(hour().begins() + 25 * MINUTE);
        let once = after(&plan, "a", late);
        assert_eq!(once.due(hour(), late + 2 * MINUTE), Due::Nothing);
        assert!(matches!(once.due(hour(), late + 5 * MINUTE), Due::Fetch(_)));
    }

    #[test]
    fn who_comes_late_buys_in_what_is_left_and_who_comes_too_late_does_not() {
        let late = hour().begins() + 30 * MINUTE;
        let [first, second] = fetches(&plan(hour(), 0, late));
        assert!(first >= late && second < hour().ends() - MARGIN);
        let too_late = hour().ends() - MARGIN - LEAST + 1;
        assert!(Renewal::is_too_late(hour(), (10, 10), too_late));
        // Nothing was wanted.
        let all_there = (10, 5);
        let too_late_then = of_a_day().ends() - MARGIN - LEAST + 1;
        assert!(!Renewal::is_too_late(of_a_day(), all_there, too_late_then));
        assert_eq!(plan(hour(), 0, too_late).wanted, 0);
        // The second fetch came late: no more than fit.
        let mut plan = plan(hour(), 0, late);
        plan.wanted = 1_000;
        let once = after(&plan, "a", first);
        let minute_left = hour().ends() - MARGIN - LAST - MINUTE;
        let twice = after(&once, "a", minute_left);
        assert_eq!(twice.buy_at.len(), 120);
    }
}
