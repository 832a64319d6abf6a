//! The way to the simulated Persona, with everything that can happen on it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::executor::{Journey, Sim};
use super::faults::{Effect, Fate, Faults, Mishap};
use super::server::{Asked, Reply, Server};
use super::watch::Watch;
use super::SECRET;
use crate::claim::{open_claim, Claim, ClaimType};
use crate::client::{
    Attempted, Attempting, IssuePrivacyPass, Persona, Question, Relay, RelayToken,
};
use crate::credential::RelaySecret;
use crate::error::{Error, ErrorKind, ResponseInfo, Result};
use crate::future::BoxFuture;
use crate::http::{Attempt, FailureCause, SendFailure, Sent};
use crate::outcome::{Answer, Budget};
use crate::records::Kept;
use crate::secret::{IdempotencyKey, Secret};
use crate::wire::ResponseHead;

/// Persona as one worker reaches it.
#[derive(Clone)]
pub(super) struct SimulatedPersona {
    pub(super) sim: Arc<Sim>,
    pub(super) faults: Arc<Faults>,
    pub(super) watch: Arc<Watch>,
    pub(super) server: Arc<Mutex<Server>>,
    /// Whether this worker has a decryption key.
    pub(super) has_key: bool,
}

impl Persona for SimulatedPersona {
    fn check_can_issue(&self) -> Result<()> {
        Ok(())
    }

    fn encrypts(&self) -> bool {
        self.has_key
    }

    fn create<'a>(
        &'a self,
        claim_type: &'a ClaimType,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<Relay>> {
        Box::pin(async move {
            let (at, server, encrypted) = (self.sim.clone(), self.server.clone(), self.has_key);
            let claim_type = claim_type.as_str().to_owned();
            let made = self.free(Effect::Create, budget, move || {
                let mut server = server.lock().expect("not poisoned");
                let now = at.now();
                at.with_dice(|dice| server.create(&claim_type, encrypted, now, dice))
            });
            let (token, secret) = made.await?;
            Ok(Relay {
                relay_token: RelayToken::parse(token)?,
                relay_secret: RelaySecret::parse(secret)?,
                relay_session_access_token: Secret::new(format!("session-{SECRET}")),
                info: ResponseInfo::default(),
            })
        })
    }

    fn blind<'a>(
        &'a self,
        bound_to: &'a IssuePrivacyPass,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<Kept>> {
        Box::pin(async move {
            let relay = match bound_to {
                IssuePrivacyPass::ClaimType(_) => None,
                IssuePrivacyPass::Relay { relay_token, .. } => {
                    Some(relay_token.as_str().to_owned())
                }
            };
            let (at, server) = (self.sim.clone(), self.server.clone());
            let blinded = self.free(Effect::Blind, budget, move || {
                let server = server.lock().expect("not poisoned");
                at.with_dice(|dice| server.blind(relay.as_deref(), dice))
            });
            let unknown = || Error::new(ErrorKind::NotFound, "no such relay");
            blinded.await?.map(Kept::new).ok_or_else(unknown)
        })
    }

    fn sign<'a>(
        &'a self,
        blinded: &'a Kept,
        key: IdempotencyKey,
        attempting: Attempting,
    ) -> BoxFuture<'a, Result<Attempted<Kept>>> {
        Box::pin(async move {
            let text = blinded.expose().to_owned();
            let watch = self.watch.clone();
            let bytes = format!("sign {text}");
            let reply = self.at_stake(
                Effect::Sign,
                &key,
                bytes,
                attempting,
                move |server, asked| {
                    let before = server.billed();
                    let reply = server.sign(asked, &text);
                    if server.billed() > before {
                        watch.billed(&text);
                    }
                    reply
                },
            );
            Ok(match reply.await {
                Ok(Reply::Signature(pass)) => Ok((Kept::new(pass), ResponseInfo::default())),
                Ok(_) => unreachable!("a signature was asked for"),
                Err(attempt) => Err(attempt),
            })
        })
    }

    fn redeem<'a>(
        &'a self,
        question: Question<'a>,
        attempting: Attempting,
    ) -> BoxFuture<'a, Result<Attempted<(Kept, bool)>>> {
        Box::pin(async move {
            let relay = question.relay_token.expose().to_owned();
            let secret = question.relay_secret.expose().to_owned();
            let pass = question.pass.expose().to_owned();
            let watch = self.watch.clone();
            let bytes = format!("redeem {relay} {secret} {pass}");
            let key = &question.key;
            let reply = self.at_stake(
                Effect::Redeem,
                key,
                bytes,
                attempting,
                move |server, asked| {
                    watch.presented(&pass, &relay, server.spent.get(&pass).map(String::as_str));
                    server.redeem(asked, &relay, &secret, &pass)
                },
            );
            Ok(match reply.await {
                Ok(Reply::Claim { payload, consumed }) => {
                    Ok(((Kept::new(payload), consumed), ResponseInfo::default()))
                }
                Ok(_) => unreachable!("a claim was asked for"),
                Err(attempt) => Err(attempt),
            })
        })
    }

    fn open(&self, payload: &Kept, encrypted: bool, asked: &ClaimType) -> Result<Claim> {
        if !encrypted {
            return open_claim(payload.expose(), None, Some(asked));
        }
        let sealed = payload.expose().strip_prefix("sealed ");
        let claim = sealed
            .filter(|_| self.has_key)
            .ok_or_else(|| Error::new(ErrorKind::Decryption, "The key does not open the claim."))?;
        open_claim(claim, None, Some(asked))
    }
}

