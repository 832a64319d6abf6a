//! A reference leads to one verification, whatever happens between two steps of a start.

use std::sync::{Arc, Mutex};

use crate::support::persona::{claim_type, Persona};
use relaypass::store::{BoxFuture, MemoryStore, Record, Store, StoreError, Swap};
use relaypass::{ErrorKind, StartVerification, VerificationId};

type Meanwhile = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// Has something happen just before the first verification is stored through it.
struct Interrupted {
    store: Arc<MemoryStore>,
    meanwhile: Mutex<Option<Meanwhile>>,
}

impl Store for Interrupted {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        self.store.load(key)
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(async move {
            if key.starts_with("verification/") {
                let meanwhile = self.meanwhile.lock().unwrap().take();
                if let Some(meanwhile) = meanwhile {
                    meanwhile().await;
                }
            }
            self.store.compare_and_swap(key, expected, new).await
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

fn order() -> StartVerification {
    StartVerification::new(claim_type())
        .reference("order-1")
        .unwrap()
}

#[tokio::test]
async fn an_id_that_is_forgotten_while_another_starts_under_it_stays_forgotten() {
    let persona = Persona::start().await;
    let store = Arc::new(MemoryStore::new());
    let other = persona.client().store(store.clone()).build().unwrap();
    let forgotten: Arc<Mutex<Option<VerificationId>>> = Arc::default();
    let (told, elsewhere) = (forgotten.clone(), other.clone());
    let meanwhile: Meanwhile = Box::new(move || {
        Box::pin(async move {
            let verifications = elsewhere.verifications();
            let started = verifications.start(order()).await.unwrap();
            verifications.forget(&started.id).await.unwrap();
            *told.lock().unwrap() = Some(started.id);
        })
    });
    let interrupted = Interrupted {
        store,
        meanwhile: Mutex::new(Some(meanwhile)),
    };
    let client = persona.client().store(Arc::new(interrupted));
    let client = client.build().unwrap();

    let started = client.verifications().start(order()).await.unwrap();

    let forgotten = forgotten.lock().unwrap().take().expect("it was started");
    assert_ne!(started.id, forgotten);
    let gone = other.verifications().get(&forgotten).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    let again = other.verifications().start(order()).await.unwrap();
    assert_eq!(
        again.id, started.id,
        "the reference leads to what came of it"
    );
    persona.stop().await;
}
