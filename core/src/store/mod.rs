//! Where records are kept: three methods that any database can offer.
//!
//! A store sees opaque bytes. What they mean is the business of `verification` and `passes`; with a
//! seal key ([`Sealer`]) they are encrypted before they get here.
//!
//! The crate's features `sqlite` and `postgres` bring the two databases; memory is always there.

mod built_in;
pub mod conformance;
mod error;
mod memory;
mod open;
#[cfg(feature = "postgres")]
mod postgres;
mod seal;
#[cfg(feature = "sqlite")]
mod sqlite;
mod table;
mod timed;

pub use built_in::BuiltInStore;
pub(crate) use built_in::AT_ONCE;
pub use error::StoreError;
pub use memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use open::sqlite_url;
pub(crate) use open::store_failed;
pub use open::{create_table, open, postgres_ddl, sqlite_ddl};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use seal::Sealer;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub(crate) use timed::Timed;

pub use crate::future::BoxFuture;

/// The longest key, in bytes.
pub const LONGEST_KEY: usize = 255;

/// The largest value, in bytes, that a store must be able to keep.
pub const LARGEST_VALUE: usize = 64 * 1024;

/// What is kept under a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Opaque bytes, up to [`LARGEST_VALUE`]; any byte may occur in them, zero included.
    pub value: Vec<u8>,
    /// Set by relaypass: by chance for the first record under a key, and one more with every swap. At
    /// most 2^53, so that every language can hold it.
    pub version: u64,
    /// When somebody should look at the record again, in milliseconds since the epoch, UTC. None:
    /// never.
    pub due_at: Option<u64>,
    /// After this time (milliseconds since the epoch, UTC) the store may drop the record, or keep
    /// it. None: the record must be kept.
    pub expires_at: Option<u64>,
}

/// What became of a [`Store::compare_and_swap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// The new record is there, durably.
    Done,
    /// Another version was there. Nothing was changed.
    Refused,
}

/// The contract between relaypass and a database.
///
/// **Keys** are 1 to [`LONGEST_KEY`] characters out of `A-Z a-z 0-9 - . _ ~ /`, compared byte for
/// byte: `a` and `A` are two keys, and `_` is no wildcard.
///
/// **`compare_and_swap` is atomic and durable when it returns.** Of several writers who expect the
/// same version, exactly one succeeds. When it says [`Swap::Done`], the record survives a crash of
/// this process and, as far as the database promises it, of the machine.
///
/// **`load` sees the latest swap**, whoever made it. No replica that lags, no cache.
///
/// **Errors are errors.** A method that cannot do its work returns a [`StoreError`]; it never says
/// "not there" or "refused" instead. After an error nobody knows whether a write happened: relaypass
/// reads the record again.
///
/// **A method may be called again** after it failed, was cancelled (its future dropped) or ran into
/// its time limit (10 seconds by default), and a write may still land after that. Then the version
/// is no longer the expected one, and the next swap is refused: that is all the protection needed.
///
/// **Methods run concurrently**, from any thread, with no order among them. relaypass holds no lock
/// while it waits for a store, and a store may call the client again.
///
/// [`conformance::check`] tests all of this.
pub trait Store: Send + Sync {
    /// The record under `key`, or nothing.
    ///
    /// # Errors
    /// When the database cannot tell.
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, StoreError>>;

    /// Puts `new` under `key` (`None`: deletes it) if the version there is `expected` (`None`: if
    /// nothing is there), in one atomic step.
    ///
    /// # Errors
    /// When the database failed. The write may have happened all the same.
    fn compare_and_swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> BoxFuture<'a, Result<Swap, StoreError>>;

    /// Up to `limit` keys that begin with `prefix`.
    ///
    /// With `due_before`: only those whose `due_at` is at or before it, the oldest `due_at` first,
    /// keys with the same one in their own order. Its cost must follow the number of such keys, not
    /// the number of records: an index on `due_at` does it. Without: all of them, in the order of
    /// their keys, byte by byte.
    ///
    /// # Errors
    /// When the database cannot tell.
    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        due_before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>>;

    /// What a store that comes with relaypass can do beside; yours has means of its own.
    #[doc(hidden)]
    fn upkeep(&self) -> Option<&dyn Upkeep> {
        None
    }
}

/// What a built-in store can do beyond the contract.
#[doc(hidden)]
pub trait Upkeep: Send + Sync {
    /// Deletes up to `most` records that may be dropped since before `now`, and says how many.
    fn delete_expired(&self, now: u64, most: usize) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// Creates the table, unless it is there.
    fn create_table(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Whether other processes may have the same records.
    fn is_shared(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("value", &format_args!("[{} bytes]", self.value.len()))
            .field("version", &self.version)
            .field("due_at", &self.due_at)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}
