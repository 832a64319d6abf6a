//! Blinding factors that were made ahead for one key, until they are used, too old, or not ours.
//!
//! No factor is given out twice. A [`Factor`] cannot be copied, but a whole process can: a forked child
//! has all that its parent has, and so has a machine that goes on from a snapshot. What was made in
//! another process, or before a moment from which clock and time went on differently, is wiped and not
//! given out; so is what is ten minutes old. What this tells apart, and what not, is in `docs/decisions`
//! ("Blinding factors are made ahead").

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::Factor;
use crate::brief_lock::lock_briefly;
use crate::moment::{Moment, Process};
use crate::sync::{Mutex, MutexGuard};

/// So many factors are made together.
pub const BATCH: usize = if cfg!(all(test, relaypass_loom)) {
    2
} else {
    64
};
/// With so many left, more are made.
const LOW: usize = BATCH / 2;
/// How old a factor becomes at most.
pub const LONGEST_AGE: Duration = Duration::from_secs(10 * 60);
/// The factors for one key.
#[derive(Default)]
pub struct Reserve(Mutex<Stock>);

#[derive(Default)]
struct Stock {
    /// Whose this is; none before the first use.
    process: Option<Process>,
    batches: VecDeque<Batch>,
    last_asked: Option<Instant>,
    is_filling: bool,
    is_watched: bool,
    /// No factors can be made for this key.
    has_none: bool,
}

struct Batch {
    made: Moment,
    factors: Vec<Factor>,
}

/// What comes of asking for a factor.
pub struct Taken {
    /// None: there was none, and it has to be made at once.
    pub factor: Option<Factor>,
    /// The one who asked is to have more made, and to call [`Reserve::put`] or [`Reserve::give_up`].
    pub refill: bool,
}

impl Reserve {
    /// Takes a factor out. More are to be made once there are few, for a key that was asked for within the
    /// last ten minutes: who buys one pass now and then would use none of them.
    pub fn take(&self, now: &Moment) -> Taken {
        let nothing = Taken {
            factor: None,
            refill: false,
        };
        if !now.process.is_known() {
            return nothing;
        }
        // In the child of a fork the lock may be held for ever.
        let Some(stock) = lock_briefly(&self.0) else {
            return nothing;
        };
        let mut stock = in_process(stock, now);
        stock.drop_stale(now);
        let is_in_use = (stock.last_asked)
            .is_some_and(|last| now.instant.saturating_duration_since(last) < LONGEST_AGE);
        stock.last_asked = Some(now.instant);
        let factor = stock.pop();
        let refill = is_in_use && !stock.has_none && !stock.is_filling && stock.len() <= LOW;
        stock.is_filling |= refill;
        Taken { factor, refill }
    }

    /// Puts factors in, whose making began at `began`. None: there never are any for this key.
    pub fn put(&self, factors: Vec<Factor>, began: &Moment) {
        let mut stock = self.stock_of(began);
        stock.is_filling = false;
        stock.has_none = factors.is_empty();
        if !factors.is_empty() {
            stock.batches.push_back(Batch {
                made: *began,
                factors,
            });
        }
    }

    /// Nobody makes more any longer: the next who asks may.
    pub fn give_up(&self, now: &Moment) {
        self.stock_of(now).is_filling = false;
    }

    /// Whether the one who asks is to call [`Reserve::wipe_stale`] from now on: nobody else does.
    pub fn watch(&self, now: &Moment) -> bool {
        let mut stock = self.stock_of(now);
        let has_some = !stock.batches.is_empty();
        has_some && !std::mem::replace(&mut stock.is_watched, true)
    }

    /// Nobody calls [`Reserve::wipe_stale`] any longer.
    pub fn unwatch(&self, now: &Moment) {
        self.stock_of(now).is_watched = false;
    }

    /// Wipes what is too old, and says when there is more to wipe: never, if nothing is left. Then nobody
    /// watches any longer.
    pub fn wipe_stale(&self, now: &Moment) -> Option<Duration> {
        let mut stock = self.stock_of(now);
        stock.drop_stale(now);
        let Some(oldest) = stock.batches.front() else {
            stock.is_watched = false;
            return None;
        };
        let age = now.instant.saturating_duration_since(oldest.made.instant);
        Some(LONGEST_AGE.saturating_sub(age))
    }

    /// Whether somebody calls [`Reserve::wipe_stale`].
    #[cfg(test)]
    pub(crate) fn is_watched(&self, now: &Moment) -> bool {
        self.stock_of(now).is_watched
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        lock_briefly(&self.0).map_or(0, |stock| stock.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The stock, for whoever makes factors or wipes them: none of these is left behind by a fork.
    fn stock_of(&self, now: &Moment) -> MutexGuard<'_, Stock> {
        in_process(self.0.lock().unwrap_or_else(PoisonError::into_inner), now)
    }
}

/// Emptied first, if it was another process's.
fn in_process<'a>(mut stock: MutexGuard<'a, Stock>, now: &Moment) -> MutexGuard<'a, Stock> {
    if stock.process != Some(now.process) {
        *stock = Stock {
            process: Some(now.process),
            ..Stock::default()
        };
    }
    stock
}

impl Stock {
    fn len(&self) -> usize {
        self.batches.iter().map(|batch| batch.factors.len()).sum()
    }

    fn pop(&mut self) -> Option<Factor> {
        let batch = self.batches.front_mut()?;
        let factor = batch.factors.pop();
        if batch.factors.is_empty() {
            self.batches.pop_front();
        }
        factor
    }

