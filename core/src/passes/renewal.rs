//! How a strict pool is bought anew: when the challenge is fetched, and when each pass is bought. Pure.
//!
//! The plan of a common hour is made once, by whoever comes first, and stored: all who share the store follow
//! it, and each of its moments is taken by one of them. A moment is taken before the pass is bought. Who ends
//! in between leaves the pool one pass short, and nothing is bought twice.
//!
//! Each hour has a plan of its own: what a process plans whose clock is ahead is in nobody's way.

use serde::{Deserialize, Serialize};

use crate::http::Way;
use crate::privacy::CommonHour;
use crate::privacy::Fetched;
use crate::records::{Stored, DAY, MINUTE, SECOND};
use crate::secret::rand_core::CryptoRng;

/// A pool is not begun any more when less is left of the hour.
const LEAST: u64 = 15 * MINUTE;

/// The last pass is to be bought so long before it is too late: who buys looks about once a minute.
const LAST: u64 = 2 * MINUTE;

/// A fetch that brought nothing is made again after so long, and one whose worker ended.
const FETCH_AGAIN: u64 = MINUTE;

/// So long a plan is kept after its hour.
const KEEP: u64 = 8 * DAY;

/// On average a pass is bought so often at most. Persona's limit is 300 requests a minute.
const LEAST_PAUSE: u64 = 500;

/// So many signatures in a row that are no use, and nothing more is bought in the hour.
const MOST_UNUSABLE: u32 = 2;

/// What one pool does in a common hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Renewal {
    hour: CommonHour,
    /// How many passes the pool is to have of this hour.
    meant: u32,
    /// How many it buys once two fetches agree: none if it was too late, or something was refused.
    wanted: u32,
    /// When the challenge is fetched, by one of those who share the store: twice, minutes apart.
    fetch_at: Vec<u64>,
    /// What gives the order in which fetches take the ways out: each attempt takes the next one.
    #[serde(default)]
    ways: u64,
    /// How many attempts at a fetch were begun.
    #[serde(default)]
    fetches: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fetched: Option<Fetched>,
    /// When a pass is bought, in seconds after the hour's beginning, the soonest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    buy_at: Vec<u32>,
    /// How many were bought, by those who stored so.
    #[serde(default)]
    bought: u32,
    /// How many signatures in a row were no use.
    #[serde(default)]
    unusable: u32,
    /// What kept others from being bought, last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    obstacle: Option<Obstacle>,
}

/// What keeps passes from being bought in their hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Obstacle {
    /// Nobody looked at the pool in the hour, or only when it was nearly over.
    NobodyThere,
    /// Two signatures in a row were no use.
    UnusableSignatures,
    /// An error with this code.
    Error(String),
}

