//! Durable verifications: they say `start`, they say `complete`, and whatever crashes in between,
//! nothing is billed twice and no claim is lost.
//!
//! The rules (W1 to W9 in the comments):
//! * W1: what is to be sent is stored before the first byte leaves; the same key means the same bytes.
//! * W2: every step is a compare-and-swap. A lease saves work between workers, and decides nothing.
//! * W3: the blinding state is stored with the intent and erased when the pass is finalized.
//! * W4: keys, nonces and blinds are random and stored, never derived.
//! * W5: every new question has a new key; one whose answer was lost keeps its own. The oldest lost key
//!   that lives is asked first, then a new one; then the verdict. A living lost key is never dropped.
//! * W5b: who answered is decided once, at the wire. What is not Persona's closes, condemns and makes
//!   nothing.
//! * W5c: a key that the caller gave is the only key of that call.
//! * W6: what is closed never changes, and holds no secret.
//! * W7: `recover` costs what is open, not what is stored.
//! * W8: `expired` needs proof: a question asked 10 minutes after the session's end.
//! * W9: a pass that was not consumed goes back to the pool.
//! * W10: one machine buys and redeems, whoever asks: stateless call, verification, pool, gateway.
//!
//! The words:
//! * request: what is sent under one idempotency key; attempt: one try to send it.
//! * open, lost, resolved: the states of a key (`outcome::KeyState`).
//! * answer: what came of an attempt; meaning: what it says (`outcome::Meaning`).
//! * purchase: a pass that is being signed; redemption: a pass that is presented for a claim.
//! * place: a record of the pool, with a purchase or a paid pass in it.
//! * record: what is stored; shelf: where a record is kept, the store, a place, or nowhere.
//! * machine: decides, from record and event, what to store and which effect follows.
//! * engine: stores and performs it; run: what one worker knows beside the record.
//! * set aside: a lost key that was asked in this call and stays lost.
//! * notice: what a decision tells the caller's listener, as an event.

mod api;
mod background;
mod durable_relays;
mod engine;
mod later;
#[cfg(test)]
mod limits;
mod machine;
mod prefetch;
mod record;
#[cfg(test)]
mod released;
#[cfg(test)]
mod seller;
#[cfg(test)]
mod simulation;
mod stateless;
mod upkeep;

pub use api::{Completion, StartVerification, Status, Theme, Verification, VerificationId};
pub use durable_relays::DurableRelays;
#[cfg(any(test, relaypass_fuzzing))]
pub(crate) use {engine::Reference, record::Durable as DurableRecord};

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use self::engine::{Engine, Progress};
use self::record::Durable;
use crate::claim::ClaimType;
use crate::client::{parse_seconds, Client, Inner, Ports, UnderWay};
use crate::encoding::percent_encode;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// The durable verifications of a [`Client`] that has a store.
///
/// Every method may be called from any process, any number of times. Dropping a future cancels the
/// call; what it had stored is taken up by the next one.
#[derive(Clone)]
pub struct Verifications<'a> {
    client: &'a Client,
    limit: Option<Duration>,
    theme: Option<Theme>,
}

impl Client {
    /// The durable verifications. They need a store ([`ClientBuilder::store`](crate::ClientBuilder::store)).
    pub fn verifications(&self) -> Verifications<'_> {
        Verifications {
            client: self,
            limit: None,
            theme: None,
        }
    }
}

