//! Every point at which a process can stop: before and after each call to the store and to Persona,
//! in every flow, with everything that can become of the request in flight, and everybody who may
//! go on from there.
//!
//! Single stops are enumerated with all fates. Pairs of stops are enumerated with the fate that
//! hides most, "done, and the answer lost", for both, at every two points, with all who go on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::crashes::{
    every_stop, next_of, stored_errors, Next, Plan, Stop, ToldOnPanic, ASKING, MAPPINGS,
};
use super::executor::{Sim, BEGIN};
use super::faults::{Effect, Faults};
use super::length::{every_fate_is_wanted, is_usual};
use super::seen::State;
use super::server::{Mapping, Server, Visitors};
use super::setting::{claim_type, request, Setting};
use crate::client::{Environment, PassBinding};
use crate::events::EventKind;
use crate::records::{World, HOUR, MINUTE};
use crate::verification::engine::{Engine, Progress};

#[derive(Clone, Copy, Debug)]
struct Flow {
    encrypted: bool,
    binding: PassBinding,
    pooled: bool,
    /// The pass is bought at a random moment.
    is_put_off: bool,
    /// Its process is there at that moment.
    waits: bool,
    /// Its pass is of the strict pool.
    is_strict: bool,
    ending: Ending,
    /// The statuses of an unfinished person and of a spent pass.
    unfinished: u16,
    spent: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Passed,
    FailedAndRefunded,
    PendingTwiceThenPassed,
}

fn flows() -> Vec<Flow> {
    let mut flows = Vec::new();
    for encrypted in [false, true] {
        for (binding, pooled) in [
            (PassBinding::ClaimType, false),
            (PassBinding::ClaimType, true),
            // A pass that is bound to a relay cannot be bought ahead.
            (PassBinding::Relay, false),
        ] {
            for ending in [
                Ending::Passed,
                Ending::FailedAndRefunded,
                Ending::PendingTwiceThenPassed,
            ] {
                flows.push(Flow {
                    encrypted,
                    binding,
                    pooled,
                    is_put_off: false,
                    waits: false,
                    is_strict: false,
                    ending,
                    unfinished: 403,
                    spent: 409,
                });
            }
        }
    }
    // Bought when the answer is asked for, or by recovery.
    for (binding, waits) in [
        (PassBinding::ClaimType, false),
        (PassBinding::ClaimType, true),
        (PassBinding::Relay, true),
    ] {
        flows.push(Flow {
            encrypted: false,
            binding,
            pooled: false,
            is_put_off: true,
            waits,
            is_strict: false,
            ending: Ending::PendingTwiceThenPassed,
            unfinished: 403,
            spent: 409,
        });
    }
    for ending in [
        Ending::Passed,
        Ending::FailedAndRefunded,
        Ending::PendingTwiceThenPassed,
    ] {
        flows.push(Flow {
            encrypted: false,
            binding: PassBinding::ClaimType,
            pooled: true,
            is_put_off: false,
            waits: false,
            is_strict: true,
            ending,
            unfinished: 403,
            spent: 409,
        });
    }
    flows
}

/// Plays a flow with these stops to its end, and checks it. Returns all its effects, and how many
/// of them came before the flow began.
fn play(flow: Flow, stops: &[Stop]) -> (Vec<Effect>, usize) {
    let _told = ToldOnPanic(format!("{flow:?} {stops:#?}"));
    let visitor = match flow.ending {
        Ending::Passed => (0, true),
        Ending::FailedAndRefunded => (0, false),
        Ending::PendingTwiceThenPassed => (7 * MINUTE, true),
    };
    let mapping = Mapping::of(flow.unfinished, flow.spent);
    let server = Server::new(mapping, Visitors::Scripted(Some(visitor)));
    let faults = Faults::scripted(stops.iter().map(|stop| (stop.at, stop.fate)).collect());
    let setting = Setting::new(1, faults, server);
    let engine = || {
        let mut engine = setting.engine(flow.encrypted, flow.binding);
        engine.purchase_window = u64::from(flow.is_put_off) * 2 * MINUTE;
        engine.is_strict = flow.is_strict;
        if flow.is_strict {
            // Where a strict pool is bought by hand.
            engine.ports.environment = Environment::Sandbox;
        }
        engine
    };
    let mut executor = setting.executor();
    if flow.is_strict {
        setting.watch.is_strict_by_hand(1);
    }

    if flow.pooled {
        let buyer = engine();
        let buy = async move {
            let bought = match flow.is_strict {
                true => buyer
                    .prefetch_strictly(&claim_type(), 1)
                    .await
                    .map(|bought| bought == 1),
                false => buyer.buy_pooled(&claim_type(), None).await,
            };
            assert!(bought.expect("nothing is wrong yet"));
        };
        setting.sim.spawn(0, buy);
        executor.run(BEGIN + MINUTE, |_| {});
    }
    let before = setting.faults.effects().len();

    let known = Arc::new(Mutex::new(None));
    let sim = &setting.sim;
    sim.spawn(
        1,
        application(
            sim.clone(),
            engine(),
            Next::Itself,
            flow.waits,
            known.clone(),
        ),
    );
    executor.run(BEGIN + HOUR, |worker| {
        let next = next_of(stops, worker);
        sim.spawn(
            worker + 1,
            application(sim.clone(), engine(), next, flow.waits, known.clone()),
        );
    });
    let effects = setting.faults.effects();
    // A key whose answer is of no use is given up when Persona has forgotten it.
    let soon = (1..=6).map(|round| BEGIN + HOUR + round * 20 * MINUTE);
    let late = (1..=6).map(|round| BEGIN + 27 * HOUR + round * 20 * MINUTE);
    for until in soon.chain(late) {
        let engine = engine();
        sim.spawn(99, async move { assert!(engine.recover().await.is_ok()) });
        executor.run(until, |_| {});
    }
    check(
        flow,
        stops,
        &setting,
        known.lock().expect("not poisoned").as_deref(),
    );
    (effects, before)
}

