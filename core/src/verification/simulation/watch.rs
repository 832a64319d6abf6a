//! What must hold whatever happens, checked whenever something is stored, sent, or billed.
//!
//! It reads the records by its own few structures, so that it does not believe the code it watches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use serde::Deserialize;

use super::executor::TaskId;
use super::server::{blinded_of, pass_of, Server};
use super::SECRET;
use crate::events::{Event, EventKind};
use crate::records::{DAY, MINUTE};
use crate::store::Record;

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Seen {
    #[serde(default)]
    purpose: Purpose,
    pub(super) state: State,
    #[serde(default)]
    relay: Option<Relay>,
    #[serde(default)]
    refund: Option<Refund>,
    #[serde(default)]
    pub(super) session_ends_at: u64,
    #[serde(default)]
    pub(super) due_at: Option<u64>,
    #[serde(default)]
    relay_bound: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    #[default]
    Verification,
    Purchase,
    Redemption,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub(super) enum State {
    Created,
    Issuing {
        purchase: Purchase,
    },
    Ready {
        pass: Pass,
        rejected: Option<Evidence>,
    },
    Redeeming {
        pass: Pass,
        question: Question,
    },
    Answered {
        claim: Claim,
    },
    Unopened {
        payload: String,
    },
    Expired,
    Failed {
        evidence: Evidence,
    },
    Given {
        payload: String,
        consumed: bool,
    },
    Available {
        pass: Pass,
    },
    Taken {
        pass: Pass,
    },
    Gone,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Purchase {
    blinded: String,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    rotations: u32,
    stuck: Option<Evidence>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Pass {
    token: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Question {
    #[serde(default)]
    key: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Claim {
    pub(super) claim_result: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Evidence {
    pub(super) code: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Relay {
    token: String,
    secret: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Refund {
    pass: Pass,
}

impl Seen {
    fn read(record: &Record) -> Self {
        // seal format, seal, format, JSON
        serde_json::from_slice(&record.value[3..]).expect("a record that the watch can read")
    }

    pub(super) fn is_closed(&self) -> bool {
        use State::{Answered, Expired, Failed, Given, Unopened};
        matches!(
            self.state,
            Answered { .. } | Unopened { .. } | Expired | Failed { .. } | Given { .. }
        )
    }

    /// Whether nothing is left to do for it.
    pub(super) fn is_settled(&self) -> bool {
        self.is_closed() && self.refund.is_none()
    }

    fn is_stuck(&self) -> bool {
        matches!(&self.state, State::Issuing { purchase } if purchase.stuck.is_some())
    }

    /// The blinded message of the pass that is in it.
    fn blinded(&self) -> Option<&str> {
        use State::{Available, Issuing, Ready, Redeeming, Taken};
        if let Some(refund) = &self.refund {
            return blinded_of(&refund.pass.token);
        }
        match &self.state {
            Issuing { purchase } => Some(&purchase.blinded),
            Ready { pass, .. } | Redeeming { pass, .. } | Available { pass } | Taken { pass } => {
                blinded_of(&pass.token)
            }
            _ => None,
        }
    }

    fn unknown(&self) -> bool {
        let evidence = match &self.state {
            State::Failed { evidence } => Some(evidence),
            State::Issuing { purchase } => purchase.stuck.as_ref(),
            _ => None,
        };
        evidence.is_some_and(|evidence| evidence.code == "outcome_unknown")
    }
}

/// What was stored of a request before it was sent.
struct Intent {
    owner: String,
    bytes: String,
    /// None once somebody took it up: whether it was sent before, nobody can know then.
    stored_by: Option<TaskId>,
    stored_at: u64,
}

#[derive(Default)]
struct Known {
    /// What is stored now, and what was before it was deleted.
    records: BTreeMap<String, Seen>,
    deleted: BTreeMap<String, Seen>,
    intents: BTreeMap<String, Intent>,
    /// Who buys, or bought, the pass of a blinded message.
    buyers: BTreeMap<String, String>,
    charges: BTreeMap<String, u32>,
    /// So many more charges than one are on record.
    allowances: BTreeMap<String, u32>,
    /// Those to whom something happened of which nobody knows the outcome.
    ambiguous: BTreeSet<String>,
    /// Those of whom Persona stored an answer that is of no use, and what else happened to them.
    stored_errors: BTreeSet<String>,
    statuses: BTreeMap<String, BTreeSet<u16>>,
    /// Who has a pass, or had it last without giving it back.
    holders: BTreeMap<String, String>,
    /// Passes that callers keep themselves.
    callers: BTreeSet<String>,
    /// In which place a pass is there for the taking.
    places: BTreeMap<String, String>,
    relays: BTreeMap<String, String>,
    notices: BTreeMap<&'static str, u32>,
}

/// The invariants.
pub(super) struct Watch(Mutex<Known>);

impl Watch {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Known::default()))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().expect("not poisoned")
    }

    pub(super) fn notice(&self, event: &Event) {
        *self.known().notices.entry(event.kind.name()).or_default() += 1;
    }

    pub(super) fn notices(&self, kind: EventKind) -> u32 {
        self.known().notices.get(kind.name()).copied().unwrap_or(0)
    }

    /// A write has landed.
    pub(super) fn stored(&self, key: &str, record: Option<&Record>, task: TaskId, now: u64) {
        if key.starts_with("reference/") || key == "names" {
            return;
        }
        let mut known = self.known();
        let Some(record) = record else {
            if let Some(seen) = known.records.remove(key) {
                if let State::Available { pass } = &seen.state {
                    known.places.remove(&pass.token);
                }
                known.deleted.insert(key.to_owned(), seen);
            }
            return;
        };
        let seen = Seen::read(record);
        let before = known.records.insert(key.to_owned(), seen.clone());
        known.terminal_stays(key, before.as_ref(), &seen, record);
        known.purchase(key, before.as_ref(), &seen);
        known.callers_keep_theirs(key, &seen);
        if seen.purpose == Purpose::Verification {
            known.holding(key, before.as_ref(), &seen);
        }
        if let Some(relay) = &seen.relay {
            let known_relay = known.relays.insert(key.to_owned(), relay.token.clone());
            // Of several who start under one reference, one may be forgotten before the others store
            // theirs; they then forget it, too.
            let same = before.is_none() || known_relay.as_ref() == Some(&relay.token);
            assert!(same, "{key} has another relay");
        }
        if let Some((idempotency_key, bytes)) = intent(&seen) {
            let is_taken_up = known.intents.contains_key(&idempotency_key);
            let intent = known
                .intents
                .entry(idempotency_key)
                .or_insert_with(|| Intent {
                    owner: key.to_owned(),
                    bytes: bytes.clone(),
                    stored_by: Some(task),
                    stored_at: now,
                });
            if is_taken_up {
                intent.stored_by = None;
            }
            assert_eq!(intent.bytes, bytes, "{key}: one key, other bytes");
            assert_eq!(intent.owner, key, "one key for two records");
        }
        if seen.unknown() && !before.is_some_and(|before| before.unknown() || before.is_stuck()) {
            assert!(
                known.ambiguous.contains(key),
                "{key}: outcome_unknown, and nothing ambiguous happened: {seen:?}"
            );
        }
    }

    /// A worker is about to send a request that is at stake.
    pub(super) fn sends(&self, key: &str, bytes: &str, task: TaskId, now: u64) {
        let mut known = self.known();
        let Some(intent) = known.intents.get(key) else {
            panic!("W1: {bytes} is sent under a key that was never stored");
        };
        assert_eq!(
            intent.bytes, bytes,
            "W1: other bytes are sent than were stored"
        );
        if bytes.starts_with("sign ") {
            let age = now - intent.stored_at;
            assert!(
                age < DAY,
                "{} asks with a key of {} minutes",
                intent.owner,
                age / MINUTE
            );
        }
        if intent.stored_by != Some(task) {
            let owner = intent.owner.clone();
            known.ambiguous.insert(owner);
        }
    }

    /// Something happened to a request that leaves its outcome unknown to who asked.
    pub(super) fn is_ambiguous(&self, key: &str) {
        let mut known = self.known();
        if let Some(owner) = known.intents.get(key).map(|intent| intent.owner.clone()) {
            known.ambiguous.insert(owner);
        }
    }

    /// Persona answered with a status that is no success; `stored`: the answer is a useless one
    /// that it keeps.
    pub(super) fn refused(&self, key: &str, status: u16, stored: bool) {
        let mut known = self.known();
        let Some(owner) = known.intents.get(key).map(|intent| intent.owner.clone()) else {
            return;
        };
        if stored {
            known.stored_errors.insert(owner.clone());
        }
        known.statuses.entry(owner).or_default().insert(status);
    }

    pub(super) fn has_stored_error(&self, key: &str) -> bool {
        self.known().stored_errors.contains(key)
    }

    /// Whether a verification may have ended with this error. Whoever `finished` in time loses the
    /// answer only if no pass could be had: its signature does not verify, or the key that was to
    /// sign it is gone.
    pub(super) fn is_explained(&self, key: &str, code: &str, finished: bool) -> bool {
        let known = self.known();
        let statuses = known.statuses.get(key);
        let saw = |status| statuses.is_some_and(|statuses| statuses.contains(&status));
        match code {
            "not_found" => saw(404),
            "protocol" => saw(200),
            "pass_rejected" => saw(401) && !finished,
            "conflict" => saw(409) && !finished,
            "unprocessable" => saw(422) && !finished,
            _ => false,
        }
    }

    /// Persona has signed.
    pub(super) fn billed(&self, blinded: &str) {
        let mut known = self.known();
        let Some(owner) = known.buyers.get(blinded).cloned() else {
            panic!("{blinded} was signed and belongs to nobody");
        };
        let allowed = 1 + known.allowances.get(&owner).copied().unwrap_or(0);
        let charges = known.charges.entry(owner.clone()).or_default();
        *charges += 1;
        assert!(
            *charges <= allowed,
            "{owner} was billed {charges} times, and {allowed} are on record"
        );
    }

    /// A pass arrives at Persona.
    pub(super) fn presented(&self, pass: &str, relay: &str, spent_on: Option<&str>) {
        assert!(
            spent_on.is_none_or(|spent_on| spent_on == relay),
            "{pass} is spent on one relay and presented for another"
        );
    }

    /// All verifications that are stored.
    pub(super) fn verifications(&self) -> Vec<(String, Seen)> {
        self.those(|_| true)
    }

    /// What is stored of a purchase or a redemption.
    pub(super) fn step(&self, key: &str) -> Option<Seen> {
        self.known().records.get(key).cloned()
    }

    /// All idempotency keys under which something may have been asked.
    pub(super) fn keys(&self) -> BTreeSet<String> {
        self.known().intents.keys().cloned().collect()
    }

    /// How many passes are in the pool for the taking.
    pub(super) fn pooled(&self) -> usize {
        self.known().places.len()
    }

    /// The verifications that are not over.
    pub(super) fn open(&self) -> Vec<(String, Seen)> {
        self.those(|seen| !seen.is_settled())
    }

    fn those(&self, wanted: impl Fn(&Seen) -> bool) -> Vec<(String, Seen)> {
        let known = self.known();
        let all = known.records.iter();
        let all = all.filter(|(key, seen)| key.starts_with("verification/") && wanted(seen));
        all.map(|(key, seen)| (key.clone(), seen.clone())).collect()
    }

    /// The relay of a verification.
    pub(super) fn relay_of(&self, key: &str) -> Option<String> {
        self.known().relays.get(key).cloned()
    }

    pub(super) fn was_ambiguous(&self, key: &str) -> bool {
        self.known().ambiguous.contains(key)
    }

    /// At the end: every pass that was billed is spent, in a record, in the pool, or on record as
    /// one of which nobody knows.
    pub(super) fn no_pass_is_lost(&self, server: &Server) {
        let known = self.known();
        let kept: BTreeSet<&str> = known.records.values().filter_map(Seen::blinded).collect();
        for blinded in server.signatures.keys() {
            let pass = pass_of(blinded);
            if kept.contains(blinded.as_str()) || server.spent.contains_key(&pass) {
                continue;
            }
            let holder = known
                .holders
                .get(&pass)
                .or_else(|| known.buyers.get(blinded));
            let holder = holder.expect("a pass that was billed has a buyer");
            let explained = match (known.records.get(holder), known.deleted.get(holder)) {
                (Some(seen), _) => {
                    let refunded = seen.relay_bound && seen.is_closed();
                    let told = matches!(seen.state, State::Failed { .. } | State::Unopened { .. });
                    refunded || told || known.allowances.contains_key(holder)
                }
                // Forgotten by the application, or a place of which nobody knows.
                (None, Some(seen)) => holder.starts_with("verification/") || seen.is_stuck(),
                (None, None) => false,
            };
            assert!(
                explained,
                "{pass} was billed and is lost; it was last with {holder}: {:?} {:?}",
                known.records.get(holder),
                known.deleted.get(holder)
            );
        }
    }
}

impl Known {
    /// W6.
    fn terminal_stays(&self, key: &str, before: Option<&Seen>, seen: &Seen, record: &Record) {
        if let Some(before) = before.filter(|before| before.is_closed()) {
            assert_eq!(before.state, seen.state, "{key} was over, and changes");
            let refund_stays = seen.refund.is_none() || seen.refund == before.refund;
            assert!(refund_stays, "{key} was over, and refunds anew");
        }
        if seen.is_closed() {
            assert!(seen.relay.is_none(), "{key} is over and keeps its relay");
        }
        if seen.is_settled() {
            let text = String::from_utf8_lossy(&record.value);
            assert!(
                !text.contains(SECRET),
                "{key} is over and keeps a secret: {text}"
            );
            assert!(seen.due_at.is_none(), "{key} is over and due");
        }
    }

    /// Which further charges are on record.
    fn purchase(&mut self, key: &str, before: Option<&Seen>, seen: &Seen) {
        use State::{Created, Issuing, Ready};
        if let Issuing { purchase } = &seen.state {
            let buyer = self
                .buyers
                .entry(purchase.blinded.clone())
                .or_insert_with(|| key.to_owned());
            assert_eq!(buyer, key, "two buy one blinded message");
        }
        let Some(before) = before else { return };
        let allowed = match (&before.state, &seen.state) {
            (Issuing { purchase: before }, Issuing { purchase }) if before.key != purchase.key => {
                assert_eq!(before.blinded, purchase.blinded, "{key}: another message");
                before.stuck.is_some() || purchase.rotations > before.rotations
            }
            (Issuing { purchase }, Created) => purchase.stuck.is_some(),
            (Ready { rejected, .. }, Created) => rejected.is_some(),
            _ => false,
        };
        if allowed {
            *self.allowances.entry(key.to_owned()).or_default() += 1;
        }
    }

    /// A pass that a caller keeps is in no verification and never in the pool.
    fn callers_keep_theirs(&mut self, key: &str, seen: &Seen) {
        use State::{Available, Ready, Redeeming, Taken};
        assert!(
            seen.purpose == Purpose::Verification || seen.refund.is_none(),
            "{key} gives back a pass that is its caller's"
        );
        let pass = match (&seen.state, &seen.refund) {
            (_, Some(refund)) => &refund.pass,
            (Available { pass } | Taken { pass }, _)
            | (Ready { pass, .. } | Redeeming { pass, .. }, _) => pass,
            _ => return,
        };
        match seen.purpose {
            Purpose::Verification => {
                let is_callers = self.callers.contains(&pass.token);
                assert!(!is_callers, "{key} has a pass that a caller keeps");
            }
            Purpose::Purchase | Purpose::Redemption => {
                self.callers.insert(pass.token.clone());
            }
        }
    }

    /// A pass is never with two verifications, nor in two places of the pool.
    fn holding(&mut self, key: &str, before: Option<&Seen>, seen: &Seen) {
        if let Some(State::Available { pass }) = before.map(|before| &before.state) {
            self.places.remove(&pass.token);
        }
        match &seen.state {
            State::Available { pass } => {
                let other = self.places.insert(pass.token.clone(), key.to_owned());
                assert_eq!(other, None, "{} is in two places", pass.token);
                let holder = self.holders.get(&pass.token);
                assert_eq!(holder, None, "{} is in use and in the pool", pass.token);
            }
            State::Ready { pass, .. } | State::Redeeming { pass, .. } => {
                let holder = self
                    .holders
                    .entry(pass.token.clone())
                    .or_insert_with(|| key.to_owned());
                assert_eq!(holder, key, "{} is with two verifications", pass.token);
            }
            _ => {}
        }
        let is_new = before.is_none_or(|before| before.refund.is_none());
        if let Some(refund) = seen.refund.as_ref().filter(|_| is_new) {
            let holder = self.holders.remove(&refund.pass.token);
            let is_its_own = holder.is_none_or(|holder| holder == key);
            assert!(is_its_own, "{key} gives back a pass that another one has");
        }
    }
}

/// The request that a record says may have been sent.
fn intent(seen: &Seen) -> Option<(String, String)> {
    match (&seen.state, &seen.relay) {
        (State::Issuing { purchase }, _) => {
            Some((purchase.key.clone()?, format!("sign {}", purchase.blinded)))
        }
        (State::Redeeming { pass, question }, Some(Relay { token, secret })) => {
            let bytes = format!("redeem {token} {secret} {}", pass.token);
            Some((question.key.clone()?, bytes))
        }
        _ => None,
    }
}
