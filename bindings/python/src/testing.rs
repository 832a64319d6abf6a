//! The core's store suite, run on a store of Python's.

use pyo3::prelude::*;
use relaypass::surface;

use crate::answer::record;
use crate::call::Call;
use crate::errors::{raised_in, Exception};
use crate::store::{CallbacksNumber, PythonStore};

relaypass::check_records!(record, Exception, raised_in);

/// Checks the store with this number. With `can_reopen` it has a method `reopen`, which returns the
/// number of another store on the same data.
#[pyfunction]
pub(crate) fn check_store(store: CallbacksNumber, can_reopen: bool) -> Call {
    let store = PythonStore::new(store);
    let first = store.clone();
    let reopen = can_reopen.then_some(move || first.clone().reopen());
    Call::new(async move {
        let checked = surface::check_store(store, reopen).await;
        checked.map(CheckRecord::from)
    })
}
