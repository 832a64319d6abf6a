//! How a call is driven where the host's language polls no futures of ours, or does so at a price:
//! once on the caller's thread, and then on the shared runtime.
//!
//! Decision 0009 says why. A call has a number, by which the host's language knows whose call it is
//! when the store or the listener is called back.

use std::cell::RefCell;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::block_in_place;

use super::caught::{caught, caught_now};
use super::runtime::{shared_runtime, spawned};
use crate::error::Result;
use crate::future::BoxFuture;

/// What a call comes to: its outcome, or nothing if it was cancelled first.
///
/// An outcome that is there is given even if the call was cancelled meanwhile: it may have cost money.
pub type Ended<T> = Option<Result<T>>;

/// Cancels the one call that it was given to.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Notify>);

impl Cancel {
    /// Drops the call's future, and with it its connection.
    pub fn cancel(&self) {
        // Holds one permit: cancelling before the call begins to wait is not lost.
        self.0.notify_one();
    }
}

/// A call that is about to be made.
pub struct Driven<T> {
    /// By which the host's language knows the call. [`BACKGROUND`]: it does not.
    pub number: u64,
    /// What cancels it, if anything does.
    pub cancel: Option<Cancel>,
    /// Whether it begins on the runtime: [`Call::IS_LONG`](super::Call::IS_LONG).
    pub is_long: bool,
    /// The call itself. It is large, and each layer around it would move it on the caller's stack.
    pub call: BoxFuture<'static, Result<T>>,
}

/// The number of no call.
pub const BACKGROUND: u64 = 0;

/// A call after its first poll.
pub enum Begun<T> {
    /// It need not wait, and no thread was woken.
    Over(Ended<T>),
    /// The rest of it, to be driven on this runtime. It does not panic.
    Waits(&'static Runtime, BoxFuture<'static, Ended<T>>),
}

impl<T: Send + 'static> Driven<T> {
    /// Polls the call once, on this thread, unless it is a long one.
    pub fn begin(self) -> Begun<T> {
        self.begin_within(shared_runtime())
    }

    fn begin_within(self, runtime: Result<&'static Runtime>) -> Begun<T> {
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return Begun::Over(Some(Err(error))),
        };
        let is_long = self.is_long;
        let work = self.work();
        if is_long {
            return Begun::Waits(runtime, work);
        }
        let (begun, deferred) = poll_here(runtime, work);
        if deferred.is_empty() {
            return begun;
        }
        let rest = async move {
            for work in deferred {
                block_in_place(|| alone(work));
            }
            match begun {
                Begun::Over(ended) => ended,
                Begun::Waits(_, work) => work.await,
            }
        };
        Begun::Waits(runtime, Box::pin(rest))
    }

    /// [`Driven::begin`], and the rest on the runtime. Dropping the future ends the call.
    pub async fn drive(self) -> Ended<T> {
        match self.begin() {
            Begun::Over(ended) => ended,
            Begun::Waits(runtime, work) => spawned(runtime, work).await,
        }
    }

    fn work(self) -> BoxFuture<'static, Ended<T>> {
        let Self {
            number,
            cancel,
            call,
            ..
        } = self;
        Box::pin(NUMBER.scope(number, async move {
            let cancelled = async {
                match &cancel {
                    Some(cancel) => cancel.0.notified().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                result = caught(call) => Some(result),
                () = cancelled => None,
            }
        }))
    }
}

tokio::task_local! {
    static NUMBER: u64;
    /// What waits for a thread of the runtime, while a call is polled on its caller's.
    static DEFERRED: RefCell<Vec<Deferred>>;
}

/// Something to do where it may block.
type Deferred = Box<dyn FnOnce() + Send>;

/// The number of the call that is being driven here; [`BACKGROUND`] where none is.
pub fn current_call() -> u64 {
    NUMBER.try_with(|number| *number).unwrap_or(BACKGROUND)
}

/// Does what may block, even on a call of the same client: on a thread of the runtime, and before
/// the call ends. What else waits for that thread moves to another.
///
/// Not on the thread of the caller: it may be the very one that is waited for.
pub fn blocking(work: impl FnOnce() + Send + 'static) {
    if DEFERRED.try_with(|_| ()).is_ok() {
        DEFERRED.with(|deferred| deferred.borrow_mut().push(Box::new(work)));
    } else {
        block_in_place(work);
    }
}

/// A panic of what was deferred is no error of the call, which has gone on since.
fn alone(work: Deferred) {
    let _ = caught_now(|| {
        work();
        Ok(())
    });
}

/// Nobody is woken by what happens between this poll and the next: the runtime polls again anyway.
fn poll_here<T>(
    runtime: &'static Runtime,
    work: BoxFuture<'static, Ended<T>>,
) -> (Begun<T>, Vec<Deferred>) {
    let _runtime = runtime.enter();
    // Dropped before the guard is.
    let mut work = work;
    DEFERRED.sync_scope(RefCell::default(), || {
        let poll = Pin::as_mut(&mut work).poll(&mut Context::from_waker(Waker::noop()));
        let begun = match poll {
            Poll::Ready(ended) => Begun::Over(ended),
            Poll::Pending => Begun::Waits(runtime, work),
        };
        (begun, DEFERRED.with(RefCell::take))
    })
}

