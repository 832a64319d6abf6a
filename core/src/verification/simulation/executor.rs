//! Virtual time: one thread, one queue of what happens when, and workers that can be killed.
//!
//! Whatever a worker asks of the world outside (a store, Persona, a pause) is an entry of the queue.
//! What was asked for happens whether or not the worker is still alive to hear of it.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::future::{pending, poll_fn, Future};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::clocks::Clocks;
use super::dice::Dice;
use crate::future::BoxFuture;
use crate::records::World;

/// When every simulation begins, in milliseconds since the epoch.
pub(super) const BEGIN: u64 = 1_700_000_000_000;

/// Many times what happens in two days: workers who get in each other's way without end are found.
const MOST_EVENTS: u64 = 1_000_000;

pub(super) type TaskId = u64;
pub(super) type Worker = usize;
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The world: clock, dice, and the queue.
pub(super) struct Sim(Mutex<Inner>);

struct Inner {
    now: u64,
    sequence: u64,
    queue: BinaryHeap<Reverse<Entry>>,
    dice: Dice,
    running: Option<(TaskId, Worker)>,
    last_task: TaskId,
    spawned: Vec<(TaskId, Worker, Task)>,
    killed: Vec<Worker>,
    clocks: Clocks,
    trace: u64,
    /// Lines of the trace with this in them are printed.
    wanted: Option<String>,
}

struct Entry {
    at: u64,
    sequence: u64,
    what: What,
}

enum What {
    /// A task, and whoever in it is to be woken first, where it does several things side by side.
    Poll(TaskId, Sleeper),
    Do(Box<dyn FnOnce() + Send>),
}

/// Whoever waits for something, once it has been polled.
type Sleeper = Arc<Mutex<Option<Waker>>>;

/// How something asked of the outside travels.
pub(super) struct Journey {
    /// Milliseconds until it happens; nothing: it gets lost on the way.
    pub(super) there: Option<u64>,
    /// Milliseconds until the answer is back; nothing: the answer gets lost.
    pub(super) back: Option<u64>,
    /// Milliseconds after which whoever asked stops waiting.
    pub(super) patience: u64,
    /// Whether the worker dies as soon as it is on its way.
    pub(super) dies: bool,
}

impl Sim {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner {
            now: BEGIN,
            sequence: 0,
            queue: BinaryHeap::new(),
            dice: Dice::new(seed),
            running: None,
            last_task: 0,
            spawned: Vec::new(),
            killed: Vec::new(),
            clocks: Clocks::default(),
            trace: 0xCBF2_9CE4_8422_2325,
            wanted: std::env::var("SIMULATION_TRACE").ok(),
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nothing panics while it is held")
    }

    pub(super) fn now(&self) -> u64 {
        self.inner().now
    }

    pub(super) fn with_dice<T>(&self, roll: impl FnOnce(&mut Dice) -> T) -> T {
        roll(&mut self.inner().dice)
    }

    /// The task that is being polled.
    pub(super) fn task(&self) -> TaskId {
        self.inner().running.map_or(0, |(task, _)| task)
    }

