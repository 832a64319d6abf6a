//! The client: arguments in, a prepared call out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
use relaypass::arguments::{
    ClaimArguments, ClientArguments, CloseArguments, CreateArguments, IssueArguments,
    StartArguments, StoreArgument,
};
use relaypass::store::Store;
use relaypass::{ClaimType, Passes, Relays, VerificationId, Verifications};

use crate::answer::Answer;
use crate::argument::{keys, optional, seconds, secret, text, truth, whole};
use crate::call::Call;
use crate::events;
use crate::outcome::Outcome;
use crate::per_process::PerProcess;
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

/// An argument as it came.
type Given<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (*, api_key=None, base_url=None, environment=None, timeout=None,
        retries=None, ca_pem=None, anonymous_proxy=None, identified_proxy=None,
        decryption_key=None, store_url=None, store_timeout=None, seal_key=None,
        pass_binding=None, pass_pool=None, background=None, callbacks=None,
        store_number=None, event_number=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "these are the options that Python has"
    )]
    fn new(
        api_key: Given<'_, '_>,
        base_url: Given<'_, '_>,
        environment: Given<'_, '_>,
        timeout: Given<'_, '_>,
        retries: Given<'_, '_>,
        ca_pem: Given<'_, '_>,
        anonymous_proxy: Given<'_, '_>,
        identified_proxy: Given<'_, '_>,
        decryption_key: Given<'_, '_>,
        store_url: Given<'_, '_>,
        store_timeout: Given<'_, '_>,
        seal_key: Given<'_, '_>,
        pass_binding: Given<'_, '_>,
        pass_pool: Given<'_, '_>,
        background: Given<'_, '_>,
        callbacks: Option<Py<PyAny>>,
        store_number: Option<CallbacksNumber>,
        event_number: Option<CallbacksNumber>,
    ) -> PyResult<Self> {
        let python_store = store_number.map(|number| Arc::new(PythonStore::new(number)));
        let store = match &python_store {
            Some(store) => Some(StoreArgument::Object(Arc::clone(store) as Arc<dyn Store>)),
            None => optional(secret, store_url, "store")?.map(StoreArgument::Url),
        };
        let connection = Connection {
            arguments: ClientArguments {
                api_key: optional(secret, api_key, "api_key")?,
                base_url: optional(text, base_url, "base_url")?,
                environment: optional(text, environment, "environment")?,
                timeout_seconds: optional(seconds, timeout, "timeout")?,
                retries: optional(whole, retries, "retries")?,
                ca_pem: optional(text, ca_pem, "ca_pem")?,
                anonymous_proxy: optional(secret, anonymous_proxy, "anonymous_proxy")?,
                identified_proxy: optional(secret, identified_proxy, "identified_proxy")?,
                decryption_key: optional(secret, decryption_key, "decryption_key")?,
                store,
                store_timeout_seconds: optional(seconds, store_timeout, "store_timeout")?,
                seal_keys: optional(keys, seal_key, "seal_key")?.unwrap_or_default(),
                pass_binding: optional(text, pass_binding, "pass_binding")?,
                pass_pool: optional(whole, pass_pool, "pass_pool")?,
                background: optional(truth, background, "background")?,
                on_event: event_number.map(events::listener),
            },
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
    fn connect(&self) -> Outcome {
        Outcome::new(self.connection.connected().map(|_| Answer::Nothing))
    }

    #[getter]
    fn closed(&self) -> bool {
        self.connection.closed.load(Ordering::Relaxed)
    }

    #[pyo3(signature = (*, timeout=None, is_called_back=false))]
    fn close(&self, timeout: Given<'_, '_>, is_called_back: bool) -> PyResult<Call> {
        let arguments = CloseArguments {
            timeout_seconds: optional(seconds, timeout, "timeout")?,
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
        let request = CreateArguments {
            claim_type: text(claim_type, "claim_type")?,
            encryption_key: optional(text, encryption_key, "encryption_key")?,
        };
        let client = self.limited(timeout)?;
        Ok(Call::new(async move {
            let request = request.parse()?;
            let relay = client.relays()?.create(request).await;
            relay.map(Answer::Relay)
        }))
    }

    #[pyo3(signature = (*, claim_type=None, relay_token=None, relay_secret=None, timeout=None))]
    fn issue_privacy_pass(
        &self,
        claim_type: Given<'_, '_>,
        relay_token: Given<'_, '_>,
        relay_secret: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> PyResult<Call> {
        let request = IssueArguments {
            claim_type: optional(text, claim_type, "claim_type")?,
            relay_token: optional(text, relay_token, "relay_token")?,
            relay_secret: optional(secret, relay_secret, "relay_secret")?,
        };
        let client = self.limited(timeout)?;
        Ok(Call::new(async move {
            let request = request.parse()?;
            let pass = client.relays()?.issue_privacy_pass(request).await;
            pass.map(Answer::PrivacyPass)
        }))
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
        let request = ClaimArguments {
            relay_token: text(relay_token, "relay_token")?,
            relay_secret: secret(relay_secret, "relay_secret")?,
            privacy_pass_token: secret(privacy_pass_token, "privacy_pass_token")?,
            claim_type: optional(text, claim_type, "claim_type")?,
            decryption_key: optional(secret, decryption_key, "decryption_key")?,
            idempotency_key: optional(secret, idempotency_key, "idempotency_key")?,
        };
        let client = self.limited(timeout)?;
        Ok(Call::new(async move {
            let request = request.parse()?;
            let answer = client.relays()?.generate_claim(request).await;
            answer.map(Answer::GeneratedClaim)
        }))
    }

    #[pyo3(signature = (*, claim_type, reference=None, timeout=None))]
    fn start_verification(
        &self,
        claim_type: &Bound<'_, PyAny>,
        reference: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> PyResult<Call> {
        let request = StartArguments {
            claim_type: text(claim_type, "claim_type")?,
            reference: optional(text, reference, "reference")?,
        };
        let client = self.limited(timeout)?;
        Ok(Call::new(async move {
            let request = request.parse()?;
            let started = client.verifications()?.start(request).await;
            started.map(Answer::Verification)
        }))
    }

    #[pyo3(signature = (id, *, reissue, timeout=None))]
    fn complete_verification(
        &self,
        id: &Bound<'_, PyAny>,
        reissue: &Bound<'_, PyAny>,
        timeout: Given<'_, '_>,
    ) -> PyResult<Call> {
        let id = text(id, "id")?;
        let reissue = truth(reissue, "reissue")?;
        let client = self.limited(timeout)?;
        Ok(Call::new(async move {
            let id = VerificationId::parse(id)?;
            let completed = client.verifications()?.complete(&id, reissue).await;
            completed.map(Answer::Completion)
        }))
    }

    #[pyo3(signature = (id, *, timeout=None))]
    fn get_verification(&self, id: &Bound<'_, PyAny>, timeout: Given<'_, '_>) -> PyResult<Call> {
        let id = text(id, "id")?;
        let client = self.limited(timeout)?;
        Ok(Call::new(async move {
            let id = VerificationId::parse(id)?;
            let verification = client.verifications()?.get(&id).await;
            verification.map(Answer::Verification)
        }))
    }

    #[pyo3(signature = (id, *, timeout=None))]
    fn forget_verification(&self, id: &Bound<'_, PyAny>, timeout: Given<'_, '_>) -> PyResult<Call> {
        let id = text(id, "id")?;
        let client = self.limited(timeout)?;
        Ok(Call::new(async move {
            let id = VerificationId::parse(id)?;
            let forgotten = client.verifications()?.forget(&id).await;
            forgotten.map(|()| Answer::Nothing)
        }))
    }

    #[pyo3(signature = (*, timeout=None))]
    fn recover_verifications(&self, timeout: Given<'_, '_>) -> PyResult<Call> {
        let client = self.limited(timeout)?;
        Ok(Call::new(async move {
            let recovered = client.verifications()?.recover().await;
            recovered.map(Answer::Count)
        }))
    }

    #[pyo3(signature = (*, claim_type, count, timeout=None))]
    fn prefetch_passes(
        &self,
        claim_type: &Bound<'_, PyAny>,
        count: &Bound<'_, PyAny>,
        timeout: Given<'_, '_>,
    ) -> PyResult<Call> {
        let claim_type = text(claim_type, "claim_type")?;
        let count = whole(count, "count")?;
        // A number that is no count becomes one that the core refuses.
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let client = self.limited(timeout)?;
        Ok(Call::new(async move {
            let claim_type = ClaimType::parse(claim_type)?;
            let bought = client.passes()?.prefetch(&claim_type, count).await;
            bought.map(|bought| Answer::Count(bought.into()))
        }))
    }

    #[pyo3(signature = (*, claim_type, timeout=None))]
    fn count_passes(
        &self,
        claim_type: &Bound<'_, PyAny>,
        timeout: Given<'_, '_>,
    ) -> PyResult<Call> {
        let claim_type = text(claim_type, "claim_type")?;
        let client = self.limited(timeout)?;
        Ok(Call::new(async move {
            let claim_type = ClaimType::parse(claim_type)?;
            let ready = client.passes()?.count(&claim_type).await;
            ready.map(|ready| Answer::Count(ready.into()))
        }))
    }

    /// A call that returns at once: what the way there and back costs.
    fn noop(&self) -> PyResult<Call> {
        let client = self.limited(None)?;
        Ok(Call::new(async move {
            client.relays()?;
            Ok(Answer::Nothing)
        }))
    }
}

impl Client {
    /// The client for one call.
    fn limited(&self, timeout: Given<'_, '_>) -> PyResult<Limited> {
        Ok(Limited {
            connection: Arc::clone(&self.connection),
            seconds: optional(seconds, timeout, "timeout")?,
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let store = self.connection.python_store.as_ref();
        if let (Some(store), Some(callbacks)) = (store, self.callbacks.take()) {
            store.inherit(callbacks);
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

/// A client that one call keeps alive, and how long that call may take.
struct Limited {
    connection: Arc<Connection>,
    seconds: Option<f64>,
}

impl Limited {
    fn relays(&self) -> relaypass::Result<Relays<'_>> {
        self.connection
            .connected()?
            .relays()
            .within_seconds(self.seconds)
    }

    fn verifications(&self) -> relaypass::Result<Verifications<'_>> {
        self.connection
            .connected()?
            .verifications()
            .within_seconds(self.seconds)
    }

    fn passes(&self) -> relaypass::Result<Passes<'_>> {
        self.connection
            .connected()?
            .passes()
            .within_seconds(self.seconds)
    }
}
