//! The two requests that are at stake: one attempt each, under the key that is stored.

use std::sync::Arc;
use std::time::Duration;

use super::{Drive, Engine};
use crate::claim::ClaimType;
use crate::client::{Owner, Question};
use crate::error::{Error, ErrorKind, Result};
use crate::http::Attempt;
use crate::outcome::Call;
use crate::secret::rand_core::Rng;
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

/// How long a strict client waits at most before it redeems.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

impl Drive<'_> {
    /// Whether this call still has to wait before it redeems, so that the redemption does not follow the
    /// visitor's return at once. It is stored already, and waits again in whatever call repeats it.
    pub(super) fn waits_by_chance(&self) -> bool {
        self.engine.is_strict && !self.has_waited
    }

    pub(super) async fn wait_by_chance(&mut self) {
        self.has_waited = true;
        let ports = &self.engine.ports;
        let longest = LONGEST_WAIT.min(ports.left().total / 2);
        let part = f64::from(ports.random().next_u32() % 1_000) / 1_000.0;
        ports.world.sleep(longest.mul_f64(part)).await;
    }

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
