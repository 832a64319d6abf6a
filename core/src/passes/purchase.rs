//! A pass that is being bought: what was blinded, and under which key it is signed.
//!
//! Pure. It is stored before the first byte is sent (W1) and holds all that a restart needs to ask
//! for the very same signature: one charge, the same pass (W3).

use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;
use crate::events::EventKind;
use crate::http::{Attempt, Connection};
use crate::outcome::{rule_signing, Answer, History, NextKey, Ruling, Step};
use crate::records::{Evidence, Kept, KEY_LIFE};
use crate::secret::rand_core::CryptoRng;
use crate::secret::IdempotencyKey;

/// What is stored between blinding and finalizing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Purchase {
    /// The blinding state, see `PendingPass::save`.
    pub(crate) blinded: Kept,
    /// The key of the open question; none while the last one is answered for good, and a new one
    /// is to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Kept>,
    /// When the key was made, milliseconds since the epoch.
    pub(crate) key_made_at: u64,
    /// How often a new key was made without the caller's word.
    #[serde(default)]
    rotations: u32,
    /// Why it stopped. The caller may say `reissue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stuck: Option<Evidence>,
}

/// What one worker knows of a question since it took it up. Not stored.
pub(crate) struct Asking {
    pub(crate) history: History,
    pub(crate) connection: Connection,
}

impl Asking {
    pub(crate) fn new(history: History) -> Self {
        Self {
            history,
            connection: Connection::Any,
        }
    }

    /// Notes what the transport learned.
    pub(crate) fn note(&mut self, answer: Answer) {
        if answer == Answer::Unknown {
            self.connection = Connection::Fresh;
        }
    }
}

/// What follows from an answer to a purchase.
pub(crate) enum Bought {
    /// Ask again after a pause; the purchase is as stored.
    Again,
    /// Store this, then ask again after a pause.
    AgainAs(Purchase, EventKind),
    /// Drop the purchase, fetch the challenge again and blind anew.
    BlindAgain,
    /// Stop; the purchase is as stored.
    Fail(ErrorKind),
    /// Store this, then stop.
    FailAs(Purchase, ErrorKind),
}

impl Purchase {
    pub(crate) fn new(blinded: Kept, now: u64, random: &mut impl CryptoRng) -> Self {
        Self {
            blinded,
            key: Some((&IdempotencyKey::random(random)).into()),
            key_made_at: now,
            rotations: 0,
            stuck: None,
        }
    }

    /// Takes the question up. `lost` unless this worker just stored it: somebody may have asked.
    pub(crate) fn asking(&self, lost: bool) -> Asking {
        Asking::new(History::resumed(lost, 0, self.rotations))
    }

    /// The purchase under a new key, at the caller's word or because the old one is of no use.
    pub(crate) fn with_new_key(&self, now: u64, random: &mut impl CryptoRng) -> Self {
        Self {
            key: Some((&IdempotencyKey::random(random)).into()),
            key_made_at: now,
            stuck: None,
            ..self.clone()
        }
    }

    /// Whether the key is too old to be asked: Persona would take it for a new one, and bill again.
    pub(crate) fn is_too_late(&self, now: u64) -> bool {
        self.key.is_some() && now >= self.key_made_at.saturating_add(KEY_LIFE)
    }

    /// The purchase that nobody asks for any more, because it is too late.
    pub(crate) fn given_up(&self) -> Self {
        self.stuck_with(Evidence::new(
            ErrorKind::OutcomeUnknown,
            "Persona was asked to sign a pass, no answer came within 22 hours, and nobody can tell \
             whether it was billed.",
        ))
    }

    /// What an answer that brought no pass means.
    pub(crate) fn refused(
        &self,
        attempt: &Attempt,
        asking: &mut Asking,
        now: u64,
        random: &mut impl CryptoRng,
    ) -> Bought {
        asking.note(attempt.answer);
        let ruling = rule_signing(
            attempt.answer,
            attempt.request_id(),
            attempt.body(),
            &mut asking.history,
        );
        match ruling {
            Ruling::Again(NextKey::Same | NextKey::Earlier) => Bought::Again,
            Ruling::Again(NextKey::New) => {
                let mut purchase = self.with_new_key(now, random);
                purchase.rotations = asking.history.rotations();
                Bought::AgainAs(purchase, EventKind::PossibleDoubleCharge)
            }
            Ruling::RefetchChallenge => Bought::BlindAgain,
            Ruling::SameLater(kind) => Bought::Fail(kind),
            Ruling::NewLater(kind) => {
                let answered = Self {
                    key: None,
                    ..self.clone()
                };
                Bought::FailAs(answered, kind)
            }
            Ruling::Stuck(kind) => {
                let evidence = Evidence::of(&attempt.lasting_error(Step::Sign, kind));
                Bought::FailAs(self.stuck_with(evidence), kind)
            }
            Ruling::NotYet | Ruling::Refused(_) | Ruling::PassRejected | Ruling::Unknown => {
                unreachable!("these are answers to a redemption")
            }
        }
    }

    fn stuck_with(&self, evidence: Evidence) -> Self {
        Self {
            stuck: Some(evidence),
            ..self.clone()
        }
    }
}
