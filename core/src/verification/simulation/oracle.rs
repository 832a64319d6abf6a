//! The oracle: whenever a record drops a key, or ends without an answer, Persona is asked what she
//! has stored. No success that can still be fetched may be lost, whatever went wrong before.
//!
//! A claim can be fetched for the 24 hours that Persona keeps it. A signature only while its key is
//! younger than 22 hours: nobody can know when a key was first sent, and one that Persona has
//! forgotten would be billed again.

use super::executor::BEGIN;
use super::seen::{Seen, State};
use super::server::{Reply, Server};
use super::watch::Known;
use crate::records::{KEY_LIFE, SECOND};

/// A record before and after a write. Nothing: it is not there.
pub(super) struct Change<'a> {
    pub(super) key: &'a str,
    pub(super) before: Option<&'a Seen>,
    pub(super) after: Option<&'a Seen>,
    pub(super) now: u64,
}

impl Known {
    /// Checks a change against what Persona knows, and notes the cause of an end without an answer.
    pub(super) fn consult(&mut self, server: &Server, change: &Change) {
        // What an application forgets is its own affair.
        let is_forgotten = self.forgotten.contains(change.key);
        if !is_forgotten {
            self.no_key_is_dropped(server, change);
        }
        let Some(after) = change.after else { return };
        if !after.gives_up() {
            self.causes.remove(change.key);
            return;
        }
        if change.before.is_some_and(Seen::is_closed) {
            return;
        }
        if !is_forgotten {
            self.no_success_is_left(server, change, after);
        }
        let cause = self.find_cause(server, change.key, after);
        self.causes.insert(change.key.to_owned(), cause);
    }

    /// A key that leaves a record has nothing stored under it that the record does not hold.
    fn no_key_is_dropped(&self, server: &Server, change: &Change) {
        let Some(before) = change.before else { return };
        let left = change.after.map(Seen::keys).unwrap_or_default();
        let has_answer = change.after.is_some_and(|after| {
            use State::{Answered, Given, Unopened};
            matches!(
                &after.state,
                Answered { .. } | Given { .. } | Unopened { .. }
            )
        });
        // What the caller gave up by his own word.
        let by_word = !before.code().is_empty();
        for key in before.keys().difference(&left) {
            match server.stored_under(key, change.now) {
                Some(Reply::Claim { .. }) => assert!(
                    has_answer,
                    "a key is dropped that holds a claim: {} {key}: {before:?} {:?} {}",
                    change.key,
                    change.after,
                    self.all_stored(server, change.key)
                ),
                Some(Reply::Signature(pass)) if !by_word => {
                    let blinded = change.after.and_then(Seen::blinded);
                    let is_held = blinded.is_some_and(|blinded| pass.ends_with(blinded))
                        && change.after.is_some_and(|after| !is_buying(after));
                    assert!(
                        is_held || has_answer || !self.is_young(key, change.now),
                        "a key is dropped that holds a signature: {}: {before:?} {:?}",
                        change.key,
                        change.after
                    );
                }
                _ => {}
            }
        }
    }

    /// What ends without an answer has none waiting, under any key that was ever made for it.
    fn no_success_is_left(&self, server: &Server, change: &Change, after: &Seen) {
        let message = match (&after.state, change.before) {
            (State::Issuing { purchase }, _) => Some(&purchase.blinded),
            (
                _,
                Some(Seen {
                    state: State::Issuing { purchase },
                    ..
                }),
            ) => Some(&purchase.blinded),
            _ => None,
        };
        for key in self.keys.get(change.key).into_iter().flatten() {
            match server.stored_under(key, change.now) {
                Some(Reply::Claim { .. }) => panic!(
                    "it ends, and a claim is stored for it: {}: {:?} {after:?} {}",
                    change.key,
                    change.before,
                    self.all_stored(server, change.key)
                ),
                Some(Reply::Signature(pass)) => {
                    let is_its_own = message.is_some_and(|message| pass.ends_with(&**message));
                    assert!(
                        !is_its_own || !self.is_young(key, change.now),
                        "it ends, and a signature is stored for it: {}: {:?} {after:?}",
                        change.key,
                        change.before
                    );
                }
                _ => {}
            }
        }
    }

    /// Whether a signature may be asked for under this key, by every clock.
    fn is_young(&self, key: &str, now: u64) -> bool {
        let intent = &self.intents[key];
        now + self.clocks_differ < intent.stored_at + KEY_LIFE
    }

