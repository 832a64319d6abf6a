//! How those who write meet the thread that serves them, in every order.

use loom::thread::JoinHandle;
use tokio::sync::oneshot::Receiver;

use super::*;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use crate::sync::{play, spawn};

/// What the threads of one model share.
#[derive(Default)]
struct Shared {
    queue: Queue,
    /// What is written together with others fails.
    fails_together: bool,
    /// Somebody writes.
    is_written: AtomicBool,
    batches: AtomicUsize,
}

type Written = Receiver<Result<usize, StoreError>>;

impl Shared {
    /// What [`Connections::write`] does, as far as it does not wait: it starts a thread if it must.
    fn write(self: &Arc<Self>) -> (Written, Option<JoinHandle<()>>) {
        let (answer, must_serve) = self.put();
        let shared = self.clone();
        let thread = must_serve.then(|| spawn(move || shared.serve()));
        (answer, thread)
    }

    /// Whether a thread must be started.
    fn put(&self) -> (Written, bool) {
        let (reply, answer) = oneshot::channel();
        let must_serve = self.queue.put(Waiting {
            write: Box::new(|_| Ok(1)),
            reply,
            is_alone: false,
        });
        (answer, must_serve)
    }

    /// What [`Connections::serve_writes`] does.
    fn serve(&self) {
        let last = self.queue.serve(|batch| {
            assert!(!self.is_written.swap(true, SeqCst), "SQLite has one writer");
            self.batches.fetch_add(1, SeqCst);
            self.is_written.store(false, SeqCst);
            if self.fails_together && batch.len() > 1 {
                self.queue.put_back_alone(batch);
                return Vec::new();
            }
            let written = batch.into_iter().map(|write| (write, Ok(1)));
            written.map(Answer::of).collect()
        });
        last.into_iter().for_each(Answer::give);
    }
}

fn is_written(mut written: Written) -> bool {
    written.try_recv().is_ok_and(|changed| changed.is_ok())
}

fn join<T>(threads: impl IntoIterator<Item = JoinHandle<T>>) -> Vec<T> {
    (threads.into_iter())
        .map(|thread| thread.join().expect("it does not panic"))
        .collect()
}

#[test]
fn every_write_is_answered() {
    play(|| {
        let shared = Arc::new(Shared::default());
        let other = shared.clone();
        let other = spawn(move || other.write());
        let (first, threads) = shared.write();
        let (second, more) = other.join().expect("it does not panic");
        join(threads.into_iter().chain(more));
        assert!(is_written(first) && is_written(second));
    });
}

#[test]
fn a_waiter_that_gives_up_keeps_nobody_else_waiting() {
    play(|| {
        let shared = Arc::new(Shared::default());
        let other = shared.clone();
        let giving_up = spawn(move || other.write().1);
        let (written, threads) = shared.write();
        let more = giving_up.join().expect("it does not panic");
        join(threads.into_iter().chain(more));
        assert!(is_written(written));
        assert!(shared.batches.load(SeqCst) <= 2);
    });
}

#[test]
fn those_that_failed_together_are_written_one_by_one_by_one_thread() {
    play(|| {
        let shared = Arc::new(Shared {
            fails_together: true,
            ..Shared::default()
        });
        let together = [(); 2].map(|()| shared.put().0);
        let serving = shared.clone();
        let serving = spawn(move || serving.serve());
        let (third, threads) = shared.write();
        join(threads.into_iter().chain([serving]));
        assert!(together.into_iter().chain([third]).all(is_written));
        assert!(shared.batches.load(SeqCst) > 3);
    });
}
