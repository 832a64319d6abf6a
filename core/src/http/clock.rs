//! The time of day. Whatever is pure gets it as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch, UTC. A clock before 1970 reads as 1970.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
