//! The connections to one file, and what is read over them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::Semaphore;

use super::process::{self, AtWork};
use super::threads::on_a_thread;
use super::writing::Queue;
use crate::store::table::SQLITE_DDL;
use crate::store::StoreError;
use crate::sync::{Mutex, MutexGuard};

/// How long other processes may keep the file locked before a method gives up.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(8);

/// How many may read the file at once.
const READERS: usize = 4;

pub(super) struct Connections {
    path: PathBuf,
    /// More settings, for tests.
    pragmas: &'static str,
    /// Whether nothing is created or written.
    is_only_read: bool,
    busy_timeout: Duration,
    /// The file behind the path, as it was found first.
    file: OnceLock<FileId>,
    /// It was found to be another, or none, since: nothing is done any more.
    is_gone: AtomicBool,
    idle: Mutex<Vec<Connection>>,
    reading: Arc<Semaphore>,
    pub(super) writes: Queue,
}

/// What tells a file from another one that has its name: the device, the number in it, and, since
/// numbers are given again, when it was made.
type FileId = (u64, u64, Option<SystemTime>);

/// Why the file cannot be used. An error is made of it for each who waits.
pub(super) enum Trouble {
    Sqlite(rusqlite::Error),
    NoFolder,
    Gone,
}

impl Connections {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn new(
        path: PathBuf,
        pragmas: &'static str,
        is_only_read: bool,
        busy_timeout: Duration,
    ) -> Arc<Self> {
        let connections = Arc::new(Self {
            path,
            pragmas,
            is_only_read,
            busy_timeout,
            file: OnceLock::new(),
            is_gone: AtomicBool::new(false),
            idle: Mutex::default(),
            reading: Arc::new(Semaphore::new(READERS)),
            writes: Queue::default(),
        });
        process::register(&connections);
        connections
    }

    /// Whether the file was created already. One that is empty holds no table.
    pub(super) fn is_there(&self) -> bool {
        self.path.metadata().is_ok_and(|file| file.len() > 0)
    }

    /// Reads over a connection, on a thread that may block. Once begun it ends, even if nobody waits
    /// for it any more.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let at_work = AtWork::begin()?;
        let turn = Arc::clone(&self.reading)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let connections = Arc::clone(self);
        on_a_thread(move || {
            let result = connections.read_now(work);
            let result = result.map_err(|trouble| connections.error(&trouble));
            // In this order: who is at work may hold connections and turns.
            drop(connections);
            drop(turn);
            drop(at_work);
            result
        })
        .await
    }

    fn read_now<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Trouble> {
        let connection = self.take()?;
        let read = work(&connection).map_err(Trouble::Sqlite)?;
        self.must_be_the_file()?;
        self.give_back(connection);
        Ok(read)
    }

    /// A connection for one piece of work. After an error it is not given back, and so is closed: the
    /// next one looks at the file anew.
    pub(super) fn take(&self) -> Result<Connection, Trouble> {
        let idle = self.idle().pop();
        idle.map_or_else(|| self.open(), Ok)
    }

    pub(super) fn give_back(&self, connection: Connection) {
        self.idle().push(connection);
    }

    /// SQLite goes on with a file that has lost its name, and nobody finds again what it writes there.
    pub(super) fn must_be_the_file(&self) -> Result<(), Trouble> {
        let is_another =
            |first| file_id(&self.path).is_ok_and(|found| found.as_ref() != Some(first));
        if self.file.get().is_some_and(is_another) {
            self.is_gone.store(true, Relaxed);
        }
        if !self.is_gone.load(Relaxed) {
            return Ok(());
        }
        self.close_idle();
        Err(Trouble::Gone)
    }

    fn open(&self) -> Result<Connection, Trouble> {
        self.must_be_the_file()?;
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        if !folder.is_dir() {
            return Err(Trouble::NoFolder);
        }
        if self.file.get().is_none() && !self.is_only_read {
            create_private(&self.path);
        }
        let found = file_id(&self.path);
        let connection = self.open_within_the_timeout()?;
        // What was opened is what had the name before and has it now.
        if let Ok(Some(found)) = found {
            self.file.get_or_init(|| found);
        }
        self.must_be_the_file()?;
        Ok(connection)
    }

    fn open_within_the_timeout(&self) -> Result<Connection, Trouble> {
        let deadline = Instant::now() + self.busy_timeout;
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
                result => return result.map_err(Trouble::Sqlite),
            }
        }
    }

    fn try_open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(self.busy_timeout)?;
        if self.is_only_read {
            // Not opened as read-only: then nobody could begin to read what is in WAL mode.
            connection.pragma_update(None, "query_only", true)?;
            return Ok(connection);
        }
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

    #[cfg(all(test, relaypass_loom))]
    pub(super) fn has_idle(&self) -> bool {
        !self.idle().is_empty()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        // A vector that is pushed to and popped from is whole even after a panic.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn error(&self, trouble: &Trouble) -> StoreError {
        let path = self.path.display();
        let cause = match trouble {
            Trouble::Sqlite(cause) => cause,
            Trouble::NoFolder => {
                let folder = self.path.parent().unwrap_or(Path::new("/")).display();
                return StoreError::new(format!(
                    "The folder of the SQLite file, {folder}, does not exist."
                ));
            }
            Trouble::Gone => {
                return StoreError::new(format!(
                    "The SQLite file {path} was removed or replaced while it was in use. Stop this \
                     process, put the right file in its place, and start again: until then nothing is \
                     read or stored."
                ))
            }
        };
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
        StoreError::caused_by(
            format!("The SQLite store did not work: {what} {path}."),
            same(cause),
        )
    }
}

/// What SQLite said, once more.
fn same(cause: &rusqlite::Error) -> rusqlite::Error {
    match cause {
        rusqlite::Error::SqliteFailure(code, text) => {
            rusqlite::Error::SqliteFailure(*code, text.clone())
        }
        other => rusqlite::Error::ToSqlConversionFailure(other.to_string().into()),
    }
}

/// Makes the file, if there is none, for its owner alone to read: it may hold relay secrets and
/// passes. SQLite gives `-wal` and `-shm` the permissions of the file that they belong to. A file that
/// is there stays as its owner made it.
fn create_private(path: &Path) {
    // To close a file lets go of all locks that this process has on it, SQLite's too. So nobody may be
    // in SQLite with it before the one who made it has closed it: everybody passes here first.
    // Std's in loom's builds, too: loom's lives no longer than a play.
    #[allow(unused_qualifications)]
    static CREATING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut path = path.to_owned();
    for _ in 0..LONGEST_CHAIN {
        // Whatever stands in the way, SQLite meets it next and says so.
        if options.open(&path).is_ok() || path.exists() {
            return;
        }
        // Through a link that leads nowhere yet SQLite would make the file, for everybody to read.
        let Ok(target) = std::fs::read_link(&path) else {
            return;
        };
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
}

/// So many links one after the other are followed.
const LONGEST_CHAIN: usize = 8;

/// `None` if there is no file. An error where that cannot be told: on systems where an open file keeps
/// its name, and where the folder may not be looked into any more.
fn file_id(path: &Path) -> std::io::Result<Option<FileId>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        match std::fs::metadata(path) {
            Ok(it) => Ok(Some((it.dev(), it.ino(), it.created().ok()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
        let idle = std::mem::take(idle);
        match AtWork::begin() {
            // A parent's are closed, too, before this process opens any: SQLite would rely on locks of theirs.
            Ok(_at_work) => drop(idle),
            // The parent was at work, and left SQLite half done.
            Err(_) => std::mem::forget(idle),
        }
    }
}
