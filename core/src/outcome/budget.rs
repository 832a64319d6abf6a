//! How often and how long one call may try.

use std::time::Duration;

/// Backoff's first step.
const BASE: Duration = Duration::from_millis(250);
/// Backoff's longest step.
const CAP: Duration = Duration::from_secs(8);

/// Tries and time of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// How often to ask again at most.
    pub(crate) retries: u32,
    /// How long one attempt may take.
    pub(crate) attempt: Duration,
    /// How long all attempts and pauses may take together.
    pub(crate) total: Duration,
    /// With less time than this left, a request that is at stake is not sent any more: it would be
    /// executed, and its answer missed.
    pub(crate) floor: Duration,
}

impl Budget {
    /// The pause before retry number `retry` (0 is the first), or `None` if the budget does not
    /// allow another attempt.
    ///
    /// `asked` is what the server wished (`Retry-After`, `RateLimit-Reset`); `spent` is the time
    /// used so far; `random` a uniform number. A wish gets jitter on top, so that nobody's timing
    /// is the server's choice alone.
    pub(crate) fn pause(
        &self,
        retry: u32,
        asked: Option<Duration>,
        spent: Duration,
        random: u64,
    ) -> Option<Duration> {
        if retry >= self.retries {
            return None;
        }
        let pause = match asked {
            Some(asked) => asked.checked_add(fraction(BASE, random))?,
            None => fraction(BASE.saturating_mul(1 << retry.min(16)).min(CAP), random),
        };
        let end = spent.checked_add(pause)?.checked_add(self.floor)?;
        (end < self.total).then_some(pause)
    }

    /// The same time for as many tries as fit into it.
    pub(crate) fn without_count(&self) -> Self {
        Self {
            retries: u32::MAX,
            ..*self
        }
    }

    /// How long the next attempt may take, or `None` if that is too short to be worth it.
    pub(crate) fn next_attempt(&self, spent: Duration) -> Option<Duration> {
        let left = self.total.saturating_sub(spent);
        (left > self.floor).then(|| self.attempt.min(left))
    }
}

/// A uniform part of a duration: full jitter.
fn fraction(whole: Duration, random: u64) -> Duration {
    let nanos = whole.as_nanos() * u128::from(random) / u128::from(u64::MAX);
    Duration::from_nanos(u64::try_from(nanos).expect("a part of some seconds fits into u64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget = Budget {
        retries: 3,
        attempt: Duration::from_secs(10),
        total: Duration::from_secs(30),
        floor: Duration::from_secs(1),
    };

    #[test]
    fn backoff_doubles_has_full_jitter_and_ends() {
        let pause = |retry, random| BUDGET.pause(retry, None, Duration::ZERO, random);
        assert_eq!(pause(0, u64::MAX), Some(Duration::from_millis(250)));
        assert_eq!(pause(2, u64::MAX), Some(Duration::from_secs(1)));
        assert_eq!(pause(2, 0), Some(Duration::ZERO));
        assert_eq!(pause(3, 0), None);
        let many = Budget {
            retries: 99,
            ..BUDGET
        };
        assert_eq!(many.pause(98, None, Duration::ZERO, u64::MAX), Some(CAP));
    }

    #[test]
    fn a_wish_of_the_server_is_honoured_within_the_budget_only() {
        let pause = |asked, spent| {
            let (asked, spent) = (Duration::from_secs(asked), Duration::from_secs(spent));
            BUDGET.pause(0, Some(asked), spent, 0)
        };
        assert_eq!(pause(28, 0), Some(Duration::from_secs(28)));
        assert_eq!(pause(29, 0), None);
        assert_eq!(pause(42, 0), None);
        assert_eq!(pause(5, 25), None);
        assert_eq!(pause(u64::MAX, 0), None);
    }

    #[test]
    fn an_attempt_never_outlasts_the_call() {
        let next = |spent| BUDGET.next_attempt(Duration::from_secs(spent));
        assert_eq!(next(0), Some(Duration::from_secs(10)));
        assert_eq!(next(25), Some(Duration::from_secs(5)));
        assert_eq!(next(29), None);
        assert_eq!(next(99), None);
    }
}
