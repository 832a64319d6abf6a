//! Writes: what waits for the disk at the same time goes there in one transaction.
//!
//! SQLite has one writer for a file, and each commit waits for the disk. So there is one turn to write,
//! which is quicker and fairer than polling for SQLite's lock, and whoever has it takes along what
//! others want written.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{oneshot, Semaphore};

use super::connections::Connections;
use super::process::AtWork;
use super::threads::on_a_thread;
use crate::store::StoreError;

/// So many writes go into one transaction: nobody waits for more than that.
const LARGEST_BATCH: usize = 64;

/// A write: it may be done again after it was rolled back. It says how many rows it changed.
pub(super) type Write = Box<dyn Fn(&Connection) -> rusqlite::Result<usize> + Send>;

/// What waits to be written.
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Waiting>>,
    turn: Arc<Semaphore>,
}

struct Waiting {
    write: Write,
    reply: oneshot::Sender<Result<usize, StoreError>>,
    /// In a transaction with others something failed: it gets one of its own.
    is_alone: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Queue {
    /// The next that go into one transaction. What nobody waits for any more is left out.
    fn next(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting();
        waiting.retain(|write| !write.reply.is_closed());
        let alike = waiting.iter().take_while(|write| !write.is_alone).count();
        let size = alike.clamp(1, LARGEST_BATCH).min(waiting.len());
        waiting.drain(..size).collect()
    }

    /// Each gets a transaction of its own, before all others.
    fn put_back_alone(&self, batch: Vec<Waiting>) {
        let mut waiting = self.waiting();
        for mut write in batch.into_iter().rev() {
            write.is_alone = true;
            waiting.push_front(write);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        // Between two statements it is whole, even after a panic.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    /// Writes, on a thread that may block; it is on the disk when this returns. Once begun it ends, even
    /// if nobody waits for it any more.
    pub(super) async fn write(self: &Arc<Self>, write: Write) -> Result<usize, StoreError> {
        let _at_work = AtWork::begin()?;
        let (reply, mut answer) = oneshot::channel();
        self.writes.waiting().push_back(Waiting {
            write,
            reply,
            is_alone: false,
        });
        loop {
            let turn = tokio::select! {
                biased;
                // Somebody took it along.
                answered = &mut answer => return answered.unwrap_or_else(|_| Err(broken_off())),
                turn = Arc::clone(&self.writes.turn).acquire_owned() => {
                    turn.expect("the semaphores are never closed")
                }
            };
            // In this order they are let go: who is at work may hold connections and turns.
            let held = (Arc::clone(self), turn, AtWork::begin()?);
            on_a_thread(move || {
                held.0.write_next();
                Ok(())
            })
            .await?;
        }
    }

    fn write_next(&self) {
        let batch = self.writes.next();
        if batch.is_empty() {
            return;
        }
        match self.write_together(&batch) {
            Ok(changed) => {
                for (write, changed) in batch.into_iter().zip(changed) {
                    let _ = write.reply.send(Ok(changed));
                }
            }
            // Whose fault it is, and that it is nobody else's, shows when each is done by itself.
            Err(Failure::Undone(_)) if batch.len() > 1 => self.writes.put_back_alone(batch),
            Err(Failure::Undone(error)) => {
                let [write] = <[Waiting; 1]>::try_from(batch).ok().expect("it is one");
                let _ = write.reply.send(Err(error));
            }
            Err(Failure::Unknown(error)) => {
                for write in batch {
                    let _ = write.reply.send(Err(error()));
                }
            }
        }
    }

    /// The rows that each changed.
    fn write_together(&self, batch: &[Waiting]) -> Result<Vec<usize>, Failure<'_>> {
        let mut connection = self.take().map_err(Failure::Undone)?;
        let undone = |cause| Failure::Undone(self.failed(cause));
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(undone)?;
        let changed = batch.iter().map(|it| (it.write)(&transaction));
        let changed = changed.collect::<rusqlite::Result<_>>().map_err(undone)?;
        if let Err(cause) = transaction.commit() {
            let error = move || self.failed(same(&cause));
            return Err(Failure::Unknown(Box::new(error)));
        }
        self.give_back(connection);
        if self.must_be_the_file().is_err() {
            return Err(Failure::Unknown(Box::new(|| {
                self.must_be_the_file().err().unwrap_or_else(broken_off)
            })));
        }
        Ok(changed)
    }
}

/// Why nothing is known to be written.
enum Failure<'a> {
    /// Nothing was written.
    Undone(StoreError),
    /// Something may have been: the error, once for each.
    Unknown(Box<dyn Fn() -> StoreError + 'a>),
}

/// What SQLite said, once more.
fn same(cause: &rusqlite::Error) -> rusqlite::Error {
    match cause {
        rusqlite::Error::SqliteFailure(code, text) => {
            rusqlite::Error::SqliteFailure(*code, text.clone())
        }
        other => rusqlite::Error::ToSqlConversionFailure(other.to_string().into()),
    }
}

fn broken_off() -> StoreError {
    StoreError::new("The work on the SQLite file was broken off.")
}

#[cfg(test)]
mod tests;