    /// Adds to the hash of all that happened (FNV-1a), and prints it if it is wanted.
    pub(super) fn trace(&self, what: &[&str], detail: impl FnOnce() -> String) {
        let mut inner = self.inner();
        let now = inner.now;
        for byte in what.iter().flat_map(|text| text.bytes()) {
            inner.trace = (inner.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        inner.trace = (inner.trace ^ now).wrapping_mul(0x0100_0000_01B3);
        if let Some(wanted) = &inner.wanted {
            let line = format!("{} {}", what.join(" "), detail());
            if line.contains(wanted) {
                println!("{:>10} ms {line}", now - BEGIN);
            }
        }
    }

    pub(super) fn trace_hash(&self) -> u64 {
        self.inner().trace
    }

    /// Has something done after `pause` milliseconds.
    pub(super) fn after(&self, pause: u64, what: impl FnOnce() + Send + 'static) {
        self.inner().push(pause, What::Do(Box::new(what)));
    }

    /// Gives a worker something to do.
    pub(super) fn spawn(&self, worker: Worker, task: impl Future<Output = ()> + Send + 'static) {
        let mut inner = self.inner();
        inner.last_task += 1;
        let id = inner.last_task;
        inner.spawned.push((id, worker, Box::pin(task)));
        inner.push(0, What::Poll(id, Sleeper::default()));
    }

    /// Kills a worker: all it was doing ends where it stands.
    pub(super) fn kill(&self, worker: Worker) {
        self.inner().killed.push(worker);
    }

    /// Looks at, or sets, the workers' clocks.
    pub(super) fn with_clocks<T>(&self, change: impl FnOnce(&mut Clocks, u64) -> T) -> T {
        let inner = &mut *self.inner();
        change(&mut inner.clocks, inner.now)
    }

    /// Asks something of the outside. Nothing: no answer came.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        journey: Journey,
        effect: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let Some((task, worker)) = self.living() else {
            return pending().await;
        };
        let answer = Arc::new(Mutex::new(None));
        if let Some(there) = journey.there {
            let mailbox = answer.clone();
            self.after(there, move || {
                let result = effect();
                *mailbox.lock().expect("not poisoned") = Some(result);
            });
        }
        if journey.dies {
            self.kill(worker);
            return pending().await;
        }
        let given_up_at = self.now() + journey.patience;
        let back_at = (journey.there)
            .and_then(|there| Some(self.now() + there + journey.back?))
            .filter(|back_at| *back_at < given_up_at);
        let wake_at = back_at.unwrap_or(given_up_at);
        let sleeper = Sleeper::default();
        self.wake(task, wake_at, sleeper.clone());
        poll_fn(|context| {
            if self.now() >= wake_at && self.living().is_some() {
                return Poll::Ready(());
            }
            *sleeper.lock().expect("not poisoned") = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
        back_at?;
        let result = answer.lock().expect("not poisoned").take();
        Some(result.expect("what was done before now has left its result"))
    }

    fn wake(&self, task: TaskId, at: u64, sleeper: Sleeper) {
        let mut inner = self.inner();
        let pause = at - inner.now;
        inner.push(pause, What::Poll(task, sleeper));
    }

    /// The task that is being polled, unless its worker has just been killed.
    fn living(&self) -> Option<(TaskId, Worker)> {
        let inner = self.inner();
        inner
            .running
            .filter(|(_, worker)| !inner.killed.contains(worker))
    }
}

impl Inner {
    fn push(&mut self, pause: u64, what: What) {
        self.sequence += 1;
        self.queue.push(Reverse(Entry {
            at: self.now + pause,
            sequence: self.sequence,
            what,
        }));
    }
}

impl World for Sim {
    fn now_ms(&self) -> u64 {
        self.now()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now() - BEGIN)
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let pause = u64::try_from(pause.as_micros().div_ceil(1000)).expect("a pause");
            let nowhere = Journey {
                there: None,
                back: None,
                patience: pause,
                dies: false,
            };
            self.ask(nowhere, || ()).await;
        })
    }

    /// A simulated store says itself how long it takes; nothing here waits for tokio's clock.
    fn deadline(&self, _: Duration) -> Option<tokio::time::Instant> {
        None
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.with_dice(|dice| dice.fill(bytes));
    }
}

/// Runs the tasks of a world.
pub(super) struct Executor {
    sim: Arc<Sim>,
    tasks: BTreeMap<TaskId, (Worker, Task)>,
    events: u64,
}

impl Executor {
    pub(super) fn new(sim: Arc<Sim>) -> Self {
        Self {
            sim,
            tasks: BTreeMap::new(),
            events: 0,
        }
    }

    /// Lets everything happen up to the time `until`. `died` is told of every worker that dies,
    /// when its tasks are gone.
    pub(super) fn run(&mut self, until: u64, mut died: impl FnMut(Worker)) {
        let sim = self.sim.clone();
        while let Some(what) = self.next(until) {
            self.events += 1;
            assert!(self.events < MOST_EVENTS, "the world goes round in circles");
            match what {
                What::Do(effect) => effect(),
                What::Poll(id, sleeper) => self.poll(id, sleeper),
            }
            let killed = std::mem::take(&mut sim.inner().killed);
            for worker in killed {
                sim.inner().spawned.retain(|(_, of, _)| *of != worker);
                self.tasks.retain(|_, (of, _)| *of != worker);
                died(worker);
            }
        }
    }

    fn next(&mut self, until: u64) -> Option<What> {
        let mut inner = self.sim.inner();
        for (id, worker, task) in inner.spawned.drain(..) {
            self.tasks.insert(id, (worker, task));
        }
        if (inner.queue.peek()).is_none_or(|Reverse(entry)| entry.at > until) {
            inner.now = until;
            return None;
        }
        let Reverse(entry) = inner.queue.pop()?;
        inner.now = entry.at;
        Some(entry.what)
    }

    fn poll(&mut self, id: TaskId, sleeper: Sleeper) {
        let Some((worker, task)) = self.tasks.get_mut(&id) else {
            return;
        };
        {
            let mut inner = self.sim.inner();
            if let Some(pause) = inner.clocks.left_asleep(*worker, inner.now) {
                // Its machine is suspended: whatever comes waits for it.
                return inner.push(pause, What::Poll(id, sleeper));
            }
            inner.running = Some((id, *worker));
        }
        let waker = sleeper.lock().expect("not poisoned").take();
        waker.into_iter().for_each(Waker::wake);
        let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.sim.inner().running = None;
        if polled.is_ready() {
            self.tasks.remove(&id);
        }
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}
