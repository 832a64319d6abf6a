//! The connections to one file, and what is read over them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::Semaphore;

use super::process::{self, AtWork};
use super::threads::on_a_thread;
use super::writing::Queue;
use crate::store::table::SQLITE_DDL;
use crate::store::StoreError;

/// How long other processes may keep the file locked before a method gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(8);

/// How many may read the file at once.
const READERS: usize = 4;

pub(super) struct Connections {
    path: PathBuf,
    /// More settings, for tests.
    pragmas: &'static str,
    /// The file behind the path, as it was found first.
    file: OnceLock<FileId>,
    idle: Mutex<Vec<Connection>>,
    reading: Arc<Semaphore>,
    pub(super) writes: Queue,
}

/// What tells a file from another one that has its name: the device, and the number in it.
type FileId = (u64, u64);

impl Connections {
    pub(super) fn new(path: PathBuf, pragmas: &'static str) -> Arc<Self> {
        let connections = Arc::new(Self {
            path,
            pragmas,
            file: OnceLock::new(),
            idle: Mutex::default(),
            reading: Arc::new(Semaphore::new(READERS)),
            writes: Queue::default(),
        });
        process::register(&connections);
        connections
    }

    /// Reads over a connection, on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let at_work = AtWork::begin()?;
        let turn = Arc::clone(&self.reading)
            .acquire_owned()
            .await
            .expect("the semaphores are never closed");
        // In this order they are let go: who is at work may hold connections and turns.
        let held = (Arc::clone(self), turn, at_work);
        on_a_thread(move || {
            let connections = &held.0;
            let connection = connections.take()?;
            let result = work(&connection).map_err(|cause| connections.failed(cause))?;
            connections.give_back(connection);
            Ok(result)
        })
        .await
    }

    /// A connection for one piece of work. After an error it is not given back, and so is closed: the
    /// next one looks at the file anew.
    pub(super) fn take(&self) -> Result<Connection, StoreError> {
        self.must_be_the_file()?;
        let idle = self.idle().pop();
        let connection = idle.map_or_else(|| self.open(), Ok)?;
        if let Some(found) = file_id(&self.path) {
            self.file.get_or_init(|| found);
        }
        Ok(connection)
    }

    pub(super) fn give_back(&self, connection: Connection) {
        self.idle().push(connection);
    }

    /// SQLite goes on with a file that has lost its name, and nobody finds again what it writes there.
    pub(super) fn must_be_the_file(&self) -> Result<(), StoreError> {
        let Some(first) = self.file.get() else {
            return Ok(());
        };
        if file_id(&self.path).as_ref() == Some(first) {
            return Ok(());
        }
        self.close_idle();
        Err(StoreError::new(format!(
            "The SQLite file {} was removed or replaced while it was in use. Stop this process, put the \
             right file in its place, and start again: until then nothing is stored.",
            self.path.display()
        )))
    }

    fn open(&self) -> Result<Connection, StoreError> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        if !folder.is_dir() {
            return Err(StoreError::new(format!(
                "The folder of the SQLite file, {}, does not exist.",
                folder.display()
            )));
        }
        let deadline = Instant::now() + BUSY_TIMEOUT;
        loop {
            match self.try_open() {
                // Changing to WAL needs the file alone and does not wait for it: when several
                // processes create it at once, all but one are told so.
                Err(cause)
                    if cause.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && Instant::now() < deadline =>
                {
                    std::thread::sleep(Duration::from_millis(10));
                }
                result => return result.map_err(|cause| self.failed(cause)),
            }
        }
    }

    fn try_open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Where fsync leaves data in the disk's own cache (macOS), this does not.
        connection.pragma_update(None, "fullfsync", true)?;
        // Secrets that were wiped from a record do not stay behind in the file's free pages.
        connection.pragma_update(None, "secure_delete", true)?;
        connection.execute_batch(self.pragmas)?;
        connection.execute_batch(SQLITE_DDL)?;
        Ok(connection)
    }

    /// Closes what nobody uses.
    pub(super) fn close_idle(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        // A vector that is pushed to and popped from is whole even after a panic.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failed(&self, cause: rusqlite::Error) -> StoreError {
        let what = match cause.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => "there is no room left for",
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "it may not write to",
            Some(ErrorCode::NotADatabase) => "this is no SQLite file:",
            Some(ErrorCode::DatabaseCorrupt) => "SQLite finds damage in",
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                "another process keeps a lock on"
            }
            Some(ErrorCode::CannotOpen) => "it cannot open",
            Some(ErrorCode::SystemIoFailure) => "the disk fails under",
            _ => "SQLite failed on",
        };
        let path = self.path.display();
        StoreError::caused_by(
            format!("The SQLite store did not work: {what} {path}."),
            cause,
        )
    }
}

/// Nothing where there is no file, and on systems where an open file keeps its name.
fn file_id(path: &Path) -> Option<FileId> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
        if process::is_ours() {
            let _at_work = AtWork::begin();
            idle.clear();
        } else {
            // A parent's, whose locks are not ours to let go.
            std::mem::forget(std::mem::take(idle));
        }
    }
}