/// Of a pool, fewer passes were bought in an hour than were meant to be.
#[derive(Debug, PartialEq)]
pub(crate) struct Shortfall {
    pub(crate) bought: u32,
    pub(crate) meant: u32,
    /// None: nobody was there at the moments of the others, or a worker ended at one of them.
    pub(crate) obstacle: Option<Obstacle>,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Due {
    Nothing,
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
    /// The plan of a pool of `target` passes of which so many are left. If the hour is nearly over, or nothing is
    /// wanted, there is no plan: a process whose clock is wrong must not leave one that does nothing.
    pub(crate) fn plan(
        hour: CommonHour,
        (target, left): (u32, u32),
        now: u64,
        random: &mut impl CryptoRng,
    ) -> Option<Self> {
        let rest = rest(hour, now);
        if rest < LEAST || !Self::is_wanted(hour, (target, left)) {
            return None;
        }
        let first = now.max(hour.opens()) + below(rest / 6, random);
        let second = first + rest / 12 + below(rest / 6, random);
        Some(Self {
            meant: target,
            wanted: target,
            fetch_at: vec![first, second],
            ways: random.next_u64(),
            ..Self::nothing(hour)
        })
    }

    /// What is said of an hour that is over and in which nobody looked at the pool in time.
    pub(crate) fn missed(hour: CommonHour, (target, left): (u32, u32)) -> Self {
        let is_meant = Self::is_wanted(hour, (target, left));
        Self {
            meant: if is_meant { target } else { 0 },
            obstacle: is_meant.then_some(Obstacle::NobodyThere),
            ..Self::nothing(hour)
        }
    }

    /// What is said of an hour in which nothing is wanted.
    pub(crate) fn nothing(hour: CommonHour) -> Self {
        Self {
            hour,
            meant: 0,
            wanted: 0,
            fetch_at: Vec::new(),
            ways: 0,
            fetches: 0,
            fetched: None,
            buy_at: Vec::new(),
            bought: 0,
            unusable: 0,
            obstacle: None,
        }
    }

    /// Whether a pool of `target` passes of which so many are left is bought in this hour. Not if half of it is there,
    /// but in the hour of the week.
    pub(crate) fn is_wanted(hour: CommonHour, (target, left): (u32, u32)) -> bool {
        hour.is_of_the_week() || left.saturating_mul(2) < target
    }

    /// What is to be done in this hour.
    pub(crate) fn due(&self, hour: CommonHour, now: u64) -> Due {
        // Each hour has a plan of its own: that of another one says nothing.
        if self.hour != hour || rest(hour, now) == 0 {
            return Due::Nothing;
        }
        if let Some(at) = self.fetch_at.first() {
            if now < *at {
                return Due::Nothing;
            }
            let mut fetching = self.clone();
            fetching.fetch_at[0] = now + FETCH_AGAIN;
            fetching.fetches = fetching.fetches.saturating_add(1);
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

    /// By which way out the fetch that was begun last leaves: those that are compared by different ones, if there are
    /// several and they answer. One that failed is made again by the next, which may be that of the other fetch.
    pub(crate) fn way(&self) -> Way {
        Way::InTurn(self.ways, self.fetches)
    }

    /// The plan when a fetch brought this, and so many of a pool of `target` passes are left. Only now it is sure
    /// that it is the hour that was planned: who planned it may have had a wrong clock, and have found less. With
    /// the second fetch that agrees, the moments of the purchases are chosen; with one that does not, nothing is
    /// bought in this hour.
    ///
    /// # Errors
    /// If the two differ.
    pub(crate) fn after(
        &self,
        fetched: Fetched,
        (target, left): (u32, u32),
        now: u64,
        random: &mut impl CryptoRng,
    ) -> Result<Self, Differs> {
        let mut after = self.clone();
        if self.fetched.is_none() && !Self::is_wanted(self.hour, (target, left)) {
            after.meant = 0;
            after.wanted = 0;
            after.fetch_at.clear();
        }
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
            let begin = now.max(self.hour.opens());
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

    /// The plan when the fetches differ, or what was fetched could be a mark: nothing more is bought in this
    /// hour.
    pub(crate) fn refused(&self, obstacle: Obstacle) -> Self {
        Self {
            wanted: 0,
            fetch_at: Vec::new(),
            fetched: None,
            buy_at: Vec::new(),
            obstacle: Some(obstacle),
            ..self.clone()
        }
    }

    /// The plan when one more pass was bought.
    pub(crate) fn with_one_bought(&self) -> Self {
        Self {
            bought: self.bought.saturating_add(1),
            unusable: 0,
            ..self.clone()
        }
    }

    /// The plan when a signature was no use: after two in a row nothing more is bought in this hour.
    pub(crate) fn with_unusable(&self, obstacle: Obstacle) -> Self {
        let failed = Self {
            unusable: self.unusable.saturating_add(1),
            ..self.with_failure(obstacle)
        };
        match failed.unusable < MOST_UNUSABLE {
            true => failed,
            false => failed.refused(Obstacle::UnusableSignatures),
        }
    }

    /// Whether signatures were no use, and nothing more is bought because of it.
    pub(crate) fn has_stopped(&self) -> bool {
        self.obstacle == Some(Obstacle::UnusableSignatures)
    }

    /// The plan when a process's clock turned out to be wrong: what it has taken is due for all others.
    pub(crate) fn left_to_others(&self, obstacle: Obstacle) -> Self {
        let mut left = self.with_failure(obstacle);
        if let Some(first) = left.fetch_at.first_mut() {
            *first = self.hour.opens();
        }
        left
    }

    /// The plan when something failed that may go better at the next moment.
    pub(crate) fn with_failure(&self, obstacle: Obstacle) -> Self {
        Self {
            obstacle: Some(obstacle),
            ..self.clone()
        }
    }

    /// What the hour came to, if that is less than was meant. So many passes of it are there.
    pub(crate) fn shortfall(&self, there: u32) -> Option<Shortfall> {
        let bought = self.bought.max(there);
        (bought < self.meant).then(|| Shortfall {
            bought,
            meant: self.meant,
            obstacle: self.obstacle.clone(),
        })
    }
}

/// How much is left of an hour for what is sent in it.
fn rest(hour: CommonHour, now: u64) -> u64 {
    hour.closes().saturating_sub(now.max(hour.opens()))
}

fn below(most: u64, random: &mut impl CryptoRng) -> u64 {
    random.next_u64() % most.max(1)
}

impl Stored for Renewal {
    fn due_at(&self) -> Option<u64> {
        None
    }

    fn expires_at(&self) -> Option<u64> {
        // Whoever misses an hour of the week finds by the older ones that the pool is not new.
        Some(self.hour.ends().saturating_add(KEEP))
    }
}

#[cfg(test)]
mod tests {
    use super::super::matchers_file;
    use super::*;
    use crate::privacy::Sighting;
    use crate::privacy::MARGIN;
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
        let plan = Renewal::plan(hour, (10, left), now, &mut os_random());
        plan.expect("it is not too late")
    }

    fn after(plan: &Renewal, challenge: &str, now: u64) -> Renewal {
        let after = plan.after(fetched(challenge), (10, 0), now, &mut os_random());
        after.expect("what was fetched agrees")
    }

    fn fetches(plan: &Renewal) -> [u64; 2] {
        plan.fetch_at.as_slice().try_into().expect("two fetches")
    }

    #[test]
    fn in_the_hour_of_the_week_all_buy_and_in_that_of_a_day_who_has_less_than_half() {
        let wanted = |hour: CommonHour, left| {
            let plan = Renewal::plan(hour, (10, left), hour.begins(), &mut os_random());
            plan.map_or(0, |plan| plan.wanted)
        };
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
    fn each_attempt_at_a_fetch_takes_the_next_way() {
        let plan = plan(hour(), 0, hour().begins());
        let [first, second] = fetches(&plan);
        let Way::InTurn(order, before) = plan.way() else {
            panic!("fetches take turns");
        };
        let begun = |plan: &Renewal, at| match plan.due(hour(), at) {
            Due::Fetch(fetching) => fetching,
            other => panic!("a fetch is due, not {other:?}"),
        };
        let failed = begun(&plan, first);
        assert_eq!(failed.way(), Way::InTurn(order, before + 1));
        let again = begun(&failed, first + FETCH_AGAIN);
        assert_eq!(again.way(), Way::InTurn(order, before + 2));
        let once = after(&again, "a", first + FETCH_AGAIN);
        let later = begun(&once, second.max(first + FETCH_AGAIN + 10 * MINUTE));
        assert_eq!(later.way(), Way::InTurn(order, before + 3));
    }

    #[test]
    fn what_differs_is_not_bought_for() {
        let plan = plan(hour(), 0, hour().begins());
        let [first, second] = fetches(&plan);
        let once = after(&plan, "a", first);
        let twice = once.after(fetched("b"), (10, 0), second, &mut os_random());
        assert_eq!(twice, Err(Differs));
        let twice = once.refused(Obstacle::Error("privacy_refused".to_owned()));
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
    fn who_finds_by_the_first_fetch_that_enough_is_left_buys_nothing() {
        // Somebody planned it whose clock was ahead, and to whom the passes were too old.
        let plan = plan(of_a_day(), 0, of_a_day().begins());
        let [first, _] = fetches(&plan);
        let enough = plan.after(fetched("a"), (10, 5), first, &mut os_random());
        let enough = enough.expect("what was fetched agrees");
        assert_eq!(enough.shortfall(0), None);
        for at in [first, first + 30 * MINUTE] {
            assert_eq!(enough.due(of_a_day(), at), Due::Nothing);
        }
    }

    #[test]
    fn what_an_hour_came_to_is_told_if_it_is_less_than_was_meant() {
        let mut plan = plan(hour(), 0, hour().begins());
        for _ in 0..7 {
            plan = plan.with_one_bought();
        }
        let short = plan.shortfall(3).expect("three are missing");
        assert_eq!((short.bought, short.meant, short.obstacle), (7, 10, None));
        let failed = plan.with_failure(Obstacle::Error("rate_limited".to_owned()));
        let short = failed.shortfall(8).expect("two are missing");
        assert_eq!(
            short.obstacle,
            Some(Obstacle::Error("rate_limited".to_owned()))
        );
        // Others may have finished what somebody began.
        assert_eq!(failed.shortfall(10), None);
        let refused = plan.refused(Obstacle::UnusableSignatures);
        assert_eq!(refused.shortfall(0).map(|short| short.bought), Some(7));
        let missed = Renewal::missed(hour(), (10, 10));
        let short = missed.shortfall(0).expect("nobody was there");
        assert_eq!(short.obstacle, Some(Obstacle::NobodyThere));
        assert_eq!(
            Renewal::missed(of_a_day(), (10, 5)).shortfall(0),
            None,
            "nothing was meant to be bought"
        );
    }

    #[test]
    fn where_nothing_is_wanted_there_is_no_plan() {
        let begin = of_a_day().begins();
        let plan = Renewal::plan(of_a_day(), (10, 5), begin, &mut os_random());
        assert_eq!(plan, None);
    }

    #[test]
    fn two_signatures_in_a_row_that_are_no_use_stop_it_and_two_with_a_good_one_between_do_not() {
        let plan = plan(hour(), 0, hour().begins());
        let failed = || Obstacle::Error("protocol".to_owned());
        let once = plan.with_unusable(failed());
        assert!(!once.has_stopped() && once.wanted == 10);
        let between = once.with_one_bought().with_unusable(failed());
        assert!(!between.has_stopped());
        let twice = once.with_failure(failed()).with_unusable(failed());
        assert!(twice.has_stopped() && twice.wanted == 0);
    }

    #[test]
    fn what_a_wrong_clock_has_taken_is_due_for_others_at_once() {
        let plan = plan(hour(), 0, hour().begins());
        let [first, _] = fetches(&plan);
        let Due::Fetch(taken) = plan.due(hour(), first) else {
            panic!("it is due");
        };
        assert_eq!(taken.due(hour(), first), Due::Nothing);
        let left = taken.left_to_others(Obstacle::Error("privacy_refused".to_owned()));
        assert!(matches!(left.due(hour(), first), Due::Fetch(_)));
        assert_eq!(left.wanted, 10);
    }

    #[test]
    fn after_the_hour_nothing_is_bought_and_another_hour_has_a_plan_of_its_own() {
        let plan = plan(hour(), 0, hour().begins());
        assert_eq!(plan.due(hour(), hour().ends() - MARGIN), Due::Nothing);
        assert_eq!(
            plan.due(of_a_day(), of_a_day().begins() + MARGIN),
            Due::Nothing
        );
    }

    #[test]
    fn a_clock_that_is_set_back_buys_nothing_again_and_ends_no_process() {
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
        let pool = (10, 0);
        assert_eq!(
            Renewal::plan(hour(), pool, too_late, &mut os_random()),
            None
        );
        // The second fetch came late: no more than fit.
        let mut plan = plan(hour(), 0, late);
        plan.wanted = 1_000;
        let once = after(&plan, "a", first);
        let minute_left = hour().ends() - MARGIN - LAST - MINUTE;
        let twice = after(&once, "a", minute_left);
        assert_eq!(twice.buy_at.len(), 120);
    }

    #[test]
    fn the_simulation_of_the_matcher_has_these_constants() {
        let Some(file) = matchers_file() else { return };
        let seconds = |name: &str| file[name].as_u64().expect("a number") * SECOND;
        assert_eq!(
            (MARGIN, LAST, LEAST),
            (seconds("margin"), seconds("last"), seconds("least"))
        );
        let part = |name: &str, of: u64| {
            let [over, under] = [0, 1].map(|at| file[name][at].as_u64().expect("a number"));
            of * over / under
        };
        let begin = hour().begins() + MARGIN;
        let rest = rest(hour(), begin);
        let (within, apart) = (
            part("first_fetch_within", rest),
            part("fetches_apart", rest),
        );
        let further = part("fetches_apart_further", rest);
        let (mut latest, mut nearest, mut farthest) = (0, u64::MAX, 0);
        for _ in 0..4_000 {
            let [first, second] = fetches(&plan(hour(), 0, begin));
            latest = latest.max(first - begin);
            nearest = nearest.min(second - first);
            farthest = farthest.max(second - first);
        }
        let close = rest / 200;
        assert!(latest <= within && within - latest < close);
        assert!(nearest >= apart && nearest - apart < close);
        assert!(farthest <= apart + further && apart + further - farthest < close);
    }
}
