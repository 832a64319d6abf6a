//! What is done for records that are due, whoever left them: several at once, and none once Persona
//! or the store cannot be reached.

use std::any::Any;
use std::collections::{HashSet, VecDeque};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::events::EventKind;
use crate::records::Changed;
use crate::verification::machine::{Goal, Run};
use crate::verification::record::{Durable, Purpose, PREFIX};

/// So many records are looked up at once by [`Engine::recover`].
const PAGE: usize = 100;

/// So many records are driven side by side.
const SIDE_BY_SIDE: usize = 16;

/// So many records in a row for which Persona or the store could not be reached, and the rest is
/// left for later.
const MOST_UNREACHED: usize = 8;

/// How many times as many records as are counted are looked through for them.
const BESIDE: usize = 8;

impl Engine {
    /// Drives on whatever is due, and says how many records that were. It stops early when Persona or
    /// the store cannot be reached, the call's time is up, or the client is closing: the rest stays due.
    ///
    /// # Errors
    /// When the store cannot say what is due. A record that fails does not keep the others.
    ///
    /// # Panics
    /// When the caller's store or listener panicked over a record; the others are driven first.
    pub(crate) async fn recover(&self) -> Result<u64> {
        let mut round = Round::new(self);
        let passes = format!("pass/{}/", self.ports.environment.as_str());
        let mut outcome = Ok(());
        for prefix in [PREFIX, &passes] {
            outcome = round.go_through(prefix).await;
            // Verifications and the pool are asked for on different ways: what keeps the ones says
            // nothing of the others.
            round.tell_outage();
            if outcome.is_err() {
                break;
            }
        }
        let driven = round.end();
        outcome?;
        Ok(driven + self.renew().await?)
    }

    /// How many verifications are open, counted up to `most`. Steps that are due stand among them:
    /// of more than `most` times [`BESIDE`] records, some are not looked at.
    pub(crate) async fn count_open(&self, most: usize) -> Result<usize> {
        let ever = Some(u64::MAX >> 11); // what a database and JavaScript can hold
        let limit = most.saturating_mul(BESIDE);
        let keys = self.ports.vault.scan(PREFIX, ever, limit).await?;
        // Steps have a slash in their id. Whatever else a store returns is none of ours.
        let is_whole = |key: &&String| {
            let id = key.strip_prefix(PREFIX);
            id.is_some_and(|id| !id.is_empty() && !id.contains('/'))
        };
        Ok(keys.iter().filter(is_whole).count().min(most))
    }

    /// Does for one record whatever is due. False if there is nothing to do for us.
    async fn look_after(&self, key: &str) -> Result<bool> {
        let engine = self.for_one_call();
        match key.strip_prefix(PREFIX) {
            Some(_) => engine.look_after_record(key).await,
            None => engine.look_after_place(key).await,
        }
    }

    async fn look_after_record(&self, key: &str) -> Result<bool> {
        let ports = &self.ports;
        let Some(stored) = ports.vault.load::<Durable>(key).await? else {
            return Ok(false);
        };
        if self.check_environment(&stored.content).is_err()
            || !stored.content.is_due(ports.now())
            || self.leaves_to_others(&stored.content)
        {
            return Ok(false);
        }
        if stored.content.is_to_be_bought(ports.now())
            && (ports.persona.check_can_issue().is_err()
                || stored.content.owner != ports.owner().await?)
        {
            // That is for a client with the API key that it was started with: it stays due for him.
            return Ok(false);
        }
        // The next look is later, whatever comes of this one; and of two workers one goes on.
        let postponed = stored.content.postponed(ports.now(), &mut ports.random());
        let put = ports.vault.put(key, Some(stored.version), postponed);
        let Changed::Done(stored) = put.await? else {
            return Ok(false);
        };
        let goal = goal_of(&stored.content, ports.now());
        // An error that the record tells is an outcome like others.
        let _ = self
            .drive(stored, Run::new(goal, self.ports.now()), false)
            .await?;
        Ok(true)
    }
}

/// How far to drive a record when nobody asks: lost keys are asked in any case, a new one only once
/// the session is over, because the person may still be at it. A step has no session, and its caller
/// alone asks for new ones.
fn goal_of(record: &Durable, now: u64) -> Goal {
    match record.purpose {
        // No pass is shown for a session that nobody asks about.
        Purpose::Verification if record.waits_for_pool() => Goal::Pass,
        Purpose::Verification if record.is_over(now) => Goal::Answer,
        Purpose::Verification | Purpose::Purchase | Purpose::Redemption => Goal::Pass,
    }
}

