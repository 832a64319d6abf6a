//! What stores of Python's are asked, on its way to the threads that do it.

use pyo3::prelude::*;

use crate::inbox::Inbox;
use crate::per_process::PerProcess;

/// What a thread of Python's is asked to do for a store: it takes what this makes, a method to
/// call, or an object to let go of.
pub(crate) type Errand = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// What stores are asked in this process.
pub(crate) fn errands() -> &'static Inbox<Errand> {
    static ERRANDS: PerProcess<Inbox<Errand>> = PerProcess::new();
    ERRANDS.get_or_make(|| Inbox::new(MOST_STORE_THREADS))
}

/// So many methods of stores run at once; the others wait for their turn.
const MOST_STORE_THREADS: usize = 256;
