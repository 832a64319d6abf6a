//! The task in the background: recovers, and fills the pool at times that nobody can foresee.
//!
//! It belongs to the client that was built, whoever made the call that began it, and ends with it.
//! Each round is a task of its own, so that a store or listener of the caller's that panics ends no
//! more than this round.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::Engine;
use crate::claim::ClaimType;
use crate::client::{Inner, Lifecycle};
use crate::error::Result;
use crate::events::EventKind;
use crate::passes::Buying;
use crate::secret::os_random;
use crate::secret::rand_core::Rng;

/// About how often it wakes.
const PERIOD: Duration = Duration::from_secs(60);

/// So many passes are bought in one round at most, so that the next one is not late.
const MOST_AT_ONCE: u64 = 20;

/// Begins the task, if the client is to have one and has none: none yet, or none any more because the
/// runtime that it was in has ended.
pub(super) fn begin(inner: &Arc<Inner>) {
    let client = inner.built();
    if !(client.store_options.as_ref()).is_some_and(|options| options.background) {
        return;
    }
    let mut task = (client.seen.background.lock()).unwrap_or_else(PoisonError::into_inner);
    if task.as_ref().is_none_or(|task| task.is_finished()) {
        let lifecycle = client.lifecycle.clone();
        let supervised = supervise(Arc::downgrade(client), lifecycle.clone());
        *task = Some(lifecycle.spawn(supervised));
    }
}

async fn supervise(client: Weak<Inner>, lifecycle: Arc<Lifecycle>) {
    // Half a period to one and a half.
    while !lifecycle.sleep(PERIOD / 2 + part_of(PERIOD)).await {
        // When the time of a close is up, the round ends with us.
        let round = AbortOnDropHandle::new(tokio::spawn(round(client.clone())));
        match round.await {
            Ok(Some(())) => {}
            Ok(None) => return,
            Err(ended) if ended.is_panic() => tell_of_panic(&client),
            // The runtime ends.
            Err(_) => return,
        }
    }
}

/// One round, or nothing if the client is gone.
async fn round(client: Weak<Inner>) -> Option<()> {
    let inner = client.upgrade()?;
    let engine = Engine::of_many(&inner, None).ok()?;
    if let Err(error) = recover_and_refill(&inner, &engine).await {
        let message = error.to_string();
        let kind = EventKind::BackgroundFailure;
        engine.ports.tell(kind, None, error.request_id(), &message);
    }
    Some(())
}

fn tell_of_panic(client: &Weak<Inner>) {
    let engine = (client.upgrade()).and_then(|inner| Engine::of_many(&inner, None).ok());
    let Some(engine) = engine else {
        return;
    };
    let message = "The store or the listener panicked; the work in the background goes on.";
    let kind = EventKind::BackgroundFailure;
    // It may be the listener that panics.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        engine.ports.tell(kind, None, None, message);
    }));
}

async fn recover_and_refill(inner: &Inner, engine: &Engine) -> Result<()> {
    engine.recover().await?;
    if engine.is_strict {
        // Its pool is bought anew in `recover`, in the common hours.
        return Ok(());
    }
    let target = (inner.store_options.as_ref()).map_or(0, |options| options.pass_pool);
    let asked = (inner.seen.claim_types.lock())
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let mut outcome = Ok(());
    for claim_type in asked {
        // One claim type that Persona refuses does not keep the others from their passes.
        let refilled = refill(engine, claim_type, target).await;
        outcome = refilled.and(outcome);
    }
    outcome
}

/// Buys some of what is missing: none at all as often as not, so that a purchase does not follow a
/// use.
async fn refill(engine: &Engine, claim_type: String, target: u32) -> Result<()> {
    let lifecycle = &engine.ports.lifecycle;
    if lifecycle.is_closing() {
        return Ok(());
    }
    let census = engine.ports.census(&claim_type).await?;
    let missing = u64::from(target.saturating_sub(census.count));
    let most = match census.buying {
        Buying::Open => missing.min(MOST_AT_ONCE),
        Buying::Probe => missing.min(1),
        Buying::Stopped => 0,
    };
    let wanted = os_random().next_u64() % (2 * missing + 1);
    let claim_type = ClaimType::parse(claim_type)?;
    for _ in 0..wanted.min(most) {
        let is_closing = lifecycle.sleep(part_of(PERIOD / 60)).await;
        if is_closing {
            break;
        }
        let bought = engine.buy_pooled(&claim_type, Some(target)).await;
        if let Err(error) = &bought {
            let claim_type = claim_type.as_str();
            engine.tell_purchase_failure(claim_type, error).await;
        }
        // Another process may have been faster.
        if !bought? {
            break;
        }
    }
    Ok(())
}

/// A uniform part of a duration.
fn part_of(whole: Duration) -> Duration {
    let millis = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(os_random().next_u64() % millis)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::events::Listener;
    use crate::store::MemoryStore;
    use crate::verification::seller;

    /// Two workers on one store.
    fn two_workers() -> [Engine; 2] {
        let store = Arc::new(MemoryStore::new());
        // The challenge takes its time: both have counted before either has stored its place.
        let seller = || seller::Seller {
            challenge: Duration::from_millis(50),
            ..seller::Seller::default()
        };
        [(); 2].map(|()| seller::engine(store.clone(), Arc::new(seller())))
    }

    #[tokio::test(start_paused = true)]
    async fn why_the_pool_cannot_be_filled_is_told_once_until_it_can() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let listens = told.clone();
        let seller = Arc::new(seller::Seller::default());
        let mut engine = seller::engine(Arc::new(MemoryStore::new()), seller.clone());
        engine.ports.listener = Some(Listener::new(move |event| {
            listens
                .lock()
                .unwrap()
                .push((event.kind, event.message.clone()));
        }));
        // What a round buys is left to chance: in five rounds of a pool of 100, something.
        let rounds = async |refuses| {
            *seller.refuses.lock().unwrap() = refuses;
            for _ in 0..5 {
                let _ = refill(&engine, "age".to_owned(), 100).await;
            }
            std::mem::take(&mut *told.lock().unwrap())
        };
        for _ in 0..2 {
            for (status, code) in [(401, "(authentication)"), (403, "(permission_denied)")] {
                let told = rounds(Some(status)).await;
                assert_eq!(told.len(), 1, "{told:?}");
                assert_eq!(told[0].0, EventKind::PurchaseFailed);
                assert!(told[0].1.contains(code), "{told:?}");
            }
            // A failure that passes by itself is nobody's to mend.
            assert_eq!(rounds(Some(500)).await, []);
            *seller.refuses.lock().unwrap() = None;
            let claim_type = ClaimType::parse("age").unwrap();
            let bought = engine.buy_pooled(&claim_type, None).await;
            assert!(bought.expect("it is for sale"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn two_who_fill_one_pool_at_the_same_time_do_not_overfill_it() {
        const TARGET: u32 = 5;
        const CLAIM_TYPE: &str = "age_over18_verified";
        // What a round buys is left to chance: in forty worlds, both buy most of it in many.
        for _ in 0..40 {
            let [one, other] = two_workers();
            let fill = |engine: &Engine| {
                let engine = engine.clone();
                async move { refill(&engine, CLAIM_TYPE.to_owned(), TARGET).await }
            };
            loop {
                let (first, second) = tokio::join!(fill(&one), fill(&other));
                first.and(second).expect("passes are for sale");
                let there = one.ports.count_pooled(CLAIM_TYPE).await;
                let there = there.expect("the store works");
                assert!(there <= TARGET, "{there} passes in a pool of {TARGET}");
                if there == TARGET {
                    break;
                }
            }
        }
    }
}
