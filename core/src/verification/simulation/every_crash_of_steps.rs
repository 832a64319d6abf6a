//! Every point at which a process can stop in a purchase or a redemption of a caller's own, as
//! [`every_crash_point`](super::every_crash_point) does for whole verifications.
//!
//! After the hour in which callers ask, recovery alone looks for what is due. It may fetch answers
//! that were lost, and do nothing else. Then the caller returns, twice, and must be told what he was
//! told before, or what he would have been.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::crashes::{
    every_stop, next_of, stored_errors, Next, Plan, Stop, ToldOnPanic, EVERYBODY, MAPPINGS,
};
use super::executor::{Executor, BEGIN};
use super::faults::{Effect, Faults};
use super::length::{every_fate_is_wanted, is_usual};
use super::seen::State;
use super::server::{pass_of, Mapping, Server, Visitors};
use super::setting::{claim_type, Setting};
use crate::client::{IssuePrivacyPass, PassBinding, Relay};
use crate::error::{ErrorKind, Result};
use crate::events::EventKind;
use crate::http::Way;
use crate::records::{StoredSecret, World, HOUR, MINUTE};
use crate::verification::engine::Engine;
use crate::verification::record::record_key;

#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) step: Step,
    /// The statuses of an unfinished person and of a spent pass.
    unfinished: u16,
    spent: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Purchase(PassBinding),
    Redemption(Ending),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Passed,
    FailedAndNotConsumed,
    PendingTwiceThenPassed,
}

const PURCHASES: [Step; 2] = [
    Step::Purchase(PassBinding::ClaimType),
    Step::Purchase(PassBinding::Relay),
];

const REDEMPTIONS: [Step; 3] = [
    Step::Redemption(Ending::Passed),
    Step::Redemption(Ending::FailedAndNotConsumed),
    Step::Redemption(Ending::PendingTwiceThenPassed),
];

/// As long as callers ask.
const ASKED: u64 = BEGIN + 2 * HOUR;

/// A caller who keeps his own relay and pass, and what he was told.
pub(super) struct Caller {
    step: Step,
    pub(super) id: String,
    pub(super) relay: Relay,
    /// For a redemption.
    pass: String,
    told: Mutex<Vec<String>>,
    refused: Mutex<Vec<ErrorKind>>,
}

impl Flow {
    /// With the likeliest statuses.
    pub(super) fn of(step: Step) -> Self {
        let (unfinished, spent) = MAPPINGS[0];
        Self {
            step,
            unfinished,
            spent,
        }
    }

    pub(super) fn server(&self) -> Server {
        let visitor = match self.step {
            Step::Redemption(Ending::FailedAndNotConsumed) => (0, false),
            Step::Redemption(Ending::PendingTwiceThenPassed) => (7 * MINUTE, true),
            Step::Purchase(_) | Step::Redemption(Ending::Passed) => (0, true),
        };
        let mapping = Mapping::of(self.unfinished, self.spent);
        Server::new(mapping, Visitors::Scripted(Some(visitor)))
    }
}

