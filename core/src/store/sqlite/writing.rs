//! Writes: what waits for the disk at the same time goes there in one transaction.
//!
//! SQLite has one writer for a file, and each commit waits for the disk. So writes are queued, and
//! one thread, while there are any, takes as many as there are into a transaction. Whoever waits for
//! a write waits for its answer alone: a caller that is not polled keeps nobody else waiting.

use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::connections::{Connections, Trouble};
use super::process::AtWork;
use super::threads::{begin, BROKEN_OFF};
use crate::store::StoreError;
use crate::sync::{Mutex, MutexGuard};

/// So many writes go into one transaction.
const LARGEST_BATCH: usize = 64;

/// A write: it may be done again after it was rolled back. It says how many rows it changed.
pub(super) type Write = Box<dyn Fn(&Connection) -> rusqlite::Result<usize> + Send>;

/// What waits to be written.
#[derive(Default)]
pub(super) struct Queue(Mutex<Queued>);

#[derive(Default)]
struct Queued {
    waiting: VecDeque<Waiting>,
    /// A thread takes what waits, until nothing does.
    is_served: bool,
}

struct Waiting {
    write: Write,
    reply: oneshot::Sender<Result<usize, StoreError>>,
    /// In a transaction with others one failed: each gets one of its own.
    is_alone: bool,
}

impl Queue {
    /// Puts a write at the end. True: a thread must be started that serves it.
    fn put(&self, write: Waiting) -> bool {
        let mut queued = self.queued();
        queued.drop_given_up();
        queued.waiting.push_back(write);
        !queued.is_served
    }

    /// The next that go into one transaction; none: the thread that asks is to end. It is asked with
    /// `serves` by the thread that serves already, and without by one that wants to.
    fn next(&self, serves: bool) -> Vec<Waiting> {
        let mut queued = self.queued();
        if queued.is_served && !serves {
            return Vec::new();
        }
        queued.drop_given_up();
        let waiting = &mut queued.waiting;
        let together = waiting.iter().take_while(|write| !write.is_alone).count();
        let size = together.clamp(1, LARGEST_BATCH).min(waiting.len());
        let batch: Vec<_> = waiting.drain(..size).collect();
        queued.is_served = !batch.is_empty();
        batch
    }

    /// Has what waits written, until nothing does. Returned are the last answers, which are to be given;
    /// none where another thread serves.
    fn serve(&self, mut write: impl FnMut(Vec<Waiting>) -> Vec<Answer>) -> Vec<Answer> {
        let mut answers = Vec::new();
        let mut batch = self.next(false);
        while !batch.is_empty() {
            answers.into_iter().for_each(Answer::give);
            // Whoever waits for a write that panics is told by the end of its channel.
            answers = catch_unwind(AssertUnwindSafe(|| write(batch))).unwrap_or_default();
            batch = self.next(true);
        }
        answers
    }

    /// Each gets a transaction of its own, before all others.
    fn put_back_alone(&self, batch: Vec<Waiting>) {
        let mut queued = self.queued();
        for mut write in batch.into_iter().rev() {
            write.is_alone = true;
            queued.waiting.push_front(write);
        }
    }

    fn queued(&self) -> MutexGuard<'_, Queued> {
        // It is whole between any two statements, even after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.queued().waiting.len()
    }
}

impl Queued {
    fn drop_given_up(&mut self) {
        self.waiting.retain(|write| !write.reply.is_closed());
    }
}

impl Connections {
    /// Writes, on a thread that may block; it is on the disk when this returns. Once begun it ends,
    /// even if nobody waits for it any more; what nobody waits for when its turn comes is not done.
    pub(super) async fn write(self: &Arc<Self>, write: Write) -> Result<usize, StoreError> {
        let _at_work = AtWork::begin()?;
        let (reply, answer) = oneshot::channel();
        let must_serve = self.writes.put(Waiting {
            write,
            reply,
            is_alone: false,
        });
        if must_serve {
            // Another may be about to begin, or wait for a thread in vain: the first one serves.
            let connections = Arc::clone(self);
            begin(move || connections.serve_writes())?;
        }
        let answered = answer.await;
        answered.unwrap_or_else(|_| Err(StoreError::new(BROKEN_OFF)))
    }

    /// Writes what waits, until nothing does. Whoever is answered last may let go of the store, and the
    /// file is closed then: nothing of it is held here any more.
    fn serve_writes(self: Arc<Self>) {
        let Ok(at_work) = AtWork::begin() else {
            return;
        };
        let last = self.writes.serve(|batch| self.write_batch(batch));
        drop(self);
        drop(at_work);
        last.into_iter().for_each(Answer::give);
    }

    fn write_batch(&self, batch: Vec<Waiting>) -> Vec<Answer> {
        match self.write_together(&batch) {
            Ok(changed) => {
                let changed = changed.into_iter().map(Ok);
                batch.into_iter().zip(changed).map(Answer::of).collect()
            }
            Err(Failure::OfOne(_)) if batch.len() > 1 => {
                self.writes.put_back_alone(batch);
                Vec::new()
            }
            Err(Failure::OfOne(trouble) | Failure::OfAll(trouble)) => {
                let each = batch.into_iter();
                each.map(|write| Answer::of((write, Err(self.error(&trouble)))))
                    .collect()
            }
        }
    }

    /// The rows that each changed.
    fn write_together(&self, batch: &[Waiting]) -> Result<Vec<usize>, Failure> {
        let mut connection = self.take().map_err(Failure::OfAll)?;
        let of_all = |cause| Failure::OfAll(Trouble::Sqlite(cause));
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(of_all)?;
        let changed = batch.iter().map(|it| (it.write)(&transaction));
        // Dropped before its commit, a transaction is rolled back.
        let changed = changed.collect::<rusqlite::Result<_>>();
        let changed = changed.map_err(|cause| Failure::OfOne(Trouble::Sqlite(cause)))?;
        // Whether it is on the disk all the same, nobody knows.
        transaction.commit().map_err(of_all)?;
        self.must_be_the_file().map_err(Failure::OfAll)?;
        self.give_back(connection);
        Ok(changed)
    }
}

/// What came of a write, for whoever waits for it.
struct Answer {
    reply: oneshot::Sender<Result<usize, StoreError>>,
    outcome: Result<usize, StoreError>,
}

impl Answer {
    fn of((write, outcome): (Waiting, Result<usize, StoreError>)) -> Self {
        let reply = write.reply;
        Self { reply, outcome }
    }

    /// Whether anybody waits for it any more does not matter.
    fn give(self) {
        let _ = self.reply.send(self.outcome);
    }
}

/// Why nothing is known to be written.
enum Failure {
    /// One of the writes failed, and all were undone.
    OfOne(Trouble),
    /// None of them can be done now.
    OfAll(Trouble),
}

#[cfg(all(test, relaypass_loom))]
mod models;
#[cfg(test)]
mod tests;
