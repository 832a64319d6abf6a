//! Random worlds: four workers live through two virtual days of faults that their seed has chosen.
//!
//! `SIMULATION_SEEDS=n` plays that many seeds, from `SIMULATION_FIRST` on; `SIMULATION_SEED=n` that one,
//! exactly as before. All seeds are played, and what fails is counted by its kind.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;

use super::dice::Dice;
use super::executor::{Worker, BEGIN};
use super::faults::{Faults, Rates};
use super::length::{is_momentary, is_usual};
use super::oracle::UNEXPLAINED;
use super::seen::State;
use super::server::{Mapping, Server, Visitors};
use super::setting::Setting;
use super::town::{Habits, Town, ALL, AWAKE, CALM, END, LAST_START, SWEEP};
use crate::client::rules::DEFAULT_RETRIES;
use crate::records::{DAY, HOUR, MINUTE};

const VERIFICATIONS: u64 = 200;
const CALLERS: usize = 40;
const SEEDS: u64 = 400;
/// From so many on, the share of the unknown hardly depends on which they are.
const MANY_SEEDS: u64 = 5_000;
/// With a short simulation.
const FEW_SEEDS: u64 = 20;

/// What worlds came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    trace: u64,
    answered: u64,
    expired: u64,
    unknown: u64,
    failed: u64,
    /// Those that ended where "not finished" is a 403, which nobody takes for a spent pass, and how
    /// many of them are unknown.
    told_apart: u64,
    unknown_of_these: u64,
    /// Likewise, where her answers leave nothing to guess, see `Mapping::leaves_nothing_to_guess`.
    plain: u64,
    unknown_of_plain: u64,
    pub(super) callers_answered: u64,
    /// The person had not finished.
    pub(super) callers_early: u64,
    pub(super) callers_unknown: u64,
    /// Why those have no answer that ended unknown or failed.
    causes: BTreeMap<&'static str, u64>,
}

impl Outcome {
    pub(super) fn because(&mut self, cause: &'static str) {
        *self.causes.entry(cause).or_default() += 1;
    }

    fn ended(&self) -> u64 {
        self.answered + self.expired + self.unknown + self.failed
    }

    fn add(&mut self, other: &Outcome) {
        self.answered += other.answered;
        self.expired += other.expired;
        self.unknown += other.unknown;
        self.failed += other.failed;
        self.told_apart += other.told_apart;
        self.unknown_of_these += other.unknown_of_these;
        self.plain += other.plain;
        self.unknown_of_plain += other.unknown_of_plain;
        self.callers_answered += other.callers_answered;
        self.callers_early += other.callers_early;
        self.callers_unknown += other.callers_unknown;
        for (cause, count) in &other.causes {
            *self.causes.entry(cause).or_default() += count;
        }
    }
}

fn play(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed);
    let mut rates = Rates::random(&mut dice, CALM);
    let mapping = Mapping::random(&mut dice);
    let server = Server::new(mapping, Visitors::ByChance);
    let seed = dice.next();
    let mut habits = Habits::random(&mut dice).sometimes_strict(&mut Dice::new(!seed));
    if is_momentary() {
        rates = rates.momentary();
        habits.retries = DEFAULT_RETRIES;
    }
    let setting = Setting::new(seed, Faults::by_chance(rates), server);
    let town = Town::new(setting, habits);
    set_clocks(&town, &mapping, &mut dice);
    for worker in ALL {
        town.spawn_on(worker, Town::sweep);
    }
    for visitor in 0..VERIFICATIONS {
        let at = dice.between(BEGIN, LAST_START);
        town.plan_visit(visitor, at, &mut dice);
    }
    for caller in 0..CALLERS {
        let at = dice.between(BEGIN, LAST_START);
        town.plan_caller(caller, at, &mut dice);
    }
    if dice.hits(3_000) {
        let server = town.setting.server.clone();
        let at = dice.between(0, 20 * HOUR);
        let change = move || server.lock().expect("not poisoned").change_key();
        town.setting.sim.after(at, change);
    }
    let mut executor = town.setting.executor();
    let revive = |worker: Worker| {
        let sim = town.setting.sim.clone();
        let pause = sim.with_dice(|dice| dice.between(1, 5 * MINUTE));
        let reviving = town.clone();
        sim.after(pause, move || {
            let engine = reviving.new_engine(worker);
            reviving.engines.lock().expect("not poisoned")[worker] = engine;
            reviving.spawn_on(worker, Town::sweep);
        });
    };
    executor.run(CALM, revive);
    let mut now = CALM;
    while now < END {
        now += SWEEP;
        executor.run(now, revive);
        nothing_is_overdue(&town, now);
    }
    end(&town)
}

