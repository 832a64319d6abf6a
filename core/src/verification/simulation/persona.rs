//! The way to the simulated Persona, with everything that can happen on it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::executor::{Journey, Sim};
use super::faults::{Effect, Fate, Faults, Mishap};
use super::server::{blind_for, Asked, Reply, Server, BAD_SIGNATURE};
use super::watch::Watch;
use super::SECRET;
use crate::claim::{open_claim, Claim, ClaimType, KeyForm};
use crate::client::{
    AttemptOptions, AttemptResult, IssuePrivacyPass, Persona, Question, Relay, RelayToken,
};
use crate::credential::RelaySecret;
use crate::encoding::Unreadable;
use crate::error::{Error, ErrorKind, ResponseInfo, Result};
use crate::future::BoxFuture;
use crate::http::{Attempt, FailureCause, Misread, SendFailure, Sent, Way};
use crate::outcome::Budget;
use crate::privacy::CommonHour;
use crate::privacy::{Fetched, Sighting};
use crate::records::{StoredSecret, HOUR, SECOND};
use crate::secret::{IdempotencyKey, Secret};
use crate::wire::{decode_claim, decode_signature, ResponseHead};

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

    fn create<'a>(
        &'a self,
        claim_type: &'a ClaimType,
        _: Way,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<Relay>> {
        Box::pin(async move {
            let (at, server, encrypted) = (self.sim.clone(), self.server.clone(), self.has_key);
            let claim_type = claim_type.as_str().to_owned();
            let made = self.free(Effect::Create, budget, move || {
                let mut server = server.lock().expect("not poisoned");
                let now = at.now();
                let made = at.with_dice(|dice| server.create(&claim_type, encrypted, now, dice));
                let answered_at = server.mapping().has_date.then_some(now / SECOND * SECOND);
                (made, answered_at)
            });
            let ((token, secret), answered_at) = made.await?;
            Ok(Relay {
                relay_token: RelayToken::parse(token)?,
                relay_secret: RelaySecret::parse(secret)?,
                relay_session_access_token: Secret::new(format!("session-{SECRET}")),
                encryption_form: self.has_key.then_some(KeyForm::Jwk),
                info: ResponseInfo {
                    answered_at,
                    ..ResponseInfo::default()
                },
            })
        })
    }

    fn blind<'a>(
        &'a self,
        bound_to: &'a IssuePrivacyPass,
        _: Option<Way>,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<StoredSecret>> {
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
            blinded.await?.map(StoredSecret::new).ok_or_else(unknown)
        })
    }

    fn fetch<'a>(
        &'a self,
        _: &'a ClaimType,
        _: Option<CommonHour>,
        _: Way,
        budget: &'a Budget,
    ) -> BoxFuture<'a, Result<(Fetched, Option<u64>)>> {
        Box::pin(async move {
            let (at, server) = (self.sim.clone(), self.server.clone());
            // A key that has changed signs for none of the old challenges.
            let fetched = self.free(Effect::Blind, budget, move || {
                let mut server = server.lock().expect("not poisoned");
                let expires_at = (at.now() / HOUR + 2) * HOUR;
                let challenge = at.with_dice(|dice| server.fetch(expires_at, dice));
                (server.key_generation(), challenge, expires_at)
            });
            let (generation, challenge, expires_at) = fetched.await?;
            let seen = Sighting::example_of(expires_at, &challenge);
            self.compare(&seen)?;
            let fetched = Fetched {
                challenge,
                token_key: generation.to_string(),
                token_key_id: "id".to_owned(),
                seen,
            };
            Ok((fetched, Some(self.sim.now())))
        })
    }

    fn blind_for<'a>(&'a self, fetched: &'a Fetched) -> BoxFuture<'a, Result<StoredSecret>> {
        let blinded = (self.sim).with_dice(|dice| blind_for(&fetched.token_key, dice));
        Box::pin(async { Ok(StoredSecret::new(blinded)) })
    }

    fn check_common<'a>(
        &'a self,
        _: &'a ClaimType,
        seen: &'a Sighting,
        _: Duration,
    ) -> BoxFuture<'a, Result<bool>> {
        let is_known = self.compare(seen).map(|fetches| fetches >= 2);
        Box::pin(async { is_known })
    }

    fn sign<'a>(
        &'a self,
        blinded: &'a StoredSecret,
        key: IdempotencyKey,
        options: AttemptOptions,
    ) -> BoxFuture<'a, Result<AttemptResult<StoredSecret>>> {
        Box::pin(async move {
            let text = blinded.expose().to_owned();
            let watch = self.watch.clone();
            let bytes = format!("sign {text}");
            let reply = self.at_stake(Effect::Sign, &key, bytes, options, move |server, asked| {
                let before = server.billed();
                let reply = server.sign(asked, &text);
                if server.billed() > before {
                    watch.billed(&text);
                }
                reply
            });
            let (head, body) = match reply.await {
                Ok(answer) => answer,
                Err(attempt) => return Ok(Err(attempt)),
            };
            Ok(match decode_signature(body.as_bytes()) {
                Ok(signature) if signature == BAD_SIGNATURE => {
                    let why = "it does not verify".to_owned();
                    Err(Attempt::misread(head, Misread::BadSignature(why)))
                }
                Ok(pass) => Ok((StoredSecret::new(pass), head.info)),
                Err(Unreadable(why)) => Err(Attempt::misread(head, Misread::Unreadable(why, None))),
            })
        })
    }

    fn redeem<'a>(
        &'a self,
        question: Question<'a>,
        options: AttemptOptions,
    ) -> BoxFuture<'a, Result<AttemptResult<(StoredSecret, bool)>>> {
        Box::pin(async move {
            let relay = question.relay_token.expose().to_owned();
            let secret = question.relay_secret.expose().to_owned();
            let pass = question.pass.expose().to_owned();
            let watch = self.watch.clone();
            let bytes = format!("redeem {relay} {secret} {pass}");
            let reply = self.at_stake(
                Effect::Redeem,
                &question.key,
                bytes,
                options,
                move |server, asked| {
                    let spent_on = server.spent.get(&pass);
                    watch.presented(&pass, &relay, spent_on.map(String::as_str));
                    server.redeem(asked, &relay, &secret, &pass)
                },
            );
            let (head, body) = match reply.await {
                Ok(answer) => answer,
                Err(attempt) => return Ok(Err(attempt)),
            };
            Ok(match decode_claim(body.as_bytes()) {
                Ok(answer) => {
                    let payload = StoredSecret::new(answer.claim_payload.expose().as_str());
                    Ok(((payload, answer.token_consumed), head.info))
                }
                Err((Unreadable(why), unopened)) => {
                    Err(Attempt::misread(head, Misread::Unreadable(why, unopened)))
                }
            })
        })
    }

    fn open<'a>(
        &'a self,
        payload: &'a StoredSecret,
        form: Option<KeyForm>,
        asked: &'a ClaimType,
    ) -> BoxFuture<'a, Result<Claim>> {
        Box::pin(async move {
            if form.is_none() {
                return open_claim(payload.expose(), None, Some(asked));
            }
            let sealed = payload.expose().strip_prefix("sealed ");
            let claim = sealed.filter(|_| self.has_key).ok_or_else(|| {
                Error::new(ErrorKind::Decryption, "The key does not open the claim.")
            })?;
            open_claim(claim, None, Some(asked))
        })
    }
}

