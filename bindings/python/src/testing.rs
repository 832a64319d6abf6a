//! The core's store suite, run on a store of Python's.

use std::sync::Arc;

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
    let opener = can_reopen.then(|| store.clone());
    Call::new(async move {
        let reopen = |opener: Arc<PythonStore>| opener.as_ref().clone().reopen();
        let checked = surface::check_store(store, opener, reopen).await;
        checked.map(CheckRecord::from)
    })
}