/// Clocks that are wrong within the limits of `docs/reliability.md`, step, or stand still: a machine
/// sleeps, for minutes or for two days.
fn set_clocks(town: &Town, mapping: &Mapping, dice: &mut Dice) {
    // Ten minutes as far as `expired` goes; Persona's dates prove it, whatever our clocks say.
    let limit = match mapping.has_date {
        true => dice.one_of(&[0, 10 * MINUTE, 2 * HOUR]),
        false => dice.one_of(&[0, 10 * MINUTE]),
    };
    town.setting.watch.clocks_differ(limit);
    let middle = dice.between(0, limit);
    let set = |at, worker, dice: &mut Dice| {
        let ahead = dice.between(0, limit).cast_signed() - middle.cast_signed();
        let sim = town.sim().clone();
        let step = move || sim.with_clocks(|clocks, _| clocks.step(worker, ahead));
        town.sim().after(at, step);
    };
    for worker in ALL {
        set(0, worker, dice);
        for _ in 0..dice.between(0, 2) {
            set(dice.between(0, 22 * HOUR), worker, dice);
        }
    }
    if dice.hits(6_000) {
        return;
    }
    for _ in 0..dice.between(1, 12) {
        let worker = dice.one_of(&ALL[1..]);
        let longest = dice.one_of(&[5 * MINUTE, HOUR, 8 * HOUR, 48 * HOUR]);
        let (at, lasts) = (dice.between(0, 21 * HOUR), dice.between(MINUTE, longest));
        let sim = town.sim().clone();
        let suspend = move || {
            sim.with_clocks(|clocks, now| clocks.suspend(worker, now, (now + lasts).min(AWAKE)));
        };
        town.sim().after(at, suspend);
    }
}

/// Liveness, when no faults happen any more.
fn nothing_is_overdue(town: &Town, now: u64) {
    let watch = &town.setting.watch;
    let differ = watch.clocks_may_differ();
    for (key, seen) in watch.open() {
        let due_at = seen
            .due_at
            .expect("what is open is due some time")
            .max(CALM);
        assert!(
            now <= due_at + 2 * SWEEP + differ,
            "overdue: {key}: {seen:?}"
        );
        // Over for ten minutes, and three times the longest pause of recovery: a lost key that is
        // refused is asked again later, because its request may be running. It must have ended,
        // unless a key is lost whose answer is of no use, until Persona has forgotten it; and the key
        // that is asked then may be lost as well, to a worker whose clock differs.
        let over_at = (seen.session_ends_at + 15 * MINUTE).max(CALM) + 70 * MINUTE;
        let over_at = over_at + 2 * SWEEP + 2 * differ;
        let over_at = match watch.was_never_asked(&key) {
            // It waits for a pass until nobody asks any more.
            true => over_at + 9 * DAY,
            false => over_at,
        };
        let ends_at = match watch.may_last(&key) {
            true => over_at + 2 * 27 * HOUR,
            false => over_at,
        };
        assert!(now <= ends_at, "does not end: {key}: {seen:?}");
    }
}

/// The world is over: everybody has the right answer, or is told why not.
fn end(town: &Town) -> Outcome {
    let watch = &town.setting.watch;
    let server = town.setting.server.lock().expect("not poisoned");
    watch.no_pass_is_lost(&server);
    let mut outcome = Outcome {
        trace: town.sim().trace_hash(),
        ..Outcome::default()
    };
    for (key, seen) in watch.verifications() {
        if !seen.is_settled() && watch.was_never_asked(&key) {
            outcome.because("the strict pool had no pass");
            continue;
        }
        assert!(seen.is_settled(), "it is not over: {key}: {seen:?}");
        let relay = watch
            .relay_of(&key)
            .expect("every verification has a relay");
        let truth = server.truth(&relay);
        let right = truth.map(|passed| if passed { "passed" } else { "failed" });
        match &seen.state {
            State::Answered { claim } => {
                let told = Some(claim.claim_result.as_str());
                assert_eq!(told, right, "a wrong answer: {key}");
                outcome.answered += 1;
            }
            State::Unopened { payload } => {
                let right = right.expect("an answer came");
                assert!(payload.contains(right), "a wrong answer is kept: {key}");
                outcome.answered += 1;
            }
            State::Expired => {
                assert!(
                    right.is_none()
                        || watch.was_forgotten(&key)
                        || watch.was_never_asked(&key)
                        || !town.is_known(&key),
                    "expired, and the person had finished: {key}: {seen:?} {}",
                    watch.all_stored(&server, &key)
                );
                outcome.expired += 1;
            }
            State::Failed { evidence } if evidence.code == "privacy_refused" => {
                assert!(watch.was_never_asked(&key), "it had a pass: {key}");
                outcome.failed += 1;
                outcome.because("the strict pool had no pass");
            }
            State::Failed { evidence } => {
                let cause = watch.cause(&key).unwrap_or(UNEXPLAINED);
                assert!(
                    cause != UNEXPLAINED,
                    "failed without a cause, {}: {key}: {seen:?} {}",
                    evidence.code,
                    watch.all_stored(&server, &key)
                );
                match evidence.code.as_str() {
                    "outcome_unknown" => outcome.unknown += 1,
                    _ => outcome.failed += 1,
                }
                outcome.because(cause);
            }
            other => panic!("it ended in a strange way: {key}: {other:?}"),
        }
    }
    if server.mapping().unfinished == 403 {
        (outcome.told_apart, outcome.unknown_of_these) = (outcome.ended(), outcome.unknown);
    }
    if server.mapping().leaves_nothing_to_guess() {
        (outcome.plain, outcome.unknown_of_plain) = (outcome.ended(), outcome.unknown);
    }
    town.callers_are_served(&server, &mut outcome);
    outcome
}

