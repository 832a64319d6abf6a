//! The pool: buying ahead, taking, giving back.

use super::record::{Held, Pooled, PooledState};
use super::{Bought, Purchase};
use crate::claim::ClaimType;
use crate::client::{Attempting, IssuePrivacyPass, Ports, MOST_PASSES};
use crate::encoding::encode_hex;
use crate::error::{Error, ErrorKind, Result};
use crate::events::EventKind;
use crate::outcome::{out_of_patience, Step};
use crate::records::{Changed, Loaded};
use crate::secret::rand_core::{CryptoRng, Rng};
use crate::secret::IdempotencyKey;

/// Longer claim types are hashed in keys.
const LONGEST_IN_KEY: usize = 50;

/// The key of a new place: random, so that it tells nothing of who bought the pass.
pub(crate) fn new_pool_key(
    environment: &str,
    claim_type: &str,
    random: &mut impl CryptoRng,
) -> String {
    let place = IdempotencyKey::random(random);
    format!("{}{}", prefix(environment, claim_type), place.expose())
}

/// `pass/<environment>/<claim type>/`, in characters that a key may have.
fn prefix(environment: &str, claim_type: &str) -> String {
    use std::fmt::Write;
    let mut prefix = format!("pass/{environment}/");
    if claim_type.len() > LONGEST_IN_KEY {
        // Escaped, it might not fit into a key.
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, claim_type.as_bytes());
        return format!("{prefix}~{}/", encode_hex(hash.as_ref()));
    }
    for byte in claim_type.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                prefix.push(char::from(byte));
            }
            _ => write!(prefix, "~{byte:02X}").expect("writing to a String cannot fail"),
        }
    }
    prefix.push('/');
    prefix
}

impl Ports {
    /// The places of a claim type, in random order.
    async fn places(&self, claim_type: &str) -> Result<Vec<String>> {
        let prefix = prefix(self.environment.as_str(), claim_type);
        let mut keys = self
            .vault
            .scan(&prefix, None, 10 * MOST_PASSES as usize)
            .await?;
        let random = &mut self.random();
        for last in (1..keys.len()).rev() {
            let other = random.next_u64() % (last as u64 + 1);
            keys.swap(last, usize::try_from(other).expect("it is below a length"));
        }
        Ok(keys)
    }

