//! A world with its four workers, its visitors, and what they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::callers::Caller;
use super::dice::Dice;
use super::executor::{Sim, Worker, BEGIN};
use super::setting::{claim_type, request, Setting};
use crate::client::PassBinding;
use crate::error::Result;
use crate::records::{Loaded, World, HOUR, MINUTE, SECOND};
use crate::verification::engine::{Engine, Progress};
use crate::verification::record::{record_key, Durable};

pub(super) const WORKERS: usize = 4;
pub(super) const ALL: [Worker; WORKERS] = [0, 1, 2, 3];

/// The last verification begins, faults stop, the last machine wakes, the world ends.
pub(super) const LAST_START: u64 = BEGIN + 20 * HOUR;
pub(super) const CALM: u64 = BEGIN + 22 * HOUR;
pub(super) const AWAKE: u64 = BEGIN + 49 * HOUR;
pub(super) const END: u64 = BEGIN + 84 * HOUR;

/// How often each worker looks for what is due, about.
pub(super) const SWEEP: u64 = 5 * MINUTE;

/// So many passes are bought ahead.
const POOL: u32 = 3;

/// A strict pool lasts for most of those who come while there is one.
const STRICT_POOL: u32 = 60;

/// A world, with its workers and its application.
pub(super) struct Town {
    pub(super) setting: Setting,
    pub(super) engines: Mutex<Vec<Engine>>,
    /// The ids that the application knows, by the number of the visitor.
    ids: Mutex<BTreeMap<u64, String>>,
    /// All that it was ever told.
    known: Mutex<BTreeSet<String>>,
    /// What it was told, and must be told for ever.
    told: Mutex<BTreeMap<String, String>>,
    /// Callers who keep their own relays and passes.
    pub(super) callers: Mutex<Vec<Caller>>,
    pub(super) habits: Habits,
}

/// What is the same for a whole world.
pub(super) struct Habits {
    pub(super) retries: u32,
    pub(super) has_key: [bool; WORKERS],
    pub(super) binding: PassBinding,
    pub(super) pooled: bool,
    pub(super) reissues: bool,
    /// In milliseconds.
    pub(super) purchase_window: u64,
    /// Whether all workers are strict.
    pub(super) is_strict: bool,
    /// Whether Persona gives some of them a challenge of their own.
    pub(super) is_marked: bool,
}

impl Habits {
    pub(super) fn random(dice: &mut Dice) -> Self {
        let binding = match dice.hits(2_000) {
            true => PassBinding::Relay,
            false => PassBinding::ClaimType,
        };
        let encrypted = dice.hits(5_000);
        // One worker in some worlds has lost its key.
        let keyless = dice.one_of(&[0, WORKERS, WORKERS]);
        Self {
            retries: dice.one_of(&[0, 1, 2, 3, 3, 3, 5, 10]),
            has_key: std::array::from_fn(|worker| encrypted && worker != keyless),
            binding,
            pooled: binding == PassBinding::ClaimType && dice.hits(5_000),
            reissues: dice.hits(5_000),
            purchase_window: dice.one_of(&[0, 2 * MINUTE, 20 * MINUTE]),
            is_strict: false,
            is_marked: false,
        }
    }

    /// A strict world in some of those that could be one, by dice of their own: the others stay as they
    /// are.
    pub(super) fn sometimes_strict(self, dice: &mut Dice) -> Self {
        Self {
            is_strict: self.binding == PassBinding::ClaimType && dice.hits(3_000),
            is_marked: dice.hits(2_500),
            ..self
        }
    }
}

impl Town {
    pub(super) fn new(setting: Setting, habits: Habits) -> Arc<Self> {
        setting.watch.fills_up_to(POOL as usize);
        if habits.is_strict {
            setting.watch.is_strict(STRICT_POOL as usize);
            if habits.is_marked {
                setting.server.lock().expect("not poisoned").mark();
            }
        }
        let town = Arc::new(Self {
            setting,
            engines: Mutex::default(),
            ids: Mutex::default(),
            known: Mutex::default(),
            told: Mutex::default(),
            callers: Mutex::default(),
            habits,
        });
        let engines = ALL.map(|worker| town.new_engine(worker));
        *town.engines.lock().expect("not poisoned") = engines.to_vec();
        town
    }

