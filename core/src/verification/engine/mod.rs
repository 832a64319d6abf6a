//! The engine: performs what the state machine says, and stores each step before its effect.

mod driving;
mod forgetting;
mod pooling;
mod recovering;
mod renewing;
mod settling;
mod starting;
mod stepping;
mod strictly;

pub(super) use pooling::STOPPED;
#[cfg(any(test, relaypass_fuzzing))]
pub(crate) use starting::Reference;

use super::machine::{Goal, Run};
use super::record::{record_key, Durable, Purpose, State};
use crate::claim::{Claim, ClaimType};
use crate::client::{PassBinding, Ports};
use crate::error::{Error, ErrorKind, Result, UnopenedClaim};
use crate::records::{Changed, Loaded, StoredSecret};
use crate::secret::Secret;

/// Drives verifications.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) ports: Ports,
    pub(crate) binding: PassBinding,
    /// Within how many milliseconds of its relay a verification buys its pass.
    pub(crate) purchase_window: u64,
    /// Whether nothing is bought but for the pool, in the common hours.
    pub(crate) is_strict: bool,
    /// How many passes the pool of a strict engine holds.
    pub(crate) pass_pool: u32,
}

/// What a verification came to so far.
#[derive(Debug)]
pub(crate) enum Progress {
    Pending,
    Answered(Claim),
    Expired,
    /// The pass of a purchase.
    Bought(StoredSecret),
    /// The answer to a redemption: the payload as Persona sent it, and whether the pass is spent.
    Given(StoredSecret, bool),
}

impl Engine {
    /// Finishes whatever is missing, and tells the answer.
    pub(crate) async fn complete(&self, id: &str, reissue: bool) -> Result<Progress> {
        let engine = self.for_one_call();
        let stored = engine.load(id).await?;
        let stored = engine.come_to_ask(stored).await?;
        let stored = engine.adopt(stored).await?;
        engine
            .drive(stored, Run::new(Goal::Answer, self.ports.now()), reissue)
            .await?
    }

    /// What 0.1.0 began for nobody knows whom is bought by whoever completes it. Before anything is
    /// sent it says so: nobody sends the same with another API key then.
    async fn adopt(&self, stored: Loaded<Durable>) -> Result<Loaded<Durable>> {
        let ports = &self.ports;
        let mut stored = stored;
        while stored.content.is_of_unknown_owner() && stored.content.is_to_be_bought(ports.now()) {
            let Some(owner) = ports.owner().await? else {
                // The built client has always bought what has no owner.
                break;
            };
            let (key, adopted) = (
                record_key(stored.content.id()),
                stored.content.clone().owned_by(Some(owner)),
            );
            let put = ports.vault.put(&key, Some(stored.version), adopted);
            stored = match put.await? {
                Changed::Done(adopted) => adopted,
                Changed::Refused(there) => there.ok_or_else(unknown_id)?,
            };
        }
        Ok(stored)
    }

    /// This engine for one call, see [`Ports::for_one_call`].
    pub(super) fn for_one_call(&self) -> Self {
        Self {
            ports: self.ports.for_one_call(),
            ..self.clone()
        }
    }

    /// The verification as it is stored.
    pub(crate) async fn load(&self, id: &str) -> Result<Loaded<Durable>> {
        let stored = self.ports.vault.load::<Durable>(&record_key(id)).await?;
        let stored = stored.ok_or_else(unknown_id)?;
        self.check_environment(&stored.content)?;
        if stored.content.id() != id {
            return Err(Error::new(
                ErrorKind::Store,
                "The record belongs to another verification: somebody moved it. It was left \
                 untouched.",
            ));
        }
        Ok(stored)
    }

    /// What the record says, without asking anybody.
    pub(crate) async fn tell(&self, record: &Durable) -> Result<Progress> {
        match &record.state {
            State::Answered { claim } => Ok(Progress::Answered(claim.into())),
            State::Expired => Ok(Progress::Expired),
            State::Failed { evidence } => Err(evidence.error()),
            State::Unopened {
                payload,
                consumed,
                evidence,
            } => {
                let unopened = UnopenedClaim {
                    claim_payload: Secret::new(payload.expose().to_owned()),
                    token_consumed: *consumed,
                };
                if record.purpose == Purpose::Redemption {
                    // It is his who redeemed to open it.
                    return Err(evidence.error().with_unopened_claim(unopened));
                }
                let asked = ClaimType::parse(record.claim_type.as_str())?;
                let form = record.encryption_form();
                let opened = self.ports.persona.open(payload, form, &asked).await;
                opened.map(Progress::Answered).map_err(|error| {
                    let error = match error.kind() {
                        ErrorKind::Decryption => error,
                        _ => evidence.error(),
                    };
                    error.with_unopened_claim(unopened)
                })
            }
            State::Issuing { purchase } => match &purchase.stuck {
                Some(evidence) => Err(evidence.error()),
                None => Ok(Progress::Pending),
            },
            State::Ready {
                rejected: Some(evidence),
                ..
            } => Err(evidence.error()),
            State::Ready { pass, .. } if record.purpose == Purpose::Purchase => {
                Ok(Progress::Bought(pass.token.clone()))
            }
            State::Given { payload, consumed } => Ok(Progress::Given(payload.clone(), *consumed)),
            State::Created { .. } | State::Ready { .. } | State::Redeeming { .. } => {
                Ok(Progress::Pending)
            }
        }
    }

    fn check_environment(&self, record: &Durable) -> Result<()> {
        // A step's own credentials say where it belongs.
        let is_here = record.environment == self.ports.environment.as_str();
        if is_here || record.purpose != Purpose::Verification {
            return Ok(());
        }
        Err(Error::invalid_argument(
            "This verification belongs to the other environment; use a client with a key of that \
             environment. It was left untouched.",
        ))
    }
}

fn unknown_id() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "The store has no verification with this id: it was forgotten, or is in another store.",
    )
}
