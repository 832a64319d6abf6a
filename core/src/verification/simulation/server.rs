//! Persona by the protocol: relays, signatures, redemptions, and the layer that stores answers.
//!
//! What the protocol leaves open is a [`Mapping`], of which every world has its own.

use std::collections::{BTreeMap, BTreeSet};

use super::dice::Dice;
use super::faults::Mishap;
use super::SECRET;
use crate::records::{DAY, MINUTE};

/// The meaning of what is not documented.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapping {
    /// The status while the person has not finished: 403, 409 or 422.
    pub(super) unfinished: u16,
    /// The status of a spent pass: 401, 409 or 422.
    pub(super) spent: u16,
    /// Whether answers have a `Request-Id`, and whether a stored answer keeps its own.
    pub(super) has_request_ids: bool,
    pub(super) replays_request_ids: bool,
    /// Whether a 401 is decided before stored answers are looked at.
    pub(super) rejects_first: bool,
    /// Whether a missing permission is, too, and is then not stored.
    pub(super) denies_first: bool,
    /// Whether answers have a `Date`.
    pub(super) has_date: bool,
}

impl Mapping {
    /// With these statuses, and ids and dates as the protocol says.
    pub(super) fn of(unfinished: u16, spent: u16) -> Self {
        Self {
            unfinished,
            spent,
            has_request_ids: true,
            replays_request_ids: true,
            rejects_first: false,
            denies_first: false,
            has_date: true,
        }
    }

    /// Whether she answers as far as is documented or likely: "not finished" and a spent pass differ, a
    /// stored answer keeps its `Request-Id`, and a 401 takes nothing from what is stored.
    pub(super) fn leaves_nothing_to_guess(&self) -> bool {
        let has_proofs = self.has_request_ids && self.replays_request_ids;
        self.unfinished == 403 && has_proofs && !self.rejects_first
    }

    pub(super) fn random(dice: &mut Dice) -> Self {
        Self {
            unfinished: dice.one_of(&[403, 409, 422]),
            spent: dice.one_of(&[401, 409, 422]),
            has_request_ids: dice.hits(7_000),
            replays_request_ids: dice.hits(5_000),
            rejects_first: dice.hits(3_000),
            denies_first: dice.hits(5_000),
            has_date: dice.hits(7_000),
        }
    }
}

/// What visitors do: after how many milliseconds they finish, and whether they pass.
pub(super) enum Visitors {
    Scripted(Option<(u64, bool)>),
    ByChance,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reply {
    Status {
        status: u16,
        request_id: Option<String>,
        body: String,
    },
    Signature(String),
    BadSignature,
    Claim {
        payload: String,
        consumed: bool,
    },
}

pub(super) struct Relay {
    secret: String,
    claim_type: String,
    encrypted: bool,
    /// When the person finished, and whether they passed.
    pub(super) finished: Option<(u64, bool)>,
    redeemed: bool,
}

/// An answer under an idempotency key.
struct StoredAnswer {
    first_at: u64,
    done_at: u64,
    bytes: String,
    reply: Reply,
}

pub(super) struct Server {
    mapping: Mapping,
    visitors: Visitors,
    pub(super) relays: BTreeMap<String, Relay>,
    /// How often each blinded message was signed: the bill.
    pub(super) signatures: BTreeMap<String, u32>,
    /// Spent passes and the relays they were spent on.
    pub(super) spent: BTreeMap<String, String>,
    kept: BTreeMap<String, StoredAnswer>,
    /// The keys under which a relay's claim was given, and a message signed.
    pub(super) done_under: BTreeMap<String, String>,
    key_generation: u32,
    /// Whether some fetches bring a challenge of their own.
    marks: bool,
    /// What challenges were fetched, by when they end, and how often each.
    fetched: BTreeMap<u64, BTreeMap<String, u32>>,
    requests: u64,
}

/// One request that is at stake.
pub(super) struct Asked<'a> {
    pub(super) key: &'a str,
    pub(super) now: u64,
    /// How long it takes.
    pub(super) work: u64,
    pub(super) mishap: Mishap,
}

impl Server {
    pub(super) fn new(mapping: Mapping, visitors: Visitors) -> Self {
        Self {
            mapping,
            visitors,
            relays: BTreeMap::new(),
            signatures: BTreeMap::new(),
            spent: BTreeMap::new(),
            kept: BTreeMap::new(),
            done_under: BTreeMap::new(),
            key_generation: 1,
            marks: false,
            fetched: BTreeMap::new(),
            requests: 0,
        }
    }

    /// From now on, passes are signed with another key.
    pub(super) fn change_key(&mut self) {
        self.key_generation += 1;
    }

