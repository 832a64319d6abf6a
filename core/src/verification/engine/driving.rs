//! From step to step: stores what the machine decided, does it, and tells the machine what came of it.

use std::sync::Arc;
use std::time::Duration;

use super::{unknown_id, Engine, Told};
use crate::claim::ClaimType;
use crate::client::{Attempting, IssuePrivacyPass, Question, RelayToken};
use crate::error::{Error, ErrorKind, Result};
use crate::events::EventKind;
use crate::http::Attempt;
use crate::outcome::{out_of_patience, Budget, Step as Call};
use crate::records::{Changed, Loaded};
use crate::secret::rand_core::Rng;
use crate::secret::RelaySecret;
use crate::verification::machine::{step, Effect, Event, Run, Step};
use crate::verification::record::{record_key, Durable, Purpose, State};

impl Engine {
    /// Goes from step to step until there is something to tell: what the record says, which may be
    /// an error of its own.
    ///
    /// # Errors
    /// What kept the verification from going on.
    pub(super) async fn drive(
        &self,
        stored: Loaded<Durable>,
        run: Run,
        reissue: bool,
    ) -> Result<Result<Told>> {
        let mut drive = Drive {
            engine: self,
            stored,
            run,
            began: self.ports.now(),
            started: self.ports.world.elapsed(),
            retry: 0,
            failed: None,
        };
        let mut event = match reissue {
            true => Event::Reissue,
            false => Event::Continue,
        };
        loop {
            let now = self.ports.now();
            let random = &mut self.ports.random();
            // What Persona gave is kept until it is stored, whoever is faster.
            let won = event.is_won().then(|| event.clone());
            let next = step(&drive.stored.content, &mut drive.run, event, now, random);
            let effect = match (drive.store(next).await?, won) {
                (Put::Done(effect), _) => effect,
                (Put::Refused(_), Some(won)) if !drive.stored.content.is_closed() => {
                    event = won;
                    continue;
                }
                (Put::Refused(effect), _) => effect,
            };
            event = match drive.perform(effect).await? {
                Performed::Then(event) => event,
                Performed::Told(told) => return Ok(told),
            };
        }
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

/// One worker on one verification.
struct Drive<'a> {
    engine: &'a Engine,
    stored: Loaded<Durable>,
    run: Run,
    /// When it began, by the clock and by time that never goes back.
    began: u64,
    started: Duration,
    retry: u32,
    /// The last attempt that failed.
    failed: Option<(Call, Arc<Attempt>)>,
}

enum Performed {
    Then(Event),
    Told(Result<Told>),
}

/// What became of storing a step, and what to do now.
enum Put {
    Done(Effect),
    /// Somebody else was faster; the record is theirs.
    Refused(Effect),
}

impl Drive<'_> {
    /// Stores what a step changed, before its effect. Whoever was faster counts, not we.
    async fn store(&mut self, next: Step) -> Result<Put> {
        let Some(record) = next.store else {
            return Ok(Put::Done(next.effect));
        };
        let ports = &self.engine.ports;
        let key = record_key(&record.id);
        let version = Some(self.stored.version);
        // Of money better twice, or for a step that another worker takes, than never: whoever dies
        // after the swap tells nobody.
        let is_money = next.notice == Some(EventKind::PossibleDoubleCharge);
        if is_money {
            self.notify(EventKind::PossibleDoubleCharge);
        }
        match ports.vault.put(&key, version, record).await? {
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
                    let _ = ports.clear_pooled(place, &before.content.id).await;
                }
                Ok(Put::Done(next.effect))
            }
            Changed::Refused(there) => {
                let there = there.ok_or_else(unknown_id)?;
                Ok(Put::Refused(self.take_over(there)))
            }
        }
    }

    /// Goes on from what somebody else stored.
    fn take_over(&mut self, there: Loaded<Durable>) -> Effect {
        self.stored = there;
        self.run.reloaded();
        match self.stored.content.was_answered_since(self.began) {
            true => Effect::TellPending,
            false => Effect::Continue,
        }
    }

    async fn perform(&mut self, effect: Effect) -> Result<Performed> {
        let ports = &self.engine.ports;
        let record = &self.stored.content;
        let event = match effect {
            Effect::Tell => return Ok(Performed::Told(self.engine.tell(record))),
            Effect::TellPending => return Ok(Performed::Told(Ok(Told::Pending))),
            Effect::Fail(kind) => return Err(self.failure(kind)),
            Effect::Continue => Event::Continue,
            Effect::Wait => return self.wait().await,
            Effect::Again => {
                self.pause().await?;
                Event::Continue
            }
            Effect::TakePooled(place) => {
                Event::Pooled(ports.take_pooled(&place, &record.id).await?)
            }
            Effect::Blind => {
                ports.persona.check_can_issue()?;
                let bound_to = self.engine.bound_to(record)?;
                let budget = Budget {
                    total: ports.budget.total.saturating_sub(self.spent()),
                    ..ports.budget
                };
                self.retry = 0;
                Event::Blinded(ports.persona.blind(&bound_to, &budget).await?)
            }
            Effect::Sign => self.sign().await?,
            Effect::Redeem => self.redeem().await?,
            Effect::Refund(refund) => {
                let (place, pass) = (&refund.pool_key, &refund.pass);
                match (ports.give_back(place, &record.id, &record.claim_type, pass)).await {
                    Ok(()) => Event::Refunded,
                    // The answer is there, and what is left to do is due again: see `recover`.
                    Err(_) => return Ok(Performed::Told(self.engine.tell(record))),
                }
            }
        };
        Ok(Performed::Then(event))
    }

    async fn sign(&mut self) -> Result<Event> {
        let State::Issuing { purchase } = &self.stored.content.state else {
            return Ok(Event::Continue);
        };
        let Some(key) = &purchase.key else {
            return Ok(Event::Continue);
        };
        let persona = &self.engine.ports.persona;
        let signed = persona.sign(&purchase.blinded, key.as_key()?, self.attempting());
        Ok(match signed.await? {
            Ok(token) => {
                let blinded = purchase.blinded.clone();
                self.retry = 0;
                Event::Signed { blinded, token }
            }
            Err(attempt) => {
                let attempt = Arc::<Attempt>::from(attempt);
                self.failed = Some((Call::Sign, attempt.clone()));
                Event::NotSigned(attempt)
            }
        })
    }

    async fn redeem(&mut self) -> Result<Event> {
        let record = &self.stored.content;
        let (
            Some(relay),
            State::Redeeming {
                pass,
                question,
                earlier,
                ..
            },
        ) = (&record.relay, &record.state)
        else {
            return Ok(Event::Continue);
        };
        let asked = Question {
            relay_token: &relay.token,
            relay_secret: &relay.secret,
            pass: &pass.token,
            key: question.key.as_key()?,
            earlier_keys: (earlier.iter())
                .map(|asked| asked.key.as_key())
                .collect::<Result<_>>()?,
        };
        let persona = &self.engine.ports.persona;
        Ok(match persona.redeem(asked, self.attempting()).await? {
            Ok((payload, consumed)) => {
                let opened = match record.purpose {
                    Purpose::Redemption => None,
                    _ => {
                        let claim_type = ClaimType::parse(record.claim_type.as_str())?;
                        let opened = persona.open(&payload, record.encrypted, &claim_type);
                        Some(Arc::new(opened))
                    }
                };
                Event::Redeemed {
                    pass: pass.token.clone(),
                    opened,
                    payload,
                    consumed,
                }
            }
            Err(attempt) => {
                let attempt = Arc::<Attempt>::from(attempt);
                self.failed = Some((Call::Redeem, attempt.clone()));
                Event::NotRedeemed(attempt)
            }
        })
    }

    /// Pauses before the next attempt, if there is to be one.
    async fn pause(&mut self) -> Result<()> {
        let ports = &self.engine.ports;
        let failed = self.failed.as_ref().map(|(_, attempt)| attempt);
        let wish = failed.and_then(|attempt| attempt.wish());
        let random = ports.random().next_u64();
        let Some(pause) = ports.budget.pause(self.retry, wish, self.spent(), random) else {
            let kind = failed.map_or(ErrorKind::Timeout, |attempt| {
                out_of_patience(attempt.answer, attempt.timed_out())
            });
            return Err(self.failure(kind));
        };
        self.retry += 1;
        ports.world.sleep(pause).await;
        Ok(())
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
        let there = self.engine.load(&self.stored.content.id).await?;
        Ok(match self.take_over(there) {
            Effect::TellPending => Performed::Told(Ok(Told::Pending)),
            _ => Performed::Then(Event::Continue),
        })
    }

    fn attempting(&self) -> Attempting {
        Attempting {
            connection: self.run.connection(),
            timeout: self.engine.ports.budget.next_attempt(self.spent()),
        }
    }

    fn spent(&self) -> Duration {
        let elapsed = self.engine.ports.world.elapsed();
        elapsed.saturating_sub(self.started)
    }

    /// The attempt that failed, as an error. The verification can go on from here.
    fn failure(&self, kind: ErrorKind) -> Error {
        let may_pass = matches!(
            kind,
            ErrorKind::RateLimited
                | ErrorKind::ServerError
                | ErrorKind::Timeout
                | ErrorKind::Network
                | ErrorKind::Conflict
        ) || matches!(&self.failed, Some((Call::Redeem, _)) if is_not_yet(kind));
        let error = match &self.failed {
            Some((call, attempt)) => attempt.lasting_error(*call, kind),
            None => Error::new(kind, "The call's time was up before anything was sent."),
        };
        error.with_retryable(may_pass)
    }

    fn notify(&self, kind: EventKind) {
        let failed = self.failed.as_ref().map(|(_, attempt)| attempt);
        let message = match kind {
            EventKind::PossibleDoubleCharge => {
                "A pass that may have been billed is asked for under a new idempotency key."
            }
            EventKind::UnknownOutcome => {
                "Nobody can tell what became of a request; the verification says what is known."
            }
            EventKind::Pending => "Persona has no answer yet.",
            EventKind::Refunded => "A pass that was not consumed went back to the pool.",
            EventKind::KeyChanged | EventKind::BackgroundFailure => "",
        };
        self.engine.ports.tell(
            kind,
            Some(&self.stored.content.id),
            failed.and_then(|attempt| attempt.request_id()),
            message,
        );
    }
}

/// Whether a redemption may be answered otherwise later.
fn is_not_yet(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::PermissionDenied | ErrorKind::Unprocessable)
}
