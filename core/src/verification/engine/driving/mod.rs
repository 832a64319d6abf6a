//! From step to step: stores what the machine decided, does it, and tells the machine what came of it.

mod asking;
mod failing;
mod shelf;
mod telling;

use std::sync::Arc;
use std::time::Duration;

pub(super) use self::failing::failed_to_buy;
use self::shelf::Patience;
pub(super) use self::shelf::Shelf;
use super::strictly::is_for_strict;
use super::{unknown_id, Engine, Progress};
use crate::claim::ClaimType;
use crate::client::{AttemptOptions, IssuePrivacyPass, RelayToken};
use crate::credential::RelaySecret;
use crate::error::{Error, ErrorKind, ResponseInfo, Result};
use crate::events::EventKind;
use crate::http::Attempt;
use crate::outcome::{meaning, Call, Meaning};
use crate::passes::PooledState;
use crate::records::{Changed, Loaded, MINUTE};
use crate::secret::rand_core::Rng;
use crate::verification::machine::{decide, Decision, Effect, Event, Run};
use crate::verification::record::{Durable, Paid, State};

impl Engine {
    /// Goes from step to step until there is something to tell: what the record says, which may be
    /// an error of its own.
    ///
    /// # Errors
    /// What kept the verification from going on.
    pub(super) async fn drive(
        &self,
        stored: Loaded<Durable>,
        mut run: Run,
        reissue: bool,
    ) -> Result<Result<Progress>> {
        let event = match reissue {
            true => {
                run.caller = self.buyer(&stored.content).await?;
                Event::Reissue
            }
            false => Event::Continue,
        };
        let driven = self.drive_on(Shelf::Record, stored, run, event);
        driven.await.told
    }

    /// Likewise, for what is kept on another shelf.
    pub(super) async fn drive_on(
        &self,
        shelf: Shelf,
        stored: Loaded<Durable>,
        mut run: Run,
        event: Event,
    ) -> Driven {
        let engine = &self.for_one_call();
        run.is_strict = self.is_strict;
        let mut drive = Drive {
            engine,
            shelf,
            stored,
            stored_at: run.began,
            run,
            patience: Patience::UntilDeadline,
            retry: 0,
            failed: None,
            may_be_executed: false,
            info: ResponseInfo::default(),
        };
        let told = drive.go(event).await;
        let info = drive.info;
        Driven { told, info }
    }

    /// What a verification's pass is bound to.
    fn bound_to(&self, record: &Durable) -> Result<IssuePrivacyPass> {
        match (&record.relay, record.relay_bound) {
            (Some(relay), true) => Ok(IssuePrivacyPass::Relay {
                relay_token: RelayToken::parse(relay.token.expose())?,
                relay_secret: RelaySecret::parse(relay.secret.expose())?,
            }),
            _ => ClaimType::parse(record.claim_type.as_str()).map(IssuePrivacyPass::ClaimType),
        }
    }
}

/// What a drive came to.
pub(super) struct Driven {
    pub(super) told: Result<Result<Progress>>,
    /// What the last answer said beside its body.
    pub(super) info: ResponseInfo,
}

/// One worker on one verification.
struct Drive<'a> {
    engine: &'a Engine,
    shelf: Shelf,
    stored: Loaded<Durable>,
    /// When reading or writing that began, by our clock.
    stored_at: u64,
    run: Run,
    /// How long the store is waited for.
    patience: Patience,
    retry: u32,
    /// The last attempt that failed.
    failed: Option<(Call, Arc<Attempt>)>,
    /// Whether any attempt of this call may have been executed.
    may_be_executed: bool,
    info: ResponseInfo,
}

/// Longer than all but the longest calls.
const SLEPT: u64 = 10 * MINUTE;

/// Whether an attempt counts as one of the call's tries.
#[derive(Clone, Copy)]
enum Tries {
    Counted,
    UntilDeadline,
}

enum Performed {
    Then(Event),
    Told(Result<Progress>),
}

/// What became of storing a step, and what to do now.
enum Written {
    Done(Effect),
    /// Somebody else was faster; the record is theirs.
    Refused(Effect),
}

