//! What must hold whatever happens, checked whenever something is stored, sent, or billed.
//!
//! What Persona is asked when something ends without an answer is the [`oracle`](super::oracle)'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use super::executor::TaskId;
use super::faults::Mishap;
use super::oracle::Change;
use super::seen::{intent, Purpose, Seen, State};
use super::server::{pass_of, Server};
use super::SECRET;
use crate::events::{Event, EventKind};
use crate::records::{DAY, HOUR, MINUTE};
use crate::store::Record;

/// When the common hour of a day begins, as decision 0016 has it.
const COMMON_HOUR: u64 = 10 * HOUR;

/// What was stored of a request before it was sent.
pub(super) struct Intent {
    owner: String,
    pub(super) bytes: String,
    /// None once somebody took it up: whether it was sent before, nobody can know then.
    stored_by: Option<TaskId>,
    pub(super) stored_at: u64,
}

#[derive(Default)]
pub(super) struct Known {
    /// What is stored now, and what was before it was deleted.
    records: BTreeMap<String, Seen>,
    deleted: BTreeMap<String, Seen>,
    pub(super) intents: BTreeMap<String, Intent>,
    /// All keys that somebody ever had.
    pub(super) keys: BTreeMap<String, Vec<String>>,
    /// Why those ended that have no answer.
    pub(super) causes: BTreeMap<String, &'static str>,
    /// Those that their application forgets, whatever they hold.
    pub(super) forgotten: BTreeSet<String>,
    /// By how much clocks may differ.
    pub(super) clocks_differ: u64,
    /// How many passes are bought ahead.
    pool_target: Option<usize>,
    /// When workers began to buy for the pool who are still at it, failed, or died.
    fills: Vec<Option<u64>>,
    /// Places of the pool whose passes were asked for, and are nobody's yet.
    filled: BTreeSet<String>,
    /// Who buys, or bought, the pass of a blinded message.
    buyers: BTreeMap<String, String>,
    charges: BTreeMap<String, u32>,
    /// So many more charges than one are on record.
    allowances: BTreeMap<String, u32>,
    /// Those to whom something happened of which nobody knows the outcome.
    ambiguous: BTreeSet<String>,
    /// Those of whom Persona stored an answer that is of no use, and what else happened to them.
    pub(super) stored_errors: BTreeSet<String>,
    /// Those that were denied a signature for want of a permission.
    pub(super) denied: BTreeSet<String>,
    /// How many passes a strict pool of this world holds; none: its workers are not strict.
    strict_pool: Option<usize>,
    /// Whether that pool is bought in the common hours, and not by hand.
    buys_in_common_hours: bool,
    /// The tasks of those who call: whatever they ask, nothing is signed in them.
    callers_tasks: BTreeSet<TaskId>,
    /// The places of each common hour.
    bought_in: BTreeMap<String, BTreeSet<String>>,
    /// The relays that a pass was shown for.
    shown_for: BTreeMap<String, BTreeSet<String>>,
    /// Who has a pass, or had it last without giving it back.
    holders: BTreeMap<String, String>,
    /// Passes that callers keep themselves.
    callers: BTreeSet<String>,
    /// In which place a pass is there for the taking.
    places: BTreeMap<String, String>,
    pub(super) relays: BTreeMap<String, String>,
    notices: BTreeMap<&'static str, u32>,
}

/// The invariants.
pub(super) struct Watch {
    known: Mutex<Known>,
    /// Persona, who can be asked what she knows.
    server: Arc<Mutex<Server>>,
}

