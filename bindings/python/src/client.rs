//! The client: arguments in, a prepared call out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};
use relaypass::surface::{self, ClientArguments, CloseArguments, Hosted, StoreArgument};

use crate::answer::Nothing;
use crate::arguments::{options, Given, Read};
use crate::call::Call;
use crate::events;
use crate::outcome::Outcome;
use crate::per_process::PerProcess;
use crate::runtime::away;
use crate::store::{CallbacksNumber, PythonStore};

/// A client. The calls under way hold what it stands on too.
#[pyclass(frozen, module = "relaypass._native")]
pub(crate) struct Client {
    connection: Arc<Connection>,
    /// The client's `Callbacks`, if it has any. Python's garbage collector knows of it.
    callbacks: Option<Py<PyAny>>,
}

/// A connected client, and how to make it again: after `fork` the child connects anew. It is made
/// from the arguments as they were given, because a parsed key has locks of its own.
struct Connection {
    arguments: ClientArguments,
    /// The store, if it is Python's.
    python_store: Option<PythonStore>,
    connected: PerProcess<relaypass::Client>,
    /// What a parent has closed is closed in its children.
    closed: AtomicBool,
}

// Python's class has all of its methods in one place.
macro_rules! methods {
    ($($method:ident: $arguments:ident {
        $($needed:ident: $needed_type:ident),*;
        $($other:ident: $other_type:ident),*
    } -> $answer:ident,)*) => {
        #[pymethods]
        impl Client {
            #[new]
            #[pyo3(signature = (given, callbacks=None, store_number=None, event_number=None))]
            fn new(
                given: &Bound<'_, PyDict>,
                callbacks: Option<Py<PyAny>>,
                store_number: Option<CallbacksNumber>,
                event_number: Option<CallbacksNumber>,
            ) -> PyResult<Self> {
                let python_store = store_number.map(PythonStore::new);
                let store = StoreArgument::of(python_store.clone().map(Hosted), None);
                let connection = Connection {
                    arguments: options(given, store, event_number.map(events::listener))?,
                    python_store,
                    connected: PerProcess::new(),
                    closed: AtomicBool::new(false),
                };
                Ok(Self { connection: Arc::new(connection), callbacks })
            }

            fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
                visit.call(&self.callbacks)
            }

            /// Checks the options, and makes the client of this process.
            fn connect(&self, py: Python<'_>) -> Outcome {
                Outcome::new(away(py, || self.connection.connected().map(|_| Nothing(None))))
            }

            #[getter]
            fn closed(&self) -> bool {
                self.connection.closed.load(Ordering::Relaxed)
            }

            #[pyo3(signature = (*, timeout=None, is_called_back=false))]
            fn close(&self, timeout: Given<'_, '_>, is_called_back: bool) -> PyResult<Call> {
                let timeout_seconds = timeout.read("timeout")?;
                let connection = Arc::clone(&self.connection);
                Ok(Call::new(async move {
                    let close = CloseArguments { timeout_seconds, is_called_back }.parse()?;
                    let client = connection.connected()?;
                    connection.closed.store(true, Ordering::Relaxed);
                    close.make(client).await.map(Nothing::from)
                }))
            }

            $(
                #[pyo3(signature = (*, $($needed,)* $($other=None,)* timeout=None))]
                #[allow(clippy::too_many_arguments, reason = "these are the call's")]
                fn $method(
                    &self,
                    $($needed: &Bound<'_, PyAny>,)*
                    $($other: Given<'_, '_>,)*
                    timeout: Given<'_, '_>,
                ) -> PyResult<Call> {
                    let arguments = surface::$arguments {
                        $($needed: $needed.read(stringify!($needed))?,)*
                        $($other: $other.read(stringify!($other))?,)*
                    };
                    let seconds = timeout.read("timeout")?;
                    let connection = Arc::clone(&self.connection);
                    Ok(Call::new(async move {
                        let client = connection.connected()?;
                        let answer = surface::run(arguments, client, seconds).await;
                        answer.map(crate::answer::$answer::from)
                    }))
                }
            )*
        }
    };
}

relaypass::calls!(methods);

impl Drop for Client {
    fn drop(&mut self) {
        let store = self.connection.python_store.as_ref();
        if let (Some(store), Some(callbacks)) = (store, self.callbacks.take()) {
            store.inherit(callbacks);
        }
        if let Some(connection) = Arc::get_mut(&mut self.connection) {
            // It closes its database, and that takes what the disk takes.
            Python::attach(|py| away(py, || connection.connected = PerProcess::new()));
        }
    }
}

impl Connection {
    /// The client of this process.
    fn connected(&self) -> relaypass::Result<&relaypass::Client> {
        self.connected.get_or_try_make(|| {
            let client = surface::open(&self.arguments)?;
            if self.closed.load(Ordering::Relaxed) {
                client.begin_close();
            }
            Ok(client)
        })
    }
}