impl Drive<'_> {
    async fn go(&mut self, event: Event) -> Result<Result<Progress>> {
        let told = self.go_on(event).await;
        if let Err(error) = &told {
            self.note_purchase_failure(error).await;
        }
        told
    }

    async fn go_on(&mut self, event: Event) -> Result<Result<Progress>> {
        let mut event = event;
        loop {
            let ports = &self.engine.ports;
            let (now, random) = (ports.now(), &mut ports.random());
            // What Persona gave is kept until it is stored, whoever is faster.
            let won = event.is_won().then(|| event.clone());
            self.patience = Patience::after(&event);
            let next = decide(&self.stored.content, &mut self.run, event, now, random);
            let parting = next.effect.clone();
            let effect = match (self.store(next).await, won) {
                (Ok(Written::Refused(_)), Some(won)) => {
                    event = won;
                    continue;
                }
                // Whoever was faster asks the same: the caller is told what it came to here.
                (Ok(Written::Refused(Effect::Continue)), _)
                    if parting.fails() && !self.stored.content.is_closed() =>
                {
                    parting
                }
                (Ok(Written::Done(effect) | Written::Refused(effect)), _) => effect,
                // What the last attempt came to says more, and needs no record.
                (Err(error), _) if error.kind() == ErrorKind::Timeout && parting.fails() => parting,
                (Err(error), _) => return Err(error),
            };
            event = match self.perform(effect).await? {
                Performed::Then(event) => event,
                Performed::Told(told) => return Ok(told),
            };
        }
    }

    /// Stores what a step changed, before its effect. Whoever was faster counts, not we.
    async fn store(&mut self, next: Decision) -> Result<Written> {
        let Some(record) = next.store else {
            return Ok(Written::Done(next.effect));
        };
        if next.effect == Effect::Sign {
            // Whoever cannot buy leaves it as it is.
            self.check_buyer().await?;
            self.check_buys_now().await?;
        }
        // Of money better twice, or for a step that another worker takes, than never: whoever dies
        // after the swap tells nobody.
        let is_money = next.notice == Some(EventKind::PossibleDoubleCharge);
        if is_money {
            self.notify(EventKind::PossibleDoubleCharge);
        }
        self.stored_at = self.engine.ports.now();
        match self.put(record).await? {
            Changed::Done(changed) => {
                let before = std::mem::replace(&mut self.stored, changed);
                self.run.is_own = true;
                if let Some(kind) = next.notice.filter(|_| !is_money) {
                    self.notify(kind);
                }
                if let (
                    State::Created {
                        pooled: Some(place),
                    },
                    State::Ready { .. },
                ) = (&before.content.state, &self.stored.content.state)
                {
                    // If this fails, the place's own record says that it is to be done.
                    let ports = &self.engine.ports;
                    let _ = ports.clear_pooled(place, &before.content.id).await;
                }
                Ok(Written::Done(next.effect))
            }
            Changed::Refused(there) => {
                let there = there.ok_or_else(unknown_id)?;
                Ok(Written::Refused(self.take_over(there)))
            }
        }
    }

    /// Goes on from what somebody else stored.
    fn take_over(&mut self, there: Loaded<Durable>) -> Effect {
        self.stored = there;
        self.run.reloaded();
        match self.stored.content.was_answered_since(self.run.began) {
            true => Effect::TellPending,
            false => Effect::Continue,
        }
    }

    async fn perform(&mut self, effect: Effect) -> Result<Performed> {
        let ports = &self.engine.ports;
        let record = &self.stored.content;
        let event = match effect {
            Effect::Tell => return Ok(Performed::Told(self.engine.tell(record).await)),
            Effect::TellPending => return Ok(Performed::Told(Ok(Progress::Pending))),
            Effect::Fail(kind) => return Err(self.failure(kind)),
            Effect::LeaveToStrict => return Err(is_for_strict()),
            Effect::Later(kind) if self.asks_again(kind) => {
                match self.pause(Tries::Counted).await {
                    Event::OutOfPatience(_) => return Err(self.failure(kind)),
                    event => event,
                }
            }
            // A stateless call has nothing that the next one could go on with.
            Effect::Later(kind) if matches!(self.shelf, Shelf::Nowhere) => {
                return Err(self.failure(kind))
            }
            Effect::Later(kind) => return Err(self.failure_for_now(kind)),
            Effect::Continue => Event::Continue,
            Effect::Wait => return self.wait().await,
            Effect::Again => self.pause(Tries::Counted).await,
            Effect::AgainUntilDeadline => self.pause(Tries::UntilDeadline).await,
            Effect::FindPooled => {
                let owner = record.owner.as_ref();
                Event::FoundPooled(self.engine.find_pass(owner, &record.claim_type).await?)
            }
            Effect::TakePooled(place) => {
                Event::Pooled(self.engine.take_pass(&place, &record.id).await?)
            }
            // A place is bought for one challenge.
            Effect::Blind if self.is_common_place() => {
                return Err(self.failure(ErrorKind::NotFound))
            }
            Effect::Blind => {
                self.check_buyer().await?;
                self.check_buys_now().await?;
                let bound_to = self.engine.bound_to(record)?;
                self.retry = 0;
                // Of what names the relay, by itself or by its time, Persona sees one way out.
                let names_its_relay = matches!(bound_to, IssuePrivacyPass::Relay { .. })
                    || self.run.is_beside_its_relay(record, ports.now());
                let way = names_its_relay.then(|| record.way()).flatten();
                let left = ports.left();
                Event::Blinded(ports.persona.blind(&bound_to, way, &left).await?)
            }
            Effect::Sign | Effect::Redeem if self.has_slept() => return self.look_again().await,
            Effect::Sign => self.sign().await?,
            Effect::Redeem => self.redeem().await?,
            Effect::Refund(refund) => {
                let of = (record.claim_type.as_str(), record.owner.as_ref());
                let state = match refund.of {
                    Paid::Pass(pass) => PooledState::Available { pass },
                    Paid::Purchase(purchase) => PooledState::Issuing { purchase },
                };
                let place = &refund.pool_key;
                match ports.give_back(place, &record.id, of, state).await {
                    Ok(()) => Event::Refunded,
                    // The answer is there, and what is left to do is due again: see `recover`.
                    Err(_) => return Ok(Performed::Told(self.engine.tell(record).await)),
                }
            }
        };
        Ok(Performed::Then(event))
    }

    /// Pauses before the next attempt, if there is to be one.
    async fn pause(&mut self, tries: Tries) -> Event {
        let random = self.engine.ports.random().next_u64();
        let Some(pause) = self.next_pause(tries, random) else {
            let failed = self.failed.as_ref();
            let kind = failed.map_or(ErrorKind::Timeout, |(call, attempt)| attempt.kind(*call));
            return Event::OutOfPatience(kind);
        };
        self.retry += u32::from(!self.is_held());
        self.engine.ports.world.sleep(pause).await;
        Event::Continue
    }

    /// How long to pause before the next attempt, if there is time for one.
    fn next_pause(&self, tries: Tries, random: u64) -> Option<Duration> {
        let wish = (self.failed.as_ref()).and_then(|(_, attempt)| attempt.wish());
        let budget = match tries {
            // What was not even begun is no try.
            Tries::Counted if !self.is_held() => self.engine.ports.budget,
            _ => self.engine.ports.budget.without_count(),
        };
        budget.pause(self.retry, wish, self.spent(), random)
    }

    /// Whether the last attempt was held back, because Persona has asked for a pause.
    fn is_held(&self) -> bool {
        let failed = self.failed.as_ref();
        failed.is_some_and(|(_, attempt)| attempt.is_held())
    }

    /// Notes an attempt that failed.
    fn has_failed(&mut self, call: Call, attempt: Arc<Attempt>) {
        let meaning = meaning(call, attempt.answer);
        self.may_be_executed |= matches!(
            meaning,
            Meaning::Lost | Meaning::Failed | Meaning::BadSignature
        );
        self.failed = Some((call, attempt));
        self.run.may_retry = self.next_pause(Tries::Counted, 0).is_some();
    }

    /// Waits a little for whoever holds the lease, and looks again.
    async fn wait(&mut self) -> Result<Performed> {
        let ports = &self.engine.ports;
        // By chance, so that two who wait do not wake together.
        let pause = Duration::from_millis(50 + ports.random().next_u64() % 100);
        if self.spent() + pause > ports.budget.total {
            return Err(Error::new(
                ErrorKind::Timeout,
                "Another worker is busy with this verification; ask again.",
            )
            .with_retryable(true));
        }
        ports.world.sleep(pause).await;
        self.look_again().await
    }

    /// Whether the process must have slept since it knew the record: others may have ended it since,
    /// and its pass may be somebody else's.
    fn has_slept(&self) -> bool {
        let now = self.engine.ports.now();
        matches!(self.shelf, Shelf::Record) && now >= self.stored_at.saturating_add(SLEPT)
    }

    /// Reads the record anew, and goes on from what it says.
    async fn look_again(&mut self) -> Result<Performed> {
        self.stored_at = self.engine.ports.now();
        let there = self.engine.load(&self.stored.content.id).await?;
        Ok(match self.take_over(there) {
            Effect::TellPending => Performed::Told(Ok(Progress::Pending)),
            _ => Performed::Then(Event::Continue),
        })
    }

    fn options(&self) -> AttemptOptions {
        AttemptOptions {
            connection: self.run.connection(),
            timeout: self.engine.ports.budget.next_attempt(self.spent()),
        }
    }

    fn spent(&self) -> Duration {
        self.engine.ports.spent()
    }

    /// The verification's id. Neither a place nor a stateless call has one that says anything.
    fn id(&self) -> Option<&str> {
        matches!(self.shelf, Shelf::Record).then_some(&*self.stored.content.id)
    }
}
