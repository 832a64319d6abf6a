//! How much is played. `SIMULATION=usual` is what `make test` asks for: every crash point with all
//! mappings of statuses, and 400 random worlds. Without it, `cargo test` plays what takes
//! seconds: single crashes with the likeliest mapping, and some worlds.

/// Whether all is to be played that `make test` plays.
pub(super) fn is_usual() -> bool {
    match std::env::var("SIMULATION").as_deref() {
        Ok("usual") => true,
        Ok("short") | Err(_) => false,
        Ok(other) => panic!("SIMULATION is `short` or `usual`, not {other:?}"),
    }
}

/// All pairs of crashes with all fates for both take minutes; they can be asked for.
pub(super) fn every_fate_is_wanted() -> bool {
    std::env::var_os("SIMULATION_EVERY_FATE").is_some()
}

/// Whether random worlds have only faults that last for a moment, and the default retries.
pub(super) fn is_momentary() -> bool {
    std::env::var_os("SIMULATION_MOMENTARY").is_some()
}
