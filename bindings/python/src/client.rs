//! The client: arguments in, a prepared call out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};
use relaypass::store::Store;
use relaypass::surface::{
    self, ClaimArguments, ClientArguments, CloseArguments, CompleteArguments, CountArguments,
    CreateArguments, ForgetArguments, GetArguments, IssueArguments, PrefetchArguments,
    RecoverArguments, StartArguments, StoreArgument,
};

use crate::answer::Answer;
use crate::arguments::{given, options, Given, Read};
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
    python_store: Option<Arc<PythonStore>>,
    connected: PerProcess<relaypass::Client>,
    /// What a parent has closed is closed in its children.
    closed: AtomicBool,
}

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
        let python_store = store_number.map(|number| Arc::new(PythonStore::new(number)));
        let store = python_store
            .as_ref()
            .map(|store| Arc::clone(store) as Arc<dyn Store>);
        let store = store.map(StoreArgument::Object);
        let connection = Connection {
            arguments: options(given, store, event_number.map(events::listener))?,
            python_store,
            connected: PerProcess::new(),
            closed: AtomicBool::new(false),
        };
        Ok(Self {
            connection: Arc::new(connection),
            callbacks,
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.callbacks)
    }

    /// Checks the options, and makes the client of this process.
    fn connect(&self, py: Python<'_>) -> Outcome {
        Outcome::new(away(py, || {
            self.connection.connected().map(|_| Answer::Nothing)
        }))
    }

    #[getter]
    fn closed(&self) -> bool {
        self.connection.closed.load(Ordering::Relaxed)
    }

    #[pyo3(signature = (*, timeout=None, is_called_back=false))]
    fn close(&self, timeout: Given<'_, '_>, is_called_back: bool) -> PyResult<Call> {
        let arguments = CloseArguments {
            timeout_seconds: timeout.read("timeout")?,
            is_called_back,
        };
        let connection = Arc::clone(&self.connection);
        Ok(Call::new(async move {
            let close = arguments.parse()?;
            let client = connection.connected()?;
            connection.closed.store(true, Ordering::Relaxed);
            close.make(client).await.map(|()| Answer::Nothing)
        }))
    }

    #[pyo3(signature = (*, claim_type, encryption_key=None, timeout=None))]
    fn create(
        &self,
        claim_type: &Bound<'_, PyAny>,
        encryption_key: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> PyResult<Call> {
        self.call(
            given!(CreateArguments {
                claim_type,
                encryption_key
            }),
            timeout,
        )
    }

    #[pyo3(signature = (*, claim_type=None, relay_token=None, relay_secret=None, timeout=None))]
    fn issue_privacy_pass(
        &self,
        claim_type: Given<'_, '_>,
        relay_token: Given<'_, '_>,
        relay_secret: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> PyResult<Call> {
        self.call(
            given!(IssueArguments {
                claim_type,
                relay_token,
                relay_secret
            }),
            timeout,
        )
    }

    #[pyo3(signature = (*, relay_token, relay_secret, privacy_pass_token, claim_type=None,
        decryption_key=None, idempotency_key=None, timeout=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "these are the arguments that Python has"
    )]
    fn generate_claim(
        &self,
        relay_token: &Bound<'_, PyAny>,
        relay_secret: &Bound<'_, PyAny>,
        privacy_pass_token: &Bound<'_, PyAny>,
        claim_type: Given<'_, '_>,
        decryption_key: Given<'_, '_>,
        idempotency_key: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> PyResult<Call> {
        self.call(
            given!(ClaimArguments {
                relay_token,
                relay_secret,
                privacy_pass_token,
                claim_type,
                decryption_key,
                idempotency_key
            }),
            timeout,
        )
    }

    #[pyo3(signature = (*, claim_type, reference=None, timeout=None))]
    fn start_verification(
        &self,
        claim_type: &Bound<'_, PyAny>,
        reference: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> PyResult<Call> {
        self.call(
            given!(StartArguments {
                claim_type,
                reference
            }),
            timeout,
        )
    }

    #[pyo3(signature = (id, *, reissue=None, timeout=None))]
    fn complete_verification(
        &self,
        id: &Bound<'_, PyAny>,
        reissue: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> PyResult<Call> {
        self.call(given!(CompleteArguments { id, reissue }), timeout)
    }

    #[pyo3(signature = (id, *, timeout=None))]
    fn get_verification(&self, id: &Bound<'_, PyAny>, timeout: Given<'_, '_>) -> PyResult<Call> {
        self.call(given!(GetArguments { id }), timeout)
    }

    #[pyo3(signature = (id, *, timeout=None))]
    fn forget_verification(&self, id: &Bound<'_, PyAny>, timeout: Given<'_, '_>) -> PyResult<Call> {
        self.call(given!(ForgetArguments { id }), timeout)
    }

    #[pyo3(signature = (*, timeout=None))]
    fn recover_verifications(&self, timeout: Given<'_, '_>) -> PyResult<Call> {
        self.call(RecoverArguments {}, timeout)
    }

    #[pyo3(signature = (*, claim_type, count, timeout=None))]
    fn prefetch_passes(
        &self,
        claim_type: &Bound<'_, PyAny>,
        count: &Bound<'_, PyAny>,
        timeout: Given<'_, '_>,
    ) -> PyResult<Call> {
        self.call(given!(PrefetchArguments { claim_type, count }), timeout)
    }

    #[pyo3(signature = (*, claim_type, timeout=None))]
    fn count_passes(
        &self,
        claim_type: &Bound<'_, PyAny>,
        timeout: Given<'_, '_>,
    ) -> PyResult<Call> {
        self.call(given!(CountArguments { claim_type }), timeout)
    }

    /// A call that returns at once: what the way there and back costs.
    fn noop(&self) -> Call {
        let connection = Arc::clone(&self.connection);
        Call::new(async move { connection.connected().map(|_| Answer::Nothing) })
    }
}

impl Client {
    fn call<C: surface::Call>(&self, arguments: C, timeout: Given<'_, '_>) -> PyResult<Call>
    where
        Answer: From<C::Answer>,
    {
        let seconds = timeout.read("timeout")?;
        let connection = Arc::clone(&self.connection);
        Ok(Call::new(async move {
            let client = connection.connected()?;
            arguments.run(client, seconds).await.map(Answer::from)
        }))
    }
}

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
            let client = self.arguments.parse()?.build()?;
            if self.closed.load(Ordering::Relaxed) {
                client.begin_close();
            }
            Ok(client)
        })
    }
}
