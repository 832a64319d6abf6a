//! A pass that is being bought: what was blinded, and under which key it is signed.
//!
//! Pure. It is stored before the first byte is sent (W1) and holds all that a restart needs to ask
//! for the very same signature: one charge, the same pass (W3).

use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;
use crate::events::EventKind;
use crate::http::{Attempt, Connection};
use crate::outcome::{meaning, Answer, Call, Failure, KeyHistory, Meaning};
use crate::records::{Evidence, StoredSecret, KEY_LIFE};
use crate::secret::rand_core::CryptoRng;
use crate::secret::IdempotencyKey;

/// What is stored between blinding and finalizing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Purchase {
    /// The blinding state, see `PendingPass::save`.
    pub(crate) blinded: StoredSecret,
    /// The key of the open question; none while the last one is answered for good, and a new one
    /// is to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<StoredSecret>,
    /// When the key was made, milliseconds since the epoch.
    pub(crate) key_made_at: u64,
    /// How often a new key was made without the caller's word.
    #[serde(default)]
    rotations: u32,
    /// How Persona failed last under the key: whoever asks next knows a stored failure by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    /// Why it stopped. The caller may say `reissue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stuck: Option<Evidence>,
}

/// What one worker knows of a request since it took it up. Not stored.
pub(crate) struct Attempts {
    pub(crate) history: KeyHistory,
    /// Whether an answer was lost in this worker's own hands.
    pub(crate) lost_here: bool,
    pub(crate) connection: Connection,
}

impl Attempts {
    /// At a request under a key that this worker has just stored.
    pub(crate) fn open() -> Self {
        Self::of(KeyHistory::open())
    }

    /// At a request that somebody may have sent before.
    pub(crate) fn taken_up() -> Self {
        Self::of(KeyHistory::taken_up(None))
    }

    fn of(history: KeyHistory) -> Self {
        Self {
            history,
            lost_here: false,
            connection: Connection::Any,
        }
    }

    /// Notes an answer, and says what it means.
    pub(crate) fn note(&mut self, call: Call, attempt: &Attempt) -> Meaning {
        let meaning = meaning(call, attempt.answer);
        if attempt.answer == Answer::Unknown {
            self.connection = Connection::Fresh;
        }
        self.lost_here |= matches!(meaning, Meaning::Lost | Meaning::Failed);
        (self.history).note(attempt.answer, meaning, attempt.failure());
        meaning
    }
}

/// What follows from an answer to a purchase.
pub(crate) enum Bought {
    /// Ask again after a pause; the purchase is as stored.
    Again,
    /// Likewise, for as long as the call may take: our own request may still be running.
    AgainUntilDeadline,
    /// Store this, then ask again after a pause.
    AgainAs(Purchase, EventKind),
    /// Drop the purchase, fetch the challenge again and blind anew.
    BlindAgain(Option<EventKind>),
    /// Permission is denied: store this, which asks under a new key later, and stop.
    Denied(Purchase, Option<EventKind>),
    /// Stop; the purchase is as stored.
    Fail(ErrorKind),
    /// Store this, then stop.
    FailAs(Purchase, ErrorKind),
}

impl Purchase {
    pub(crate) fn new(blinded: StoredSecret, now: u64, random: &mut impl CryptoRng) -> Self {
        Self::unasked(blinded, now).with_new_key(now, random)
    }

    /// A purchase that nobody asks for yet.
    pub(crate) fn unasked(blinded: StoredSecret, now: u64) -> Self {
        Self {
            blinded,
            key: None,
            key_made_at: now,
            rotations: 0,
            failure: None,
            stuck: None,
        }
    }

    /// The purchase under a new key, at the caller's word or because the old one is of no use.
    pub(crate) fn with_new_key(&self, now: u64, random: &mut impl CryptoRng) -> Self {
        Self {
            key: Some((&IdempotencyKey::random(random)).into()),
            key_made_at: now,
            failure: None,
            stuck: None,
            ..self.clone()
        }
    }

    /// Where a worker stands who finds the purchase in a record.
    pub(crate) fn taken_up(&self) -> Attempts {
        Attempts::of(KeyHistory::taken_up(self.failure.clone()))
    }

    /// The purchase with what a worker has learned of its key, for the next one.
    pub(crate) fn after(&self, attempts: &Attempts) -> Self {
        Self {
            failure: attempts.history.last_failure().cloned(),
            ..self.clone()
        }
    }

    /// Whether the key is too old to be asked: Persona would take it for a new one, and bill again.
    pub(crate) fn is_too_late(&self, now: u64) -> bool {
        self.key.is_some() && now >= self.is_over_at()
    }

    /// Since when the open question may have been asked; none if it provably was not.
    pub(crate) fn asked_since(&self) -> Option<u64> {
        self.key.as_ref().map(|_| self.key_made_at)
    }

    /// Whether it was asked for under an earlier key, and may be billed under that one.
    pub(crate) fn was_asked(&self) -> bool {
        self.rotations > 0
    }

