//! When, and in which process, secrets were made that must not be used twice.

use std::time::{Duration, Instant, SystemTime};

/// By so much the clock may have been set since a factor was made. A machine that goes on from a snapshot
/// is set by as much as it has missed.
const MOST_SET: Duration = Duration::from_secs(2);

/// When, and in which process.
#[derive(Clone, Copy)]
pub struct Moment {
    /// By a clock that is never set.
    pub instant: Instant,
    /// By the clock on the wall.
    pub clock: SystemTime,
    /// The process.
    pub process: Process,
}

impl Moment {
    /// This one.
    pub fn present() -> Self {
        Self {
            instant: Instant::now(),
            clock: SystemTime::now(),
            process: Process::present(),
        }
    }

    /// Whether what was made at this moment may no longer be used: it is too old, or comes from a snapshot.
    pub(crate) fn is_stale(&self, now: &Moment, longest_age: Duration) -> bool {
        let passed = now.instant.saturating_duration_since(self.instant);
        let by_clock = now.clock.duration_since(self.clock);
        let set = by_clock.map_or_else(
            |back| back.duration() + passed,
            |by_clock| by_clock.abs_diff(passed),
        );
        passed >= longest_age || set > MOST_SET
    }
}

/// A process. Its number alone does not tell: numbers are used again, and a child in a pid namespace of its
/// own may have its parent's. With the parent's number and the namespace it nearly does: not told apart are
/// a process whose parent is the first one, and one of its descendants that is given its number again and
/// has lost its own parent by then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Process {
    pub(crate) id: u32,
    pub(crate) parent: u32,
    pub(crate) namespace: u64,
}

impl Process {
    /// Whether all is there that tells it from others: on Linux, /proc may not be.
    pub(crate) fn is_known(&self) -> bool {
        !cfg!(target_os = "linux") || self.namespace != 0
    }

    /// The one that asks. It takes about two microseconds.
    pub fn present() -> Self {
        Self {
            id: std::process::id(),
            #[cfg(unix)]
            parent: std::os::unix::process::parent_id(),
            #[cfg(not(unix))]
            parent: 0,
            namespace: namespace(),
        }
    }
}

#[cfg(target_os = "linux")]
fn namespace() -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino())
}

#[cfg(not(target_os = "linux"))]
fn namespace() -> u64 {
    0
}