impl Watch {
    pub(super) fn new(server: Arc<Mutex<Server>>) -> Self {
        Self {
            known: Mutex::default(),
            server,
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("not poisoned")
    }

    /// By how much clocks differ in this world.
    pub(super) fn clocks_differ(&self, by: u64) {
        self.known().clocks_differ = by;
    }

    pub(super) fn clocks_may_differ(&self) -> u64 {
        self.known().clocks_differ
    }

    /// The pool is filled up to so many.
    pub(super) fn fills_up_to(&self, target: usize) {
        self.known().pool_target = Some(target);
    }

    /// All workers of this world are strict, with a pool of so many, which is bought in the common hours.
    pub(super) fn is_strict(&self, pool: usize) {
        self.known().buys_in_common_hours = true;
        self.is_strict_by_hand(pool);
    }

    /// Likewise, in the sandbox, where passes are bought by hand.
    pub(super) fn is_strict_by_hand(&self, pool: usize) {
        self.known().strict_pool = Some(pool);
    }

    /// What this task does, somebody has called for.
    pub(super) fn is_called(&self, task: TaskId) {
        self.known().callers_tasks.insert(task);
    }

    /// Whether no pass was ever shown for it, because the strict pool had none, or nobody asked.
    pub(super) fn was_never_asked(&self, key: &str) -> bool {
        let known = self.known();
        known.strict_pool.is_some() && !known.keys.contains_key(key)
    }

    /// A worker begins to buy one pass for the pool. Returns a number for it.
    pub(super) fn begins_to_fill(&self, now: u64) -> usize {
        let mut known = self.known();
        known.fills.push(Some(now));
        known.fills.len() - 1
    }

    /// It is done, and no place is left over that recovery would take for one that was asked for.
    pub(super) fn has_filled(&self, fill: usize) {
        self.known().fills[fill] = None;
    }

    /// An application is about to forget it.
    pub(super) fn forgets(&self, key: &str) {
        self.known().forgotten.insert(key.to_owned());
    }

    pub(super) fn was_forgotten(&self, key: &str) -> bool {
        self.known().forgotten.contains(key)
    }

    /// Whether it may last until Persona has forgotten its keys: she has stored something useless,
    /// or does not let what she stored be seen.
    pub(super) fn may_last(&self, key: &str) -> bool {
        let mapping = self.server.lock().expect("not poisoned").mapping();
        let hides = mapping.rejects_first && mapping.spent == 401;
        hides || self.known().stored_errors.contains(key)
    }

    /// Why it has no answer so far, by what Persona knows.
    pub(super) fn cause_now(&self, server: &Server, key: &str) -> &'static str {
        let known = self.known();
        let seen = known.records.get(key);
        seen.map_or("never asked", |seen| known.find_cause(server, key, seen))
    }

    /// All that Persona has stored for it.
    pub(super) fn all_stored(&self, server: &Server, key: &str) -> String {
        self.known().all_stored(server, key)
    }