    pub(super) fn new_engine(&self, worker: Worker) -> Engine {
        let habits = &self.habits;
        let has_key = habits.has_key[worker];
        let engine = (self.setting).worker(Some(worker), habits.retries, has_key, habits.binding);
        Engine {
            purchase_window: habits.purchase_window,
            is_strict: habits.is_strict,
            pass_pool: if habits.is_strict { STRICT_POOL } else { 0 },
            ..engine
        }
    }

    /// Has a worker do something, with the engine it has at that time. If its machine sleeps,
    /// another one does it.
    pub(super) fn spawn<F, Work>(self: &Arc<Self>, worker: Worker, work: F)
    where
        F: FnOnce(Arc<Town>, Engine) -> Work,
        Work: Future<Output = ()> + Send + 'static,
    {
        let is_awake = |worker: &Worker| {
            let asleep = (self.sim()).with_clocks(|clocks, now| clocks.left_asleep(*worker, now));
            asleep.is_none()
        };
        let others = (0..WORKERS).map(|further| (worker + further) % WORKERS);
        let worker = others.into_iter().find(is_awake).unwrap_or(worker);
        self.spawn_on(worker, work);
    }

    pub(super) fn spawn_on<F, Work>(self: &Arc<Self>, worker: Worker, work: F)
    where
        F: FnOnce(Arc<Town>, Engine) -> Work,
        Work: Future<Output = ()> + Send + 'static,
    {
        let engine = self.engines.lock().expect("not poisoned")[worker].clone();
        self.setting.sim.spawn(worker, work(self.clone(), engine));
    }

    pub(super) fn sim(&self) -> &Arc<Sim> {
        &self.setting.sim
    }

    pub(super) async fn pause(&self, least: u64, most: u64) {
        let pause = self.sim().with_dice(|dice| dice.between(least, most));
        self.sim().sleep(Duration::from_millis(pause)).await;
    }

    /// What every worker does about every five minutes.
    pub(super) async fn sweep(self: Arc<Self>, engine: Engine) {
        loop {
            self.pause(SWEEP * 3 / 4, SWEEP * 5 / 4).await;
            let _ = engine.recover().await;
            let fills = self.habits.pooled && !self.habits.is_strict;
            let buys = fills && self.sim().now() < LAST_START;
            if buys && self.sim().with_dice(|dice| dice.hits(1_000)) {
                self.fill(&engine).await;
            }
        }
    }

    /// A worker fills the pool, while others may do so, too.
    async fn fill(&self, engine: &Engine) {
        for _ in 0..POOL {
            let watch = &self.setting.watch;
            let fill = watch.begins_to_fill(self.sim().now());
            let bought = engine.buy_pooled(&claim_type(), Some(POOL)).await;
            if bought.is_ok() {
                watch.has_filled(fill);
            }
            if !bought.is_ok_and(|bought| bought) {
                return;
            }
        }
    }

