//! A Persona that sells passes and answers little else, for tests that need no more of her.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Engine;
use crate::claim::{Claim, ClaimType, KeyForm};
use crate::client::{
    AttemptOptions, AttemptResult, Environment, IssuePrivacyPass, PassBinding, Persona, Ports,
    Question, Relay, RelayToken,
};
use crate::credential::RelaySecret;
use crate::error::{Error, ErrorKind, ResponseInfo, Result};
use crate::future::BoxFuture;
use crate::http::{Attempt, FailureCause, Misread, SendFailure, Sent, Way};
use crate::outcome::Budget;
use crate::privacy::CommonHour;
use crate::privacy::{Fetched, Sighting};
use crate::records::{RealWorld, StoredSecret, Vault, HOUR};
use crate::secret::{IdempotencyKey, Secret};
use crate::store::{Sealer, Store};
use crate::wire::ResponseHead;

/// What a call may take with her.
pub(super) const TOTAL: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Seller {
    /// How long a challenge takes.
    pub(super) challenge: Duration,
    /// How long a signature takes.
    pub(super) signature: Duration,
    /// How many messages were blinded.
    pub(super) blinded: AtomicU32,
    /// What she was asked to sign, and under which key: she bills each key once.
    pub(super) billed: Mutex<Vec<(String, String)>>,
    /// How long the last signature might have taken.
    pub(super) left_for_signature: Mutex<Option<Duration>>,
    /// Whether no request for a signature can be sent, for as long as it may take.
    pub(super) hangs: bool,
    /// The status with which she refuses to sign.
    pub(super) refuses: Mutex<Option<u16>>,
    /// What she gave when the challenge was fetched last, and how often that was.
    pub(super) fetches: Mutex<Vec<Sighting>>,
    /// Her clock.
    pub(super) now: Arc<AtomicU64>,
    /// Whether her answers do not say what time it is.
    pub(super) tells_no_time: AtomicBool,
    /// Whether each fetch brings another challenge.
    pub(super) marks: AtomicBool,
    /// Whether others were given something else than what passes were bought for.
    pub(super) differs: AtomicBool,
    /// Whether nobody knows any more what others were given.
    pub(super) forgot: AtomicBool,
    /// Whether her signatures are no use.
    pub(super) signs_badly: AtomicBool,
    /// Whether she knows no claim type.
    pub(super) makes_no_relay: AtomicBool,
    /// How many passes she signed, each time she was asked under a new key.
    pub(super) signed: AtomicU32,
    /// The passes that were presented to her. She answers that the person has not finished, or what this says.
    pub(super) presented: Mutex<Vec<String>>,
    pub(super) answers: Mutex<Option<u16>>,
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
            hours: Arc::default(),
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
        pass_pool: 0,
    }
}

impl Persona for Seller {
    fn check_can_issue(&self) -> Result<()> {
        Ok(())
    }

    fn create<'a>(
        &'a self,
        _: &'a ClaimType,
        _: Way,
        _: &'a Budget,
    ) -> BoxFuture<'a, Result<Relay>> {
        let makes_none = self.makes_no_relay.load(Ordering::Relaxed);
        Box::pin(async move {
            if makes_none {
                return Err(Error::new(ErrorKind::NotFound, "No such claim type."));
            }
            Ok(Relay {
                relay_token: RelayToken::parse("token")?,
                relay_secret: RelaySecret::parse("secret")?,
                relay_session_access_token: Secret::new("session".to_owned()),
                encryption_form: None,
                info: ResponseInfo::default(),
            })
        })
    }

    fn blind<'a>(
        &'a self,
        _: &'a IssuePrivacyPass,
        _: Option<Way>,
        _: &'a Budget,
    ) -> BoxFuture<'a, Result<StoredSecret>> {
        Box::pin(async {
            tokio::time::sleep(self.challenge).await;
            Ok(self.blind_one())
        })
    }

    fn sign<'a>(
        &'a self,
        blinded: &'a StoredSecret,
        key: IdempotencyKey,
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
            self.bill(blinded, &key);
            tokio::time::sleep(self.signature).await;
            if self.signs_badly.load(Ordering::Relaxed) {
                let head = ResponseHead {
                    status: 200,
                    ..ResponseHead::default()
                };
                let why = "it does not verify".to_owned();
                return Ok(Err(Attempt::misread(head, Misread::BadSignature(why))));
            }
            let info = ResponseInfo {
                answered_at: Some(self.now.load(Ordering::Relaxed)),
                ..ResponseInfo::default()
            };
            Ok(Ok((StoredSecret::new("pass"), info)))
        })
    }

    fn fetch<'a>(
        &'a self,
        _: &'a ClaimType,
        _: Option<CommonHour>,
        _: Way,
        _: &'a Budget,
    ) -> BoxFuture<'a, Result<(Fetched, Option<u64>)>> {
        Box::pin(async {
            tokio::time::sleep(self.challenge).await;
            let mut fetches = self.fetches.lock().expect("nobody panicked");
            let mark = match self.marks.load(Ordering::Relaxed) {
                true => fetches.len(),
                false => 0,
            };
            // On the hour, one to two hours ahead.
            let now = self.now.load(Ordering::Relaxed);
            let seen = Sighting::example((now / HOUR + 2) * HOUR);
            fetches.push(seen.clone());
            let fetched = Fetched {
                challenge: format!("challenge {mark}"),
                token_key: "key".to_owned(),
                token_key_id: "id".to_owned(),
                seen,
            };
            let tells = !self.tells_no_time.load(Ordering::Relaxed);
            Ok((fetched, tells.then_some(now)))
        })
    }

    fn blind_for<'a>(&'a self, _: &'a Fetched) -> BoxFuture<'a, Result<StoredSecret>> {
        Box::pin(async { Ok(self.blind_one()) })
    }

    fn check_common<'a>(
        &'a self,
        _: &'a ClaimType,
        _: &'a Sighting,
        _: Duration,
    ) -> BoxFuture<'a, Result<bool>> {
        let is_known = !self.forgot.load(Ordering::Relaxed);
        let differs = self.differs.load(Ordering::Relaxed);
        let refused = || {
            Error::new(
                ErrorKind::PrivacyRefused,
                "Others were given something else.",
            )
        };
        Box::pin(async move {
            if differs {
                Err(refused())
            } else {
                Ok(is_known)
            }
        })
    }

    fn redeem<'a>(
        &'a self,
        question: Question<'a>,
        _: AttemptOptions,
    ) -> BoxFuture<'a, Result<AttemptResult<(StoredSecret, bool)>>> {
        let pass = question.pass.expose().to_owned();
        (self.presented.lock().expect("nobody panicked")).push(pass);
        let status = *self.answers.lock().expect("nobody panicked");
        Box::pin(async move { Ok(Err(status.map_or_else(unsent, refused))) })
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

impl Seller {
    /// A message that no other one is like.
    fn blind_one(&self) -> StoredSecret {
        let number = self.blinded.fetch_add(1, Ordering::Relaxed);
        StoredSecret::new(format!("blinded {number}"))
    }

    fn bill(&self, blinded: &StoredSecret, key: &IdempotencyKey) {
        let asked = (blinded.expose().to_owned(), key.expose().to_owned());
        let mut billed = self.billed.lock().expect("nobody panicked");
        if !billed.contains(&asked) {
            billed.push(asked);
            self.signed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether no message was billed twice.
    pub(super) fn bills_once(&self) -> bool {
        let billed = self.billed.lock().expect("nobody panicked");
        let messages: std::collections::HashSet<_> = billed.iter().map(|(it, _)| it).collect();
        messages.len() == billed.len()
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