    /// A place with a pass that nobody has taken yet, by chance.
    pub(crate) async fn find_pooled(&self, claim_type: &str) -> Result<Option<String>> {
        for key in self.places(claim_type).await? {
            let place = self.vault.load::<Pooled>(&key).await?;
            if place.is_some_and(|place| place.content.available(self.now()).is_some()) {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// How many passes are there, or about to be.
    pub(crate) async fn count_coming(&self, claim_type: &str) -> Result<u32> {
        let mut count = 0;
        for key in self.places(claim_type).await? {
            let place = self.vault.load::<Pooled>(&key).await?;
            count += u32::from(place.is_some_and(|place| place.content.counts(self.now())));
        }
        Ok(count)
    }

    /// How many passes are there for the taking.
    pub(crate) async fn count_pooled(&self, claim_type: &str) -> Result<u32> {
        let mut count = 0;
        for key in self.places(claim_type).await? {
            let place = self.vault.load::<Pooled>(&key).await?;
            if place.is_some_and(|place| place.content.available(self.now()).is_some()) {
                count += 1;
            }
        }
        Ok(count)
    }

    /// Takes a pass for the verification `by`, or finds that it is no longer there. To ask again
    /// after a crash is harmless.
    pub(crate) async fn take_pooled(&self, key: &str, by: &str) -> Result<Option<Held>> {
        let mut found = self.vault.load::<Pooled>(key).await?;
        loop {
            let Some(place) = found else {
                return Ok(None);
            };
            let now = self.now();
            let pass = match (&place.content.state, place.content.available(now)) {
                (PooledState::Taken { pass, by: taker }, _) if taker == by => {
                    return Ok(Some(pass.clone()))
                }
                (_, None) => return Ok(None),
                (_, Some(pass)) => pass.clone(),
            };
            let state = PooledState::Taken {
                pass: pass.clone(),
                by: by.to_owned(),
            };
            let taken = place.content.moved(state, now, &mut self.random());
            match self.vault.put(key, Some(place.version), taken).await? {
                Changed::Done(_) => return Ok(Some(pass)),
                Changed::Refused(there) => found = there,
            }
        }
    }

    /// Clears the place of a pass that the verification `by` has in its own record now.
    pub(crate) async fn clear_pooled(&self, key: &str, by: &str) -> Result<()> {
        let Some(place) = self.vault.load::<Pooled>(key).await? else {
            return Ok(());
        };
        let is_ours =
            matches!(&place.content.state, PooledState::Taken { by: taker, .. } if taker == by);
        if is_ours && place.content.came_from.is_none() {
            self.vault.delete(key, place.version).await?;
        } else if is_ours {
            let gone = place
                .content
                .moved(PooledState::Gone, self.now(), &mut self.random());
            self.vault.put(key, Some(place.version), gone).await?;
        }
        Ok(())
    }

    /// Puts a pass that the verification `from` did not consume into its place. If something is there already, this was
    /// done before.
    pub(crate) async fn give_back(
        &self,
        key: &str,
        from: &str,
        claim_type: &str,
        pass: &Held,
    ) -> Result<()> {
        let state = PooledState::Available { pass: pass.clone() };
        let environment = self.environment.as_str();
        let mut place = Pooled::new(
            environment,
            claim_type,
            state,
            self.now(),
            &mut self.random(),
        );
        place.came_from = Some(from.to_owned());
        self.vault.put(key, None, place).await?;
        Ok(())
    }

    /// Buys one pass. It is stored before it is asked for, so that a crash costs nothing.
    pub(crate) async fn buy_pooled(&self, claim_type: &ClaimType) -> Result<()> {
        self.persona.check_can_issue()?;
        let bound_to = IssuePrivacyPass::ClaimType(claim_type.clone());
        let blinded = self.persona.blind(&bound_to, &self.budget).await?;
        let now = self.now();
        let purchase = Purchase::new(blinded, now, &mut self.random());
        let environment = self.environment.as_str();
        let key = new_pool_key(environment, claim_type.as_str(), &mut self.random());
        let state = PooledState::Issuing { purchase };
        let place = Pooled::new(
            environment,
            claim_type.as_str(),
            state,
            now,
            &mut self.random(),
        );
        match self.vault.put(&key, None, place).await? {
            Changed::Done(place) => self.drive_pooled(&key, place, true).await,
            Changed::Refused(_) => Err(Error::new(
                ErrorKind::Store,
                "A place of the pool with a random name was taken already; nothing was bought.",
            )),
        }
    }

    /// Has a place's pass signed. `is_own`: this worker just stored it, nobody asked before.
    async fn drive_pooled(&self, key: &str, place: Loaded<Pooled>, is_own: bool) -> Result<()> {
        let mut place = place;
        let mut asking = None;
        let started = self.world.elapsed();
        let mut retry = 0;
        loop {
            let PooledState::Issuing { purchase } = &place.content.state else {
                return Ok(());
            };
            if let Some(evidence) = &purchase.stuck {
                return Err(evidence.error());
            }
            let now = self.now();
            if purchase.is_too_late(now) {
                let purchase = purchase.given_up();
                self.tell(EventKind::UnknownOutcome, None, None, UNKNOWN);
                let state = PooledState::Issuing { purchase };
                match self.change(key, &place, state).await? {
                    Some(changed) => place = changed,
                    None => return Ok(()),
                }
                continue;
            }
            let Some(idempotency_key) = &purchase.key else {
                let purchase = purchase.with_new_key(now, &mut self.random());
                asking = Some(purchase.asking(false));
                match self
                    .change(key, &place, PooledState::Issuing { purchase })
                    .await?
                {
                    Some(changed) => place = changed,
                    None => return Ok(()),
                }
                continue;
            };
            let asking = asking.get_or_insert_with(|| purchase.asking(!is_own));
            let attempting = Attempting {
                connection: asking.connection,
                timeout: (self.budget).next_attempt(self.world.elapsed().saturating_sub(started)),
            };
            let signed = self
                .persona
                .sign(&purchase.blinded, idempotency_key.as_key()?, attempting)
                .await?;
            let attempt = match signed {
                Err(attempt) => attempt,
                Ok(token) => {
                    let bought_at = purchase.key_made_at;
                    let pass = Held { token, bought_at };
                    return self.keep_signed(key, place, pass).await;
                }
            };
            let (next, failure) =
                match purchase.refused(&attempt, asking, self.now(), &mut self.random()) {
                    Bought::Again => (None, None),
                    Bought::AgainAs(purchase, notice) => {
                        self.tell(notice, None, attempt.request_id(), ROTATED);
                        (Some(PooledState::Issuing { purchase }), None)
                    }
                    // Nothing was billed: the next purchase begins with a new challenge.
                    Bought::BlindAgain => (Some(PooledState::Gone), Some(ErrorKind::NotFound)),
                    Bought::Fail(kind) => (None, Some(kind)),
                    // Another worker's request was in the way: the question stays open.
                    Bought::FailAs(_, kind @ ErrorKind::Conflict) => (None, Some(kind)),
                    Bought::FailAs(purchase, kind) => {
                        (Some(PooledState::Issuing { purchase }), Some(kind))
                    }
                };
            if let Some(state) = next {
                match self.change(key, &place, state).await? {
                    Some(changed) => place = changed,
                    None => return Ok(()),
                }
            }
            if let Some(kind) = failure {
                return Err(attempt.lasting_error(Step::Sign, kind));
            }
            let spent = self.world.elapsed().saturating_sub(started);
            let random = self.random().next_u64();
            let Some(pause) = self.budget.pause(retry, attempt.wish(), spent, random) else {
                let kind = out_of_patience(attempt.answer, attempt.timed_out());
                return Err(attempt.lasting_error(Step::Sign, kind).with_retryable(true));
            };
            retry += 1;
            self.world.sleep(pause).await;
        }
    }

    /// Stores a pass that was signed, whoever stored what meanwhile.
    async fn keep_signed(&self, key: &str, place: Loaded<Pooled>, pass: Held) -> Result<()> {
        let mut found = Some(place);
        while let Some(place) = found {
            let PooledState::Issuing { .. } = &place.content.state else {
                // Somebody else finished the same purchase: it is the same pass.
                return Ok(());
            };
            let state = PooledState::Available { pass: pass.clone() };
            let moved = (place.content).moved(state, self.now(), &mut self.random());
            match self.vault.put(key, Some(place.version), moved).await? {
                Changed::Done(_) => return Ok(()),
                Changed::Refused(there) => found = there,
            }
        }
        Ok(())
    }

    /// Stores a place in another state; nothing if somebody else was faster.
    async fn change(
        &self,
        key: &str,
        place: &Loaded<Pooled>,
        state: PooledState,
    ) -> Result<Option<Loaded<Pooled>>> {
        let moved = place.content.moved(state, self.now(), &mut self.random());
        Ok(
            match self.vault.put(key, Some(place.version), moved).await? {
                Changed::Done(changed) => Some(changed),
                Changed::Refused(_) => None,
            },
        )
    }

    /// Does for a place whatever is due, or says which verification must be looked at first.
    pub(crate) async fn look_after_pooled(&self, key: &str) -> Result<Looked> {
        let Some(place) = self.vault.load::<Pooled>(key).await? else {
            return Ok(Looked::Nothing);
        };
        let now = self.now();
        // Since it was found to be due, another worker may have done what was to be done.
        if !place.content.is_due(now) {
            return Ok(Looked::Nothing);
        }
        match &place.content.state {
            PooledState::Taken { by, .. } => Ok(Looked::TakenBy(by.clone())),
            PooledState::Issuing { .. } if place.content.is_leased(now) => Ok(Looked::Nothing),
            PooledState::Issuing { purchase } if purchase.stuck.is_none() => {
                // The next look is later, whatever comes of this one.
                let postponed = place.content.postponed(now, &mut self.random());
                match self.vault.put(key, Some(place.version), postponed).await? {
                    Changed::Done(place) => self.drive_pooled(key, place, false).await?,
                    Changed::Refused(_) => {}
                }
                Ok(Looked::Done)
            }
            PooledState::Gone if place.content.came_from.is_some() => {
                let from = place.content.came_from.clone().unwrap_or_default();
                Ok(Looked::MarkFor(from, Box::new(place)))
            }
            // What nobody can use any more.
            PooledState::Issuing { .. } | PooledState::Available { .. } | PooledState::Gone => {
                self.vault.delete(key, place.version).await?;
                Ok(Looked::Done)
            }
        }
    }
}

/// What a look at a place came to.
pub(crate) enum Looked {
    /// There was nothing to do.
    Nothing,
    /// What was due is done.
    Done,
    /// Its pass was taken by this verification, which must tell what became of it.
    TakenBy(String),
    /// It is a mark for this verification, which may still want to give its pass back.
    MarkFor(String, Box<Loaded<Pooled>>),
}

const UNKNOWN: &str = "Nobody can tell whether a pass for the pool was billed.";
const ROTATED: &str = "A blinded message that may have been billed is sent under a new key.";
