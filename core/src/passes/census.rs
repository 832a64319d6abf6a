//! What a pool holds, and whether it may buy more. Pure.

use super::record::{Pooled, PooledState};
use crate::error::ErrorKind;
use crate::records::{Evidence, HOUR};

/// So many signatures in a row that are no use, and the pool stops.
const MOST_UNUSABLE: usize = 2;

/// After so long, one purchase probes whether signatures are good again.
const PAUSE: u64 = HOUR;

/// What the pool holds of a claim type.
pub(crate) struct Census {
    /// Passes that are there, about to be, or may have been billed in vain.
    pub(crate) count: u32,
    pub(crate) buying: Buying,
}

/// Whether the pool may buy more of a claim type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buying {
    /// As many as are missing.
    Open,
    /// One, to see whether signatures are good again.
    Probe,
    /// None: each would be billed, and is likely to be no use.
    Stopped,
}

impl Census {
    /// `usable_at`: when a signature was good that was not for the pool.
    pub(super) fn of<'a>(
        places: impl Iterator<Item = &'a Pooled>,
        usable_at: Option<u64>,
        now: u64,
    ) -> Self {
        let (mut count, mut good, mut unusable) = (0, usable_at.unwrap_or(0), Vec::new());
        for place in places {
            count += u32::from(place.counts(now));
            match &place.state {
                PooledState::Available { pass } | PooledState::Taken { pass, .. } => {
                    good = good.max(pass.bought_at);
                }
                PooledState::Issuing { purchase } => {
                    let stuck = purchase.stuck.as_ref().map(Evidence::kind);
                    if stuck == Some(ErrorKind::Protocol) {
                        unusable.push(purchase.key_made_at);
                    }
                }
                PooledState::Gone => {}
            }
        }
        unusable.retain(|bought_at| *bought_at > good);
        let last = unusable.iter().max().copied().unwrap_or(0);
        let buying = match unusable.len() < MOST_UNUSABLE {
            true => Buying::Open,
            false if now >= last.saturating_add(PAUSE) => Buying::Probe,
            false => Buying::Stopped,
        };
        Self { count, buying }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PaidPass, Purchase};
    use super::*;
    use crate::records::StoredSecret;
    use crate::secret::os_random;

    const BEGIN: u64 = 1_700_000_000_000;

    fn place(state: PooledState) -> Pooled {
        Pooled::new("production", "age", state, BEGIN, &mut os_random())
    }

    fn buying(bought_at: u64, stuck: Option<ErrorKind>) -> Pooled {
        let mut purchase = Purchase::new(StoredSecret::new("blinded"), bought_at, &mut os_random());
        purchase.stuck = stuck.map(|kind| Evidence::new(kind, "no use"));
        place(PooledState::Issuing { purchase })
    }

    fn unusable(bought_at: u64) -> Pooled {
        buying(bought_at, Some(ErrorKind::Protocol))
    }

    fn census(places: &[Pooled], usable_at: Option<u64>, now: u64) -> (u32, Buying) {
        let census = Census::of(places.iter(), usable_at, now);
        (census.count, census.buying)
    }

    #[test]
    fn what_may_have_been_billed_counts() {
        let mut places = vec![buying(BEGIN, None), unusable(BEGIN)];
        places.push(buying(BEGIN, Some(ErrorKind::OutcomeUnknown)));
        places.push(place(PooledState::Gone));
        assert_eq!(census(&places, None, BEGIN), (3, Buying::Open));
    }

    #[test]
    fn after_two_signatures_that_are_no_use_one_an_hour_is_bought() {
        let places = [unusable(BEGIN), unusable(BEGIN + 1)];
        let after = |pause| census(&places, None, BEGIN + 1 + pause).1;
        assert_eq!(after(0), Buying::Stopped);
        assert_eq!(after(PAUSE - 1), Buying::Stopped);
        assert_eq!(after(PAUSE), Buying::Probe);
        let [one, two] = places;
        let probed = [one, two, unusable(BEGIN + PAUSE + 1)];
        let again = census(&probed, None, BEGIN + PAUSE + 2);
        assert_eq!(again, (3, Buying::Stopped));
    }

    #[test]
    fn a_signature_that_is_good_opens_the_pool_again() {
        let mut places = vec![unusable(BEGIN), unusable(BEGIN + 1)];
        assert_eq!(census(&places, Some(BEGIN + 2), BEGIN + 3).1, Buying::Open);
        assert_eq!(census(&places, Some(BEGIN), BEGIN + 3).1, Buying::Open);
        let (token, bought_at) = (StoredSecret::new("pass"), BEGIN + 2);
        places.push(place(PooledState::Available {
            pass: PaidPass::new(token, bought_at),
        }));
        assert_eq!(census(&places, None, BEGIN + 3).1, Buying::Open);
    }
}
