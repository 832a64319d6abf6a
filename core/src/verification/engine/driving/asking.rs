//! The two requests that are at stake: one attempt each, under the key that is stored.

use std::sync::Arc;

use super::super::strictly::{of_another_hour, refused, sells_to_nobody};
use super::{Drive, Engine, Shelf};
use crate::claim::ClaimType;
use crate::client::{Environment, Owner, Question};
use crate::error::{Error, ErrorKind, Result};
use crate::http::Attempt;
use crate::outcome::Call;
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
        let may_ask = (bought_in.hour).may_ask(purchase.asked_since(), ports.now());
        if !is_sandbox && !may_ask {
            return Err(refused(
                "The common hour of this pass is over: whoever has one signed now is alone",
            ));
        }
        if !is_sandbox && !bought_in.hour.gives(&bought_in.seen) {
            return Err(of_another_hour());
        }
        let claim_type = ClaimType::parse(self.stored.content.claim_type.as_str())?;
        self.engine.check_known(&claim_type, &bought_in.seen).await
    }

    /// Whether a pass of a strict pool is bought.
    pub(super) fn is_common_place(&self) -> bool {
        matches!(&self.shelf, Shelf::Place { place, .. } if place.bought_in.is_some())
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
        let persona = &self.engine.ports.persona;
        let signed = persona.sign(&purchase.blinded, key.as_key()?, self.options());
        Ok(match signed.await? {
            Ok((token, info)) => {
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
