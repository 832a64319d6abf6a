//! The tokio runtime, once per process, and how Python waits for it.

use std::cell::Cell;
use std::mem;
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use relaypass::store::BoxFuture;
use relaypass::surface;
use tokio::runtime::Runtime;

use crate::exit;
use crate::outcome::Outcome;
use crate::per_process::{PerProcess, Process};

/// How long Ctrl-C may go unnoticed.
const SIGNALS_ARE_CHECKED_EVERY: Duration = Duration::from_millis(100);

static RUNTIME: PerProcess<Runtime> = PerProcess::new();

/// The runtime of this process. Nothing of it exists before the first call; [`unstarted`], when the
/// operating system has no threads or descriptors left.
pub(crate) fn runtime() -> PyResult<&'static Runtime> {
    RUNTIME.get_or_try_make(|| surface::runtime().map_err(unstarted))
}

/// Waits in this thread, while the others go on with Python, and looks for signals now and then, if
/// this is the thread whose business they are. The future is dropped when a signal's handler
/// raises, even if it is ready by then.
///
/// Handlers run between two waits, outside the runtime: they may call us.
pub(crate) fn wait<T: Send>(py: Python<'_>, mut future: BoxFuture<'_, T>) -> PyResult<T> {
    let (runtime, process) = (runtime()?, Process::current());
    if !handles_signals(py) {
        return Ok(away(py, || runtime.block_on(future)));
    }
    loop {
        let waited = away(py, || {
            runtime.block_on(async {
                // Polls the future first: one that is ready never arms a timer.
                tokio::time::timeout(SIGNALS_ARE_CHECKED_EVERY, future.as_mut()).await
            })
        });
        if let Ok(answer) = waited {
            return Ok(answer);
        }
        let handled = py.check_signals();
        if Process::current() != process {
            // A signal's handler forked, and this is the child: what the future holds is the
            // parent's.
            mem::forget(future);
            handled?;
            return Err(PyRuntimeError::new_err(
                "the process forked during this call; only the parent gets its answer",
            ));
        }
        if let Err(raised) = handled {
            away(py, || {
                // A connection that is dropped in the middle of an exchange spawns a task.
                let _runtime = runtime.enter();
                drop(future);
            });
            return Err(raised);
        }
    }
}

/// Whether this is the one thread in which Python runs the handlers of signals.
fn handles_signals(py: Python<'_>) -> bool {
    thread_local! {
        /// The answer, and the process it is about: a child goes on in the thread that forked.
        static ANSWER: Cell<Option<(Process, bool)>> = const { Cell::new(None) };
    }
    let process = Process::current();
    match ANSWER.get() {
        Some((asked_in, answer)) if asked_in == process => answer,
        _ => {
            // Other threads Python refuses this with a `ValueError`; in this one, whatever gevent
            // has made of `threading`, it goes on to find that there is no such descriptor.
            let refused = py
                .import("signal")
                .and_then(|signal| signal.call_method1("set_wakeup_fd", (-2,)));
            let answer = refused.is_err_and(|error| error.is_instance_of::<PyOSError>(py));
            ANSWER.set(Some((process, answer)));
            answer
        }
    }
}

/// Does something outside Python, and comes back.
pub(crate) fn away<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    let (done, pass) = py.detach(|| (work(), exit::pass_or_wait_for_the_end()));
    drop(pass);
    done
}

/// A `RuntimeError` that holds the outcome, which `relaypass/outcomes.py` opens.
pub(crate) fn unstarted(error: relaypass::Error) -> PyErr {
    PyRuntimeError::new_err((Outcome(Some(Err(error))),))
}