    /// Why it ended without an answer, by what Persona knows.
    pub(super) fn cause(&self, key: &str) -> Option<&'static str> {
        self.known().causes.get(key).copied()
    }

    pub(super) fn notice(&self, event: &Event) {
        *self.known().notices.entry(event.kind.name()).or_default() += 1;
    }

    pub(super) fn notices(&self, kind: EventKind) -> u32 {
        self.known().notices.get(kind.name()).copied().unwrap_or(0)
    }

    /// A write has landed.
    pub(super) fn stored(&self, key: &str, record: Option<&Record>, task: TaskId, now: u64) {
        let others = ["reference/", "asked/", "renewal/"];
        if others.iter().any(|other| key.starts_with(other)) || key == "names" {
            return;
        }
        let mut known = self.known();
        known.hold_strict_pool(key);
        let Some(record) = record else {
            known.filled.remove(key);
            if let Some(seen) = known.records.remove(key) {
                if let State::Available { pass } = &seen.state {
                    known.places.remove(&pass.token);
                }
                let server = self.server.lock().expect("not poisoned");
                let change = Change {
                    key,
                    before: Some(&seen),
                    after: None,
                    now,
                };
                known.consult(&server, &change);
                known.deleted.insert(key.to_owned(), seen);
            }
            return;
        };
        let seen = Seen::read(record);
        if !matches!(seen.state, State::Issuing { .. } | State::Available { .. }) {
            known.filled.remove(key);
        }
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
            if !is_taken_up {
                let keys = known.keys.entry(key.to_owned()).or_default();
                keys.push(idempotency_key.clone());
            }
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
        let was_so = (before.as_ref()).is_some_and(|before| before.unknown() || before.is_stuck());
        if seen.unknown() && !was_so {
            // Whoever stored the key may have sent it before he died: nobody else can know that he did not.
            let is_anothers = (before.as_ref().and_then(intent))
                .and_then(|(idempotency_key, _)| known.intents.get(&idempotency_key))
                .is_some_and(|intent| intent.stored_by != Some(task));
            assert!(
                is_anothers || known.ambiguous.contains(key),
                "outcome_unknown, and nothing ambiguous happened: {key}: {seen:?}"
            );
        }
        let server = self.server.lock().expect("not poisoned");
        let change = Change {
            key,
            before: before.as_ref(),
            after: Some(&seen),
            now,
        };
        known.consult(&server, &change);
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
            let is_for_a_relay =
                !intent.owner.contains("pass/") && !intent.owner.contains("/purchase/");
            assert!(
                known.strict_pool.is_none() || !is_for_a_relay,
                "{} is strict, and a pass is signed for it",
                intent.owner
            );
            known.is_signed_for_the_pool(intent, task, now);
            let age = now - intent.stored_at;
            assert!(
                age < DAY,
                "a signature is asked for under an old key: {}, {} minutes",
                intent.owner,
                age / MINUTE
            );
        }
        let (owner, is_own) = (intent.owner.clone(), intent.stored_by == Some(task));
        if !is_own {
            known.ambiguous.insert(owner.clone());
        }
        if owner.starts_with("pass/") {
            known.filled.insert(owner);
            // After half a minute, recovery takes up what it finds.
            let is_left = |began: &&Option<u64>| began.is_some_and(|began| now > began + 30_000);
            let left_over = known.fills.iter().filter(is_left).count();
            let filled = known.filled.len();
            // By clocks that differ, it takes up what is being bought.
            let is_standard = known.strict_pool.is_none();
            let target = (known.pool_target).filter(|_| known.clocks_differ == 0 && is_standard);
            let most = target.map(|target| target + left_over);
            assert!(
                most.is_none_or(|most| filled <= most),
                "the pool is overfilled: {filled} places, {left_over} left over"
            );
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
    pub(super) fn refused(&self, key: &str, mishap: Mishap, stored: bool) {
        let mut known = self.known();
        let Some(owner) = known.intents.get(key).map(|intent| intent.owner.clone()) else {
            return;
        };
        if mishap == Mishap::Forbidden {
            known.denied.insert(owner.clone());
        }
        if stored {
            known.stored_errors.insert(owner);
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
            "billed more often than is on record: {owner}, {charges} times, of {allowed}"
        );
    }

    /// A pass arrives at Persona.
    pub(super) fn presented(&self, pass: &str, relay: &str, spent_on: Option<&str>) {
        assert!(
            spent_on.is_none_or(|spent_on| spent_on == relay),
            "{pass} is spent on one relay and presented for another"
        );
        let mut known = self.known();
        let relays = known.shown_for.entry(pass.to_owned()).or_default();
        relays.insert(relay.to_owned());
        let is_joined = relays.len() > 1;
        assert!(
            known.strict_pool.is_none() || !is_joined,
            "{pass} is shown for two relays, and joins them"
        );
    }

    /// All verifications that are stored.
    pub(super) fn verifications(&self) -> Vec<(String, Seen)> {
        self.those(|seen| seen.purpose == Purpose::Verification)
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
        self.those(|seen| seen.purpose == Purpose::Verification && !seen.is_settled())
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
                    let is_dropped = seen.relay_bound || known.strict_pool.is_some();
                    let refunded = is_dropped && seen.is_closed();
                    let told = matches!(seen.state, State::Failed { .. } | State::Unopened { .. });
                    refunded || told || known.allowances.contains_key(holder)
                }
                // Forgotten by the application, or a place of which nobody knows.
                (None, Some(seen)) => {
                    // A strict pool drops what turned out to be bought for a mark, and asks nothing anew after the
                    // hour: what may be billed is told.
                    let is_strict = holder.contains("~strict/");
                    let is_dropped = is_strict && (server.marks() || seen.was_asked());
                    holder.starts_with("verification/") || seen.is_stuck() || is_dropped
                }
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
    /// A strict pool has passes signed in its common hour only, and asks again for what may have been sent in
    /// it, under the same key; and never in the call of somebody who asks.
    fn is_signed_for_the_pool(&self, intent: &Intent, task: TaskId, now: u64) {
        let Some((_, place)) = intent.owner.split_once("~strict/") else {
            return;
        };
        let owner = &intent.owner;
        assert!(
            !self.callers_tasks.contains(&task),
            "{owner}: a pass is signed in the call of somebody who asks"
        );
        if !self.buys_in_common_hours {
            return;
        }
        let day = place.split('-').next().and_then(|day| day.parse().ok());
        let day: u64 = day.expect("a place says of which day it is");
        let begins = day * DAY + COMMON_HOUR;
        let is_within =
            |at: u64| begins <= at + self.clocks_differ && at < begins + HOUR + self.clocks_differ;
        assert!(
            is_within(now) || is_within(intent.stored_at),
            "{owner}: a pass is signed outside of its common hour, {} minutes after it began",
            (now.cast_signed() - begins.cast_signed()) / MINUTE.cast_signed()
        );
    }

    /// In no common hour is more bought than the pool holds.
    fn hold_strict_pool(&mut self, key: &str) {
        let (Some(pool), Some((_, place))) = (self.strict_pool, key.split_once("~strict/")) else {
            return;
        };
        let hour = place.split('-').next().unwrap_or_default().to_owned();
        let places = self.bought_in.entry(hour).or_default();
        places.insert(key.to_owned());
        assert!(places.len() <= pool, "more is bought than the pool holds");
    }

    /// W6.
    fn terminal_stays(&self, key: &str, before: Option<&Seen>, seen: &Seen, record: &Record) {
        if let Some(before) = before.filter(|before| before.is_closed()) {
            let is_upgrade = matches!(seen.state, State::Answered { .. } | State::Given { .. })
                || matches!(seen.state, State::Unopened { .. });
            let was_open_to_it = before.unknown() || matches!(before.state, State::Expired);
            assert!(
                before.state == seen.state || (is_upgrade && was_open_to_it),
                "what was over changes: {key}: {:?} {:?}",
                before.state,
                seen.state
            );
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
