//! The core's store suite, run on a store of Python's.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::IntoPyObjectExt;
use relaypass::store::conformance::{self, Reopen, Report, Violation};
use relaypass::store::Store;

use crate::answer::record;
use crate::call::Call;
use crate::errors::{raised_among_causes_of, Exception};
use crate::store::{CallbacksNumber, PythonStore};

relaypass::check_records!(record, Exception);

/// Checks the store with this number. With `can_reopen` it has a method `reopen`, which returns the
/// number of another store on the same data.
#[pyfunction]
pub(crate) fn check_store(store: CallbacksNumber, can_reopen: bool) -> Call {
    let store = Arc::new(PythonStore::new(store));
    let reopen = can_reopen.then(|| reopen(Arc::clone(&store)));
    Call::new(async move {
        let checked = conformance::check(store, reopen).await;
        Ok(Checked(checked))
    })
}

struct Checked(Result<Report, Violation>);

impl<'py> IntoPyObject<'py> for &Checked {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        match &self.0 {
            Ok(report) => (&ReportRecord::from(report)).into_bound_py_any(py),
            Err(violation) => {
                let raised = raised_among_causes_of(violation);
                (&ViolationRecord::new(violation, raised)).into_bound_py_any(py)
            }
        }
    }
}

fn reopen(store: Arc<PythonStore>) -> Reopen {
    Box::new(move || {
        let store = Arc::clone(&store);
        Box::pin(async move {
            let opened: Arc<dyn Store> = Arc::new(store.reopen().await?);
            Ok(opened)
        })
    })
}
