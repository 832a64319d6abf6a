//! What all requests share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use relaypass::store::BuiltInStore;
use relaypass::transport::Transport;
use relaypass::{Client, ClientBuilder, Listener, Privacy};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::metrics::Metrics;
use crate::options::{Limits, OperatorToken, Options, StartError};
use crate::watched::Watched;

/// How often it tidies up.
const TIDYING: Duration = Duration::from_secs(3600);

/// The gateway without its sockets.
pub(crate) struct App {
    /// Recovers what crashes left, and serves the verification endpoints if they are open.
    pub(crate) client: Client,
    /// What opens the verification endpoints. With one there is an API key too.
    pub(crate) token: Option<OperatorToken>,
    pub(crate) store: BuiltInStore,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: Limits,
    /// One permit for each call that is worked on.
    pub(crate) calls: Arc<Semaphore>,
    /// The calls that are worked on, whether or not their client waits.
    pub(crate) working: TaskTracker,
    is_stopping: AtomicBool,
}

impl App {
    pub(crate) fn new(options: Options) -> Result<Self, StartError> {
        Self::by_way_of(options, |transport| transport)
    }

    /// The same with other ways to Persona than those that are given to `way`.
    pub(crate) fn by_way_of(
        options: Options,
        way: impl Fn(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let store = open_store(&options)?;
        check_seal_keys(&options, &store)?;
        let metrics = Arc::new(Metrics::new());
        let client = open_client(&options, |builder| {
            let (counting, watching) = (Arc::clone(&metrics), Arc::clone(&metrics));
            builder
                .store(store.store())
                .on_event(Listener::new(move |event| {
                    counting.count_event(event.kind);
                }))
                .wrap_transports(move |transport| {
                    Arc::new(Watched::new(way(transport), Arc::clone(&watching)))
                })
        })?;
        Ok(Self {
            client,
            token: options.token,
            store,
            metrics,
            calls: Arc::new(Semaphore::new(options.limits.calls)),
            limits: options.limits,
            working: TaskTracker::new(),
            is_stopping: AtomicBool::new(false),
        })
    }

    /// Takes up at once what a crash left behind, and then about once a minute; and drops about once
    /// an hour what need not be kept any more.
    pub(crate) fn begin_background(self: &Arc<Self>) {
        let app = Arc::clone(self);
        self.working.spawn(async move {
            if let Err(error) = app.client.verifications().recover().await {
                tracing::warn!(code = error.code(), "recovery failed: {error}");
            }
        });
        let app = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(app) = app.upgrade() {
                app.tidy().await;
                drop(app);
                tokio::time::sleep(TIDYING).await;
            }
        });
    }

    /// Drops what need not be kept any more, and sees to it that an old seal key can be dropped.
    async fn tidy(&self) {
        if let Err(error) = self.client.durable_relays().renew_seal().await {
            tracing::warn!(code = error.code(), "a seal could not be renewed: {error}");
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        match self.store.delete_expired(now).await {
            Ok(0) => {}
            Ok(records) => tracing::info!(records, "dropped what need not be kept any more"),
            Err(error) => tracing::warn!("old records could not be dropped: {error}"),
        }
    }

    pub(crate) fn begin_stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }
}

/// What is stored holds secrets.
pub(crate) fn check_seal_keys(options: &Options, store: &BuiltInStore) -> Result<(), StartError> {
    let is_memory = matches!(store, BuiltInStore::Memory(_));
    if options.seal_keys.is_empty() && !is_memory {
        return Err(StartError::new(
            "seal_key",
            "is missing: what is stored holds passes and relay secrets, and is sealed",
        ));
    }
    Ok(())
}

/// The store that is named. Nothing is connected or created yet.
fn open_store(options: &Options) -> Result<BuiltInStore, StartError> {
    store_named(options, BuiltInStore::open)
}

/// The store that is named, as `open` opens it.
pub(crate) fn store_named(
    options: &Options,
    open: fn(&str) -> relaypass::Result<BuiltInStore>,
) -> Result<BuiltInStore, StartError> {
    open(&options.store).map_err(|error| StartError::new("store", error.message().to_owned()))
}

