//! Cases that one exact fault, or two, show.

use std::sync::{Arc, Mutex};

use super::crashes::{Next, Stop, NEVER_ARRIVED, STOPPED};
use super::every_crash_of_steps::{self as steps, Caller, Ending, Flow, Step};
use super::executor::BEGIN;
use super::faults::{Effect, Fate, Faults, Mishap};
use super::pages::Page;
use super::seen::State;
use super::server::{Mapping, Server, Visitors};
use super::setting::{request, Setting};
use crate::client::PassBinding;
use crate::error::{Error, ErrorKind, Result};
use crate::records::{Evidence, StoredSecret, HOUR, MINUTE, SECOND};
use crate::verification::record::{self, record_key, Beginning, Durable, Purpose};

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
    let mapping = Mapping::of(403, 409);
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

/// Who does something, and when, in milliseconds.
#[derive(Clone, Copy)]
enum Act {
    Call(u64),
    Recover(u64),
}

/// What a redemption came to.
struct Played {
    setting: Arc<Setting>,
    effects: Vec<Effect>,
    before: usize,
    /// What each call was told, in the order of the answers.
    told: Vec<Result<String>>,
    caller: Arc<Caller>,
}

impl Played {
    fn state(&self) -> State {
        let record = self.setting.watch.step(&record_key(&self.caller.id));
        record.expect("it is stored before it is asked").state
    }

    fn redeem(&self, n: usize) -> usize {
        nth(&self.effects, Effect::Redeem, self.before, n)
    }

    fn questions(&self) -> usize {
        // One is the purchase of the pass.
        self.setting.watch.keys().len() - 1
    }
}

fn redemption(ending: Ending, faults: Vec<(usize, Fate)>, acts: &[Act]) -> Played {
    let flow = Flow::of(Step::Redemption(ending));
    let setting = Arc::new(Setting::new(1, Faults::scripted(faults), flow.server()));
    let mut executor = setting.executor();
    let caller = Arc::new(steps::prepare(flow.step, &setting, &mut executor));
    let before = setting.faults.effects().len();
    let told = Arc::new(Mutex::new(Vec::new()));
    for (index, act) in acts.iter().enumerate() {
        let (Act::Call(at) | Act::Recover(at)) = *act;
        executor.run(BEGIN + MINUTE + at, |_| {});
        let engine = setting.engine(false, PassBinding::ClaimType);
        let (caller, tells, is_call) = (caller.clone(), told.clone(), matches!(act, Act::Call(_)));
        setting.sim.spawn(index + 1, async move {
            if !is_call {
                engine.recover().await.expect("the store works");
                return;
            }
            let answer = caller.call(&engine).await;
            tells.lock().expect("not poisoned").push(answer);
        });
    }
    executor.run(setting.sim.now() + 60 * MINUTE, |_| {});
    let told = std::mem::take(&mut *told.lock().expect("not poisoned"));
    Played {
        effects: setting.faults.effects(),
        setting,
        before,
        told,
        caller,
    }
}

#[test]
fn recovery_asks_no_new_question_when_its_own_is_answered_to_somebody_else() {
    let acts = [Act::Call(0), Act::Recover(3 * MINUTE)];
    let pending = Ending::PendingTwiceThenPassed;
    let first = redemption(pending, Vec::new(), &acts[..1]).redeem(0);
    let recovered = redemption(pending, vec![(first, STOPPED)], &acts);
    assert_eq!(recovered.questions(), 1);
    // Recovery's request is slow; meanwhile the caller is back, and is told "not yet".
    let slow = Fate {
        there: 8 * SECOND,
        ..Fate::FINE
    };
    let faults = vec![(first, STOPPED), (recovered.redeem(1), slow)];
    let back = Act::Call(3 * MINUTE + 5 * SECOND);
    let played = redemption(pending, faults, &[acts[0], acts[1], back]);
    let error = played.told[0].as_ref().expect_err("the person is not done");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(
        played.questions(),
        2,
        "the caller asks anew, recovery does not"
    );
    assert!(matches!(played.state(), State::Ready { .. }));
}

