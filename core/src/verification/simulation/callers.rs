//! Callers who keep their own relays and passes, as the gateway does for its own: they ask for single
//! steps under ids, again and again, whichever worker they meet.

use std::sync::Arc;
use std::time::Duration;

use super::dice::Dice;
use super::executor::BEGIN;
use super::oracle::UNEXPLAINED;
use super::random_worlds::Outcome;
use super::seen::State;
use super::server::Server;
use super::setting::claim_type;
use super::town::{Town, ALL, AWAKE, CALM};
use crate::client::{IssuePrivacyPass, PassBinding, Relay};
use crate::http::Way;
use crate::records::{StoredSecret, World, HOUR, MINUTE};
use crate::verification::engine::Engine;
use crate::verification::record::record_key;

/// What a caller has, and was told.
#[derive(Default)]
pub(super) struct Caller {
    relay: Option<Arc<Relay>>,
    pass: Option<String>,
    claim: Option<String>,
}

impl Town {
    /// One caller: a relay, a pass, and its redemption, each asked for several times.
    pub(super) fn plan_caller(self: &Arc<Self>, caller: usize, at: u64, dice: &mut Dice) {
        self.callers
            .lock()
            .expect("not poisoned")
            .push(Caller::default());
        let mut calls_at = at - BEGIN;
        let mut calls: Vec<u64> = Vec::new();
        for _ in 0..dice.between(2, 8) {
            // Sometimes two at the same time.
            for _ in 0..dice.one_of(&[1, 1, 2]) {
                calls.push(calls_at);
            }
            calls_at += dice.between(0, 15 * MINUTE);
        }
        // He comes back when all is well, and once more when what was lost is forgotten.
        for late in [CALM + HOUR, CALM + 3 * HOUR, AWAKE + HOUR, AWAKE + 2 * HOUR] {
            calls.push(late - BEGIN + dice.between(0, HOUR));
        }
        for at in calls {
            let call = move |town: Arc<Town>, engine| town.call(engine, caller);
            self.at(at, dice.one_of(&ALL), call);
        }
    }

    /// Asks for whatever is missing, a few times.
    async fn call(self: Arc<Self>, engine: Engine, caller: usize) {
        for _ in 0..3 {
            if self.has_called(&engine, caller).await {
                return;
            }
            let pause = self.sim().with_dice(|dice| dice.between(1_000, 60_000));
            self.sim().sleep(Duration::from_millis(pause)).await;
        }
    }

    /// True: there is no use in calling again at once.
    async fn has_called(&self, engine: &Engine, caller: usize) -> bool {
        let (relay, pass) = self.with_caller(caller, |it| (it.relay.clone(), it.pass.clone()));
        let relay = match relay {
            Some(relay) => relay,
            None => {
                let ports = &engine.ports;
                let created = ports
                    .persona
                    .create(&claim_type(), Way::Drawn, &ports.budget)
                    .await;
                let Ok(created) = created else { return false };
                self.with_caller(caller, |it| {
                    it.relay.get_or_insert(Arc::new(created)).clone()
                })
            }
        };
        let pass = match pass {
            Some(pass) => pass,
            None => {
                let bound_to = match self.habits.binding {
                    PassBinding::ClaimType => IssuePrivacyPass::ClaimType(claim_type()),
                    PassBinding::Relay => IssuePrivacyPass::Relay {
                        relay_token: relay.relay_token.clone(),
                        relay_secret: relay.relay_secret.clone(),
                    },
                };
                // A strict client sells to nobody: another one does.
                let seller = Engine {
                    is_strict: false,
                    ..engine.clone()
                };
                match seller.buy(purchase(caller), &bound_to, None).await {
                    Ok(pass) => pass.expose().to_owned(),
                    Err(error) => return !error.retryable(),
                }
            }
        };
        let known = self.with_caller(caller, |it| it.pass.get_or_insert(pass.clone()).clone());
        assert_eq!(known, pass, "another pass for the same id");
        let names = (&relay.relay_token, &relay.relay_secret);
        let redeemed = engine.redeem(redemption(caller), names, Ok(StoredSecret::new(pass)), 0);
        match redeemed.await {
            Ok((payload, consumed)) => {
                let claim = format!("{} {consumed}", payload.expose());
                let known =
                    self.with_caller(caller, |it| it.claim.get_or_insert(claim.clone()).clone());
                assert_eq!(known, claim, "another claim for the same id");
                true
            }
            Err(error) => !error.retryable(),
        }
    }

    fn with_caller<T>(&self, caller: usize, change: impl FnOnce(&mut Caller) -> T) -> T {
        change(&mut self.callers.lock().expect("not poisoned")[caller])
    }

    /// Whoever finished in time has the right claim, or there is a cause.
    pub(super) fn callers_are_served(&self, server: &Server, outcome: &mut Outcome) {
        let watch = &self.setting.watch;
        for (caller, it) in self
            .callers
            .lock()
            .expect("not poisoned")
            .iter()
            .enumerate()
        {
            let Some(relay) = &it.relay else { continue };
            if it.pass.is_none() {
                let key = record_key(&purchase(caller));
                let state = watch.step(&key);
                let is_stuck = state
                    .as_ref()
                    .is_none_or(|seen| seen.gives_up() || seen.is_stuck());
                assert!(is_stuck, "a purchase does not end: {key}: {state:?}");
                let cause = watch.cause(&key).unwrap_or("a refusal that may pass");
                assert!(
                    cause != UNEXPLAINED,
                    "a purchase ends without a cause: {key}: {state:?} {}",
                    watch.all_stored(server, &key)
                );
                outcome.callers_unknown += 1;
                outcome.because(cause);
                continue;
            }
            let truth = server.truth(relay.relay_token.as_str());
            let Some(claim) = &it.claim else {
                let key = record_key(&redemption(caller));
                if truth.is_none() {
                    outcome.callers_early += 1;
                    continue;
                }
                let cause = watch.cause_now(server, &key);
                assert!(
                    cause != UNEXPLAINED && !cause.starts_with("not finished"),
                    "a caller is not told what Persona knows: {key}: {cause} {:?} {}",
                    watch.step(&key),
                    watch.all_stored(server, &key)
                );
                outcome.callers_unknown += 1;
                outcome.because(cause);
                continue;
            };
            let right = if truth == Some(true) {
                "passed"
            } else {
                "failed"
            };
            assert!(
                truth.is_some() && claim.contains(right),
                "a wrong claim: {claim}"
            );
            let record = watch.step(&record_key(&redemption(caller)));
            let is_kept = record.is_some_and(|seen| matches!(seen.state, State::Given { .. }));
            assert!(is_kept, "told, and not kept: {caller}");
            outcome.callers_answered += 1;
        }
    }
}

fn purchase(caller: usize) -> String {
    format!("purchase/of-{caller}")
}

fn redemption(caller: usize) -> String {
    format!("redemption/of-{caller}")
}
