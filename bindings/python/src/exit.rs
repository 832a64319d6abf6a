//! The end of the interpreter.
//!
//! A thread that enters Python while the interpreter ends is killed there (CPython before 3.14
//! calls `pthread_exit`, which must not unwind Rust) or crashes. So whoever comes back to Python
//! from outside goes through this gate; Python closes it before it begins to end, when nobody is
//! between gate and interpreter any more, and from then on it keeps everybody out for ever.

use std::cell::Cell;
use std::thread;

use pyo3::prelude::*;

use crate::gate::Gate;
use crate::per_process::PerProcess;

thread_local! {
    /// Whether this is the thread that ends the interpreter; it alone may still go in.
    static ENDS_THE_INTERPRETER: Cell<bool> = const { Cell::new(false) };
}

/// The gate of this process. A child that a thread forks when it is closed has one that is open.
fn gate() -> &'static Gate {
    static GATE: PerProcess<Gate> = PerProcess::new();
    GATE.get_or_make(Gate::new)
}

/// Whether threads that are outside stay there for ever.
pub(crate) fn is_closed() -> bool {
    gate().is_closed()
}

/// Whether the interpreter ends: nothing may be left behind that would have to go in later.
pub(crate) fn has_begun() -> bool {
    is_closed() || ENDS_THE_INTERPRETER.get()
}

/// Its holder may enter the interpreter; to be dropped once inside.
pub(crate) type Pass = crate::gate::Pass<'static>;

/// Permission to enter, for threads that are outside; none once the gate is closed.
pub(crate) fn pass() -> Option<Pass> {
    match ENDS_THE_INTERPRETER.get() {
        true => Some(gate().pass_closed()),
        false => gate().pass(),
    }
}

/// Permission to enter, for a Python thread on its way back. Once the gate is closed there is
/// no way back, and the thread waits here until the process ends, as CPython 3.14 has it.
pub(crate) fn pass_or_wait_for_the_end() -> Pass {
    pass().unwrap_or_else(|| loop {
        thread::park();
    })
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
    py.detach(|| gate().close());
}