impl Verifications<'_> {
    /// Limits the whole call to this time, retries and the store included: by default 30 seconds, or
    /// as long as one request may take, whichever is longer. What Persona has answered by then is
    /// stored all the same, within the store's own limit; for what else the last request came to, a slow
    /// store is waited for up to a second longer.
    pub fn within(self, limit: Duration) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// How Persona's page looks at the [`hosted_url`](Verification::hosted_url) that a call returns.
    pub fn themed(self, theme: Theme) -> Self {
        Self {
            theme: Some(theme),
            ..self
        }
    }

    /// [`Verifications::themed`] as other languages give it: by name, or not at all.
    ///
    /// # Errors
    /// Those of [`Theme::parse`].
    pub fn themed_as(self, theme: Option<&str>) -> Result<Self> {
        match theme {
            None => Ok(self),
            Some(theme) => Ok(self.themed(Theme::parse(theme)?)),
        }
    }

    /// [`Verifications::within`], in seconds.
    ///
    /// # Errors
    /// `invalid_argument` for a number that is no time.
    pub fn within_seconds(self, seconds: Option<f64>) -> Result<Self> {
        match seconds {
            None => Ok(self),
            Some(seconds) => Ok(self.within(parse_seconds(seconds)?)),
        }
    }

    /// Creates a relay for a visitor and stores the verification. The pass is taken from the pool,
    /// or bought in the background, at a random moment of the purchase window
    /// ([`ClientBuilder::purchase_window`](crate::ClientBuilder::purchase_window)), unless the client is
    /// [strict](crate::Privacy::Strict): then it waits for the pool. If the process ends
    /// meanwhile, [`Verifications::complete`] or [`Verifications::recover`] does what is missing.
    ///
    /// With a [`reference`](StartVerification::reference), the same reference returns the same
    /// verification for as long as it is open and its session lasts. Once it is over, passed too, the
    /// same reference begins a new one, and the person is asked again: keep the id of what passed.
    ///
    /// # Errors
    /// `invalid_argument` without a store or an API key, or if the open verification of the
    /// reference asks for another claim type; those of [`Relays::create`](crate::Relays::create);
    /// `store`: if the write had landed all the same, `recover` finds that verification, and it
    /// ends by itself. With a reference, starting again finds it.
    ///
    /// # Example
    /// ```no_run
    /// # async fn example(client: relaypass::Client) -> relaypass::Result<()> {
    /// use relaypass::{ClaimType, StartVerification, Status};
    ///
    /// let claim_type = ClaimType::parse("age_over18_verified")?;
    /// let request = StartVerification::new(claim_type).reference("order-1234")?;
    /// let verification = client.verifications().start(request).await?;
    /// // … the visitor opens verification.hosted_url, and returns …
    /// let answer = client.verifications().complete(&verification.id, false).await?;
    /// assert_eq!(answer.status, Status::Passed);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start(&self, request: StartVerification) -> Result<Verification> {
        const OPERATION: &str = "verifications.start";
        let start = async {
            let _call = self.begin_call()?;
            let engine = self.engine()?;
            let (stored, is_new) = engine.start(&request).await?;
            self.note_claim_type(&request);
            // Whatever keeps an open one from going on is for `complete` to tell.
            let told = engine
                .tell(&stored.content)
                .await
                .unwrap_or(Progress::Pending);
            let verification = self.describe(&stored.content, told);
            if is_new {
                // It goes on when this call is over, and has its own time.
                let inner = &self.client.inner;
                inner.lifecycle.spawn(later::prepare(inner, stored)?);
            }
            verification
        };
        start
            .await
            .map_err(|error: Error| error.in_operation(OPERATION))
    }

    /// Finishes whatever is missing and asks for the answer. Once it is known, it comes from the
    /// store, without a call to Persona. A [strict](crate::Privacy::Strict) client buys nothing here: without
    /// a pass in the pool the verification is pending.
    ///
    /// `reissue`: accept that another pass may be billed, after an error that left it to you
    /// (`pass_rejected`; `unprocessable`, `outcome_unknown` or `protocol` while buying the pass).
    /// A `conflict` needs none: call again. Otherwise it changes nothing.
    ///
    /// # Errors
    /// The message begins with the step at which Persona was asked: "Buying the pass: …".
    /// * `not_found`: the store has no such verification, or Persona does not know its relay;
    ///   `invalid_argument`: it is of the other environment.
    /// * `authentication`, `permission_denied`, `conflict`, `rate_limited`, `server_error`, `timeout`,
    ///   `network`, `store`: nothing is lost; call again when the cause is mended.
    /// * `pass_rejected`, and while buying `unprocessable`, `protocol`: call with `reissue`, or start
    ///   another verification.
    /// * `outcome_unknown`: nobody can tell whether a pass was billed or is spent.
    /// * `decryption`, `claim_mismatch`: the answer came and cannot be opened or accepted. It is
    ///   kept, and comes with the error ([`Error::unopened_claim`]).
    pub async fn complete(&self, id: &VerificationId, reissue: bool) -> Result<Completion> {
        let complete = async {
            let _call = self.begin_call()?;
            let engine = self.engine()?;
            engine.complete(id.as_str(), reissue).await.map(completion)
        };
        complete
            .await
            .map_err(|error| error.in_operation("verifications.complete"))
    }

    /// The verification as it is stored. Nobody is asked, and nothing is changed.
    ///
    /// # Errors
    /// `not_found`, `invalid_argument`, `store`; and the error that a verification ended with.
    pub async fn get(&self, id: &VerificationId) -> Result<Verification> {
        let get = async {
            let _call = self.begin_call()?;
            let engine = self.engine()?;
            let stored = engine.load(id.as_str()).await?;
            let told = engine.tell(&stored.content).await?;
            self.describe(&stored.content, told)
        };
        get.await
            .map_err(|error: Error| error.in_operation("verifications.get"))
    }

    /// [`VerificationId::parse`], for an id that came with a call: a client that is closed, or that has no
    /// store, is told of first, as it is for an id that is one.
    ///
    /// # Errors
    /// `invalid_argument` without a store; `closed`; `not_found`.
    #[doc(hidden)]
    pub fn read_id(&self, text: impl Into<String>) -> Result<VerificationId> {
        let _call = self.begin_call()?;
        self.engine()?;
        VerificationId::parse(text)
    }

    /// Deletes what is stored of a verification. A pass that is certainly unspent goes to the pool;
    /// what was in flight is given up.
    ///
    /// # Errors
    /// `not_found`, `invalid_argument`, `store`.
    pub async fn forget(&self, id: &VerificationId) -> Result<()> {
        let forget = async {
            let _call = self.begin_call()?;
            self.engine()?.forget(id.as_str()).await
        };
        forget
            .await
            .map_err(|error| error.in_operation("verifications.forget"))
    }

    /// Drives on whatever a crash or a broken network left behind, and says how many records that
    /// were: passes that were being bought, questions without an answer, sessions that ended, places
    /// of the pool. Call it about once a minute, from as many processes as you like, or switch the
    /// task in the background on ([`ClientBuilder::background`](crate::ClientBuilder::background)).
    ///
    /// It drives up to 16 records at once, each for as long as a call may take. When eight in a row
    /// cannot reach Persona, or the store, it leaves the rest for the next time, and tells so with one
    /// [`Event`](crate::Event); verifications and the pool count apart. With [`Verifications::within`],
    /// it returns when that time is up; when the client is closed, as soon as those are done that it
    /// drives.
    ///
    /// # Errors
    /// `invalid_argument` without a store; `store` when it cannot say what is due. A record that
    /// fails does not keep the others: it is told as an [`Event`](crate::Event).
    pub async fn recover(&self) -> Result<u64> {
        let recover = async {
            let _call = self.begin_call()?;
            let engine = Engine::of_many(&self.client.inner, self.limit)?;
            background::begin(&self.client.inner);
            engine.recover().await
        };
        recover
            .await
            .map_err(|error| error.in_operation("verifications.recover"))
    }

    /// How many verifications are open, counted up to `most`. For a gauge: it costs what is due, up
    /// to a bound. Beside many times `most` redemptions without an answer it counts fewer.
    ///
    /// # Errors
    /// `invalid_argument` without a store; `store`.
    pub async fn count_open(&self, most: usize) -> Result<usize> {
        let count = async {
            let _call = self.begin_call()?;
            self.engine()?.count_open(most).await
        };
        count
            .await
            .map_err(|error| error.in_operation("verifications.count_open"))
    }

    fn begin_call(&self) -> Result<UnderWay> {
        self.client.inner.lifecycle.begin_call()
    }

    fn engine(&self) -> Result<Engine> {
        let inner = &self.client.inner;
        let engine = Engine::of(inner, self.limit)?;
        background::begin(inner);
        Ok(engine)
    }

    /// The pool of the client that was built is filled for what is asked under its own key.
    fn note_claim_type(&self, request: &StartVerification) {
        let inner = &self.client.inner;
        if inner.customer.is_none() && inner.environment == inner.built().environment {
            let asked = &inner.seen.claim_types;
            (asked.lock().unwrap_or_else(PoisonError::into_inner))
                .insert(request.claim_type.as_str().to_owned());
        }
    }

    fn describe(&self, record: &Durable, told: Progress) -> Result<Verification> {
        let Completion { status, claim } = completion(told);
        let token = record.session_access_token();
        let hosted_url = token.as_ref().map(|token| {
            let page = &self.client.inner.hosted_page;
            let token = percent_encode(token.expose());
            let theme = self
                .theme
                .map_or_else(String::new, |theme| format!("&theme={}", theme.as_str()));
            Secret::new(format!("{page}?relay-session-access-token={token}{theme}"))
        });
        Ok(Verification {
            id: VerificationId::parse(record.id())?,
            claim_type: ClaimType::parse(record.claim_type())?,
            status,
            claim,
            session_access_token: token,
            hosted_url,
            purchase_failure: record.purchase_failure(),
            expires_at: record.session_ends_at(),
        })
    }
}