/// The gateway's client, with the store that `complete` gives it.
pub(crate) fn open_client(
    options: &Options,
    complete: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<Client, StartError> {
    let settings = client_settings(options);
    let builder = complete(
        Client::builder()
            .seal_keys(options.seal_keys.clone())
            .pass_binding(options.pass_binding)
            .isolation(options.isolation)
            .background(true),
    );
    let client = (settings.iter())
        .fold(builder.clone(), |builder, (_, set)| set(builder))
        .build()
        .map_err(|error| {
            // Whichever fails by itself is at fault.
            let fails = |set: &Set| set(builder.clone()).build().is_err();
            let fault = settings.iter().find(|(_, set)| fails(set));
            let setting = fault.map_or("client", |(setting, _)| setting);
            StartError::new(setting, error.message())
        })?;
    if options.api_key.is_none() && options.token.is_some() {
        return Err(StartError::new(
            "api_key",
            "is missing: the endpoints that the token opens buy passes with it",
        ));
    }
    if options.token.is_none() && options.pass_pool > 0 {
        return Err(StartError::new(
            "token",
            "is missing: the pool's passes are for the endpoints that it opens",
        ));
    }
    Ok(client)
}

/// One setting of the client.
type Set = Box<dyn Fn(ClientBuilder) -> ClientBuilder>;

/// The settings that are the client's to check, by their names in [`Options`].
fn client_settings(options: &Options) -> Vec<(&'static str, Set)> {
    let mut settings: Vec<(&'static str, Set)> = Vec::new();
    let mut add = |name, set: Option<Set>| settings.extend(set.map(|set| (name, set)));
    let Options {
        pass_pool,
        encryption_form,
        privacy,
        ..
    } = *options;
    add(
        "base_url",
        options.base_url.clone().map(|url| -> Set {
            Box::new(move |builder: ClientBuilder| builder.base_url(url.as_str()))
        }),
    );
    add(
        "ca_pem",
        options.ca_pem.clone().map(|pem| -> Set {
            Box::new(move |builder: ClientBuilder| builder.ca_pem(pem.as_str()))
        }),
    );
    add(
        "api_key",
        options.api_key.clone().map(|key| -> Set {
            Box::new(move |builder: ClientBuilder| builder.api_key(key.expose().as_str()))
        }),
    );
    add(
        "anonymous_proxy",
        options.anonymous_proxy.clone().map(|url| -> Set {
            Box::new(move |builder: ClientBuilder| builder.anonymous_proxy(url.expose().as_str()))
        }),
    );
    add(
        "identified_proxy",
        options.identified_proxy.clone().map(|url| -> Set {
            Box::new(move |builder: ClientBuilder| builder.identified_proxy(url.expose().as_str()))
        }),
    );
    add(
        "decryption_key",
        options.decryption_key.clone().map(|key| -> Set {
            Box::new(move |builder: ClientBuilder| builder.decryption_key(key.clone()))
        }),
    );
    add(
        "encryption_form",
        Some(Box::new(move |builder| {
            builder.encryption_form(encryption_form)
        })),
    );
    add(
        "timeout",
        options.timeout.map(|timeout| -> Set {
            Box::new(move |builder: ClientBuilder| builder.timeout(timeout))
        }),
    );
    add(
        "retries",
        options.retries.map(|retries| -> Set {
            Box::new(move |builder: ClientBuilder| builder.retries(retries))
        }),
    );
    add(
        "purchase_window",
        options.purchase_window.map(|window| -> Set {
            Box::new(move |builder: ClientBuilder| builder.purchase_window(window))
        }),
    );
    add(
        "pass_pool",
        Some(Box::new(move |builder| builder.pass_pool(pass_pool))),
    );
    if privacy != Privacy::Standard {
        add(
            "privacy",
            Some(Box::new(move |builder| builder.privacy(privacy))),
        );
    }
    settings
}