    /// From when on nobody can ask for the signature any more.
    pub(crate) fn is_over_at(&self) -> u64 {
        self.key_made_at.saturating_add(KEY_LIFE)
    }

    /// Whether the same question may be asked: nothing is wrong with it, or another worker's request
    /// was in the way.
    pub(crate) fn may_go_on(&self, now: u64) -> bool {
        match self.stuck.as_ref().map(Evidence::kind) {
            None => true,
            Some(ErrorKind::Conflict) => !self.is_too_late(now),
            Some(_) => false,
        }
    }

    /// The purchase that nobody asks for any more, because it is too late.
    pub(crate) fn given_up(&self) -> Self {
        self.stuck_with(Evidence::new(
            ErrorKind::OutcomeUnknown,
            "Persona was asked to sign a pass, no answer came within 22 hours, and nobody can tell \
             whether it was billed.",
        ))
    }

    /// What an answer that brought no pass means. The rows are the table of signatures in
    /// `docs/reliability.md`. `may_retry`: whether the call has time and tries left.
    pub(crate) fn refused(
        &self,
        attempt: &Attempt,
        attempts: &mut Attempts,
        may_retry: bool,
        now: u64,
        random: &mut impl CryptoRng,
    ) -> Bought {
        let was_lost = attempts.history.is_lost();
        let was_gone = (attempts.history.last_failure()).is_some_and(Failure::is_not_found);
        let meaning = attempts.note(Call::Sign, attempt);
        let history = &attempts.history;
        let stuck = |kind| {
            let evidence = Evidence::of(&attempt.lasting_error(Call::Sign, kind));
            Bought::FailAs(self.stuck_with(evidence), kind)
        };
        match meaning {
            Meaning::Untouched | Meaning::Lost => Bought::Again,
            Meaning::Failed if !history.is_replayed() => Bought::Again,
            // A stored answer is no use: one new key, for the same message, and it is told.
            Meaning::Failed if self.rotations == 0 => {
                let mut purchase = self.with_new_key(now, random);
                purchase.rotations += 1;
                Bought::AgainAs(purchase, EventKind::PossibleDoubleCharge)
            }
            Meaning::Failed => stuck(ErrorKind::OutcomeUnknown),
            Meaning::BadSignature if history.looks() < 2 && may_retry => Bought::Again,
            // No second look yet: later the same.
            Meaning::BadSignature if history.looks() < 2 && !history.is_taken_up() => {
                Bought::Fail(ErrorKind::Protocol)
            }
            Meaning::BadSignature => stuck(ErrorKind::Protocol),
            Meaning::Unauthenticated => Bought::Fail(ErrorKind::Authentication),
            Meaning::Denied if !was_lost => Bought::Denied(self.without_key(), None),
            // It may be decided before she looks at what she has stored, and that may be a signature:
            // only an answer that is provably a stored one gives up the key. Nothing was signed under
            // it, as far as we understand her; so it is no rotation, and is told all the same.
            Meaning::Denied if history.is_replayed() => {
                Bought::Denied(self.without_key(), Some(EventKind::PossibleDoubleCharge))
            }
            Meaning::Denied if history.looks() < 2 && may_retry => Bought::Again,
            Meaning::Denied => Bought::Fail(ErrorKind::PermissionDenied),
            // What may have been billed under a key before is evidence: it is kept.
            Meaning::KeyGone if self.rotations > 0 => stuck(ErrorKind::NotFound),
            Meaning::KeyGone if !was_lost => Bought::BlindAgain(None),
            // Provably a stored answer: nothing was signed under the key, as far as we understand her.
            Meaning::KeyGone if history.is_replayed() => {
                Bought::BlindAgain(Some(EventKind::PossibleDoubleCharge))
            }
            Meaning::KeyGone if history.looks() < 2 && may_retry => Bought::Again,
            // No second look yet: later the same.
            Meaning::KeyGone if history.looks() < 2 && !was_gone => {
                Bought::Fail(ErrorKind::NotFound)
            }
            Meaning::KeyGone => stuck(ErrorKind::NotFound),
            Meaning::Conflict(_) if attempts.lost_here => Bought::AgainUntilDeadline,
            Meaning::Conflict(kind) if was_lost => match history.looks() < 2 && may_retry {
                true => Bought::Again,
                false => Bought::Fail(kind),
            },
            Meaning::Conflict(_) if history.looks() < 2 && may_retry => Bought::Again,
            Meaning::Conflict(kind) => stuck(kind),
            Meaning::Refused(kind) => stuck(kind),
            Meaning::NotYet | Meaning::PassRejected => {
                unreachable!("these are answers to a redemption")
            }
        }
    }

    /// The purchase whose key was answered for good, or provably never sent.
    pub(crate) fn without_key(&self) -> Self {
        Self {
            key: None,
            failure: None,
            ..self.clone()
        }
    }

    fn stuck_with(&self, evidence: Evidence) -> Self {
        Self {
            stuck: Some(evidence),
            ..self.clone()
        }
    }
}
