//! The tokio runtime and what belongs to it, once per process.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use std::{io, mem, ptr, thread};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use relaypass::Event;
use tokio::runtime::{Builder, Runtime};

use crate::asyncio::Messenger;
use crate::exit::Gate;
use crate::inbox::Inbox;
use crate::per_process::PerProcess;
use crate::store::{CallbacksNumber, Errand};

/// How long Ctrl-C may go unnoticed.
const SIGNALS_ARE_CHECKED_EVERY: Duration = Duration::from_millis(100);

/// So many methods of stores run at once; the others wait for their turn.
const MOST_STORE_THREADS: usize = 256;

/// What runs Rust's futures for Python. Nothing of it exists before the first call.
pub(crate) struct Engine {
    runtime: Runtime,
    gate: Gate,
    messenger: PerProcess<Messenger>,
    store_calls: Inbox<Errand>,
    events: Inbox<(CallbacksNumber, Event)>,
}

static ENGINE: PerProcess<Engine> = PerProcess::new();

impl Engine {
    /// The engine of this process.
    ///
    /// # Errors
    /// `RuntimeError` when the operating system has no threads or descriptors left.
    pub(crate) fn of_this_process() -> PyResult<&'static Self> {
        ENGINE.get_or_try_make(Self::new)
    }

    /// The engine of this process, if there has been a call.
    pub(crate) fn existing() -> Option<&'static Self> {
        ENGINE.existing()
    }

    fn new() -> PyResult<Self> {
        let threads = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(4);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("relaypass")
            .enable_all()
            .build()
            .map_err(|error| no_threads(&error))?;
        Ok(Self {
            runtime,
            gate: Gate::default(),
            messenger: PerProcess::new(),
            store_calls: Inbox::new(MOST_STORE_THREADS),
            // One thread keeps them in their order.
            events: Inbox::new(1),
        })
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What stores are asked.
    pub(crate) fn store_calls(&self) -> &Inbox<Errand> {
        &self.store_calls
    }

    /// What happened, and which client is to be told.
    pub(crate) fn events(&self) -> &Inbox<(CallbacksNumber, Event)> {
        &self.events
    }

    /// Who brings answers to asyncio; it starts working when first asked for.
    ///
    /// # Errors
    /// As [`Engine::of_this_process`].
    pub(crate) fn messenger(&'static self) -> PyResult<&'static Messenger> {
        self.messenger
            .get_or_try_make(|| Messenger::start(&self.gate).map_err(|error| no_threads(&error)))
    }

    /// Waits in this thread, while the others go on with Python, and looks for signals now and
    /// then. The future is dropped when a signal's handler raises, even if it is ready by then.
    ///
    /// Handlers run between two waits, outside the runtime: they may call us.
    pub(crate) fn wait<T: Send>(
        &self,
        py: Python<'_>,
        mut future: Pin<Box<dyn Future<Output = T> + Send>>,
    ) -> PyResult<T> {
        loop {
            let waited = self.away(py, || {
                self.runtime.block_on(async {
                    // Polls the future first: one that is ready never arms a timer.
                    tokio::time::timeout(SIGNALS_ARE_CHECKED_EVERY, future.as_mut()).await
                })
            });
            if let Ok(answer) = waited {
                return Ok(answer);
            }
            let handled = py.check_signals();
            if !self.is_of_this_process() {
                // A signal's handler forked, and this is the child: what the future holds is the
                // parent's.
                mem::forget(future);
                handled?;
                return Err(PyRuntimeError::new_err(
                    "the process forked during this call; only the parent gets its answer",
                ));
            }
            if let Err(raised) = handled {
                self.away(py, || {
                    // A connection that is dropped in the middle of an exchange spawns a task.
                    let _runtime = self.runtime.enter();
                    drop(future);
                });
                return Err(raised);
            }
        }
    }

    /// Does something outside Python, and comes back.
    pub(crate) fn away<T: Send>(&self, py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
        let (done, pass) = py.detach(|| (work(), self.gate.pass_or_wait_for_the_end()));
        drop(pass);
        done
    }

    fn is_of_this_process(&self) -> bool {
        Self::existing().is_some_and(|engine| ptr::eq(engine, self))
    }
}

fn no_threads(error: &io::Error) -> PyErr {
    PyRuntimeError::new_err(format!("relaypass cannot start its threads: {error}"))
}