    /// One visitor: a start or two, some questions, rarely an application that forgets.
    pub(super) fn plan_visit(self: &Arc<Self>, visitor: u64, at: u64, dice: &mut Dice) {
        let reference = dice.hits(5_000).then(|| format!("order-{visitor}"));
        let starts = match reference.is_some() && dice.hits(3_000) {
            true => 2,
            false => 1,
        };
        for _ in 0..starts {
            let (worker, reference) = (dice.one_of(&ALL), reference.clone());
            let start = move |town: Arc<Town>, engine| town.start(engine, visitor, reference);
            self.at(at - BEGIN + dice.between(0, 50), worker, start);
        }
        let mut asks_at = at - BEGIN;
        for _ in 0..dice.between(0, 6) {
            asks_at += dice.between(0, 20 * MINUTE);
            let reissue = self.habits.reissues && dice.hits(3_000);
            // Sometimes two at the same time.
            for _ in 0..dice.one_of(&[1, 1, 2]) {
                let worker = dice.one_of(&ALL);
                let ask = move |town: Arc<Town>, engine| town.ask(engine, visitor, reissue);
                self.at(asks_at, worker, ask);
            }
        }
        if dice.hits(300) {
            let forget = move |town: Arc<Town>, engine| town.forget(engine, visitor);
            self.at(asks_at, dice.one_of(&ALL), forget);
        }
    }

    /// Has a worker do something in so many milliseconds.
    pub(super) fn at<F, Work>(self: &Arc<Self>, pause: u64, worker: Worker, work: F)
    where
        F: FnOnce(Arc<Town>, Engine) -> Work + Send + 'static,
        Work: Future<Output = ()> + Send + 'static,
    {
        let town = self.clone();
        let spawn = move || town.spawn(worker, work);
        self.sim().after(pause, spawn);
    }

    async fn start(self: Arc<Self>, engine: Engine, visitor: u64, reference: Option<String>) {
        self.is_called();
        for _ in 0..3 {
            let request = request(reference.clone());
            if let Ok((stored, is_new)) = engine.start(&request).await {
                let id = stored.content.id().to_owned();
                self.known
                    .lock()
                    .expect("not poisoned")
                    .insert(record_key(&id));
                self.ids.lock().expect("not poisoned").insert(visitor, id);
                if is_new {
                    self.prepare(engine, stored).await;
                }
                return;
            }
            self.pause(SECOND, MINUTE).await;
        }
    }

    /// As a client does it in the background.
    async fn prepare(&self, engine: Engine, stored: Loaded<Durable>) {
        let id = stored.content.id().to_owned();
        if let Ok(Some(pause)) = engine.prepare(stored).await {
            self.sim().sleep(Duration::from_millis(pause)).await;
            let _ = engine.prepare_later(&id).await;
        }
    }

    /// Whether somebody was told of this verification. If not, no person was ever sent to it: another
    /// start under its reference was faster, and it was withdrawn; or its start was cut off.
    pub(super) fn is_known(&self, key: &str) -> bool {
        self.known.lock().expect("not poisoned").contains(key)
    }

    fn id_of(&self, visitor: u64) -> Option<String> {
        self.ids
            .lock()
            .expect("not poisoned")
            .get(&visitor)
            .cloned()
    }

    async fn ask(self: Arc<Self>, engine: Engine, visitor: u64, reissue: bool) {
        self.is_called();
        let Some(id) = self.id_of(visitor) else {
            return;
        };
        self.is_told(&id, engine.complete(&id, reissue).await);
        if let Ok(stored) = engine.load(&id).await {
            self.is_told(&id, engine.tell(&stored.content).await);
        }
    }

    /// The task that runs is somebody's call.
    fn is_called(&self) {
        self.setting.watch.is_called(self.sim().task());
    }

    /// Whoever was told an answer is told the same one ever after.
    fn is_told(&self, id: &str, told: Result<Progress>) {
        let Ok(told @ (Progress::Answered(_) | Progress::Expired)) = told else {
            return;
        };
        let told = format!("{told:?}");
        let mut before = self.told.lock().expect("not poisoned");
        let before = before.entry(id.to_owned()).or_insert_with(|| told.clone());
        assert!(
            *before == told || before == "Expired",
            "an answer changes: {before} {told}"
        );
        *before = told;
    }

    async fn forget(self: Arc<Self>, engine: Engine, visitor: u64) {
        self.is_called();
        if let Some(id) = self.id_of(visitor) {
            self.setting.watch.forgets(&record_key(&id));
            let _ = engine.forget(&id).await;
        }
    }
}
