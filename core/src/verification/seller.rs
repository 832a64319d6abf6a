//! A Persona that sells passes and cannot be reached otherwise, for tests that need no more of her.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Engine;
use crate::claim::{Claim, ClaimType, KeyForm};
use crate::client::{
    AttemptOptions, AttemptResult, Environment, IssuePrivacyPass, PassBinding, Persona, Ports,
    Question, Relay,
};
use crate::error::{ResponseInfo, Result};
use crate::future::BoxFuture;
use crate::http::{Attempt, FailureCause, SendFailure, Sent};
use crate::outcome::Budget;
use crate::records::{RealWorld, StoredSecret, Vault};
use crate::secret::{IdempotencyKey, Secret};
use crate::store::{Sealer, Store};
use crate::wire::ResponseHead;

/// What a call may take with her.
pub(super) const TOTAL: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Seller {
    /// How long a challenge takes.
    pub(super) challenge: Duration,
    /// How long the last signature might have taken.
    pub(super) left_for_signature: Mutex<Option<Duration>>,
    /// Whether no request for a signature can be sent, for as long as it may take.
    pub(super) hangs: bool,
    /// The status with which she refuses to sign.
    pub(super) refuses: Mutex<Option<u16>>,
}

/// A worker on this store that buys from her.
pub(super) fn engine(store: Arc<dyn Store>, seller: Arc<Seller>) -> Engine {
    Engine {
        ports: Ports {
            vault: Arc::new(Vault::new(store, Sealer::default())),
            persona: seller,
            world: Arc::new(RealWorld::new()),
            environment: Environment::Production,
            customer: None,
            listener: None,
            purchases: Arc::default(),
            name_seal_is_renewed: Arc::default(),
            lifecycle: Arc::default(),
            began: None,
            budget: Budget {
                retries: 0,
                attempt: TOTAL,
                total: TOTAL,
                floor: Duration::ZERO,
            },
        },
        binding: PassBinding::ClaimType,
        purchase_window: 0,
        is_strict: false,
    }
}

impl Persona for Seller {
    fn check_can_issue(&self) -> Result<()> {
        Ok(())
    }

    fn create<'a>(&'a self, _: &'a ClaimType, _: &'a Budget) -> BoxFuture<'a, Result<Relay>> {
        unreachable!("a pass needs no relay")
    }

    fn blind<'a>(
        &'a self,
        _: &'a IssuePrivacyPass,
        _: &'a Budget,
    ) -> BoxFuture<'a, Result<StoredSecret>> {
        Box::pin(async {
            tokio::time::sleep(self.challenge).await;
            Ok(StoredSecret::new("blinded"))
        })
    }

    fn sign<'a>(
        &'a self,
        _: &'a StoredSecret,
        _: IdempotencyKey,
        options: AttemptOptions,
    ) -> BoxFuture<'a, Result<AttemptResult<StoredSecret>>> {
        *self.left_for_signature.lock().expect("nobody panicked") = options.timeout;
        let refusal = *self.refuses.lock().expect("nobody panicked");
        Box::pin(async move {
            if let Some(status) = refusal {
                return Ok(Err(refused(status)));
            }
            if self.hangs {
                tokio::time::sleep(options.timeout.unwrap_or_default()).await;
                return Ok(Err(unsent()));
            }
            Ok(Ok((StoredSecret::new("pass"), ResponseInfo::default())))
        })
    }

    fn redeem<'a>(
        &'a self,
        _: Question<'a>,
        _: AttemptOptions,
    ) -> BoxFuture<'a, Result<AttemptResult<(StoredSecret, bool)>>> {
        Box::pin(async { Ok(Err(unsent())) })
    }

    fn open<'a>(
        &'a self,
        _: &'a StoredSecret,
        _: Option<KeyForm>,
        _: &'a ClaimType,
    ) -> BoxFuture<'a, Result<Claim>> {
        unreachable!("nobody redeems at a seller's")
    }
}

fn refused(status: u16) -> Box<Attempt> {
    let head = ResponseHead {
        status,
        ..ResponseHead::default()
    };
    let body = br#"{"errors":[{"title":"No"}]}"#.to_vec();
    Attempt::refused(head, Some(Secret::new(body)))
}

fn unsent() -> Box<Attempt> {
    Attempt::unanswered(SendFailure {
        sent: Sent::Nothing,
        cause: FailureCause::Timeout,
        description: "no connection".to_owned(),
    })
}