impl SimulatedPersona {
    /// Holds a challenge against all that were fetched, as those who share a store do. How many those are.
    fn compare(&self, seen: &Sighting) -> Result<u32> {
        let server = self.server.lock().expect("not poisoned");
        match server.has_differed(seen.expires_at()) {
            true => Err(Error::new(ErrorKind::PrivacyRefused, "They differ.")),
            false => Ok(server.fetches(seen.expires_at())),
        }
    }

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
        let mut fate = self.fate(effect);
        if matches!(fate.mishap, Mishap::Page(_) | Mishap::Filtered(_)) {
            // No relay, and no challenge.
            fate.mishap = Mishap::LostBack;
        }
        let answer = self.sim.ask(journey(&fate, millis(budget.attempt)), work);
        let lost = || Error::new(ErrorKind::Network, "No answer came.").with_retryable(true);
        answer.await.ok_or_else(lost)
    }

    /// One attempt at a call that is at stake: head and body of a success, whatever it says.
    async fn at_stake(
        &self,
        effect: Effect,
        key: &IdempotencyKey,
        bytes: String,
        options: AttemptOptions,
        work: impl FnOnce(&mut Server, &Asked) -> Reply + Send + 'static,
    ) -> std::result::Result<(ResponseHead, String), Box<Attempt>> {
        let (sim, watch) = (&self.sim, &self.watch);
        let key = key.expose().to_owned();
        watch.sends(&key, &bytes, sim.task(), sim.now());
        let Some(timeout) = options.timeout.map(millis) else {
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
            if let Mishap::Page(page) = mishap {
                return (head(page.status, None), page.body());
            }
            let mut server = server.lock().expect("not poisoned");
            let asked = Asked {
                key: &asked_key,
                now: at.now(),
                work: fate.work,
                mishap,
            };
            let reply = work(&mut server, &asked);
            at.trace(&[&asked_key, &bytes], || format!("{reply:?}"));
            if let Reply::Status { status, .. } = &reply {
                let stored = matches!(
                    mishap,
                    Mishap::ErrorStored | Mishap::DoneAndErrorStored | Mishap::Forbidden
                );
                watching.refused(&asked_key, mishap, stored);
                // Somebody's request under this key is running, or a stored error is in the way.
                if *status == 409 || *status >= 500 {
                    watching.is_ambiguous(&asked_key);
                }
            }
            if let Mishap::Filtered(page) = mishap {
                return (head(page.status, None), page.body());
            }
            let request_id = match &reply {
                Reply::Status { request_id, .. } => request_id.clone(),
                _ => None,
            };
            let (status, body) = reply.on_the_wire();
            let mut head = head(status, request_id);
            if server.mapping().has_date {
                head.info.answered_at = Some(at.now() / SECOND * SECOND);
            }
            (head, body)
        });
        let answer = answer.await;
        let came = match answer {
            Some(_) => "answered",
            None => "unanswered",
        };
        sim.trace(&[&key, came], || format!("{effect:?} {mishap:?}"));
        let (mut head, mut body) = match (mishap, answer) {
            (Mishap::NotSent, _) => {
                return Err(unanswered(Sent::Nothing, FailureCause::Network));
            }
            (_, None) => {
                watch.is_ambiguous(&key);
                let cause = match mishap {
                    Mishap::LostBack => FailureCause::Network,
                    _ => FailureCause::Timeout,
                };
                return Err(unanswered(Sent::Perhaps, cause));
            }
            (_, Some(answer)) => answer,
        };
        match mishap {
            Mishap::RateLimited => {
                let pause = sim.with_dice(|dice| dice.between(1, 40));
                head.retry_after = Some(Duration::from_secs(pause));
            }
            Mishap::CutOff => body.truncate(body.len() / 2),
            Mishap::Maimed => {
                body = body.replace(r#","token-consumed":"#, r#","else":"#);
            }
            _ => {}
        }
        match head.status {
            200..300 => Ok((head, body)),
            _ => Err(Attempt::refused(head, Some(Secret::new(body.into_bytes())))),
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
