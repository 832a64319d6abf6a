//! What one worker knows of a verification beside its record.

use super::strict::may_show_another;
use super::Goal;
use crate::client::Owner;
use crate::error::ErrorKind;
use crate::http::Connection;
use crate::passes::Attempts;
use crate::records::StoredSecret;
use crate::verification::record::{Durable, Purpose, Request};

/// So many passes of the pool are tried in one call, each for one that Persona does not take.
const MOST_REPLACEMENTS: u32 = 3;

/// What one worker knows of a verification beside its record.
pub(crate) struct Run {
    pub(crate) goal: Goal,
    /// When the call began, milliseconds since the epoch.
    pub(crate) began: u64,
    /// Whether this worker stored the record as it is. If not, somebody may have sent what it says.
    pub(crate) is_own: bool,
    /// What it learned under the present key.
    pub(crate) attempts: Option<Attempts>,
    /// Whether the call has time and tries left for another attempt.
    pub(crate) may_retry: bool,
    /// Whether the moment of a purchase that was put off has come, whatever the clock says.
    pub(crate) is_its_moment: bool,
    /// Whether this worker is strict.
    pub(crate) is_strict: bool,
    /// Whether Persona was not shown the pass before.
    pub(crate) is_first_showing: bool,
    /// Whether no key may be made: the caller has the one that there is.
    pub(crate) only_this_key: bool,
    /// The present key as it was before this call asked it.
    pub(super) asked: Option<Request>,
    /// Lost keys that this call has asked in vain.
    pub(super) set_aside: Vec<StoredSecret>,
    /// What the last of them was answered.
    pub(super) last_failure: ErrorKind,
    pub(super) blinded_again: bool,
    /// Whether this call fetched the challenge.
    pub(super) has_blinded: bool,
    pub(super) replacements: u32,
    /// Whether the caller accepts that a pass may be billed a second time.
    pub(super) reissues: bool,
    /// Who says so: he is billed for what is bought then, and it is his. None: the built client.
    pub(crate) caller: Option<Owner>,
}

impl Run {
    pub(crate) fn new(goal: Goal, began: u64) -> Self {
        Self {
            goal,
            began,
            is_own: false,
            attempts: None,
            may_retry: true,
            is_its_moment: false,
            is_strict: false,
            is_first_showing: false,
            only_this_key: false,
            asked: None,
            set_aside: Vec::new(),
            last_failure: ErrorKind::Network,
            blinded_again: false,
            has_blinded: false,
            replacements: 0,
            reissues: false,
            caller: None,
        }
    }

    /// Whether the purchase is still to wait for its moment. Whoever asks for the answer does not wait.
    pub(super) fn is_put_off(&self, record: &Durable, now: u64) -> bool {
        let waits = self.goal == Goal::Pass && !self.is_its_moment;
        waits && record.is_put_off_for(now).is_some()
    }

    /// Whether a challenge that is fetched now is fetched beside the creation of its relay, and not for the
    /// purchase: that waits for its moment, or was to be made at once.
    pub(in crate::verification) fn is_beside_its_relay(&self, record: &Durable, now: u64) -> bool {
        let is_of_a_relay = record.purpose == Purpose::Verification && record.relay.is_some();
        is_of_a_relay && (record.buy_at.is_none() || self.is_put_off(record, now))
    }

    /// Whether a strict worker has to make this verification a strict one.
    pub(super) fn takes_over(&self, record: &Durable) -> bool {
        let is_open = record.purpose == Purpose::Verification && !record.is_closed();
        self.is_strict && is_open && !record.is_strict() && !record.relay_bound
    }

    /// Whether this worker shows and buys nothing for this verification: it is a strict one.
    pub(super) fn leaves(&self, record: &Durable) -> bool {
        !self.is_strict && record.is_strict() && !record.is_closed()
    }

    /// Whether Persona can tell by the clock which relay the pass is for that this call buys: it
    /// names the relay right after, or has just named it for a challenge of its own.
    pub(super) fn buys_linkably(&self, record: &Durable) -> bool {
        let names_relay = self.has_blinded && record.relay_bound && record.buy_at.is_some();
        record.purpose == Purpose::Verification && (self.goal == Goal::Answer || names_relay)
    }

    /// How the next attempt is to travel.
    pub(crate) fn connection(&self) -> Connection {
        let attempts = self.attempts.as_ref();
        attempts.map_or(Connection::Any, |attempts| attempts.connection)
    }

    /// The record was read anew: what was known of its request is no longer.
    pub(crate) fn reloaded(&mut self) {
        self.is_own = false;
        self.attempts = None;
    }

    /// Whether another pass of the pool is tried for one that Persona does not take.
    pub(super) fn may_replace(&self, record: &Durable) -> bool {
        let is_pooled = record.purpose == Purpose::Verification && !record.relay_bound;
        let is_enough = match record.is_strict() {
            true => !may_show_another(record),
            false => self.replacements >= MOST_REPLACEMENTS,
        };
        is_pooled && self.goal == Goal::Answer && !is_enough
    }

    /// Whether nothing was sent under the present key, by nobody.
    pub(crate) fn is_unsent(&self) -> bool {
        let attempts = self.attempts.as_ref();
        attempts.map_or(self.is_own, |attempts| attempts.history.is_open())
    }

    /// Where this worker stands with the request in the record; if that is somebody else's, where he
    /// left it.
    pub(super) fn take_attempts(&mut self, left: impl FnOnce() -> Attempts) -> Attempts {
        self.attempts.take().unwrap_or_else(|| match self.is_own {
            true => Attempts::open(),
            false => left(),
        })
    }
}
