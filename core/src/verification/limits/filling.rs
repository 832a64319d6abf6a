//! The pool, filled by several at once.

use std::sync::Arc;
use std::time::Duration;

use super::SlowStore;
use crate::claim::ClaimType;
use crate::verification::seller::{engine, Seller};

#[tokio::test(start_paused = true)]
async fn two_who_fill_the_pool_hold_its_bound_and_do_not_look_into_it_for_each_pass() {
    let store = Arc::new(SlowStore::default());
    let claim_type = ClaimType::parse("age").unwrap();
    let filler = || {
        engine(
            store.clone(),
            Arc::new(Seller {
                challenge: Duration::from_millis(50),
                ..Seller::default()
            }),
        )
    };
    let [one, other] = [filler(), filler()];
    let (first, second) = tokio::join!(
        one.prefetch(&claim_type, 100, 100),
        other.prefetch(&claim_type, 100, 100)
    );
    let bought = first.expect("passes are for sale") + second.expect("likewise");
    let loads = *store.loads.lock().unwrap();
    let there = one.ports.count_pooled("age").await.expect("it works");
    assert_eq!(bought, there);
    assert!((98..=100).contains(&there), "{there}");
    // One look at each place or two, when it is full; a look for each pass would be 10,000.
    assert!(loads < 500, "{loads} loads");
}

#[tokio::test(start_paused = true)]
async fn no_further_pass_is_bought_once_the_client_is_closing() {
    let seller = Seller {
        challenge: Duration::from_millis(50),
        ..Seller::default()
    };
    let worker = engine(Arc::new(SlowStore::default()), Arc::new(seller));
    let claim_type = ClaimType::parse("age").unwrap();
    let closing = async {
        tokio::time::sleep(Duration::from_millis(125)).await;
        worker.ports.lifecycle.begin_close();
    };
    let (bought, ()) = tokio::join!(worker.prefetch(&claim_type, 100, 100), closing);
    assert_eq!(bought.expect("what was bought is said"), 3);
    assert_eq!(worker.ports.count_pooled("age").await.unwrap(), 3);
}
