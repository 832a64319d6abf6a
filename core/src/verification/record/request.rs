//! A redemption under its idempotency key, and for how long Persona may know the key.

use serde::{Deserialize, Serialize};

use crate::records::{StoredSecret, ANSWER_LIFE, HOUR, MINUTE};
use crate::secret::rand_core::CryptoRng;
use crate::secret::IdempotencyKey;

/// By so much clocks may differ as far as keys go.
const CLOCKS_DIFFER: u64 = 2 * HOUR;

/// After so long, a process must have slept between writing a request and sending it.
const STALE: u64 = 10 * MINUTE;

/// A request runs no longer than this; 10 minutes of it are for clocks that differ.
const RUNNING: u64 = 20 * MINUTE;

/// A redemption under an idempotency key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(in crate::verification) key: StoredSecret,
    /// When the key was made.
    pub(in crate::verification) at: u64,
    /// When it was asked last before Persona answered under it: nobody knows which of several
    /// requests was the first to arrive. None: when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_at: Option<u64>,
    /// When Persona first answered under it, by her clock where she tells it: since then she knows
    /// the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen_at: Option<u64>,
    /// Whether a new key was refused since the session's end. Another one brings nothing while this
    /// one lives.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::verification) is_outlived: bool,
}

impl Request {
    pub(in crate::verification) fn new(now: u64, random: &mut impl CryptoRng) -> Self {
        Self::under(&IdempotencyKey::random(random), now)
    }

    pub(in crate::verification) fn under(key: &IdempotencyKey, now: u64) -> Self {
        Self {
            key: key.into(),
            at: now,
            asked_at: None,
            seen_at: None,
            is_outlived: false,
        }
    }

    /// The request as it is asked again.
    pub(in crate::verification) fn asked(&self, now: u64) -> Self {
        let mut asked = self.clone();
        if self.seen_at.is_none() && now > self.at {
            asked.asked_at = Some(now);
        }
        asked
    }

    /// The request when Persona has answered under its key. She did not know it before it was made,
    /// whatever her clock says.
    pub(in crate::verification) fn seen(&self, at: u64) -> Self {
        let at = at.max(self.at.saturating_sub(CLOCKS_DIFFER));
        Self {
            seen_at: self.seen_at.or(Some(at)),
            ..self.clone()
        }
    }

    /// The request after one under its key was answered before Persona looked for it: that one was not
    /// the first to arrive, so it is as it was `before` that.
    pub(in crate::verification) fn turned_away(&self, before: Option<&Self>) -> Self {
        let before = before.filter(|before| before.key == self.key);
        before.unwrap_or(self).clone()
    }

    /// The request under a key that holds nothing any more.
    pub(in crate::verification) fn forgotten(&self) -> Self {
        Self {
            seen_at: Some(0),
            ..self.clone()
        }
    }

    /// Whether it was written so long ago that Persona would remember it longer than we do: it is
    /// written anew before it is sent.
    pub(in crate::verification) fn is_stale(&self, now: u64) -> bool {
        let asked_at = self.asked_at.unwrap_or(self.at);
        self.seen_at.is_none() && now >= asked_at.saturating_add(STALE)
    }

    /// Whether Persona knew the key so long ago that no request under it can still be running.
    pub(in crate::verification) fn is_settled(&self, at: u64) -> bool {
        (self.seen_at).is_some_and(|seen_at| at >= seen_at.saturating_add(RUNNING))
    }

    /// Whether Persona may still hold an answer under it. The nonce protects: a key that she has
    /// forgotten redeems nothing twice.
    pub(in crate::verification) fn lives(&self, now: u64) -> bool {
        let since = self.seen_at.or(self.asked_at).unwrap_or(self.at);
        now < since.saturating_add(ANSWER_LIFE + CLOCKS_DIFFER)
    }
}