impl Caller {
    fn new(step: Step, relay: Relay, pass: String) -> Self {
        let kind = match step {
            Step::Purchase(_) => "purchase",
            Step::Redemption(_) => "redemption",
        };
        Self {
            step,
            id: format!("{kind}/of-the-caller"),
            relay,
            pass,
            told: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// One call.
    pub(super) async fn call(&self, engine: &Engine) -> Result<String> {
        let id = self.id.clone();
        let (token, secret) = (&self.relay.relay_token, &self.relay.relay_secret);
        match self.step {
            Step::Purchase(binding) => {
                let bound_to = match binding {
                    PassBinding::ClaimType => IssuePrivacyPass::ClaimType(claim_type()),
                    PassBinding::Relay => IssuePrivacyPass::Relay {
                        relay_token: token.clone(),
                        relay_secret: secret.clone(),
                    },
                };
                let pass = engine.buy(id, &bound_to, None).await?;
                Ok(pass.expose().to_owned())
            }
            Step::Redemption(_) => {
                let pass = StoredSecret::new(self.pass.clone());
                let (payload, consumed) = engine.redeem(id, (token, secret), Ok(pass), 0).await?;
                Ok(answer(payload.expose(), consumed))
            }
        }
    }

    /// Calls until he is told, or told that there is no use in it.
    async fn insist(self: Arc<Self>, world: Arc<dyn World>, engine: Engine) {
        for _ in 0..8 {
            let error = match self.call(&engine).await {
                Ok(told) => return self.told.lock().expect("not poisoned").push(told),
                Err(error) if error.retryable() => error,
                Err(error) => {
                    let mut refused = self.refused.lock().expect("not poisoned");
                    return refused.push(error.kind());
                }
            };
            let is_not_yet = matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::Conflict | ErrorKind::Unprocessable
            );
            let pause = if is_not_yet { 300 } else { 60 };
            world.sleep(Duration::from_secs(pause)).await;
        }
    }
}

/// Plays a flow with these stops to its end, and checks it. Returns all its effects, and how many
/// of them came before the flow began.
pub(super) fn play(flow: Flow, stops: &[Stop]) -> (Vec<Effect>, usize) {
    let _told = ToldOnPanic(format!("{flow:?} {stops:#?}"));
    let faults = Faults::scripted(stops.iter().map(|stop| (stop.at, stop.fate)).collect());
    let setting = Arc::new(Setting::new(1, faults, flow.server()));
    let mut executor = setting.executor();
    let caller = Arc::new(prepare(flow.step, &setting, &mut executor));
    let before = setting.faults.effects().len();

    let strict = stored_errors(stops) == (0, 0);
    go_on(&setting, &caller, 1, Next::Itself, strict);
    executor.run(ASKED, |worker| {
        let next = next_of(stops, worker);
        go_on(&setting, &caller, worker + 1, next, strict);
    });
    let effects = setting.faults.effects();

    for round in 1..=6 {
        let (here, step) = (setting.clone(), flow.step);
        let recover = async move { recover(&here, step, strict).await };
        setting.sim.spawn(99, recover);
        executor.run(ASKED + round * 20 * MINUTE, |_| {});
    }
    if strict {
        nothing_is_lost(&setting, &caller);
    }
    for (worker, returns_at) in [(101, ASKED + 3 * HOUR), (102, ASKED + 23 * HOUR)] {
        executor.run(returns_at, |_| {});
        go_on(&setting, &caller, worker, Next::Itself, strict);
        executor.run(returns_at + HOUR, |_| {});
    }
    check(flow.step, stops, &setting, &caller);
    if flow.step == Step::Redemption(Ending::FailedAndNotConsumed) {
        the_pass_is_still_good(&setting, &caller, &mut executor);
    }
    (effects, before)
}

/// Gets the caller his relay and his pass.
pub(super) fn prepare(step: Step, setting: &Arc<Setting>, executor: &mut Executor) -> Caller {
    let engine = setting.engine(false, PassBinding::ClaimType);
    let got = Arc::new(Mutex::new(None));
    let puts = got.clone();
    setting.sim.spawn(0, async move {
        let ports = &engine.ports;
        let relay = ports
            .persona
            .create(&claim_type(), Way::Drawn, &ports.budget)
            .await;
        let pass = match step {
            Step::Purchase(_) => String::new(),
            Step::Redemption(_) => {
                let bound_to = IssuePrivacyPass::ClaimType(claim_type());
                let id = "purchase/before".to_owned();
                let bought = engine.buy(id, &bound_to, None).await;
                let bought = bought.expect("nothing is wrong yet");
                bought.expose().to_owned()
            }
        };
        let relay = relay.expect("nothing is wrong yet");
        *puts.lock().expect("not poisoned") = Some(Caller::new(step, relay, pass));
    });
    executor.run(BEGIN + MINUTE, |_| {});
    let caller = got.lock().expect("not poisoned").take();
    caller.expect("a minute is long enough")
}

/// Has the next worker go on. `strict`: see [`recover`].
fn go_on(setting: &Arc<Setting>, caller: &Arc<Caller>, worker: usize, next: Next, strict: bool) {
    let engine = setting.engine(false, PassBinding::ClaimType);
    let (caller, here) = (caller.clone(), setting.clone());
    setting.sim.spawn(worker, async move {
        let pause = |seconds| here.sim.sleep(Duration::from_secs(seconds));
        match next {
            Next::Itself => {}
            Next::Another => {
                engine.recover().await.expect("the store works");
            }
            Next::AnotherLater => {
                pause(300).await;
                engine.recover().await.expect("the store works");
            }
            Next::RecoveryAlone => {
                for _ in 0..10 {
                    pause(60).await;
                    recover(&here, caller.step, strict).await;
                }
                return;
            }
        }
        caller.insist(here.sim.clone(), engine).await;
    });
}

/// Recovery, while nobody calls: it leaves purchases alone, and asks under keys that are there. A
/// key that holds a useless answer is given up for a new one; where none does (`strict`), no key is
/// made.
async fn recover(setting: &Setting, step: Step, strict: bool) {
    let engine = setting.engine(false, PassBinding::ClaimType);
    let (keys, effects) = (setting.watch.keys(), setting.faults.effects().len());
    engine.recover().await.expect("the store works");
    let done = setting.faults.effects().split_off(effects);
    let may_do: &[Effect] = match step {
        Step::Purchase(_) => &[Effect::Read],
        Step::Redemption(_) => &[Effect::Read, Effect::Write, Effect::Redeem],
    };
    let is_its_own = |effect| may_do.contains(effect);
    assert!(done.iter().all(is_its_own), "recovery does {done:?}");
    if strict {
        assert_eq!(setting.watch.keys(), keys, "recovery asks a new question");
    }
}

/// After hours of recovery: what Persona did for the caller is known, and no question is open.
fn nothing_is_lost(setting: &Setting, caller: &Caller) {
    let server = setting.server.lock().expect("not poisoned");
    let record = setting.watch.step(&record_key(&caller.id));
    let state = record.as_ref().map(|record| &record.state);
    let is_open = matches!(state, Some(State::Redeeming { .. }));
    assert!(!is_open, "recovery leaves a question open: {record:?}");
    if !server.spent.is_empty() {
        let is_there = matches!(state, Some(State::Given { .. }));
        assert!(is_there, "recovery does not fetch the claim: {record:?}");
    }
}

fn check(step: Step, stops: &[Stop], setting: &Setting, caller: &Caller) {
    let server = setting.server.lock().expect("not poisoned");
    let watch = &setting.watch;
    watch.no_pass_is_lost(&server);
    assert_eq!(watch.pooled(), 0, "a caller's pass is in the pool");
    let told = caller.told.lock().expect("not poisoned");
    let refused = caller.refused.lock().expect("not poisoned");
    let record = watch.step(&record_key(&caller.id));
    let record = record.expect("a step is stored before it is done");
    let (errors, unseen) = stored_errors(stops);

    let right = match step {
        Step::Purchase(_) => {
            assert_eq!(server.signatures.len().max(1), 1, "two messages are signed");
            let blinded = server.signatures.keys().next();
            blinded.map(|blinded| pass_of(blinded))
        }
        Step::Redemption(Ending::FailedAndNotConsumed) => Some(claim("failed", false)),
        Step::Redemption(_) => Some(claim("passed", true)),
    };
    for told in &*told {
        assert_eq!(Some(told), right.as_ref(), "the caller is told otherwise");
    }
    assert!(server.redeemed().len() <= 1, "redeemed more than once");
    let charges = server.billed();
    let notices = watch.notices(EventKind::PossibleDoubleCharge);
    if charges > 1 {
        assert!(notices >= 1, "nobody was told");
    }
    // A key is given up once for a stored error; after the second one nobody asks any more.
    let can_be_unknown = match step {
        Step::Purchase(_) => errors + unseen == 2,
        // Done, and a useless answer stored: the pass is spent, and the claim in nobody's hands.
        Step::Redemption(_) => unseen > 0,
    };
    if errors + unseen == 0 || matches!(step, Step::Redemption(_)) {
        assert_eq!((charges, notices), (1, 0), "billed more than once");
    }
    if !can_be_unknown {
        assert!(!told.is_empty(), "never told: {refused:?} {record:?}");
        assert!(refused.is_empty(), "refused: {refused:?} {record:?}");
    }
    for kind in &*refused {
        assert_eq!(*kind, ErrorKind::OutcomeUnknown, "not the truth");
    }
    match &record.state {
        State::Given { .. } => assert!(!told.is_empty(), "kept, and told to nobody"),
        State::Failed { evidence } => {
            assert_eq!(evidence.code, "outcome_unknown");
            assert!(can_be_unknown && told.is_empty(), "the answer was known");
        }
        State::Ready { rejected, .. } => {
            assert_eq!(*rejected, None, "a good pass is rejected");
            let is_purchase = matches!(step, Step::Purchase(_));
            assert!(is_purchase || can_be_unknown, "it is not over: {record:?}");
        }
        State::Issuing { .. } | State::Redeeming { .. } => {
            assert!(can_be_unknown, "it is not over: {record:?}");
        }
        other => panic!("it ended as {other:?}"),
    }
}

/// A claim as the simulated Persona sends it.
fn claim(result: &str, consumed: bool) -> String {
    let claim_type = claim_type();
    let claim_type = claim_type.as_str();
    let payload = format!(r#"{{"claim_type":"{claim_type}","claim_result":"{result}"}}"#);
    answer(&payload, consumed)
}

fn answer(payload: &str, consumed: bool) -> String {
    format!("{payload} consumed: {consumed}")
}

/// Redeems the caller's pass for another relay.
fn the_pass_is_still_good(setting: &Arc<Setting>, caller: &Caller, executor: &mut Executor) {
    let engine = setting.engine(false, PassBinding::ClaimType);
    let (server, pass) = (
        setting.server.clone(),
        StoredSecret::new(caller.pass.clone()),
    );
    let sim = setting.sim.clone();
    let redeemed = Arc::new(Mutex::new(None));
    let puts = redeemed.clone();
    setting.sim.spawn(103, async move {
        let ports = &engine.ports;
        let relay = ports
            .persona
            .create(&claim_type(), Way::Drawn, &ports.budget)
            .await;
        let relay = relay.expect("nothing is in its way");
        let token = relay.relay_token.as_str();
        (server.lock().expect("not poisoned")).finish(token, sim.now());
        let id = "redemption/another".to_owned();
        let relay = (&relay.relay_token, &relay.relay_secret);
        let given = engine.redeem(id, relay, Ok(pass), 0).await;
        let (payload, consumed) = given.expect("the pass is still good");
        *puts.lock().expect("not poisoned") = Some(answer(payload.expose(), consumed));
    });
    executor.run(setting.sim.now() + HOUR, |_| {});
    let redeemed = redeemed.lock().expect("not poisoned").take();
    assert_eq!(redeemed, Some(claim("passed", true)));
}

#[test]
fn every_crash_point_of_steps() {
    let every_fate = every_fate_is_wanted();
    let mappings = if is_usual() || every_fate {
        &MAPPINGS[..]
    } else {
        &MAPPINGS[..1]
    };
    let of_purchases = PURCHASES.map(Flow::of);
    let of_redemptions = REDEMPTIONS.iter().flat_map(|step| {
        mappings.iter().map(|&(unfinished, spent)| Flow {
            step: *step,
            unfinished,
            spent,
        })
    });
    let flows: Vec<Flow> = of_purchases.into_iter().chain(of_redemptions).collect();
    let next_flow = AtomicUsize::new(0);
    let (singles, pairs) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(flow) = flows.get(next_flow.fetch_add(1, Ordering::Relaxed)) {
                    let plan = Plan {
                        next: &EVERYBODY,
                        pairs: mappings.len() > 1 && (flow.unfinished, flow.spent) == MAPPINGS[0],
                        every_fate,
                    };
                    let (found, found_pairs) = every_stop(|stops| play(*flow, stops), plan);
                    singles.fetch_add(found, Ordering::Relaxed);
                    pairs.fetch_add(found_pairs, Ordering::Relaxed);
                }
            });
        }
    });
    println!(
        "every crash point of steps: {} purchases, {} redemptions x {} mappings, {} single crashes, \
         {} pairs ({})",
        PURCHASES.len(),
        REDEMPTIONS.len(),
        mappings.len(),
        singles.load(Ordering::Relaxed),
        pairs.load(Ordering::Relaxed),
        match every_fate {
            true => "of all fates",
            false => "of crashes whose answer was lost, on the likeliest mapping",
        },
    );
}
