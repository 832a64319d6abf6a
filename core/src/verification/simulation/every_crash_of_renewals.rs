//! Every point at which a worker can stop, or at which something goes wrong, while a strict pool is bought in
//! its common hour, as [`every_crash_point`](super::every_crash_point) does for verifications.
//!
//! The watch holds that each pass is signed in that hour, or asked for again under the key of it, is billed once,
//! and is not lost.

use std::sync::Arc;
use std::time::Duration;

use super::crashes::{every_stop, next_of, stored_errors, Next, Plan, Stop};
use super::executor::{Sim, BEGIN};
use super::faults::{Effect, Faults};
use super::length::{every_fate_is_wanted, is_usual};
use super::server::{Mapping, Server, Visitors};
use super::setting::{claim_type, Setting};
use crate::client::PassBinding;
use crate::events::EventKind;
use crate::records::{World, DAY, HOUR, MINUTE};
use crate::verification::engine::Engine;

const POOL: u32 = 2;

/// The next common hour, of a Wednesday: it is bought because the pool is empty.
const BEGINS: u64 = (BEGIN / DAY + 1) * DAY + 10 * HOUR;

/// Who goes on: the process, restarted at once, or another one later.
const WHO: [Next; 2] = [Next::Itself, Next::AnotherLater];

/// Plays one hour, and the day after it. Returns the effects, and how many of them came before the hour.
fn play(stops: &[Stop]) -> (Vec<Effect>, usize) {
    let server = Server::new(Mapping::of(403, 409), Visitors::Scripted(None));
    let faults = Faults::scripted(stops.iter().map(|stop| (stop.at, stop.fate)).collect());
    let setting = Setting::new(1, faults, server);
    setting.watch.is_strict(POOL as usize);
    let engine = || {
        let mut engine = setting.engine(false, PassBinding::ClaimType);
        engine.is_strict = true;
        engine.pass_pool = POOL;
        engine
    };
    let mut executor = setting.executor();
    let asked = engine();
    setting.sim.spawn(0, async move {
        let wanted = asked.want_passes(claim_type().as_str()).await;
        wanted.expect("nothing is wrong yet");
    });
    executor.run(BEGIN + MINUTE, |_| {});
    let before = setting.faults.effects().len();

    let sim = &setting.sim;
    let ends = BEGINS + HOUR;
    sim.spawn(1, look(sim.clone(), engine(), BEGINS));
    executor.run(ends, |worker| {
        let pause = match next_of(stops, worker) {
            Next::AnotherLater => 5 * MINUTE,
            _ => 0,
        };
        let from = sim.now() + pause;
        sim.spawn(worker + 1, look(sim.clone(), engine(), from));
    });
    let effects = setting.faults.effects();
    // Until shortly before the next common hour. A key whose answer is of no use is given up when Persona has
    // forgotten it.
    for round in 0..44 {
        let engine = engine();
        sim.spawn(99, async move {
            let _ = engine.recover().await;
        });
        executor.run(ends + round * 30 * MINUTE, |_| {});
    }
    check(stops, &setting);
    (effects, before)
}

/// Looks every four minutes, until somebody stops it.
async fn look(sim: Arc<Sim>, engine: Engine, from: u64) {
    sim.sleep(Duration::from_millis(from.saturating_sub(sim.now())))
        .await;
    while sim.now() < BEGINS + HOUR {
        // What fails is told as an event.
        let _ = engine.recover().await;
        sim.sleep(Duration::from_millis(4 * MINUTE)).await;
    }
}

fn check(stops: &[Stop], setting: &Setting) {
    let server = setting.server.lock().expect("not poisoned");
    let watch = &setting.watch;
    watch.no_pass_is_lost(&server);
    let (errors, unseen) = stored_errors(stops);
    let signed = u32::try_from(server.signatures.len()).expect("they are few");
    assert!(signed <= POOL, "{signed} passes of a pool of {POOL}");
    if errors + unseen == 0 {
        assert_eq!(server.billed(), signed, "billed more than once");
        assert_eq!(watch.notices(EventKind::PossibleDoubleCharge), 0);
    }
    if stops.is_empty() {
        assert_eq!((signed, watch.pooled()), (POOL, POOL as usize));
        assert_eq!(watch.notices(EventKind::BackgroundFailure), 0);
    }
    // What one crash costs, at most.
    let short = (POOL - signed) as usize;
    let is_told = watch.notices(EventKind::BackgroundFailure) > 0;
    assert!(
        short == 0 || is_told,
        "{short} are missing, and nobody was told"
    );
}

#[test]
fn every_crash_of_a_renewal() {
    let plan = Plan {
        next: &WHO[..if is_usual() { 2 } else { 1 }],
        pairs: every_fate_is_wanted(),
        every_fate: every_fate_is_wanted(),
    };
    let (singles, pairs) = every_stop(play, plan);
    println!("every crash of a renewal: {singles} single stops, {pairs} pairs");
}
