//! Each connection is an open file, and a process may open only so many.

use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};

/// What is open beside the callers' connections: the store, the ways to Persona, the log.
const BESIDE: u64 = 1024;

/// Raises what this process may open to what so many connections need. Returns how many there may be
/// if the system does not allow that: others wait, and the store has its own files.
pub(super) fn allow(connections: usize) -> usize {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX);
    let needed = wanted.saturating_add(BESIDE);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(current) = current.filter(|current| *current < needed) else {
        return connections;
    };
    let raised = maximum.map_or(needed, |maximum| maximum.min(needed));
    let limit = Rlimit {
        current: Some(raised),
        maximum,
    };
    let files = setrlimit(Resource::Nofile, limit).map_or(current, |()| raised);
    if files >= needed {
        return connections;
    }
    let fitting = files.saturating_sub(BESIDE).max(files / 2).min(wanted);
    tracing::warn!(
        files,
        connections = fitting,
        "this process may open too few files for --max-connections: so many connections are open \
         at once; raise the limit of open files for more"
    );
    usize::try_from(fitting).unwrap_or(connections)
}
