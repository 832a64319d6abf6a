//! Clocks that are wrong, and machines that sleep, at one exact moment.

use std::future::Future;
use std::sync::{Arc, Mutex};

use super::executor::BEGIN;
use super::faults::{Effect, Fate, Faults};
use super::server::{Mapping, Server, Visitors};
use super::setting::{claim_type, request, Setting};
use crate::client::{IssuePrivacyPass, PassBinding};
use crate::records::{HOUR, MINUTE};
use crate::verification::engine::{Engine, Progress};

const BEHIND: usize = 1;
const RIGHT: usize = 2;

fn setting(faults: Vec<(usize, Fate)>) -> Arc<Setting> {
    let visitors = Visitors::Scripted(Some((20 * MINUTE, true)));
    let server = Server::new(Mapping::of(403, 409), visitors);
    Arc::new(Setting::new(1, Faults::scripted(faults), server))
}

/// What a worker's work, begun at one time, comes to by another.
fn done<T: Send + 'static, Work: Future<Output = T> + Send + 'static>(
    setting: &Setting,
    worker: usize,
    (at, until): (u64, u64),
    work: impl FnOnce(Engine) -> Work,
) -> T {
    let engine = setting.worker(Some(worker), 3, false, PassBinding::ClaimType);
    let (result, work) = (Arc::new(Mutex::new(None)), work(engine));
    let puts = result.clone();
    let mut executor = setting.executor();
    executor.run(at, |_| {});
    setting.sim.spawn(worker, async move {
        let done = work.await;
        *puts.lock().expect("not poisoned") = Some(done);
    });
    executor.run(until, |_| {});
    let done = result.lock().expect("not poisoned").take();
    done.expect("it is done by then")
}

/// By such a clock, the session is over before it begins.
#[test]
fn a_session_that_a_slow_clock_began_is_not_over_before_persona_says_so() {
    let setting = setting(Vec::new());
    let behind = -(2 * HOUR).cast_signed();
    setting
        .sim
        .with_clocks(|clocks, _| clocks.step(BEHIND, behind));
    let id = done(
        &setting,
        BEHIND,
        (BEGIN, BEGIN + MINUTE),
        |engine| async move {
            let (stored, _) = engine.start(&request(None)).await.expect("it starts");
            let id = stored.content.id().to_owned();
            engine.prepare(stored).await.expect("a pass is bought");
            id
        },
    );
    for (at, is_answered) in [(5 * MINUTE, false), (25 * MINUTE, true)] {
        let id = id.clone();
        let told = done(
            &setting,
            RIGHT,
            (BEGIN + at, BEGIN + at + MINUTE),
            |engine| async move { engine.complete(&id, false).await },
        );
        let told = told.expect("nothing is wrong");
        match is_answered {
            false => assert!(matches!(told, Progress::Pending), "{told:?}"),
            true => assert!(matches!(told, Progress::Answered(_)), "{told:?}"),
        }
    }
}

/// Between storing a key and sending it, a day passes: Persona would take it for a new one later,
/// and nobody could say when she saw it first.
#[test]
fn a_machine_that_sleeps_before_it_asks_for_a_signature_asks_under_a_new_key() {
    let slow = Fate {
        there: 100,
        ..Fate::FINE
    };
    let buy = |engine: Engine| async move {
        let bound_to = IssuePrivacyPass::ClaimType(claim_type());
        engine.buy("purchase/1".to_owned(), &bound_to, None).await
    };
    let probe = setting(Vec::new());
    done(&probe, RIGHT, (BEGIN, BEGIN + MINUTE), buy).expect("a pass");
    let write = probe.faults.effects();
    let write = write.iter().position(|effect| *effect == Effect::Write);
    let setting = setting(vec![(write.expect("it is stored first"), slow)]);
    let wakes_at = BEGIN + 30 * HOUR;
    let sim = setting.sim.clone();
    let sleep = move || {
        sim.with_clocks(|clocks, now| clocks.suspend(RIGHT, now, wakes_at));
    };
    setting.sim.after(50, sleep);
    // The watch sees to it that no old key is sent.
    done(&setting, RIGHT, (BEGIN, wakes_at + MINUTE), buy).expect("a pass");
    assert_eq!(setting.watch.keys().len(), 2);
}
