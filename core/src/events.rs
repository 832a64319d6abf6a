//! What happens on the way and is no error: for the caller's log.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;

use crate::callback::called_now;
use crate::releasable::Releasable;

/// Something that the caller's log should know. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The verification it happened to; none for passes bought ahead.
    pub verification_id: Option<String>,
    /// Persona's `Request-Id`, if an answer led to it.
    pub request_id: Option<String>,
    /// What happened, in a sentence.
    pub message: String,
}

impl Event {
    /// An event of this kind that never happened, for the bindings' tests.
    #[doc(hidden)]
    pub fn example(kind: EventKind) -> Self {
        Self {
            kind,
            verification_id: Some("an id".to_owned()),
            request_id: None,
            message: format!("an example of {}", kind.name()),
        }
    }
}

/// What an [`Event`] is about. The string ([`EventKind::name`]) is public API and the same in every
/// language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A blinded message that may have been billed already is sent under a new idempotency key.
    PossibleDoubleCharge,
    /// Nobody can tell whether a pass was billed, or whether it is spent.
    UnknownOutcome,
    /// Persona signs with another key than before.
    KeyChanged,
    /// Persona gave two challenges, two keys or two ids of a key for the same hour: what differs goes with
    /// the pass, and may tell her whose it is.
    IssuerInconsistent,
    /// The id of Persona's key is not the SHA-256 of the key: it could be anything, and goes with the pass.
    KeyIdMismatch,
    /// A pass was bought in the call that asks for the answer, or right after a challenge that named its
    /// relay: Persona can tell by the clock which relay it is for.
    LinkableByTime,
    /// A pass could not be bought in the background, and cannot be before somebody mends the cause: a
    /// wrong API key, a missing permission. Once for each cause; the message names its code.
    PurchaseFailed,
    /// A verification needs a pass and the pool has none, and strict privacy buys none for it. Once for each
    /// verification.
    WaitingForPass,
    /// Persona does not answer the question yet.
    Pending,
    /// A pass that was not consumed went back to the pool.
    Refunded,
    /// Two signatures in a row were no use: the pool buys no more passes of this claim type for an
    /// hour, or until one that is bought otherwise is good.
    PoolStopped,
    /// Work in the background failed, and will be tried again.
    BackgroundFailure,
}

impl EventKind {
    /// Every kind, for tests and tables that must not forget one.
    pub const ALL: &'static [EventKind] = &[
        EventKind::PossibleDoubleCharge,
        EventKind::UnknownOutcome,
        EventKind::KeyChanged,
        EventKind::IssuerInconsistent,
        EventKind::KeyIdMismatch,
        EventKind::LinkableByTime,
        EventKind::PurchaseFailed,
        EventKind::WaitingForPass,
        EventKind::Pending,
        EventKind::Refunded,
        EventKind::PoolStopped,
        EventKind::BackgroundFailure,
    ];

    /// The stable name of this kind, the same in every language.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::PossibleDoubleCharge => "possible_double_charge",
            EventKind::UnknownOutcome => "unknown_outcome",
            EventKind::KeyChanged => "key_changed",
            EventKind::IssuerInconsistent => "issuer_inconsistent",
            EventKind::KeyIdMismatch => "key_id_mismatch",
            EventKind::LinkableByTime => "linkable_by_time",
            EventKind::PurchaseFailed => "purchase_failed",
            EventKind::WaitingForPass => "waiting_for_pass",
            EventKind::Pending => "pending",
            EventKind::Refunded => "refunded",
            EventKind::PoolStopped => "pool_stopped",
            EventKind::BackgroundFailure => "background_failure",
        }
    }
}

/// Whoever is told of events. It is called from any thread and must return at once.
#[derive(Clone)]
pub struct Listener(Arc<Releasable<Listen>>);

type Listen = dyn Fn(&Event) + Send + Sync;

impl Listener {
    /// Tells `listen` of every event.
    pub fn new(listen: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Releasable::new(Arc::new(listen))))
    }

    /// One that counts, and tells `listener`, if there is one, for a client that lets go of both when it is
    /// closed.
    pub(crate) fn for_client(listener: Option<&Self>, counts: &Arc<EventCounts>) -> Self {
        let (counts, held) = (counts.clone(), listener.and_then(|Self(held)| held.get()));
        Self::new(move |event| {
            counts.count(event.kind);
            if let Some(listen) = &held {
                listen(event);
            }
        })
    }

    /// Lets go of whoever listens.
    pub(crate) fn release(&self) {
        self.0.release();
    }
}

/// How many events of each kind were told.
#[derive(Debug, Default)]
pub(crate) struct EventCounts([AtomicU64; EventKind::ALL.len()]);

impl EventCounts {
    fn count(&self, kind: EventKind) {
        self.of(kind).fetch_add(1, Relaxed);
    }

    /// How many of this kind.
    pub(crate) fn get(&self, kind: EventKind) -> u64 {
        self.of(kind).load(Relaxed)
    }

    fn of(&self, kind: EventKind) -> &AtomicU64 {
        let place = EventKind::ALL.iter().position(|known| *known == kind);
        &self.0[place.expect("every kind is in ALL")]
    }
}

/// Tells the caller's log, if it listens, and `tracing`.
pub(crate) fn tell(listener: Option<&Listener>, event: Event) {
    tracing::info!(
        event = event.kind.name(),
        verification_id = event.verification_id,
        request_id = event.request_id,
        "{}",
        event.message
    );
    if let Some(listen) = listener.and_then(|Listener(held)| held.get()) {
        called_now(|| listen(&event));
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
