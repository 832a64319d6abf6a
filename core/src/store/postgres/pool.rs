//! The pool, and what is tried again when.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{
    ConfigConnectImpl, Connect, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError,
    QueueMode, Runtime, TimeoutType,
};
use futures_util::future::join;
use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Row};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;

use super::per_process::PerProcess;
use super::refusals;
use super::url::Settings;
use crate::future::BoxFuture;
use crate::store::table::POSTGRES_DDL;
use crate::store::StoreError;

/// A connection that rested longer is not trusted: firewalls forget such ones without a word, and a
/// swap over it would hang.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// How much longer than for a network a new connection is waited for, its first answer included. A pooler
/// whose own connections are all taken lets everybody in and says nothing. With one host and the usual
/// `connect_timeout` that is less than a client waits for its store, so that the reason is told.
const FIRST_ANSWER: Duration = Duration::from_secs(3);

/// How often a statement is repeated that had no effect, for certain.
const REPEATS: usize = 4;

/// Creating the table is not safe against itself, so two processes take turns. The number means
/// nothing and belongs to this purpose.
const CREATE_LOCK: &str = "SELECT pg_advisory_xact_lock(7380954215263498);";

/// Whether a statement may be sent again when its connection broke and its effect is unknown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Once,
    Never,
}

pub(super) struct Connections {
    settings: Settings,
    pool: PerProcess<Pool>,
    refused: Arc<Refused>,
}

/// When a server last refused a write. What was connected before is not trusted any more.
struct Refused {
    base: Instant,
    /// In nanoseconds after it; without a lock, for a fork's sake.
    latest: AtomicU64,
}

impl Refused {
    fn new() -> Arc<Self> {
        let (base, latest) = (Instant::now(), AtomicU64::new(0));
        Arc::new(Self { base, latest })
    }

    fn note(&self) {
        let now = u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.latest.fetch_max(now, Relaxed);
    }

    fn concerns(&self, age: Duration) -> bool {
        let latest = Duration::from_nanos(self.latest.load(Relaxed));
        !latest.is_zero() && age >= self.base.elapsed().saturating_sub(latest)
    }
}

impl Connections {
    pub(super) fn new(settings: Settings) -> Self {
        let refused = Refused::new();
        let pool = PerProcess::new(make_pool(&settings, &refused));
        Self {
            settings,
            pool,
            refused,
        }
    }

    pub(super) fn never_create(&mut self) {
        self.settings.create_table = false;
    }

    /// The rows of one statement, which is a transaction of its own.
    pub(super) async fn query(
        &self,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
        again: Again,
    ) -> Result<Vec<Row>, StoreError> {
        let mut once_more = again == Again::Once;
        let mut repeats = REPEATS;
        let mut may_create = self.settings.create_table;
        let mut elsewhere = true;
        loop {
            let cause = match self.attempt(statement, parameters).await? {
                Ok(rows) => return Ok(rows),
                Err(cause) => cause,
            };
            if was_rolled_back(&cause) && repeats > 0 {
                repeats -= 1;
            } else if cause.code() == Some(&SqlState::UNDEFINED_TABLE) && may_create {
                may_create = false;
                self.create_table().await?;
            } else if takes_no_writes(&cause) && elsewhere {
                // Another server may have its address by now, and nothing was written.
                elsewhere = false;
                self.refused.note();
            } else if is_broken(&cause) && once_more {
                once_more = false;
                // What else rests in the pool is as old as the one that broke.
                self.pool().retain(|_, _| false);
            } else {
                let is_broken = is_broken(&cause);
                return Err(refusals::failed(cause, is_broken));
            }
        }
    }

    /// Makes the table and the index, in one transaction, unless statements find a table already: in
    /// another schema of the search path, maybe, and somebody else's.
    pub(super) async fn create_table(&self) -> Result<(), StoreError> {
        let lent = self.lend().await?;
        let result = lent
            .connection()
            .batch_execute(&format!(
                "{CREATE_LOCK}DO $$BEGIN IF to_regclass('relaypass_records') IS NULL THEN \
                 {POSTGRES_DDL} END IF; END$$;"
            ))
            .await;
        match result {
            Ok(()) => {
                lent.give_back();
                Ok(())
            }
            Err(cause) => Err(refusals::not_created(cause)),
        }
    }

