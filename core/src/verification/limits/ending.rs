//! A session's end, by a clock that was wrong when it began.

use std::sync::Arc;
use std::time::Duration;

use super::{builder, put_due, SlowStore, Way, ID};
use crate::error::ResponseInfo;
use crate::http::now_ms;
use crate::records::{Changed, Vault, MINUTE};
use crate::store::{Sealer, Store};
use crate::verification::api::{Status, VerificationId};
use crate::verification::record::{record_key, Durable};
use crate::wire::ResponseHead;

/// The person has not finished; the clock of Persona is right.
fn not_yet() -> (ResponseHead, &'static str) {
    let head = ResponseHead {
        status: 403,
        info: ResponseInfo {
            answered_at: Some(now_ms()),
            ..ResponseInfo::default()
        },
        ..ResponseHead::default()
    };
    (head, r#"{"errors":[{"title":"Forbidden"}]}"#)
}

/// What becomes of a session that began so long ago by Persona's clock, and two hours ago by ours,
/// which was behind then.
async fn began(minutes_ago: Option<u64>) -> Status {
    let (store, way) = (
        Arc::new(SlowStore::default()),
        Way::new(Duration::ZERO, not_yet),
    );
    put_due(&store, ID).await;
    let vault = Vault::new(store.clone() as Arc<dyn Store>, Sealer::default());
    let key = record_key(ID);
    let stored = vault.load::<Durable>(&key).await.unwrap().unwrap();
    let made_at = minutes_ago.map(|ago| now_ms() - ago * MINUTE);
    let record = stored.content.made_at(made_at);
    let put = vault.put(&key, Some(stored.version), record).await;
    assert!(matches!(put, Ok(Changed::Done(_))));
    let client = builder(&store, &way).build().unwrap();
    let id = VerificationId::parse(ID).unwrap();
    let told = client.verifications().complete(&id, false).await;
    told.expect("an answer").status
}

#[tokio::test(start_paused = true)]
async fn a_session_does_not_expire_because_our_clock_was_behind_when_it_began() {
    assert_eq!(began(Some(10)).await, Status::Pending);
    assert_eq!(began(Some(39)).await, Status::Pending);
    assert_eq!(began(Some(41)).await, Status::Expired);
    assert_eq!(began(None).await, Status::Expired);
}
