//! Cases that one exact fault, or two, show.

use std::sync::{Arc, Mutex};

use super::crashes::{Next, Stop, STOPPED};
use super::every_crash_of_steps::{self as steps, Flow, Step};
use super::executor::BEGIN;
use super::faults::{Effect, Fate, Faults, Mishap};
use super::server::{Mapping, Server, Visitors};
use super::setting::{request, Setting};
use crate::client::PassBinding;
use crate::error::{ErrorKind, Result};
use crate::records::MINUTE;

/// The number of the n-th such effect, from `from` on.
fn nth(effects: &[Effect], effect: Effect, from: usize, n: usize) -> usize {
    let of_this_kind = effects.iter().enumerate().skip(from);
    let mut of_this_kind = of_this_kind.filter(|(_, other)| **other == effect);
    of_this_kind.nth(n).expect("it happens so often").0
}

fn fails(mishap: Mishap) -> Fate {
    Fate {
        mishap,
        ..Fate::FINE
    }
}

#[test]
fn a_second_charge_is_told_before_the_swap_that_allows_it() {
    let flow = Flow::of(Step::Purchase(PassBinding::ClaimType));
    let (effects, before) = steps::play(flow, &[]);
    let useless = Stop {
        at: nth(&effects, Effect::Sign, before, 0),
        fate: fails(Mishap::DoneAndErrorStored),
        next: Next::Itself,
    };
    let (effects, _) = steps::play(flow, &[useless]);
    // The swap that stores the new key lands, and its worker is dead: whoever comes next knows only
    // the new key. `play` checks that two charges have been told of.
    let dies = Stop {
        at: nth(&effects, Effect::Write, useless.at, 0),
        fate: STOPPED,
        next: Next::Itself,
    };
    let (effects, _) = steps::play(flow, &[useless, dies]);
    let signs = effects.iter().filter(|effect| **effect == Effect::Sign);
    assert_eq!(signs.count(), 3, "the old key twice, the new one once");
}

/// What was said to a `forget`, how many records were left, and how many passes were in the pool.
type Said = (Result<()>, usize, usize);

/// Has a verification with a pass be forgotten twice. Returns all effects, how many came before, and
/// what was said each time.
fn forgotten(faults: Vec<(usize, Fate)>) -> (Vec<Effect>, usize, Vec<Said>) {
    let mapping = Mapping {
        unfinished: 403,
        spent: 409,
        has_request_ids: true,
        replays_request_ids: true,
    };
    let server = Server::new(mapping, Visitors::Scripted(None));
    let setting = Arc::new(Setting::new(1, Faults::scripted(faults), server));
    let mut executor = setting.executor();
    let engine = setting.engine(false, PassBinding::ClaimType);
    let id = Arc::new(Mutex::new(String::new()));
    let (starting, knows) = (engine.clone(), id.clone());
    setting.sim.spawn(1, async move {
        let started = starting.start(&request(None)).await;
        let (stored, _) = started.expect("nothing is in its way");
        stored
            .content
            .id()
            .clone_into(&mut knows.lock().expect("not poisoned"));
        starting.prepare(stored).await.expect("a pass is bought");
    });
    executor.run(BEGIN + MINUTE, |_| {});
    let before = setting.faults.effects().len();
    let said = Arc::new(Mutex::new(Vec::new()));
    let (says, here) = (said.clone(), setting.clone());
    setting.sim.spawn(1, async move {
        let id = id.lock().expect("not poisoned").clone();
        for _ in 0..2 {
            let forgot = engine.forget(&id).await;
            let (left, pooled) = (here.watch.verifications().len(), here.watch.pooled());
            says.lock()
                .expect("not poisoned")
                .push((forgot, left, pooled));
        }
    });
    executor.run(BEGIN + 2 * MINUTE, |_| {});
    let said = std::mem::take(&mut *said.lock().expect("not poisoned"));
    (setting.faults.effects(), before, said)
}

#[test]
fn a_verification_whose_pass_the_pool_cannot_take_is_not_forgotten() {
    let (effects, before, said) = forgotten(Vec::new());
    assert!(matches!(said[0], (Ok(()), 0, 1)), "{said:?}");
    // It is closed, and then its pass is put into the pool.
    let put = nth(&effects, Effect::Write, before, 1);
    let (_, _, said) = forgotten(vec![(put, fails(Mishap::NotSent))]);
    let (Err(error), 1, 0) = &said[0] else {
        panic!("{said:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.retryable());
    assert!(matches!(said[1], (Ok(()), 0, 1)), "{said:?}");
}
