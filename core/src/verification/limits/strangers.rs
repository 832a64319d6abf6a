//! What a client does with records of another owner's: it looks and leaves them, unless nobody can buy
//! any more, or its caller says that it shall buy.

use std::sync::Arc;
use std::time::Duration;

use super::owners::{of, owner, ONE, OTHER};
use super::{builder, id, listener, passed, put, Events, SlowStore, Way};
use crate::error::ErrorKind;
use crate::events::EventKind;
use crate::http::now_ms;
use crate::passes::{new_pool_key, PaidPass, Pooled, PooledState, Purchase};
use crate::records::{Changed, Evidence, Loaded, StoredSecret, Vault, HOUR};
use crate::secret::os_random;
use crate::store::{Sealer, Store};
use crate::verification::api::VerificationId;
use crate::verification::record::{record_key, Durable, State};
use crate::Client;

struct Town {
    store: Arc<SlowStore>,
    way: Arc<Way>,
    events: Events,
    built: Client,
    one: Client,
    other: Client,
}

impl Town {
    fn new() -> Self {
        let (store, events) = (Arc::new(SlowStore::default()), Events::default());
        let way = Way::new(Duration::ZERO, passed);
        let built = builder(&store, &way)
            .retries(0)
            .on_event(listener(&events))
            .build();
        let built = built.unwrap();
        let (one, other) = (of(&built, ONE), of(&built, OTHER));
        Self {
            store,
            way,
            events,
            built,
            one,
            other,
        }
    }

    fn vault(&self) -> Vault {
        Vault::new(self.store.clone() as Arc<dyn Store>, Sealer::default())
    }

    async fn record(&self) -> Loaded<Durable> {
        let there = self.vault().load(&record_key(&id(1))).await;
        there.expect("the store works").expect("it is kept")
    }

    async fn put_place(&self, purchase: Purchase, began: u64) -> String {
        let whose = owner(&self.one).await;
        let random = &mut os_random();
        let key = new_pool_key("production", "age", whose.as_ref(), random);
        let state = PooledState::Issuing { purchase };
        let mut place = Pooled::new("production", "age", state, began, random);
        place.owner = whose;
        let put = self.vault().put(&key, None, place).await;
        assert!(matches!(put, Ok(Changed::Done(_))));
        key
    }

    async fn place(&self, key: &str) -> Option<Loaded<Pooled>> {
        self.vault().load(key).await.expect("the store works")
    }

    fn told(&self, kind: EventKind) -> usize {
        let events = self.events.lock().unwrap();
        events.iter().filter(|(told, _)| *told == kind).count()
    }

    /// The other one says `reissue`, and buys; from then on the one does not.
    async fn hands_over(&self) {
        let it = VerificationId::parse(id(1)).unwrap();
        let bought = self.other.verifications().complete(&it, true).await;
        let bought = bought.expect_err("Persona's answer is no use");
        assert_ne!(bought.kind(), ErrorKind::InvalidArgument);
        assert_eq!(self.record().await.content.owner, owner(&self.other).await);
        assert_eq!(self.told(EventKind::PossibleDoubleCharge), 1);
        let sent = self.way.sent();
        for stranger in [&self.one, &self.built] {
            let driven = stranger.verifications().recover().await;
            assert_eq!(driven.expect("the store works"), 0);
        }
        assert_eq!(self.way.sent(), sent, "nobody else buys it");
    }
}

fn purchase(began: u64) -> Purchase {
    Purchase::new(StoredSecret::new("blinded"), began, &mut os_random())
}

fn stuck(kind: ErrorKind) -> Option<Evidence> {
    Some(Evidence::new(kind, "no pass"))
}

