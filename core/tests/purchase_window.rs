//! A purchase that waits for its random moment, beside whoever else touches the verification then.

use std::sync::Arc;
use std::time::Duration;

use crate::support::persona::{claim_type, Persona};
use relaypass::store::MemoryStore;
use relaypass::{Client, ErrorKind, StartVerification, Status};

const WINDOW: Duration = Duration::from_millis(100);

fn client(persona: &Persona, window: Duration) -> Client {
    let client = persona.client().store(Arc::new(MemoryStore::new()));
    client.purchase_window(window).build().unwrap()
}

#[tokio::test]
async fn whoever_completes_while_the_moment_comes_buys_no_second_pass() {
    let persona = Persona::start().await;
    let client = client(&persona, WINDOW);
    let mut completions = tokio::task::JoinSet::new();
    for visitor in 0..40 {
        let request = StartVerification::new(claim_type());
        let started = client.verifications().start(request).await.unwrap();
        persona.visit(&started, "passed").await;
        let client = client.clone();
        completions.spawn(async move {
            // All over the window: before, at, and after the moment.
            tokio::time::sleep(WINDOW * visitor / 40).await;
            let verifications = client.verifications();
            loop {
                let answer = verifications.complete(&started.id, false).await.unwrap();
                if answer.status != Status::Pending {
                    return answer.status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    let statuses = completions.join_all().await;
    assert!(statuses.iter().all(|status| *status == Status::Passed));
    // Whatever still sleeps wakes.
    tokio::time::sleep(2 * WINDOW).await;
    let ledger = persona.ledger().await;
    assert_eq!(ledger["billed"], 40, "{ledger}");
    assert_eq!(ledger["redeemed"], 40, "{ledger}");
    persona.stop().await;
}

#[tokio::test]
async fn what_is_forgotten_before_its_moment_is_never_bought() {
    // Long enough that hardly a moment comes before `forget`, however busy the machine is.
    let window = Duration::from_secs(2);
    let persona = Persona::start().await;
    let client = client(&persona, window);
    let verifications = client.verifications();
    // Forgotten at once: of twenty, at most a few moments come before that.
    let mut ids = Vec::new();
    for _ in 0..20 {
        let request = StartVerification::new(claim_type());
        let started = verifications.start(request).await.unwrap();
        verifications.forget(&started.id).await.unwrap();
        ids.push(started.id);
    }
    let billed = persona.ledger().await["billed"].as_u64().unwrap();
    assert!(
        billed < 10,
        "{billed} of 20 were bought before they were forgotten"
    );
    tokio::time::sleep(window + WINDOW).await;
    assert_eq!(persona.ledger().await["billed"].as_u64().unwrap(), billed);
    for id in &ids {
        let gone = verifications.get(id).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound);
    }
    persona.stop().await;
}