/// One `recover`.
struct Round<'a> {
    engine: &'a Engine,
    driven: u64,
    looked_after: HashSet<String>,
    /// The last failures in a row to reach anybody, not told yet.
    unreached: Vec<(String, Error)>,
    /// What the caller's own code panicked with first.
    panicked: Option<Panicked>,
}

type Panicked = Box<dyn Any + Send>;

impl<'a> Round<'a> {
    fn new(engine: &'a Engine) -> Self {
        Self {
            engine,
            driven: 0,
            looked_after: HashSet::new(),
            unreached: Vec::new(),
            panicked: None,
        }
    }

    /// Drives on what is due under a prefix.
    async fn go_through(&mut self, prefix: &str) -> Result<()> {
        let engine = self.engine;
        let due_before = Some(engine.ports.now());
        let mut under_way = FuturesUnordered::new();
        let mut page = VecDeque::new();
        loop {
            let goes_on = !self.stops();
            if goes_on && page.is_empty() && under_way.is_empty() {
                // Those that stay due (a record of a newer version, say) must not hide the others.
                let limit = PAGE + self.looked_after.len();
                let keys = engine.ports.vault.scan(prefix, due_before, limit).await?;
                page = (keys.into_iter())
                    .filter(|key| !self.looked_after.contains(key))
                    .collect();
            }
            while goes_on && under_way.len() < SIDE_BY_SIDE {
                let Some(key) = page.pop_front() else {
                    break;
                };
                self.looked_after.insert(key.clone());
                under_way.push(async move {
                    let look = AssertUnwindSafe(engine.look_after(&key));
                    let done = look.catch_unwind().await;
                    (key, done)
                });
            }
            match under_way.next().await {
                Some((key, done)) => self.note(key, done),
                None => return Ok(()),
            }
        }
    }

    /// Whether no further record is taken up.
    fn stops(&self) -> bool {
        let ports = &self.engine.ports;
        self.unreached.len() >= MOST_UNREACHED
            || ports.left().total <= ports.budget.floor
            || ports.lifecycle.is_closing()
    }

    fn note(&mut self, key: String, done: std::result::Result<Result<bool>, Panicked>) {
        match done {
            Ok(Ok(is_driven)) => {
                self.driven += u64::from(is_driven);
                if is_driven {
                    self.tell_unreached();
                }
            }
            Ok(Err(error)) if is_unreached(&error) => self.unreached.push((key, error)),
            Ok(Err(error)) => {
                self.tell_unreached();
                self.tell(&key, &error);
            }
            Err(panicked) => {
                self.panicked.get_or_insert(panicked);
            }
        }
    }

    /// Something was reached after all: what failed before was single records.
    fn tell_unreached(&mut self) {
        if self.unreached.len() < MOST_UNREACHED {
            for (key, error) in std::mem::take(&mut self.unreached) {
                self.tell(&key, &error);
            }
        }
    }

    fn tell(&mut self, key: &str, error: &Error) {
        let (id, request_id) = (key.strip_prefix(PREFIX), error.request_id());
        self.tell_failure(id, request_id, &error.to_string());
    }

    /// Tells of a failure. A listener that panics must not break off what is under way.
    fn tell_failure(&mut self, id: Option<&str>, request_id: Option<&str>, message: &str) {
        let ports = &self.engine.ports;
        let told = catch_unwind(AssertUnwindSafe(|| {
            ports.tell(EventKind::BackgroundFailure, id, request_id, message);
        }));
        if let Err(panicked) = told {
            self.panicked.get_or_insert(panicked);
        }
    }

    /// Tells what is still to be told of one kind of records, and counts anew for the next.
    fn tell_outage(&mut self) {
        self.tell_unreached();
        let unreached = std::mem::take(&mut self.unreached);
        if let Some((_, last)) = unreached.last() {
            let message = format!(
                "{} records in a row could not be driven on; what else is due waits for the next \
                 time. The last: {last}",
                unreached.len()
            );
            self.tell_failure(None, None, &message);
        }
    }

    /// How many records were driven.
    fn end(self) -> u64 {
        match self.panicked {
            Some(panicked) => resume_unwind(panicked),
            None => self.driven,
        }
    }
}

/// Whether a record failed for a reason that the next one is likely to meet as well.
fn is_unreached(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Network | ErrorKind::Timeout | ErrorKind::RateLimited => true,
        // A damaged record is one alone, and no reason to leave the others.
        ErrorKind::Store => error.retryable(),
        _ => false,
    }
}