#[test]
fn recovery_fetches_a_lost_answer_although_somebody_on_the_way_said_not_yet() {
    let first = redemption(Ending::Passed, Vec::new(), &[Act::Call(0)]).redeem(0);
    let mut faults = vec![(first, fails(Mishap::LostBack))];
    // All that the call has left of its tries meets somebody on the way.
    for n in 1..=3 {
        let again = redemption(Ending::Passed, faults.clone(), &[Act::Call(0)]).redeem(n);
        faults.push((again, fails(Mishap::Page(Page::html(403)))));
    }
    let acts = [Act::Call(0), Act::Recover(10 * MINUTE)];
    let played = redemption(Ending::Passed, faults, &acts);
    let error = played.told[0].as_ref().expect_err("the answer was lost");
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.retryable());
    assert!(matches!(played.state(), State::Given { .. }));
    assert_eq!(played.questions(), 1, "under the key that was lost");
}

/// A key that is long lost may be at Persona for the first time just now.
#[test]
fn a_request_that_runs_for_somebody_who_died_is_not_taken_for_refused() {
    let acts = [0, 15 * MINUTE, 15 * MINUTE + 5 * SECOND].map(Act::Call);
    let first = redemption(Ending::Passed, Vec::new(), &acts[..1]).redeem(0);
    let mut faults = vec![(first, NEVER_ARRIVED)];
    let second = redemption(Ending::Passed, faults.clone(), &acts[..2]).redeem(1);
    // It is being executed for 20 seconds, and answers others with a 409.
    let runs = Fate {
        work: 20 * SECOND,
        ..STOPPED
    };
    faults.push((second, runs));
    let later = Act::Call(16 * MINUTE);
    let played = redemption(Ending::Passed, faults, &[acts[0], acts[1], acts[2], later]);
    assert!(matches!(played.state(), State::Given { .. }));
}

/// From when it may have arrived for the first time, not from when it was made.
#[test]
fn a_key_that_was_sent_a_day_late_holds_its_answer_for_another_day() {
    let acts = [0, 25 * HOUR, 48 * HOUR].map(Act::Call);
    let first = redemption(Ending::Passed, Vec::new(), &acts[..1]).redeem(0);
    let mut faults = vec![(first, NEVER_ARRIVED)];
    let second = redemption(Ending::Passed, faults.clone(), &acts[..2]).redeem(1);
    let lost = Fate {
        lasts: MINUTE,
        ..fails(Mishap::LostBack)
    };
    faults.push((second, lost));
    let played = redemption(Ending::Passed, faults, &acts);
    assert!(played.told[0].is_err());
    assert!(matches!(played.state(), State::Given { .. }));
    assert_eq!(played.questions(), 1);
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_comes_with_what_was_sent() {
    let faults = Faults::scripted(Vec::new());
    let server = Flow::of(Step::Redemption(Ending::Passed)).server();
    let engine = Setting::new(1, faults, server).engine(false, PassBinding::ClaimType);
    let beginning = Beginning {
        purpose: Purpose::Redemption,
        id: "redemption/of-the-caller".to_owned(),
        environment: "production".to_owned(),
        claim_type: String::new(),
        owner: None,
        reference_key: None,
        encryption_form: None,
        relay_bound: true,
        relay: None,
        state: record::State::Unopened {
            payload: StoredSecret::new("half a claim"),
            consumed: None,
            evidence: Evidence::of(&Error::new(ErrorKind::Protocol, "It cannot be read.")),
        },
        buy_at: None,
    };
    let record = Durable::begin(beginning, BEGIN, &mut crate::secret::os_random());
    let error = engine.tell(&record).await.expect_err("nobody can read it");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let unopened = error.unopened_claim().expect("what was sent");
    assert_eq!(unopened.claim_payload.expose(), "half a claim");
}