    pub(super) fn create(
        &mut self,
        claim_type: &str,
        encrypted: bool,
        now: u64,
        dice: &mut Dice,
    ) -> (String, String) {
        let token = format!("relay-{SECRET}-{:016x}", dice.next());
        let secret = format!("word-{SECRET}-{:016x}", dice.next());
        let finished = match &self.visitors {
            Visitors::Scripted(finished) => *finished,
            Visitors::ByChance if dice.hits(2_000) => None,
            Visitors::ByChance => Some((dice.between(0, 35 * MINUTE), dice.hits(7_000))),
        };
        let relay = Relay {
            secret: secret.clone(),
            claim_type: claim_type.to_owned(),
            encrypted,
            finished: (finished.filter(|(after, _)| *after < 30 * MINUTE))
                .map(|(after, passed)| (now + after, passed)),
            redeemed: false,
        };
        self.relays.insert(token.clone(), relay);
        (token, secret)
    }

    /// The person passes now, whatever was scripted.
    pub(super) fn finish(&mut self, relay: &str, now: u64) {
        let relay = self.relays.get_mut(relay).expect("it was created");
        relay.finished = Some((now, true));
    }

    pub(super) fn blind(&self, relay: Option<&str>, dice: &mut Dice) -> Option<String> {
        if relay.is_some_and(|relay| !self.relays.contains_key(relay)) {
            return None;
        }
        Some(blind_for(&self.key_generation.to_string(), dice))
    }

    pub(super) fn key_generation(&self) -> u32 {
        self.key_generation
    }

    /// From now on, some fetches bring a challenge of their own.
    pub(super) fn mark(&mut self) {
        self.marks = true;
    }

    /// The challenge that ends then.
    pub(super) fn fetch(&mut self, expires_at: u64, dice: &mut Dice) -> String {
        let challenge = match self.marks && dice.hits(1_500) {
            true => format!("challenge {:016x}", dice.next()),
            false => "challenge".to_owned(),
        };
        let of_hour = self.fetched.entry(expires_at).or_default();
        *of_hour.entry(challenge.clone()).or_default() += 1;
        challenge
    }

    /// Whether two fetches of one hour differed.
    pub(super) fn has_differed(&self, expires_at: u64) -> bool {
        self.fetched
            .get(&expires_at)
            .is_some_and(|challenges| challenges.len() > 1)
    }

    /// How often the challenge that ends then was fetched.
    pub(super) fn fetches(&self, expires_at: u64) -> u32 {
        let challenges = self.fetched.get(&expires_at);
        challenges.map_or(0, |challenges| challenges.values().sum())
    }

    /// Whether some fetches bring a challenge of their own.
    pub(super) fn marks(&self) -> bool {
        self.marks
    }

    pub(super) fn sign(&mut self, asked: &Asked, blinded: &str) -> Reply {
        if asked.mishap == Mishap::Unauthorized && self.mapping.rejects_first {
            return self.status(401);
        }
        self.once(asked, format!("sign {blinded}"), |server| {
            let generation = blinded.split('-').next().and_then(|text| text.parse().ok());
            if generation != Some(server.key_generation) {
                return server.status(404);
            }
            *server.signatures.entry(blinded.to_owned()).or_default() += 1;
            if asked.mishap == Mishap::BadSignature {
                return Reply::BadSignature;
            }
            let key = asked.key.to_owned();
            server.done_under.insert(blinded.to_owned(), key);
            Reply::Signature(pass_of(blinded))
        })
    }

    pub(super) fn redeem(&mut self, asked: &Asked, relay: &str, secret: &str, pass: &str) -> Reply {
        let is_rejected =
            !self.is_signed(pass) || (self.mapping.spent == 401 && self.spent.contains_key(pass));
        if self.mapping.rejects_first && is_rejected {
            return self.status(401);
        }
        self.once(asked, format!("redeem {relay} {secret} {pass}"), |server| {
            server.redeem_now(asked, relay, secret, pass)
        })
    }

    fn is_signed(&self, pass: &str) -> bool {
        blinded_of(pass).is_some_and(|blinded| self.signatures.contains_key(blinded))
    }

