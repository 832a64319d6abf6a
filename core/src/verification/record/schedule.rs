//! When somebody should look at a record again, and how long it is kept.

use super::{record_key, Durable, Purpose, State, AFTER_THE_END, STRICT_WAITS};
use crate::records::{next_look, Format, Stored, ANSWER_LIFE, KEEP_FINISHED, LEASE, MINUTE};
use crate::secret::rand_core::CryptoRng;

/// How long a step that its caller does not go on with stays stored: as long as Persona keeps
/// answers.
const KEEP_STEP: u64 = ANSWER_LIFE;

impl Durable {
    /// The record in another state, after a step forward.
    pub(in crate::verification) fn moved(
        &self,
        state: State,
        now: u64,
        random: &mut impl CryptoRng,
    ) -> Self {
        let mut moved = Self {
            state,
            tries: 0,
            leased_until: Some(now + LEASE),
            ..self.clone()
        };
        if !matches!(moved.state, State::Created { .. } | State::Issuing { .. }) {
            moved.purchase_failure = None;
        }
        if moved.is_closed() {
            // W6: nothing secret outlives the verification.
            moved.relay = None;
            moved.leased_until = None;
        }
        moved.schedule(now, random);
        moved
    }

    /// The record in another state, without having come closer to the end: what is tried again and
    /// again is tried less and less often.
    pub(in crate::verification) fn moved_in_vain(
        &self,
        state: State,
        now: u64,
        random: &mut impl CryptoRng,
    ) -> Self {
        let mut moved = self.moved(state, now, random);
        moved.tries = self.tries;
        moved.schedule(now, random);
        moved
    }

    /// The record after a look in vain: the next one is later.
    pub(in crate::verification) fn postponed(&self, now: u64, random: &mut impl CryptoRng) -> Self {
        let mut postponed = Self {
            tries: self.tries.saturating_add(1),
            leased_until: None,
            ..self.clone()
        };
        postponed.schedule(now, random);
        postponed
    }

    pub(super) fn schedule(&mut self, now: u64, random: &mut impl CryptoRng) {
        let (due_at, kept_for) = match (self.purpose, &self.state) {
            (Purpose::Verification, _) => return self.schedule_verification(now, random),
            // An answer may be lost: it is asked for, whether or not the caller comes back.
            (Purpose::Redemption, State::Redeeming { .. }) => {
                (Some(next_look(now, self.tries, random)), None)
            }
            (Purpose::Redemption, State::Ready { lost, .. })
                if lost.iter().any(|request| request.lives(now)) =>
            {
                (Some(next_look(now, self.tries, random)), Some(KEEP_STEP))
            }
            (Purpose::Redemption, _) if self.is_closed() => (None, Some(KEEP_FINISHED)),
            // Only the caller, who has the credentials, can go on.
            (Purpose::Redemption | Purpose::Purchase, _) => (None, Some(KEEP_STEP)),
        };
        self.due_at = due_at;
        self.expires_at = kept_for.map(|kept_for| now + kept_for);
    }

    fn schedule_verification(&mut self, now: u64, random: &mut impl CryptoRng) {
        let waiting = match &self.state {
            State::Issuing { purchase } => purchase.stuck.is_some(),
            // What was lost is asked for, whether or not the caller comes back.
            State::Ready { lost, .. } => !lost.iter().any(|request| request.lives(now)),
            _ => false,
        };
        self.due_at = if self.is_closed() && self.refund.is_none() {
            None
        } else if self.waits_for_pool() && self.refund.is_none() {
            // Whoever asks for the answer goes on with it, until nobody does any more.
            let dead_at = self.session_ends_at.saturating_add(STRICT_WAITS + 1);
            Some(dead_at.saturating_add(random.next_u64() % (5 * MINUTE)))
        } else if let Some(left) = self.is_put_off_for(now) {
            Some(now + left)
        } else if waiting && !self.is_over(now) {
            // Only the session's end changes anything; the person has time until then.
            Some(
                self.session_ends_at
                    .saturating_add(AFTER_THE_END + 1 + random.next_u64() % (5 * MINUTE)),
            )
        } else {
            Some(next_look(now, self.tries, random))
        };
        self.expires_at = (self.due_at.is_none()).then_some(now + KEEP_FINISHED);
    }
}

impl Stored for Durable {
    fn due_at(&self) -> Option<u64> {
        self.due_at
    }

    fn expires_at(&self) -> Option<u64> {
        self.expires_at
    }

    fn format(&self) -> Format {
        match &self.owner {
            _ if self.is_strict() => Format::Strict,
            Some(_) => Format::Owned,
            None => Format::Plain,
        }
    }

    fn is_under(&self, key: &str) -> bool {
        key == record_key(&self.id)
    }
}
