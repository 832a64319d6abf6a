//! The end of the interpreter.
//!
//! A thread that enters Python while the interpreter ends is killed there (CPython before 3.14
//! calls `pthread_exit`, which must not unwind Rust) or crashes. So whoever comes back to Python
//! from outside goes through this gate; Python closes it before it begins to end, when nobody is
//! between gate and interpreter any more, and from then on it keeps everybody out for ever.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

use crate::per_process::{PerProcess, Process};

thread_local! {
    /// Whether this is the thread that ends the interpreter; it alone may still go in.
    static ENDS_THE_INTERPRETER: Cell<bool> = const { Cell::new(false) };
}

/// The process whose gate is closed; 0: none. A child
/// that a thread forks meanwhile has an interpreter of its own, which goes on.
static CLOSED_IN: AtomicU64 = AtomicU64::new(0);

/// Whether threads that are outside stay there for ever.
pub(crate) fn is_closed() -> bool {
    CLOSED_IN.load(Ordering::SeqCst) == Process::current().number()
}

/// Whether the interpreter ends: nothing may be left behind that would have to go in later.
pub(crate) fn has_begun() -> bool {
    is_closed() || ENDS_THE_INTERPRETER.get()
}

/// The way into the interpreter for threads that are outside. One per process.
#[derive(Default)]
pub(crate) struct Gate {
    passing: AtomicUsize,
}

/// The gate of this process.
pub(crate) fn gate() -> &'static Gate {
    static GATE: PerProcess<Gate> = PerProcess::new();
    GATE.get_or_make(Gate::default)
}

/// Its holder may enter the interpreter; to be dropped once inside.
pub(crate) struct Pass<'a>(&'a Gate);

impl Gate {
    /// Permission to enter; none once the gate is closed.
    pub(crate) fn pass(&self) -> Option<Pass<'_>> {
        self.passing.fetch_add(1, Ordering::SeqCst);
        let pass = Pass(self);
        let open = !is_closed() || ENDS_THE_INTERPRETER.get();
        open.then_some(pass)
    }

    /// Permission to enter, for a Python thread on its way back. Once the gate is closed there is
    /// no way back, and the thread waits here until the process ends, as CPython 3.14 has it.
    pub(crate) fn pass_or_wait_for_the_end(&self) -> Pass<'_> {
        self.pass().unwrap_or_else(|| loop {
            thread::park();
        })
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.passing.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Has Python close the gate at exit. Registered when the module is imported, it runs after the
/// exit functions of everybody who imported it.
pub(crate) fn watch(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    py.import("atexit")?
        .call_method1("register", (wrap_pyfunction!(close_gate, module)?,))?;
    Ok(())
}

#[pyfunction(name = "_close_gate")]
fn close_gate(py: Python<'_>) {
    ENDS_THE_INTERPRETER.set(true);
    CLOSED_IN.store(Process::current().number(), Ordering::SeqCst);
    py.detach(|| {
        while gate().passing.load(Ordering::SeqCst) > 0 {
            thread::sleep(Duration::from_millis(1));
        }
    });
}