#[tokio::test(start_paused = true)]
async fn who_says_reissue_for_a_stuck_purchase_owns_it() {
    for kind in [ErrorKind::NotFound, ErrorKind::OutcomeUnknown] {
        let town = Town::new();
        let began = now_ms() - HOUR;
        let mut purchase = purchase(began);
        purchase.stuck = stuck(kind);
        let whose = owner(&town.one).await;
        let state = State::Issuing { purchase };
        put(&town.store, &id(1), whose, state, began).await;
        town.hands_over().await;
        if kind == ErrorKind::NotFound {
            // It was blinded anew: a challenge was asked for.
            assert_eq!(town.way.sent(), 1);
            let it = VerificationId::parse(id(1)).unwrap();
            let refused = town.one.verifications().complete(&it, false).await;
            let refused = refused.expect_err("it is not his to buy any more");
            assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
            assert_eq!(town.way.sent(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_reissue_for_a_rejected_pass_owns_the_next_one() {
    let town = Town::new();
    let began = now_ms() - HOUR;
    let state = State::Ready {
        pass: PaidPass::new(StoredSecret::new("pass"), began),
        lost: Vec::new(),
        answered_at: None,
        rejected: stuck(ErrorKind::PassRejected),
    };
    put(&town.store, &id(1), owner(&town.one).await, state, began).await;
    town.hands_over().await;
    assert_eq!(town.way.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_has_no_api_key_takes_nothing_from_its_owner() {
    let town = Town::new();
    let began = now_ms() - HOUR;
    let mut purchase = purchase(began);
    purchase.stuck = stuck(ErrorKind::NotFound);
    let whose = owner(&town.one).await;
    let state = State::Issuing { purchase };
    put(&town.store, &id(1), whose.clone(), state, began).await;
    let keyless = town.built.on_behalf_of(None, None).unwrap();
    let it = VerificationId::parse(id(1)).unwrap();
    let refused = keyless.verifications().complete(&it, true).await;
    refused.expect_err("it cannot buy");
    assert_eq!(town.record().await.content.owner, whose);
    assert_eq!(town.way.sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_buy_leaves_what_is_due_as_it_is() {
    let town = Town::new();
    let began = now_ms() - HOUR;
    let place = town.put_place(purchase(began), began).await;
    let state = State::Issuing {
        purchase: purchase(began),
    };
    put(&town.store, &id(1), owner(&town.one).await, state, began).await;
    let versions = async || {
        let place = town.place(&place).await.expect("it is kept");
        (place.version, town.record().await.version)
    };
    let before = versions().await;
    for stranger in [&town.built, &town.other] {
        let driven = stranger.verifications().recover().await;
        assert_eq!(driven.expect("the store works"), 0);
    }
    assert_eq!(versions().await, before, "its owner comes when it is due");
    town.one.verifications().recover().await.expect("it works");
    let after = versions().await;
    assert!(after.0 != before.0 && after.1 != before.1);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_buy_any_more_is_given_up_by_anybody() {
    let town = Town::new();
    let began = now_ms() - 23 * HOUR;
    let unknown = town.put_place(purchase(began), began).await;
    let mut unsent = purchase(began);
    unsent.key = None;
    let unsent = town.put_place(unsent, began).await;
    for _ in 0..2 {
        town.built.verifications().recover().await.expect("it does");
    }
    assert!(town.place(&unknown).await.is_none());
    assert!(town.place(&unsent).await.is_none());
    // Of the other one everybody knows that it was not billed.
    assert_eq!(town.told(EventKind::UnknownOutcome), 1);
    assert_eq!(town.way.sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_verification_that_nobody_can_buy_for_any_more_is_given_up_by_anybody() {
    let town = Town::new();
    let began = now_ms() - 23 * HOUR;
    let state = State::Issuing {
        purchase: purchase(began),
    };
    put(&town.store, &id(1), owner(&town.one).await, state, began).await;
    let driven = town.other.verifications().recover().await;
    assert_eq!(driven.expect("the store works"), 1);
    assert_eq!(town.told(EventKind::UnknownOutcome), 1);
    assert_eq!(town.way.sent(), 0);
    assert!(
        matches!(
            town.record().await.content.state,
            State::Issuing { purchase } if purchase.stuck.is_some()
        ) || town.record().await.content.is_closed()
    );
}
