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

/// The process whose gate is closed; 0: none. A child that a thread forks meanwhile goes on.
static CLOSED_IN: AtomicU64 = AtomicU64::new(0);

/// Whether threads that are outside stay there for ever.
pub(crate) fn is_closed() -> bool {
    CLOSED_IN.load(Ordering::SeqCst) == Process::current().0
}

/// Whether the interpreter ends: nothing may be left behind that would have to go in later.
pub(crate) fn has_begun() -> bool {
    is_closed() || ENDS_THE_INTERPRETER.get()
}

/// How many of this process are on their way in.
fn passing() -> &'static AtomicUsize {
    static PASSING: PerProcess<AtomicUsize> = PerProcess::new();
    PASSING.get_or_make(AtomicUsize::default)
}

/// Its holder may enter the interpreter; to be dropped once inside.
pub(crate) struct Pass(&'static AtomicUsize);

/// Permission to enter, for threads that are outside; none once the gate is closed.
pub(crate) fn pass() -> Option<Pass> {
    let pass = Pass(passing());
    pass.0.fetch_add(1, Ordering::SeqCst);
    let open = !is_closed() || ENDS_THE_INTERPRETER.get();
    open.then_some(pass)
}

/// Permission to enter, for a Python thread on its way back. Once the gate is closed there is
/// no way back, and the thread waits here until the process ends, as CPython 3.14 has it.
pub(crate) fn pass_or_wait_for_the_end() -> Pass {
    pass().unwrap_or_else(|| loop {
        thread::park();
    })
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Has Python close the gate at exit. Registered when the module is imported, it runs after the
/// exit functions of everybody who imported it.
pub(crate) fn watch(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let (atexit, close) = (
        module.py().import("atexit")?,
        wrap_pyfunction!(close_gate, module)?,
    );
    atexit.call_method1("register", (close,)).map(drop)
}

#[pyfunction(name = "_close_gate")]
fn close_gate(py: Python<'_>) {
    ENDS_THE_INTERPRETER.set(true);
    CLOSED_IN.store(Process::current().0, Ordering::SeqCst);
    py.detach(|| {
        while passing().load(Ordering::SeqCst) > 0 {
            thread::sleep(Duration::from_millis(1));
        }
    });
}