    fn redeem_now(&mut self, asked: &Asked, token: &str, secret: &str, pass: &str) -> Reply {
        let (now, key) = (asked.now, asked.key.to_owned());
        let Mapping {
            unfinished, spent, ..
        } = self.mapping;
        if !self.is_signed(pass) {
            return self.status(401);
        }
        if self.spent.contains_key(pass) {
            return self.status(spent);
        }
        let Some(relay) = self
            .relays
            .get_mut(token)
            .filter(|relay| relay.secret == secret)
        else {
            return self.status(404);
        };
        let Some((_, passed)) = relay.finished.filter(|(at, _)| *at <= now) else {
            return self.status(unfinished);
        };
        if relay.redeemed {
            return self.status(409);
        }
        let result = if passed { "passed" } else { "failed" };
        let claim_type = &relay.claim_type;
        let claim = format!(r#"{{"claim_type":"{claim_type}","claim_result":"{result}"}}"#);
        let payload = match relay.encrypted {
            true => format!("sealed {claim}"),
            false => claim,
        };
        self.done_under.insert(token.to_owned(), key);
        if passed {
            relay.redeemed = true;
            self.spent.insert(pass.to_owned(), token.to_owned());
        }
        Reply::Claim {
            payload,
            consumed: passed,
        }
    }

    /// The layer that stores answers: the first one under a key, whatever it is, for 24 hours.
    fn once(
        &mut self,
        asked: &Asked,
        bytes: String,
        execute: impl FnOnce(&mut Self) -> Reply,
    ) -> Reply {
        let now = asked.now;
        if asked.mishap == Mishap::RateLimited {
            return self.status(429);
        }
        // Without ids, two of these read like a stored one.
        if asked.mishap == Mishap::ErrorPassing && self.mapping.has_request_ids {
            return self.status(500);
        }
        if asked.mishap == Mishap::Forbidden && self.mapping.denies_first {
            return self.status(403);
        }
        if let Some(kept) = self
            .kept
            .get(asked.key)
            .filter(|kept| now < kept.first_at + DAY)
        {
            if kept.bytes != bytes {
                return self.status(422);
            }
            if now < kept.done_at {
                return self.status(409);
            }
            let reply = kept.reply.clone();
            return match reply {
                Reply::Status { status, body, .. } if !self.mapping.replays_request_ids => {
                    let fresh = self.status(status);
                    match fresh {
                        Reply::Status { request_id, .. } => Reply::Status {
                            status,
                            request_id,
                            body,
                        },
                        other => other,
                    }
                }
                reply => reply,
            };
        }
        let reply = match asked.mishap {
            Mishap::ErrorStored => self.status(500),
            Mishap::Unauthorized => self.status(401),
            Mishap::Forbidden => self.status(403),
            Mishap::DoneAndErrorStored => {
                execute(self);
                self.status(500)
            }
            _ => execute(self),
        };
        // 401 is never stored.
        if !matches!(reply, Reply::Status { status: 401, .. }) {
            let kept = StoredAnswer {
                first_at: now,
                done_at: now + asked.work,
                bytes,
                reply: reply.clone(),
            };
            self.kept.insert(asked.key.to_owned(), kept);
        }
        reply
    }

    pub(super) fn status(&mut self, status: u16) -> Reply {
        self.requests += 1;
        let request_id = format!("request-{}", self.requests);
        Reply::Status {
            status,
            request_id: self.mapping.has_request_ids.then_some(request_id),
            body: format!(r#"{{"errors":[{{"title":"{status}"}}]}}"#),
        }
    }

    /// What is stored under a key that is no older than a day.
    pub(super) fn stored_under(&self, key: &str, now: u64) -> Option<&Reply> {
        let kept = self.kept.get(key)?;
        (now < kept.first_at + DAY).then_some(&kept.reply)
    }

    /// What was stored under a key last, however long ago.
    pub(super) fn was_stored_under(&self, key: &str) -> Option<&Reply> {
        Some(&self.kept.get(key)?.reply)
    }

    pub(super) fn mapping(&self) -> Mapping {
        self.mapping
    }

    /// How often something was signed.
    pub(super) fn billed(&self) -> u32 {
        self.signatures.values().sum()
    }

    /// The relays that were redeemed.
    pub(super) fn redeemed(&self) -> BTreeSet<&String> {
        self.spent.values().collect()
    }

    /// The right answer for a relay, if the person finished in time.
    pub(super) fn truth(&self, relay: &str) -> Option<bool> {
        let (_, passed) = self.relays.get(relay)?.finished?;
        Some(passed)
    }
}

impl Reply {
    /// Status and body, as they travel. A signature is the pass itself here: nobody blinds.
    pub(super) fn on_the_wire(&self) -> (u16, String) {
        match self {
            Reply::Status { status, body, .. } => (*status, body.clone()),
            Reply::Signature(pass) => (201, format!(r#"{{"blind-sig":"{pass}"}}"#)),
            Reply::BadSignature => (201, format!(r#"{{"blind-sig":"{BAD_SIGNATURE}"}}"#)),
            Reply::Claim { payload, consumed } => {
                let payload = serde_json::Value::from(payload.as_str());
                let body = format!(r#"{{"claim-payload":{payload},"token-consumed":{consumed}}}"#);
                (200, body)
            }
        }
    }
}

/// It verifies for nothing.
pub(super) const BAD_SIGNATURE: &str = "no signature";

/// A blinded message for a key.
pub(super) fn blind_for(key_generation: &str, dice: &mut Dice) -> String {
    format!("{key_generation}-{SECRET}-{:016x}", dice.next())
}

/// Signing is deterministic: the same blinded message gives the same pass.
pub(super) fn pass_of(blinded: &str) -> String {
    format!("pass {blinded}")
}

pub(super) fn blinded_of(pass: &str) -> Option<&str> {
    pass.strip_prefix("pass ")
}