/// Plays a seed; a failure says how to see it again.
fn play_or_tell(seed: u64) -> Result<Outcome, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(|| play(seed))).inspect_err(|_| {
        eprintln!(
            "random worlds: seed {seed} failed. Again: SIMULATION_SEED={seed} cargo test -p \
             relaypass --lib random_worlds -- --nocapture"
        );
    })
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number of seeds, or a seed"))
}

/// What failed, without the names of this one.
fn kind_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned()));
    let text = text.unwrap_or_default();
    // `assert_eq` says what it compares before what it is about.
    let text = text.split("failed: ").last().unwrap_or_default();
    text.split([':', '\n'])
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn random_worlds() {
    if let Some(seed) = number("SIMULATION_SEED") {
        match play_or_tell(seed) {
            Ok(outcome) => println!("random worlds: seed {seed}: {outcome:#?}"),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        return;
    }
    let seeds = number("SIMULATION_SEEDS").unwrap_or(if is_usual() { SEEDS } else { FEW_SEEDS });
    let first = number("SIMULATION_FIRST").unwrap_or(0);
    let next = AtomicU64::new(first);
    let (sum, failed) = (Mutex::new(Outcome::default()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + seeds {
                    return;
                }
                match play_or_tell(seed) {
                    Ok(outcome) => sum.lock().expect("not poisoned").add(&outcome),
                    Err(panic) => {
                        let mut failed = failed.lock().expect("not poisoned");
                        let failed: &mut Vec<u64> = failed.entry(kind_of(&*panic)).or_default();
                        failed.push(seed);
                    }
                }
            });
        }
    });
    let sum = sum.into_inner().expect("not poisoned");
    let share = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
    println!(
        "random worlds: {seeds} seeds, {} answered, {} expired, {} unknown ({:.2} %; {:.2} % where \
         \"not finished\" is a 403; {:.2} % where her answers leave nothing to guess), {} failed; \
         callers: {} answered, {} too early, {} unknown",
        sum.answered,
        sum.expired,
        sum.unknown,
        share(sum.unknown, sum.ended()),
        share(sum.unknown_of_these, sum.told_apart),
        share(sum.unknown_of_plain, sum.plain),
        sum.failed,
        sum.callers_answered,
        sum.callers_early,
        sum.callers_unknown,
    );
    for (cause, count) in &sum.causes {
        println!("    {count:>7} {cause}");
    }
    let failed = failed.into_inner().expect("not poisoned");
    for (kind, seeds) in &failed {
        println!(
            "broken: {} x {kind}: seed {:?}",
            seeds.len(),
            seeds.iter().min()
        );
    }
    assert!(failed.is_empty(), "worlds broke a promise");
    assert!(sum.answered > sum.unknown, "hardly anybody gets an answer");
    // Few worlds may hold one that is far from usual.
    let limit = match seeds {
        0..SEEDS => 10.0,
        SEEDS..MANY_SEEDS => 3.0,
        MANY_SEEDS.. => 2.0,
    };
    assert!(share(sum.unknown_of_plain, sum.plain) < limit, "{sum:?}");
}

#[test]
fn a_seed_plays_the_same_world_again() {
    for seed in 0..3 {
        assert_eq!(play(seed), play(seed));
    }
    assert_ne!(play(0).trace, play(1).trace);
}