    /// Outer error: no connection. Inner error: the statement.
    async fn attempt(
        &self,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Result<Vec<Row>, tokio_postgres::Error>, StoreError> {
        let lent = self.lend().await?;
        let rows = statement.run(lent.connection(), parameters).await;
        if !rows
            .as_ref()
            .is_err_and(|cause| is_broken(cause) || takes_no_writes(cause))
        {
            lent.give_back();
        }
        Ok(rows)
    }

    async fn lend(&self) -> Result<Lent, StoreError> {
        match self.pool().get().await {
            Ok(connection) => Ok(Lent(Some(connection))),
            Err(PoolError::Backend(cause)) => {
                Err(refusals::no_connection(self.settings.tls_in_words, cause))
            }
            Err(PoolError::Timeout(TimeoutType::Create)) => {
                Err(refusals::no_start(longest_start(&self.settings.config)))
            }
            Err(cause) => Err(StoreError::caused_by(
                "Cannot get a connection to PostgreSQL.",
                cause,
            )),
        }
    }

    fn pool(&self) -> &Pool {
        self.pool.value(|| make_pool(&self.settings, &self.refused))
    }
}

/// A statement, and the types of its parameters, which the server then need not be asked for.
pub(super) struct Statement {
    pub(super) sql: &'static str,
    pub(super) types: &'static [Type],
}

impl Statement {
    /// Its rows, in one round trip. They are here when it is committed: the server says that it is ready
    /// again only after that.
    ///
    /// On a connection that does not know it yet it does not wait for being prepared: it goes out by
    /// itself, right behind what prepares it for the next time.
    async fn run(
        &self,
        connection: &Object,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let mut preparing = pin!(connection.prepare_typed_cached(self.sql, self.types));
        if let Some(prepared) = preparing.as_mut().now_or_never() {
            return connection.query(&prepared?, parameters).await;
        }
        let types = self.types.iter().cloned();
        let typed: Vec<_> = parameters.iter().copied().zip(types).collect();
        let (prepared, rows) = join(preparing, connection.query_typed(self.sql, &typed)).await;
        match (prepared, rows) {
            // It worked, but the next one will not, and might even meet somebody else's.
            (Err(cause), Ok(_)) if refusals::is_lost_by_a_pooler(&cause) => Err(cause),
            // The server's last words go to the first that waits for any; the statement did not run.
            (Err(cause), Err(lost)) if lost.code().is_none() && is_broken(&cause) => Err(cause),
            // What became of the statement is told by its own answer alone.
            (_, rows) => rows,
        }
    }
}

/// A connection out of the pool. It goes back only when it is given back: one on which a statement
/// is still under way, because nobody waited for its end, is closed.
struct Lent(Option<Object>);

impl Lent {
    fn connection(&self) -> &Object {
        self.0.as_ref().expect("only giving back takes it out")
    }

    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

fn make_pool(settings: &Settings, refused: &Arc<Refused>) -> Pool {
    let refused = Arc::clone(refused);
    let tls = settings.tls.clone();
    let connect = Answering(ConfigConnectImpl { tls });
    let manager = Manager::from_connect(settings.config.clone(), connect, ManagerConfig::default());
    Pool::builder(manager)
        .max_size(settings.pool_size)
        // The one that was used last: in turn, each would rest too long where calls are rare, and be
        // replaced, which takes as many round trips as several calls.
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .create_timeout(Some(longest_start(&settings.config)))
        .pre_recycle(Hook::sync_fn(move |_, metrics| {
            if refused.concerns(metrics.age()) {
                return Err(HookError::message("another of its time takes no writes"));
            }
            if metrics.last_used() > LONGEST_REST {
                return Err(HookError::message("rested too long"));
            }
            Ok(())
        }))
        .build()
        .expect("it has what its time limit needs")
}

/// Makes connections on which a first statement was answered. It names no table: others may have locks on
/// those, for as long as they like.
struct Answering(ConfigConnectImpl<MakeRustlsConnect>);

impl Connect for Answering {
    fn connect(
        &self,
        config: &Config,
    ) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        let connected = self.0.connect(config);
        Box::pin(async move {
            let (client, task) = connected.await?;
            // Nobody waits any longer, and no answer comes: then nothing of it may stay.
            let task = AbortOnDropHandle::new(task);
            client.simple_query("SELECT 1").await?;
            Ok((client, task.detach()))
        })
    }
}

/// How long a new connection is waited for: the `connect_timeout` is for each of the hosts.
fn longest_start(config: &Config) -> Duration {
    let hosts = (config.get_hosts().len()).max(config.get_hostaddrs().len());
    let hosts = u32::try_from(hosts).unwrap_or(u32::MAX);
    let network = config.get_connect_timeout().copied().unwrap_or_default();
    network.saturating_mul(hosts).saturating_add(FIRST_ANSWER)
}

/// The server says that the statement had no effect, because another was in its way.
fn was_rolled_back(cause: &tokio_postgres::Error) -> bool {
    matches!(
        cause.code(),
        Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
    )
}

/// The server is a replica, or was made one.
fn takes_no_writes(cause: &tokio_postgres::Error) -> bool {
    cause.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// The connection is of no use any more: it ended, or the server is ending it.
fn is_broken(cause: &tokio_postgres::Error) -> bool {
    match cause.code() {
        Some(code) => {
            code.code().starts_with("08")
                || [
                    SqlState::ADMIN_SHUTDOWN,
                    SqlState::CRASH_SHUTDOWN,
                    SqlState::CANNOT_CONNECT_NOW,
                ]
                .contains(code)
        }
        None => true,
    }
}
