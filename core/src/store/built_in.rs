//! The stores that come with relaypass, and what they can do beyond the contract.

use std::sync::Arc;

use super::open::Location;
#[cfg(feature = "postgres")]
use super::PostgresStore;
#[cfg(feature = "sqlite")]
use super::SqliteStore;
use super::{MemoryStore, Store, StoreError};
use crate::error::Result;

/// So many records are deleted in one statement: others want to write, too.
pub(crate) const AT_ONCE: usize = 1000;

/// A built-in store that was opened by URL, for whoever looks after it: a server, or a job.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use relaypass::store::BuiltInStore;
///
/// let store = BuiltInStore::open("sqlite:///var/lib/shop/relaypass.sqlite")?;
/// let deleted = store.delete_expired(1_795_527_817_000).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum BuiltInStore {
    /// In this process.
    Memory(Arc<MemoryStore>),
    /// In a file.
    #[cfg(feature = "sqlite")]
    Sqlite(Arc<SqliteStore>),
    /// In a database.
    #[cfg(feature = "postgres")]
    Postgres(Arc<PostgresStore>),
}

impl BuiltInStore {
    /// Opens the store at `url`, as [`open`](super::open) does.
    ///
    /// # Errors
    /// `invalid_argument`: the URL cannot be right.
    pub fn open(url: &str) -> Result<Self> {
        Ok(match Location::parse(url)? {
            Location::Memory => Self::Memory(Arc::new(MemoryStore::new())),
            #[cfg(feature = "sqlite")]
            Location::Sqlite(path) => Self::Sqlite(Arc::new(SqliteStore::open(path))),
            #[cfg(feature = "postgres")]
            Location::Postgres(store) => Self::Postgres(Arc::from(store)),
        })
    }

    /// As [`BuiltInStore::open`], only to look: no file and no table is created, and to a SQLite file
    /// nothing is written.
    ///
    /// # Errors
    /// `invalid_argument`: the URL cannot be right.
    pub fn open_to_read(url: &str) -> Result<Self> {
        Ok(match Location::parse(url)? {
            Location::Memory => Self::Memory(Arc::new(MemoryStore::new())),
            #[cfg(feature = "sqlite")]
            Location::Sqlite(path) => Self::Sqlite(Arc::new(SqliteStore::open_to_read(path))),
            #[cfg(feature = "postgres")]
            Location::Postgres(store) => Self::Postgres(Arc::new(store.without_creating())),
        })
    }

    /// The store, as a client takes it.
    pub fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => Arc::clone(store) as Arc<dyn Store>,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(store) => Arc::clone(store) as Arc<dyn Store>,
            #[cfg(feature = "postgres")]
            Self::Postgres(store) => Arc::clone(store) as Arc<dyn Store>,
        }
    }

    /// Whether there may be records: not in a SQLite file that was not created yet, or is empty. Nothing is
    /// created.
    pub fn is_there(&self) -> bool {
        match self {
            Self::Memory(_) => true,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(store) => store.is_there(),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => true,
        }
    }

    /// Deletes the records that may be dropped since before `now` (milliseconds since the epoch,
    /// UTC), and says how many those were. What is open has no such time and stays.
    ///
    /// # Errors
    /// When the store fails; what was deleted before stays deleted.
    pub async fn delete_expired(&self, now: u64) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let batch = match self {
                Self::Memory(store) => store.delete_expired(now, AT_ONCE),
                #[cfg(feature = "sqlite")]
                Self::Sqlite(store) => store.delete_expired(now, AT_ONCE).await?,
                #[cfg(feature = "postgres")]
                Self::Postgres(store) => store.delete_expired(now, AT_ONCE).await?,
            };
            deleted += batch as u64;
            if batch < AT_ONCE {
                return Ok(deleted);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Record, Swap};

    async fn put(store: &dyn Store, key: &str, expires_at: Option<u64>) {
        let record = Record {
            value: vec![1],
            version: 1,
            due_at: None,
            expires_at,
        };
        let swap = store.compare_and_swap(key, None, Some(record)).await;
        assert!(matches!(swap, Ok(Swap::Done)));
    }

    async fn deletes_what_is_expired_and_nothing_else(store: BuiltInStore) {
        let records = store.store();
        put(&*records, "stays", None).await;
        put(&*records, "stays/too", Some(2000)).await;
        for index in 0..AT_ONCE + 3 {
            put(&*records, &format!("goes/{index}"), Some(1999)).await;
        }
        let deleted = store.delete_expired(2000).await.unwrap();
        assert_eq!(deleted, AT_ONCE as u64 + 3);
        let left = records.scan("", None, 10).await.unwrap();
        assert_eq!(left, ["stays", "stays/too"]);
        assert_eq!(store.delete_expired(2000).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn who_looks_creates_and_changes_nothing() {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("relaypass-looked-at-{}.sqlite", std::process::id()));
        let url = format!("sqlite://{}", path.display());
        let look = || BuiltInStore::open_to_read(&url).unwrap();
        assert!(!look().is_there());
        assert!(look().store().load("key").await.is_err());
        assert!(!path.exists());
        // Nor is a table made in a file that somebody else made.
        std::fs::write(&path, []).unwrap();
        assert!(!look().is_there());
        assert!(look().store().load("key").await.is_err());
        assert!(std::fs::read(&path).unwrap().is_empty());
        put(&*BuiltInStore::open(&url).unwrap().store(), "key", None).await;
        let store = look();
        assert!(store.is_there());
        assert!(store.store().load("key").await.unwrap().is_some());
        let swap = store.store().compare_and_swap("key", Some(1), None).await;
        assert!(swap.is_err());
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
    }

    #[tokio::test]
    async fn memory_deletes_what_is_expired_and_nothing_else() {
        let store = BuiltInStore::open("memory:").unwrap();
        deletes_what_is_expired_and_nothing_else(store).await;
    }

    #[tokio::test]
    async fn sqlite_deletes_what_is_expired_and_nothing_else() {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("relaypass-expired-{}.sqlite", std::process::id()));
        let store = BuiltInStore::open(&format!("sqlite://{}", path.display())).unwrap();
        deletes_what_is_expired_and_nothing_else(store).await;
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
    }
}
