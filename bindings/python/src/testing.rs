//! The core's store suite, run on a store of Python's.

use std::sync::Arc;

use pyo3::prelude::*;
use relaypass::store::conformance::{self, Reopen};
use relaypass::store::Store;

use crate::answer::Answer;
use crate::call::Call;
use crate::store::{CallbacksNumber, PythonStore};

/// Checks the store with this number. With `can_reopen` it has a method `reopen`, which returns the
/// number of another store on the same data.
#[pyfunction]
pub(crate) fn check_store(store: CallbacksNumber, can_reopen: bool) -> Call {
    let store = Arc::new(PythonStore::new(store));
    let reopen = can_reopen.then(|| reopen(Arc::clone(&store)));
    Call::new(async move {
        let checked = conformance::check(store, reopen).await;
        Ok(Answer::StoreCheck(checked))
    })
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
