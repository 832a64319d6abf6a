//! SQLite: one file on one machine, for any number of processes.

mod connections;
mod process;
mod threads;
mod writing;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{params, Connection, OptionalExtension};

use super::table::{from_column, past_prefix, row_limit, to_column};
use super::{BoxFuture, Record, Store, StoreError, Swap, Upkeep};
use connections::{Connections, BUSY_TIMEOUT};

const LOAD: &str =
    "SELECT value, version, due_at, expires_at FROM relaypass_records WHERE key = ?1";
const INSERT: &str = "INSERT INTO relaypass_records (key, value, version, due_at, expires_at) \
     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (key) DO NOTHING";
const UPDATE: &str = "UPDATE relaypass_records \
     SET value = ?3, version = ?4, due_at = ?5, expires_at = ?6 WHERE key = ?1 AND version = ?2";
const DELETE: &str = "DELETE FROM relaypass_records WHERE key = ?1 AND version = ?2";
const DELETE_EXPIRED: &str = "DELETE FROM relaypass_records WHERE key IN \
     (SELECT key FROM relaypass_records WHERE expires_at < ?1 LIMIT ?2)";
const SCAN: &str =
    "SELECT key FROM relaypass_records WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3";
// The index by name: with the primary key, its cost would follow the number of all records.
const SCAN_DUE: &str = "SELECT key FROM relaypass_records INDEXED BY relaypass_records_due \
     WHERE due_at <= ?1 AND key >= ?2 AND key < ?3 ORDER BY due_at, key LIMIT ?4";

/// A store in a SQLite file.
///
/// The file is created when the store is first used, in a folder that must be there, on a disk of
/// this machine (SQLite's locks do not work over a network). It is in WAL mode, so two files named
/// `…-wal` and `…-shm` lie beside it: they belong to it. On Unix, what is created here is its owner's
/// alone to read and write (0600), whatever the umask; a file that is there stays as it is. A swap is on the disk when it returns
/// (`synchronous=FULL`), and what is deleted or replaced is overwritten (`secure_delete`).
///
/// **After a fork** the child opens connections of its own. That is possible unless SQLite was at
/// work in the moment of the fork; then every SQLite store fails in that child, and says so.
///
/// Must be used within a tokio runtime.
pub struct SqliteStore {
    connections: Arc<Connections>,
}

impl SqliteStore {
    /// The store in the file at `path`. A relative path is taken from the present folder, now.
    pub fn open(path: impl AsRef<Path>) -> Self {
        Self::at(path.as_ref(), "", false, BUSY_TIMEOUT)
    }

    /// As [`SqliteStore::open`], of a file that is there: no file and no table is created, and nothing is
    /// written to it.
    pub(super) fn open_to_read(path: impl AsRef<Path>) -> Self {
        Self::at(path.as_ref(), "", true, BUSY_TIMEOUT)
    }

    #[cfg(test)]
    fn with_pragmas(path: &Path, pragmas: &'static str, busy_timeout: Duration) -> Self {
        Self::at(path, pragmas, false, busy_timeout)
    }

    fn at(path: &Path, pragmas: &'static str, is_only_read: bool, busy_timeout: Duration) -> Self {
        // Fails only for an empty path or without a present folder; then opening the file does too.
        let path = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
        Self {
            connections: Connections::new(path, pragmas, is_only_read, busy_timeout),
        }
    }

    /// The file, as an absolute path.
    pub fn path(&self) -> &Path {
        self.connections.path()
    }

    /// Whether the file was created already.
    pub(super) fn is_there(&self) -> bool {
        self.connections.is_there()
    }

    /// Creates the file and its table, which the first use does as well.
    ///
    /// # Errors
    /// When the file cannot be opened or created.
    pub async fn create_table(&self) -> Result<(), StoreError> {
        self.connections.write(Box::new(|_| Ok(0))).await.map(drop)
    }
}

impl SqliteStore {
    /// Deletes up to `most` records that may be dropped since before `now`.
    pub(super) async fn delete_expired(&self, now: u64, most: usize) -> Result<usize, StoreError> {
        let (now, most) = (i64::try_from(now).unwrap_or(i64::MAX), row_limit(most));
        self.connections
            .write(Box::new(move |connection| {
                let mut statement = connection.prepare_cached(DELETE_EXPIRED)?;
                statement.execute([now, most])
            }))
            .await
    }
}

impl Upkeep for SqliteStore {
    fn delete_expired(&self, now: u64, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(SqliteStore::delete_expired(self, now, most))
    }

    fn create_table(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(SqliteStore::create_table(self))
    }
}

impl Store for SqliteStore {
    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }

    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(async move {
            let key = key.to_owned();
            let row = self.connections.read(move |connection| {
                let mut statement = connection.prepare_cached(LOAD)?;
                let columns = |row: &rusqlite::Row<'_>| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                };
                statement.query_row([&key], columns).optional()
            });
            row.await?.map(record).transpose()
        })
    }

    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(async move {
            let key = key.to_owned();
            let expected = column("version", expected)?;
            let new = new.map(row).transpose()?;
            let write = move |connection: &Connection| swap(connection, &key, expected, &new);
            Ok(match self.connections.write(Box::new(write)).await? {
                0 => Swap::Refused,
                _ => Swap::Done,
            })
        })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let (first, past, limit) = (prefix.to_owned(), past_prefix(prefix), row_limit(limit));
            // Later than any time in the table is as good as the last one that fits.
            let due_before = due_before.map(|due| i64::try_from(due).unwrap_or(i64::MAX));
            self.connections
                .read(move |connection| match due_before {
                    Some(due) => keys(connection, SCAN_DUE, params![due, first, past, limit]),
                    None => keys(connection, SCAN, params![first, past, limit]),
                })
                .await
        })
    }
}

type Row = (Vec<u8>, i64, Option<i64>, Option<i64>);

/// One statement; it says whether it did what it was to do, 1, or not, 0.
fn swap(
    connection: &Connection,
    key: &str,
    expected: Option<i64>,
    new: &Option<Row>,
) -> rusqlite::Result<usize> {
    match (expected, new) {
        (None, Some((value, version, due_at, expires_at))) => connection
            .prepare_cached(INSERT)?
            .execute(params![key, value, version, due_at, expires_at]),
        (Some(expected), Some((value, version, due_at, expires_at))) => connection
            .prepare_cached(UPDATE)?
            .execute(params![key, expected, value, version, due_at, expires_at]),
        (Some(expected), None) => connection
            .prepare_cached(DELETE)?
            .execute(params![key, expected]),
        (None, None) => Ok(usize::from(
            !connection.prepare_cached(LOAD)?.exists([key])?,
        )),
    }
}

fn keys(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached(sql)?;
    let keys = statement.query_map(parameters, |row| row.get(0))?;
    keys.collect()
}

fn row(record: Record) -> Result<Row, StoreError> {
    let version = to_column("version", record.version)?;
    let due_at = column("due_at", record.due_at)?;
    Ok((
        record.value,
        version,
        due_at,
        column("expires_at", record.expires_at)?,
    ))
}

fn record((value, version, due_at, expires_at): Row) -> Result<Record, StoreError> {
    let read = |what, column: Option<i64>| column.map(|at| from_column(what, at)).transpose();
    Ok(Record {
        value,
        version: from_column("version", version)?,
        due_at: read("due_at", due_at)?,
        expires_at: read("expires_at", expires_at)?,
    })
}

fn column(what: &str, number: Option<u64>) -> Result<Option<i64>, StoreError> {
    number.map(|number| to_column(what, number)).transpose()
}

#[cfg(test)]
mod tests;
