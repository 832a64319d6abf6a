//! What the two databases that speak SQL have in common: the table and its numbers.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use super::StoreError;

/// The table for SQLite. The store makes it by itself.
pub(super) const SQLITE_DDL: &str = "\
CREATE TABLE IF NOT EXISTS relaypass_records (
    key text PRIMARY KEY NOT NULL,
    value blob NOT NULL,
    version integer NOT NULL,
    due_at integer,
    expires_at integer
) STRICT;
CREATE INDEX IF NOT EXISTS relaypass_records_due
    ON relaypass_records (due_at, key) WHERE due_at IS NOT NULL;
";

/// The table for PostgreSQL. Keys are compared byte for byte, whatever the database's language.
pub(super) const POSTGRES_DDL: &str = "\
CREATE TABLE IF NOT EXISTS relaypass_records (
    key text COLLATE \"C\" PRIMARY KEY,
    value bytea NOT NULL,
    version bigint NOT NULL,
    due_at bigint,
    expires_at bigint
);
CREATE INDEX IF NOT EXISTS relaypass_records_due
    ON relaypass_records (due_at, key) WHERE due_at IS NOT NULL;
";

/// The first text after every key that begins with `prefix`: what keys are made of ends at `~`, the
/// last printable ASCII character, and this is the one after it.
#[cfg(feature = "sqlite")]
pub(super) fn past_prefix(prefix: &str) -> String {
    format!("{prefix}\u{7f}")
}

/// SQL's integers have a sign.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(super) fn to_column(what: &str, number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|cause| {
        StoreError::caused_by(format!("The {what} is too large for a column."), cause)
    })
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(super) fn from_column(what: &str, number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|cause| {
        StoreError::caused_by(
            format!("The stored {what} is negative: something else than relaypass wrote it."),
            cause,
        )
    })
}

/// As many rows as SQL can be asked for.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(super) fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