/// What an application does: starts, or goes on with what it started, and asks until it is told.
async fn application(
    sim: Arc<Sim>,
    engine: Engine,
    next: Next,
    waits: bool,
    known: Arc<Mutex<Option<String>>>,
) {
    let pause = |seconds| sim.sleep(Duration::from_secs(seconds));
    if next == Next::AnotherLater {
        pause(300).await;
    }
    if next != Next::Itself {
        engine.recover().await.expect("the store works");
    }
    let started = known.lock().expect("not poisoned").clone();
    let id = match started {
        Some(id) => id,
        None => {
            let request = request(Some("order".to_owned()));
            let (stored, is_new) = engine.start(&request).await.expect("nothing is in its way");
            let id = stored.content.id().to_owned();
            *known.lock().expect("not poisoned") = Some(id.clone());
            if is_new {
                // What is missing, `complete` does.
                match engine.prepare(stored).await {
                    Ok(Some(left)) if waits => {
                        sim.sleep(Duration::from_millis(left)).await;
                        let _ = engine.prepare_later(&id).await;
                    }
                    _ => {}
                }
            }
            id
        }
    };
    for _ in 0..20 {
        match engine.complete(&id, false).await {
            Ok(Progress::Pending) => pause(300).await,
            Ok(Progress::Answered(_) | Progress::Expired) => return,
            Ok(Progress::Bought(_) | Progress::Given(..)) => panic!("these are told of steps"),
            Err(_) => pause(60).await,
        }
    }
}

fn check(flow: Flow, stops: &[Stop], setting: &Setting, id: Option<&str>) {
    let server = setting.server.lock().expect("not poisoned");
    let watch = &setting.watch;
    watch.no_pass_is_lost(&server);
    let (errors, unseen) = stored_errors(stops);
    // The watch has compared the bill with what is on record; where nothing is, it is one.
    let charges = server.billed();
    // A key is given up once for a stored error; after the second one nobody asks any more.
    assert!(charges >= 1 || errors == 2, "nothing was bought");
    if errors + unseen == 0 {
        assert_eq!(charges, 1, "billed more than once");
        assert_eq!(watch.notices(EventKind::PossibleDoubleCharge), 0);
    } else if charges > 1 {
        assert!(
            watch.notices(EventKind::PossibleDoubleCharge) >= 1,
            "nobody was told"
        );
    }
    assert!(server.redeemed().len() <= 1, "redeemed more than once");

    let id = id.expect("the application was told an id");
    let verifications = watch.verifications();
    assert_eq!(verifications.len(), 1, "one reference, one verification");
    let (key, record) = &verifications[0];
    assert!(
        key.ends_with(id),
        "the application knows another verification"
    );
    assert!(record.is_settled(), "it is not over: {record:?}");
    let right = match flow.ending {
        Ending::FailedAndRefunded => "failed",
        Ending::Passed | Ending::PendingTwiceThenPassed => "passed",
    };
    match &record.state {
        State::Answered { claim } => assert_eq!(claim.claim_result, right),
        State::Failed { evidence } if evidence.code == "outcome_unknown" => {
            assert!(unseen > 0 || errors == 2, "the answer can be known");
        }
        other => panic!("it ended as {other:?}"),
    }
}

#[test]
fn every_crash_point() {
    let every_fate = every_fate_is_wanted();
    let mappings = if is_usual() || every_fate {
        &MAPPINGS[..]
    } else {
        &MAPPINGS[..1]
    };
    let (flows, next_flow) = (flows(), AtomicUsize::new(0));
    let (singles, pairs) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(flow) = flows.get(next_flow.fetch_add(1, Ordering::Relaxed)) {
                    for &(unfinished, spent) in mappings {
                        let flow = Flow {
                            unfinished,
                            spent,
                            ..*flow
                        };
                        let plan = Plan {
                            next: &ASKING,
                            pairs: mappings.len() > 1 && (unfinished, spent) == MAPPINGS[0],
                            every_fate,
                        };
                        let (found, found_pairs) = every_stop(|stops| play(flow, stops), plan);
                        singles.fetch_add(found, Ordering::Relaxed);
                        pairs.fetch_add(found_pairs, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    println!(
        "every crash point: {} flows x {} mappings, {} single crashes, {} pairs ({})",
        flows.len(),
        mappings.len(),
        singles.load(Ordering::Relaxed),
        pairs.load(Ordering::Relaxed),
        match every_fate {
            true => "of all fates",
            false => "of crashes whose answer was lost, on the likeliest mapping",
        },
    );
}
