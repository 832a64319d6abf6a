//! PostgreSQL: many processes on many machines, one database.

mod parameters;
mod per_process;
mod pool;
mod refusals;
mod url;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::Row;

use super::table::{from_column, row_limit, to_column};
use super::{BoxFuture, Record, Store, StoreError, Swap, Upkeep};
use pool::{Again, Connections, Statement};

const LOAD: Statement = Statement {
    sql: "SELECT value, version, due_at, expires_at FROM relaypass_records WHERE key = $1",
    types: &[Type::TEXT],
};
const INSERT: Statement = Statement {
    sql: "INSERT INTO relaypass_records (key, value, version, due_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key) DO NOTHING RETURNING version",
    types: &[Type::TEXT, Type::BYTEA, Type::INT8, Type::INT8, Type::INT8],
};
const UPDATE: Statement = Statement {
    sql: "UPDATE relaypass_records \
         SET value = $3, version = $4, due_at = $5, expires_at = $6 \
         WHERE key = $1 AND version = $2 RETURNING version",
    types: &[
        Type::TEXT,
        Type::INT8,
        Type::BYTEA,
        Type::INT8,
        Type::INT8,
        Type::INT8,
    ],
};
const DELETE: Statement = Statement {
    sql: "DELETE FROM relaypass_records WHERE key = $1 AND version = $2 RETURNING version",
    types: &[Type::TEXT, Type::INT8],
};
// What is checked twice may have been written anew in between.
const DELETE_EXPIRED: Statement = Statement {
    sql: "DELETE FROM relaypass_records WHERE expires_at < $1 AND key IN \
         (SELECT key FROM relaypass_records WHERE expires_at < $1 LIMIT $2) RETURNING key",
    types: &[Type::INT8, Type::INT8],
};
const SCAN: Statement = Statement {
    sql: "SELECT key FROM relaypass_records \
         WHERE key >= $1 AND key < $1 || chr(127) ORDER BY key LIMIT $2",
    types: &[Type::TEXT, Type::INT8],
};
// Said so that only the index on `due_at` fits: with the primary key, the cost would follow the
// number of all records.
const SCAN_DUE: Statement = Statement {
    sql: "SELECT key FROM relaypass_records \
         WHERE due_at <= $1 AND left(key, length($2)) = $2 ORDER BY due_at, key LIMIT $3",
    types: &[Type::INT8, Type::TEXT, Type::INT8],
};

/// A store in a PostgreSQL database, version 12 or later, over a pool of connections.
///
/// The URL is that of libpq: `postgres://user:password@host:5432/database?parameter=value`.
/// Connections are made when they are needed. The table is not: see
/// [`create_table`](PostgresStore::create_table). Of the parameters, these mean something of our
/// own:
///
/// * `sslmode`: `disable` is no TLS. `prefer` is TLS if the server offers it. `require`,
///   `verify-ca` and `verify-full` all are what `verify-full` is elsewhere: the server's
///   certificate and its name are always verified, also with `prefer`. Without the parameter it is
///   `require`, and `disable` for a server on this machine (a Unix socket or a loopback address).
/// * `sslrootcert`: a PEM file of authorities to trust, in place of Mozilla's. Each certificate in it is
///   read, or the file is refused.
/// * `pool_size`: the most connections at a time, 1 to 1000; 10 if it is not given.
/// * `create_table=true`: creates the table when it is found missing.
/// * `connect_timeout` and `tcp_user_timeout`, in seconds: 5 and 10 if they are not given.
///
/// Each call is one statement, a transaction of its own, and one round trip to the server. It is on the
/// server's disk when it returns, unless the server is set up otherwise (`synchronous_commit`). With
/// several hosts only one that takes writes is used.
///
/// **When a connection breaks**, it is replaced. `load` and `scan` are then tried once more; a swap
/// is not, since nobody knows whether it happened: it fails. What the server says it has rolled
/// back, or refused before it began, is tried again.
///
/// **When a server takes no writes any more** (a failover made it a replica), no connection from
/// before is used again, and the write is tried once more over a new one: the address may lead to
/// another server. Reads that come before the first write may still be answered by the old one.
///
/// **PgBouncer** works from 1.21 on, with `max_prepared_statements` above zero. A pooler that has no
/// connection left answers nothing, and the error says what such a pooler needs.
///
/// **A new connection**, with its first answer, is waited for as long as `connect_timeout` for each host
/// of the URL, and 3 seconds more. A client waits for its store as long as its `store_timeout` (10
/// seconds): with several hosts, `connect_timeout` must be small enough for all of them.
///
/// **After a fork** the child makes connections of its own.
///
/// Must be used within a tokio runtime, which must live as long as the store is used.
pub struct PostgresStore {
    connections: Connections,
}