#[cfg(test)]
mod tests {
    use std::future::{poll_fn, Future};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::error::{Error, ErrorKind};

    fn driven<T>(call: impl Future<Output = Result<T>> + Send + 'static) -> Driven<T> {
        Driven {
            number: 7,
            cancel: None,
            is_long: false,
            call: Box::pin(call),
        }
    }

    /// As a host does that polls no futures.
    fn to_the_end<T: Send + 'static>(begun: Begun<T>) -> Ended<T> {
        match begun {
            Begun::Over(ended) => ended,
            Begun::Waits(runtime, work) => runtime.block_on(spawned(runtime, work)),
        }
    }

    async fn turn() {
        tokio::task::yield_now().await;
    }

    #[test]
    fn a_call_that_need_not_wait_is_made_on_its_callers_thread() {
        let call = driven(async { Ok((thread::current().id(), current_call())) });
        let Begun::Over(Some(Ok((thread, number)))) = call.begin() else {
            panic!("it need not wait");
        };
        assert_eq!((thread, number), (thread::current().id(), 7));
        assert_eq!(current_call(), BACKGROUND);
    }

    #[test]
    fn a_call_without_a_runtime_is_over() {
        for is_long in [false, true] {
            let mut call = driven(async { Ok(()) });
            call.is_long = is_long;
            let no_threads = Error::new(ErrorKind::Internal, "no threads");
            let Begun::Over(Some(Err(error))) = call.begin_within(Err(no_threads)) else {
                panic!("it cannot wait");
            };
            assert!(error.to_string().contains("no threads"), "{error}");
        }
    }

    #[test]
    fn a_call_that_waits_or_is_long_goes_on_on_the_runtime() {
        for is_long in [false, true] {
            let mut call = driven(async {
                turn().await;
                let name = thread::current().name().map(str::to_owned);
                Ok((name, current_call()))
            });
            call.is_long = is_long;
            let ended = shared_runtime().unwrap().block_on(call.drive());
            let (thread, number) = ended.unwrap().unwrap();
            assert_eq!((thread.as_deref(), number), (Some("relaypass"), 7));
        }
    }

    #[test]
    fn what_may_block_is_done_on_the_runtime_and_before_the_call_ends() {
        for waits in [false, true] {
            let (done, was_done) = mpsc::channel();
            let call = driven(async move {
                blocking(move || {
                    thread::sleep(Duration::from_millis(1));
                    done.send(thread::current().id()).unwrap();
                });
                if waits {
                    turn().await;
                }
                Ok(())
            });
            let begun = call.begin();
            was_done.try_recv().unwrap_err();
            assert!(to_the_end(begun).unwrap().is_ok());
            assert_ne!(was_done.try_recv().unwrap(), thread::current().id());
        }
    }

    #[test]
    fn a_call_is_cancelled_before_and_while_it_waits() {
        for early in [true, false] {
            let cancel = Cancel::default();
            let mut call = driven(pending::<Result<()>>());
            call.cancel = Some(cancel.clone());
            if early {
                cancel.cancel();
            }
            let begun = call.begin();
            cancel.cancel();
            assert!(to_the_end(begun).is_none());
        }
    }

    #[test]
    fn an_outcome_that_is_there_is_given_although_the_call_was_cancelled() {
        let cancel = Cancel::default();
        cancel.cancel();
        let mut call = driven(async { Ok(1) });
        call.cancel = Some(cancel);
        assert_eq!(to_the_end(call.begin()).unwrap().unwrap(), 1);
    }

    struct PanicsAtTheEnd;

    impl Drop for PanicsAtTheEnd {
        fn drop(&mut self) {
            panic!("canary");
        }
    }

    #[test]
    fn a_panic_is_an_error_wherever_it_happens() {
        let early = driven::<()>(async { panic!("canary") });
        let late = driven::<()>(async {
            turn().await;
            panic!("canary")
        });
        let held = PanicsAtTheEnd;
        let at_the_end = driven(poll_fn(move |_| {
            let _held = &held;
            Poll::Ready(Ok(()))
        }));
        for call in [early, late, at_the_end] {
            let error = to_the_end(call.begin()).unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Internal);
        }
    }

    #[test]
    fn a_panic_of_what_was_deferred_is_not_the_calls() {
        let (done, was_done) = mpsc::channel();
        let call = driven(async move {
            blocking(|| panic!("canary"));
            blocking(move || done.send(()).unwrap());
            Ok(1)
        });
        assert_eq!(to_the_end(call.begin()).unwrap().unwrap(), 1);
        was_done.try_recv().unwrap();
    }

    #[test]
    fn what_a_half_run_call_holds_may_panic_too() {
        let held = PanicsAtTheEnd;
        let panicked = driven(poll_fn(move |_| -> Poll<Result<()>> {
            let _held = &held;
            panic!("canary")
        }));
        let error = to_the_end(panicked.begin()).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);

        for early in [true, false] {
            let held = PanicsAtTheEnd;
            let mut cancelled = driven(poll_fn(move |_| -> Poll<Result<()>> {
                let _held = &held;
                Poll::Pending
            }));
            let cancel = Cancel::default();
            cancelled.cancel = Some(cancel.clone());
            if early {
                cancel.cancel();
            }
            let begun = cancelled.begin();
            cancel.cancel();
            assert!(to_the_end(begun).is_none());
        }
    }
}
