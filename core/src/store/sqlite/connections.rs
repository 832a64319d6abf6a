//! The connections to one file, and the threads that wait for them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::Semaphore;

use super::process::{self, AtWork};
use crate::store::table::SQLITE_DDL;
use crate::store::StoreError;

/// How long other processes may keep the file locked before a method gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(8);

/// How many may read the file at once. One writes: SQLite has one writer per file, and waiting here
/// is quicker and fairer than polling for its lock.
const READERS: usize = 4;

/// What a connection is wanted for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Read,
    Write,
}

pub(super) struct Connections {
    path: PathBuf,
    /// More settings, for tests.
    pragmas: &'static str,
    idle: Mutex<Vec<Connection>>,
    reading: Arc<Semaphore>,
    writing: Arc<Semaphore>,
}

impl Connections {
    pub(super) fn new(path: PathBuf, pragmas: &'static str) -> Arc<Self> {
        let connections = Arc::new(Self {
            path,
            pragmas,
            idle: Mutex::default(),
            reading: Arc::new(Semaphore::new(READERS)),
            writing: Arc::new(Semaphore::new(1)),
        });
        process::register(&connections);
        connections
    }

    /// Does `work` with a connection, on a thread that may block. Once begun it ends, even if
    /// nobody waits for it any more.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        purpose: Purpose,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let at_work = AtWork::begin()?;
        let turns = match purpose {
            Purpose::Read => &self.reading,
            Purpose::Write => &self.writing,
        };
        let turn = Arc::clone(turns)
            .acquire_owned()
            .await
            .expect("the semaphores are never closed");
        let connections = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let result = connections.run_now(work);
            // In this order: who is at work may hold connections and turns.
            drop(connections);
            drop(turn);
            drop(at_work);
            result
        })
        .await
        .map_err(|cause| {
            StoreError::caused_by("The work on the SQLite file was broken off.", cause)
        })?
    }

    fn run_now<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.open()?,
        };
        // After an error the connection is closed: the next one looks at the file anew.
        let result = work(&mut connection).map_err(|cause| self.failed(cause))?;
        self.idle().push(connection);
        Ok(result)
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
        create_private(&self.path);
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

    fn failed(&self, cause: rusqlite::Error) -> StoreError {
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

/// Makes the file, if there is none, for its owner alone to read: it may hold relay secrets and passes.
/// SQLite gives `-wal` and `-shm` the permissions of the file that they belong to. A file that is there
/// stays as its owner made it.
fn create_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    // Never one that is there: closing it would let go of the locks that SQLite holds on it.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Whatever stands in the way, SQLite meets it next and says so.
    let _ = options.open(path);
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