impl PostgresStore {
    /// The store at `url`. Nothing is connected yet.
    ///
    /// # Errors
    /// `invalid_argument`: the URL, or a parameter in it, cannot be right.
    pub fn open(url: &str) -> crate::Result<Self> {
        Ok(Self {
            connections: Connections::new(url::parse(url)?),
        })
    }

    /// As it is, but the table is not created when it is found missing, whatever the URL says.
    pub(super) fn without_creating(mut self) -> Self {
        self.connections.never_create();
        self
    }

    /// Creates the table and its index, unless they are there
    /// ([`postgres_ddl`](super::postgres_ddl)).
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn create_table(&self) -> Result<(), StoreError> {
        self.connections.create_table().await
    }

    async fn swapped(
        &self,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Swap, StoreError> {
        let rows = self
            .connections
            .query(statement, parameters, Again::Never)
            .await?;
        Ok(if rows.is_empty() {
            Swap::Refused
        } else {
            Swap::Done
        })
    }
}

impl PostgresStore {
    /// Deletes up to `most` records that may be dropped since before `now`.
    pub(super) async fn delete_expired(&self, now: u64, most: usize) -> Result<usize, StoreError> {
        let (now, most) = (i64::try_from(now).unwrap_or(i64::MAX), row_limit(most));
        let parameters: [&(dyn ToSql + Sync); 2] = [&now, &most];
        let deleted = (self.connections).query(&DELETE_EXPIRED, &parameters, Again::Once);
        Ok(deleted.await?.len())
    }
}

impl Upkeep for PostgresStore {
    fn delete_expired(&self, now: u64, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(PostgresStore::delete_expired(self, now, most))
    }

    fn create_table(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(PostgresStore::create_table(self))
    }
}

impl Store for PostgresStore {
    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }

    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(async move {
            let rows = self.connections.query(&LOAD, &[&key], Again::Once).await?;
            rows.first().map(record).transpose()
        })
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(async move {
            let expected = column("version", expected)?;
            let Some(new) = new else {
                return match expected {
                    Some(version) => self.swapped(&DELETE, &[&key, &version]).await,
                    None => Ok(match self.load(key).await? {
                        None => Swap::Done,
                        Some(_) => Swap::Refused,
                    }),
                };
            };
            let value = &new.value;
            let version = to_column("version", new.version)?;
            let due_at = column("due_at", new.due_at)?;
            let expires_at = column("expires_at", new.expires_at)?;
            match expected {
                None => {
                    self.swapped(&INSERT, &[&key, value, &version, &due_at, &expires_at])
                        .await
                }
                Some(expected) => {
                    let parameters: [&(dyn ToSql + Sync); 6] =
                        [&key, &expected, value, &version, &due_at, &expires_at];
                    self.swapped(&UPDATE, &parameters).await
                }
            }
        })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let limit = row_limit(limit);
            // Later than any time in the table is as good as the last one that fits.
            let due_before = due_before.map(|due| i64::try_from(due).unwrap_or(i64::MAX));
            let rows = match due_before {
                Some(due) => {
                    let parameters: [&(dyn ToSql + Sync); 3] = [&due, &prefix, &limit];
                    self.connections
                        .query(&SCAN_DUE, &parameters, Again::Once)
                        .await?
                }
                None => {
                    self.connections
                        .query(&SCAN, &[&prefix, &limit], Again::Once)
                        .await?
                }
            };
            rows.iter().map(|row| read(row, 0)).collect()
        })
    }
}

fn record(row: &Row) -> Result<Record, StoreError> {
    let time = |what, index| {
        let column: Option<i64> = read(row, index)?;
        column.map(|at| from_column(what, at)).transpose()
    };
    Ok(Record {
        value: read(row, 0)?,
        version: from_column("version", read(row, 1)?)?,
        due_at: time("due_at", 2)?,
        expires_at: time("expires_at", 3)?,
    })
}

fn read<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    index: usize,
) -> Result<T, StoreError> {
    row.try_get(index).map_err(|cause| {
        StoreError::caused_by(
            "The table relaypass_records has columns of other types than `relaypass store ddl` \
             prints.",
            cause,
        )
    })
}

fn column(what: &str, number: Option<u64>) -> Result<Option<i64>, StoreError> {
    number.map(|number| to_column(what, number)).transpose()
}