impl Engine {
    /// The engine of a client that has a store.
    fn of(inner: &Arc<Inner>, limit: Option<Duration>) -> Result<Self> {
        Ports::of(inner, limit).map(|ports| Self::with(inner, ports))
    }

    /// Likewise, for a call that does many things: see [`Ports::of_many`].
    fn of_many(inner: &Arc<Inner>, limit: Option<Duration>) -> Result<Self> {
        Ports::of_many(inner, limit).map(|ports| Self::with(inner, ports))
    }

    fn with(inner: &Arc<Inner>, ports: Ports) -> Self {
        let options = inner.store_options.as_ref();
        let is_strict = inner.privacy.is_strict();
        // Where verifications buy nothing, nothing is put off.
        let window = options.filter(|_| !is_strict);
        let window = window.map_or(Duration::ZERO, |options| options.purchase_window);
        Self {
            ports,
            binding: options.map_or_else(Default::default, |options| options.pass_binding),
            // A window of less than a millisecond is not one of zero.
            purchase_window: u64::try_from(window.as_nanos().div_ceil(1_000_000))
                .unwrap_or(u64::MAX),
            is_strict,
            pass_pool: options.map_or(0, |options| options.pass_pool),
        }
    }
}

fn completion(told: Progress) -> Completion {
    let (status, claim) = match told {
        // The other two are what steps come to, and no id that a caller can say leads to one.
        Progress::Pending | Progress::Bought(_) | Progress::Given(..) => (Status::Pending, None),
        Progress::Expired => (Status::Expired, None),
        Progress::Answered(claim) if claim.passed() => (Status::Passed, Some(claim)),
        Progress::Answered(claim) => (Status::Failed, Some(claim)),
    };
    Completion { status, claim }
}