impl SimulatedPersona {
    fn fate(&self, effect: Effect) -> Fate {
        let now = self.sim.now();
        self.sim
            .with_dice(|dice| self.faults.fate(effect, now, dice))
    }

    /// A call that costs nothing.
    async fn free<T: Send + 'static>(
        &self,
        effect: Effect,
        budget: &Budget,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let fate = self.fate(effect);
        let answer = self.sim.ask(journey(&fate, millis(budget.attempt)), work);
        let lost = || Error::new(ErrorKind::Network, "No answer came.").with_retryable(true);
        answer.await.ok_or_else(lost)
    }

    /// One attempt at a call that is at stake.
    async fn at_stake(
        &self,
        effect: Effect,
        key: &IdempotencyKey,
        bytes: String,
        attempting: Attempting,
        work: impl FnOnce(&mut Server, &Asked) -> Reply + Send + 'static,
    ) -> std::result::Result<Reply, Box<Attempt>> {
        let (sim, watch) = (&self.sim, &self.watch);
        let key = key.expose().to_owned();
        watch.sends(&key, &bytes, sim.task(), sim.now());
        let Some(timeout) = attempting.timeout.map(millis) else {
            return Err(unanswered(Sent::Nothing, FailureCause::Timeout));
        };
        let fate = self.fate(effect);
        let harmless = [Mishap::None, Mishap::NotSent, Mishap::RateLimited];
        if fate.dies || !harmless.contains(&fate.mishap) || fate.there + fate.back >= timeout {
            watch.is_ambiguous(&key);
        }
        let (at, server, asked_key) = (sim.clone(), self.server.clone(), key.clone());
        let (mishap, watching) = (fate.mishap, watch.clone());
        let answer = sim.ask(journey(&fate, timeout), move || {
            let mut server = server.lock().expect("not poisoned");
            if let Mishap::Edge(status) = mishap {
                return Server::page_of_an_edge(status);
            }
            let asked = Asked {
                key: &asked_key,
                now: at.now(),
                work: fate.work,
                mishap,
            };
            let reply = work(&mut server, &asked);
            if let Reply::Status { status, .. } = &reply {
                let stored = matches!(
                    mishap,
                    Mishap::ErrorStored | Mishap::DoneAndErrorStored | Mishap::Forbidden
                );
                watching.refused(&asked_key, *status, stored);
            }
            at.trace(&[&asked_key, &bytes], || format!("{reply:?}"));
            reply
        });
        let answer = answer.await;
        let came = if answer.is_some() {
            "answered"
        } else {
            "unanswered"
        };
        sim.trace(&[&key, came], || format!("{effect:?} {mishap:?}"));
        if matches!(mishap, Mishap::CutOff | Mishap::BadSignature) {
            watch.refused(&key, 200, false);
        }
        match (mishap, answer) {
            (Mishap::NotSent, _) => Err(unanswered(Sent::Nothing, FailureCause::Network)),
            (_, None) => {
                watch.is_ambiguous(&key);
                let cause = match mishap {
                    Mishap::LostBack => FailureCause::Network,
                    _ => FailureCause::Timeout,
                };
                Err(unanswered(Sent::Perhaps, cause))
            }
            (
                mishap,
                Some(Reply::Status {
                    status,
                    request_id,
                    body,
                }),
            ) => {
                // Somebody's request under this key is running, or a stored error is in the way.
                if status == 409 || status >= 500 {
                    watch.is_ambiguous(&key);
                }
                let mut head = head(status, request_id);
                if mishap == Mishap::RateLimited {
                    head.retry_after = Some(Duration::from_secs(
                        sim.with_dice(|dice| dice.between(1, 40)),
                    ));
                }
                let body = Some(Secret::new(body.into_bytes()));
                Err(Attempt::refused(head, body))
            }
            (Mishap::CutOff, Some(_)) => {
                Err(Attempt::answered(Answer::Unreadable, head(200, None), None))
            }
            (Mishap::BadSignature, Some(Reply::Signature(_))) => Err(Attempt::answered(
                Answer::BadSignature,
                head(201, None),
                None,
            )),
            (_, Some(reply)) => Ok(reply),
        }
    }
}

fn journey(fate: &Fate, timeout: u64) -> Journey {
    let lost_there = matches!(fate.mishap, Mishap::NotSent | Mishap::LostThere);
    let patience = match fate.mishap {
        Mishap::NotSent => fate.there,
        // The connection breaks.
        Mishap::LostBack => timeout.min(fate.there + fate.work + fate.back),
        _ => timeout,
    };
    Journey {
        there: (!lost_there).then_some(fate.there),
        back: (fate.mishap != Mishap::LostBack).then_some(fate.work + fate.back),
        patience,
        dies: fate.dies,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a timeout")
}

fn unanswered(sent: Sent, cause: FailureCause) -> Box<Attempt> {
    Attempt::unanswered(SendFailure {
        sent,
        cause,
        description: "simulated".to_owned(),
    })
}

fn head(status: u16, request_id: Option<String>) -> ResponseHead {
    ResponseHead {
        status,
        info: ResponseInfo {
            request_id,
            ..ResponseInfo::default()
        },
        ..ResponseHead::default()
    }
}