    /// Why something ended without an answer.
    pub(super) fn find_cause(&self, server: &Server, key: &str, seen: &Seen) -> &'static str {
        let relay = self.relays.get(key);
        let done_under = relay.and_then(|relay| server.done_under.get(relay));
        let is_ours = |key: &&String| self.intents.contains_key(&**key);
        if let Some(done_under) = done_under.filter(is_ours) {
            let mapping = server.mapping();
            return match server.was_stored_under(done_under) {
                Some(Reply::Claim { .. }) if mapping.rejects_first && mapping.spent == 401 => {
                    "claim stored, and a 401 is decided before it is looked at"
                }
                Some(Reply::Claim { .. }) => "claim lost, and no request got through for a day",
                _ => "claim given, and an error stored in its place",
            };
        }
        let truth = relay.and_then(|relay| server.truth(relay));
        if self.forgotten.contains(key) {
            return "forgotten by its application";
        }
        match seen.code() {
            "" => return "not finished",
            "conflict" | "unprocessable" if truth.is_none() => {
                return "not finished, said with a 409 or 422";
            }
            "outcome_unknown" if truth.is_none() && self.was_redeemed(key) => {
                return match self.stored_errors.contains(key) {
                    true => "not finished, said with a 409 or 422, after an error was stored",
                    false => "not finished, said with a 409 or 422, after an answer was lost",
                };
            }
            "permission_denied" => return "no pass could be bought until a day after",
            _ => {}
        }
        let keys = self.keys.get(key).into_iter().flatten();
        let of_signatures = keys.filter(|key| self.intents[*key].bytes.starts_with("sign "));
        let stored: Vec<&Reply> = of_signatures
            .filter_map(|key| server.was_stored_under(key))
            .collect();
        let is_rotated = stored.len() > 1;
        let any = |wanted: fn(&Reply) -> bool| stored.iter().any(|reply| wanted(reply));
        let is_error = |reply: &Reply| matches!(reply, Reply::Status { status: 500.., .. });
        let is_gone = |reply: &Reply| matches!(reply, Reply::Status { status: 404, .. });
        let is_denied = |reply: &Reply| matches!(reply, Reply::Status { status: 403, .. });
        match seen.code() {
            "protocol" | "outcome_unknown" if any(|reply| *reply == Reply::BadSignature) => {
                "signature does not verify"
            }
            "not_found" | "outcome_unknown" if any(is_gone) => {
                "signing key gone, after an answer was lost"
            }
            "outcome_unknown" if any(|reply| matches!(reply, Reply::Signature(_))) => {
                "signature lost, and no request got through for 22 hours"
            }
            "outcome_unknown" if any(is_error) && !is_rotated => {
                "an error stored in a signature's place, and nothing proves that it is"
            }
            "outcome_unknown" if any(is_error) => "two errors stored in a signature's place",
            "outcome_unknown" if any(is_denied) => {
                "a 403 stored in a signature's place, after an answer was lost"
            }
            "outcome_unknown" if self.denied.contains(key) => {
                "no permission until nobody may ask for the signature, after an answer was lost"
            }
            "outcome_unknown" if stored.is_empty() => {
                "no request for a signature got through for 22 hours"
            }
            _ => UNEXPLAINED,
        }
    }

    /// Whether its claim was ever asked for.
    fn was_redeemed(&self, key: &str) -> bool {
        let mut keys = self.keys.get(key).into_iter().flatten();
        keys.any(|key| self.intents[key].bytes.starts_with("redeem "))
    }

    /// All that Persona has stored for it, for whoever looks for a fault.
    pub(super) fn all_stored(&self, server: &Server, key: &str) -> String {
        let keys = self.keys.get(key).into_iter().flatten();
        let lines = keys.map(|key| {
            let intent = &self.intents[key];
            let (what, _) = intent.bytes.split_once(' ').unwrap_or_default();
            let at = (intent.stored_at - BEGIN) / SECOND;
            format!(
                "\n  {what} {key} {at} s: {:?}",
                server.was_stored_under(key)
            )
        });
        lines.collect()
    }
}

/// No cause was found.
pub(super) const UNEXPLAINED: &str = "unexplained";

fn is_buying(seen: &Seen) -> bool {
    matches!(seen.state, State::Issuing { .. })
}
