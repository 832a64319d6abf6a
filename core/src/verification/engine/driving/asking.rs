//! The two requests that are at stake: one attempt each, under the key that is stored.

use std::sync::Arc;

use super::super::strictly::{of_another_hour, refused, sells_to_nobody};
use super::{Drive, Engine, Shelf};
use crate::claim::ClaimType;
use crate::client::{Environment, Owner, Question};
use crate::error::{Error, ErrorKind, Result};
use crate::http::Attempt;
use crate::outcome::Call;
use crate::passes::Purchase;
use crate::privacy::{Clock, CommonHour};
use crate::verification::machine::{needs_renewal, Event};
use crate::verification::record::{Durable, Purpose, State};

impl Engine {
    /// Whose a verification is once this client's caller has said `reissue`.
    pub(super) async fn buyer(&self, record: &Durable) -> Result<Option<Owner>> {
        match self.ports.persona.check_can_issue() {
            Ok(()) => self.ports.owner().await,
            // Without an API key he buys nothing, and it stays whose it is.
            Err(_) => Ok(record.owner.clone()),
        }
    }
}

impl Drive<'_> {
    /// A verification's pass is bought with the API key that it was started with. Under another one, a
    /// request that was sent before would be billed again, and to somebody else.
    pub(super) async fn check_owner(&self) -> Result<()> {
        let record = &self.stored.content;
        if record.purpose != Purpose::Verification
            || record.owner == self.engine.ports.owner().await?
        {
            return Ok(());
        }
        Err(Error::invalid_argument(
            "The pass of this verification is to be bought with the API key that it was started with; \
             complete it with a client of that key. Nothing was sent.",
        ))
    }

    /// Likewise, and that this client can buy at all.
    pub(super) async fn check_buyer(&self) -> Result<()> {
        self.engine.ports.persona.check_can_issue()?;
        self.check_owner().await
    }

    /// A strict engine buys what a pool wants in a common hour, and nothing else; that, as long as nobody was
    /// given anything else. After the hour it only asks again for what it may have asked for in it.
    ///
    /// # Errors
    /// `privacy_refused`, `store`.
    pub(super) async fn check_buys_now(&self) -> Result<()> {
        if !self.engine.is_strict {
            return Ok(());
        }
        let bought_in = match &self.shelf {
            Shelf::Place { place, .. } => place.bought_in.as_ref(),
            Shelf::Record | Shelf::Nowhere => None,
        };
        let (Some(bought_in), State::Issuing { purchase }) =
            (bought_in, &self.stored.content.state)
        else {
            return Err(sells_to_nobody());
        };
        let ports = &self.engine.ports;
        let is_sandbox = ports.environment == Environment::Sandbox;
        if !is_sandbox && !bought_in.hour.gives(&bought_in.seen) {
            return Err(of_another_hour());
        }
        let claim_type = ClaimType::parse(self.stored.content.claim_type.as_str())?;
        self.engine
            .check_known(&claim_type, &bought_in.seen)
            .await?;
        // At last, and with nothing to wait for before the request is sent: the process may have slept.
        let asked_since = purchase.asked_since();
        let may_ask = (bought_in.hour).may_ask(asked_since, ports.now());
        if !is_sandbox && !self.is_asked_first(purchase) && !may_ask {
            return Err(refused(
                "The common hour of this pass is over: whoever has one signed now is alone",
            ));
        }
        Ok(())
    }

    /// Whether nobody has asked for it yet, under whatever key.
    fn is_asked_first(&self, purchase: &Purchase) -> bool {
        self.run.is_unsent() && !purchase.was_asked()
    }

    /// Whether a pass of a strict pool that was never asked for is asked for now: in its hour, by a clock that was
    /// measured.
    fn may_ask_first(&self, purchase: &Purchase) -> bool {
        let is_first = self.is_asked_first(purchase);
        let Some(hour) = self.common_hour().filter(|_| is_first) else {
            return true;
        };
        let ports = &self.engine.ports;
        ports.environment == Environment::Sandbox
            || (hour.may_ask(None, ports.now()) && ports.clock_in(hour) == Clock::Agrees)
    }

    /// In which common hour the pass is bought, if it is one of a strict pool.
    fn common_hour(&self) -> Option<CommonHour> {
        match &self.shelf {
            Shelf::Place { place, .. } => place.bought_in.as_ref().map(|it| it.hour),
            Shelf::Record | Shelf::Nowhere => None,
        }
    }

    /// Whoever buys in a common hour learns by each signature whether it still is.
    fn note_clock(&self, answered_at: Option<u64>) {
        let ports = &self.engine.ports;
        let hour = (self.common_hour()).filter(|hour| CommonHour::at(ports.now()) == Some(*hour));
        if let (Some(hour), Some(hers)) = (hour, answered_at) {
            ports.saw_clock(hour, Some(hers));
        }
    }

    /// Whether a pass of a strict pool is bought.
    pub(super) fn is_common_place(&self) -> bool {
        self.common_hour().is_some()
    }

    pub(super) async fn sign(&mut self) -> Result<Event> {
        let State::Issuing { purchase } = &self.stored.content.state else {
            return Ok(Event::Continue);
        };
        let Some(key) = &purchase.key else {
            return Ok(Event::Continue);
        };
        // The process may have slept since this was stored.
        if purchase.is_too_late(self.engine.ports.now()) {
            return Ok(Event::Continue);
        }
        self.check_owner().await?;
        self.check_buys_now().await?;
        if !self.may_ask_first(purchase) {
            // Nobody has to wonder whether it was sent.
            return Ok(Event::OutOfPatience(ErrorKind::Timeout));
        }
        // A stored answer may have a date of its own.
        let is_first = self.run.is_unsent();
        let persona = &self.engine.ports.persona;
        let signed = persona.sign(&purchase.blinded, key.as_key()?, self.options());
        Ok(match signed.await? {
            Ok((token, info)) => {
                self.note_clock(info.answered_at.filter(|_| is_first));
                self.info = info;
                let blinded = purchase.blinded.clone();
                self.engine
                    .ports
                    .saw_usable(&self.stored.content.claim_type);
                self.retry = 0;
                Event::Signed { blinded, token }
            }
            Err(attempt) => {
                let attempt = Arc::<Attempt>::from(attempt);
                self.has_failed(Call::Sign, attempt.clone());
                Event::NotSigned(attempt)
            }
        })
    }

    pub(super) async fn redeem(&mut self) -> Result<Event> {
        let record = &self.stored.content;
        let State::Redeeming {
            pass,
            request,
            lost,
        } = &record.state
        else {
            return Ok(Event::Continue);
        };
        let relay = record.relay.as_ref().ok_or_else(damaged)?;
        // The process may have slept since this was stored: all others have dropped theirs of that hour.
        let is_first = self.run.is_first_showing && self.run.is_unsent();
        if is_first && pass.is_dropped(self.engine.ports.now()) {
            return Ok(Event::Dropped);
        }
        // Likewise.
        if needs_renewal(record, request, self.engine.ports.now()) {
            return Ok(Event::Continue);
        }
        let asked = Question {
            relay_token: &relay.token,
            relay_secret: &relay.secret,
            pass: &pass.token,
            key: request.key.as_key()?,
            earlier_keys: (lost.iter())
                .map(|request| request.key.as_key())
                .collect::<Result<_>>()?,
            way: record.way(),
        };
        let persona = &self.engine.ports.persona;
        Ok(match persona.redeem(asked, self.options()).await? {
            Ok(((payload, consumed), info)) => {
                let opened = match record.purpose {
                    Purpose::Redemption => None,
                    _ => {
                        let claim_type = ClaimType::parse(record.claim_type.as_str())?;
                        let form = record.encryption_form();
                        let opened = persona.open(&payload, form, &claim_type).await;
                        Some(Arc::new(opened))
                    }
                };
                let pass = pass.token.clone();
                self.info = info;
                Event::Redeemed {
                    pass,
                    opened,
                    payload,
                    consumed,
                }
            }
            Err(attempt) => {
                let attempt = Arc::<Attempt>::from(attempt);
                self.has_failed(Call::Redeem, attempt.clone());
                Event::NotRedeemed(attempt)
            }
        })
    }
}

fn damaged() -> Error {
    Error::new(
        ErrorKind::Store,
        "The record is damaged: a redemption without its relay. It was left untouched.",
    )
}
