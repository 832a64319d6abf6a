//! A worker whose record somebody else wrote meanwhile: while it asked, or while it slept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::{builder, id, put, ready, SlowStore, Way};
use crate::error::ErrorKind;
use crate::future::BoxFuture;
use crate::http::now_ms;
use crate::records::{Changed, RealWorld, Vault, World, MINUTE};
use crate::secret::os_random;
use crate::store::{MemoryStore, Record, Sealer, Store, StoreError, Swap};
use crate::verification::api::VerificationId;
use crate::verification::engine::Progress;
use crate::verification::record::{record_key, Durable, State};
use crate::verification::seller::{engine, Seller};
use crate::wire::ResponseHead;

/// The answer to everything: she fails, in her own words.
fn failed() -> (ResponseHead, &'static str) {
    let head = ResponseHead {
        status: 500,
        ..ResponseHead::default()
    };
    (head, r#"{"errors":[{"title":"Internal error"}]}"#)
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_swap_is_refused_is_told_what_its_own_attempt_came_to() {
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(Duration::from_secs(1), failed),
    );
    let client = builder(&store, &way).retries(0).build().unwrap();
    put(&store, &id(1), None, ready(now_ms()), now_ms()).await;
    let it = VerificationId::parse(id(1)).unwrap();
    let verifications = client.verifications();
    let other = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let vault = Vault::new(store.clone() as Arc<dyn Store>, Sealer::default());
        let key = record_key(&id(1));
        let there = vault.load::<Durable>(&key).await.unwrap().unwrap();
        let again = vault.put(&key, Some(there.version), there.content).await;
        assert!(matches!(again, Ok(Changed::Done(_))));
    };
    let (told, ()) = tokio::join!(verifications.complete(&it, false), other);
    assert_eq!(told.unwrap_err().kind(), ErrorKind::ServerError);
    assert_eq!(way.sent(), 1, "it does not ask anew");
}

/// A machine that sleeps: its clock goes on, and the time that a call has does not.
struct Sleeper {
    real: RealWorld,
    slept: AtomicU64,
}

impl World for Sleeper {
    fn now_ms(&self) -> u64 {
        self.real.now_ms() + self.slept.load(Ordering::SeqCst)
    }

    fn elapsed(&self) -> Duration {
        self.real.elapsed()
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'_, ()> {
        self.real.sleep(pause)
    }

    fn deadline(&self, after: Duration) -> Option<Instant> {
        self.real.deadline(after)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.real.fill_random(bytes);
    }
}

/// In its first swap the machine sleeps for eleven minutes, and another worker ends the verification.
struct Overtaken {
    store: Arc<MemoryStore>,
    world: Arc<Sleeper>,
    end: Mutex<Option<Durable>>,
}

impl Store for Overtaken {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        self.store.load(key)
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        let version = new.as_ref().map(|new| new.version);
        let end = self.end.lock().unwrap().take();
        Box::pin(async move {
            let swap = self.store.compare_and_swap(key, expected, new).await?;
            if let Some(end) = end {
                let vault = Vault::new(self.store.clone() as Arc<dyn Store>, Sealer::default());
                let ended = vault.put(key, version, end).await;
                assert!(matches!(ended, Ok(Changed::Done(_))));
                self.world.slept.store(11 * MINUTE, Ordering::SeqCst);
            }
            Ok(swap)
        })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.store.scan(prefix, due_before, limit)
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_slept_reads_the_record_again_before_it_buys() {
    let there = Arc::new(SlowStore::default());
    put(
        &there,
        &id(1),
        None,
        State::Created { pooled: None },
        now_ms(),
    )
    .await;
    let key = record_key(&id(1));
    let vault = Vault::new(there as Arc<dyn Store>, Sealer::default());
    let created = vault.load::<Durable>(&key).await.unwrap().unwrap().content;

    let world = Arc::new(Sleeper {
        real: RealWorld::new(),
        slept: AtomicU64::new(0),
    });
    let store = Arc::new(MemoryStore::new());
    let vault = Vault::new(store.clone() as Arc<dyn Store>, Sealer::default());
    let stored = vault.put(&key, None, created.clone()).await;
    assert!(matches!(stored, Ok(Changed::Done(_))));
    let seller = Arc::new(Seller::default());
    let overtaken = Overtaken {
        store,
        world: world.clone(),
        end: Mutex::new(Some(created.moved(
            State::Expired,
            now_ms(),
            &mut os_random(),
        ))),
    };
    let mut worker = engine(Arc::new(overtaken), seller.clone());
    worker.ports.world = world;
    let told = worker.complete(&id(1), false).await;
    assert!(matches!(told, Ok(Progress::Expired)), "{told:?}");
    let asked = *seller.left_for_signature.lock().unwrap();
    assert_eq!(asked, None, "a pass for what is over");
}