    /// Drops, and with that wipes, what may not be given out any more.
    fn drop_stale(&mut self, now: &Moment) {
        self.batches
            .retain(|batch| !batch.made.is_stale(now, LONGEST_AGE));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::time::SystemTime;

    use rsa::pkcs8::EncodePublicKey;

    use super::*;
    use crate::pass::blind_rsa::PublicKey;
    use crate::secret::os_random;

    fn factors(count: usize) -> Vec<Factor> {
        static KEY: OnceLock<PublicKey> = OnceLock::new();
        let key = KEY.get_or_init(|| {
            // 2 to the power of 2048, less 1557, is a prime: all but zero has an inverse.
            let number = rsa::BoxedUint::from_be_slice(&[0xff; 256], 2048).unwrap();
            let number = number.wrapping_sub(rsa::BoxedUint::from(1_556u64));
            let key = rsa::PublicKey::new_unchecked(number, rsa::BoxedUint::from(65_537u64));
            PublicKey::from_spki(key.to_public_key_der().unwrap().as_bytes()).unwrap()
        });
        let factors = key.factors(count, &mut os_random());
        assert_eq!(factors.len(), count);
        factors
    }

    fn start() -> Moment {
        Moment {
            instant: Instant::now(),
            clock: SystemTime::now(),
            process: Process::present(),
        }
    }

    fn later(moment: &Moment, seconds: u64) -> Moment {
        Moment {
            instant: moment.instant + Duration::from_secs(seconds),
            clock: moment.clock + Duration::from_secs(seconds),
            process: moment.process,
        }
    }

    fn filled(began: &Moment) -> Reserve {
        let reserve = Reserve::default();
        reserve.put(factors(3), began);
        reserve
    }

    #[test]
    fn one_pass_alone_has_no_more_made_than_it_needs() {
        let (reserve, start) = (Reserve::default(), start());
        assert!(!reserve.take(&start).refill);
        // A whole reserve's life later, it is alone again.
        assert!(!reserve.take(&later(&start, 600)).refill);
        assert!(reserve.take(&later(&start, 601)).refill);
    }

    #[test]
    fn only_one_at_a_time_makes_more() {
        let (reserve, start) = (Reserve::default(), start());
        reserve.take(&start);
        assert!(reserve.take(&start).refill);
        assert!(!reserve.take(&start).refill);
        reserve.give_up(&start);
        assert!(reserve.take(&start).refill);
        reserve.put(factors(LOW + 2), &start);
        let taken = reserve.take(&start);
        assert!(taken.factor.is_some() && !taken.refill, "there are enough");
        assert!(reserve.take(&start).refill, "there are few again");
    }

    #[test]
    fn for_a_key_without_factors_none_are_made_again_and_again() {
        let (reserve, start) = (Reserve::default(), start());
        reserve.take(&start);
        assert!(reserve.take(&start).refill);
        reserve.put(Vec::new(), &start);
        assert!(!reserve.watch(&start), "there is nothing to wipe");
        assert!(!reserve.take(&start).refill);
    }

    #[test]
    fn what_is_ten_minutes_old_is_not_given_out() {
        let start = start();
        let reserve = filled(&start);
        assert!(reserve.take(&later(&start, 599)).factor.is_some());
        assert!(reserve.take(&later(&start, 600)).factor.is_none());
        assert!(reserve.is_empty());
    }

    #[test]
    fn what_is_ten_minutes_old_is_wiped_though_nobody_asks() {
        let start = start();
        let reserve = filled(&start);
        reserve.put(factors(2), &later(&start, 60));
        let left = |seconds| {
            reserve
                .wipe_stale(&later(&start, seconds))
                .map(|left| left.as_secs())
        };
        assert!(reserve.watch(&start) && !reserve.watch(&start));
        assert_eq!((left(100), reserve.len()), (Some(500), 5));
        assert_eq!((left(600), reserve.len()), (Some(60), 2));
        assert_eq!((left(660), reserve.len()), (None, 0));
        assert!(
            !reserve.is_watched(&start) && !reserve.watch(&start),
            "it is empty"
        );
    }

    #[test]
    fn another_process_starts_with_none() {
        let start = start();
        let child = Process {
            id: start.process.id + 1,
            parent: start.process.id,
            ..start.process
        };
        // A grandchild that has a number again which its grandparent had.
        let again = Process {
            parent: child.id,
            ..start.process
        };
        let in_namespace = Process {
            namespace: start.process.namespace + 1,
            ..start.process
        };
        for process in [child, again, in_namespace] {
            let reserve = filled(&start);
            reserve.take(&start);
            assert!(reserve.take(&start).refill);
            let of_other = Moment { process, ..start };
            let taken = reserve.take(&of_other);
            assert!(taken.factor.is_none() && !taken.refill);
            assert!(reserve.is_empty());
            // Who made more for the parent is not here.
            assert!(reserve.take(&of_other).refill);
        }
    }

    #[test]
    fn a_machine_that_goes_on_from_a_snapshot_starts_with_none() {
        let start = start();
        let moved = |seconds: u64| Moment {
            clock: start.clock + Duration::from_secs(seconds),
            ..start
        };
        assert!(filled(&start).take(&moved(1)).factor.is_some());
        assert!(filled(&start).take(&moved(3)).factor.is_none());
        assert!(filled(&moved(3)).take(&start).factor.is_none());
    }
}
