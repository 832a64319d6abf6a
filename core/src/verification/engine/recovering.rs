//! What is done for records that are due, whoever left them.

use std::collections::HashSet;

use super::Engine;
use crate::error::Result;
use crate::events::EventKind;
use crate::records::Changed;
use crate::verification::machine::{Goal, Run};
use crate::verification::record::{Durable, Purpose, PREFIX};

/// So many records are looked up at once by [`Engine::recover`].
const PAGE: usize = 100;

/// How many times as many records as are counted are looked through for them.
const BESIDE: usize = 8;

impl Engine {
    /// Drives on whatever is due, and says how many records that were.
    ///
    /// # Errors
    /// When the store cannot say what is due. A record that fails does not keep the others.
    pub(crate) async fn recover(&self) -> Result<u64> {
        let passes = format!("pass/{}/", self.ports.environment.as_str());
        Ok(self.recover_all(PREFIX).await? + self.recover_all(&passes).await?)
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

    async fn recover_all(&self, prefix: &str) -> Result<u64> {
        let mut driven = 0;
        let mut looked_after = HashSet::new();
        let due_before = self.ports.now();
        loop {
            // Those that stay due (a record of a newer version, say) must not hide the others.
            let limit = PAGE + looked_after.len();
            let keys = self
                .ports
                .vault
                .scan(prefix, Some(due_before), limit)
                .await?;
            let fresh = keys.into_iter().filter(|key| !looked_after.contains(key));
            let fresh: Vec<String> = fresh.collect();
            if fresh.is_empty() {
                return Ok(driven);
            }
            for key in fresh {
                let id = key.strip_prefix(PREFIX);
                let done = match id {
                    Some(_) => self.look_after(&key).await,
                    None => self.look_after_place(&key).await,
                };
                match done {
                    Ok(true) => driven += 1,
                    Ok(false) => {}
                    Err(error) => self.ports.tell(
                        EventKind::BackgroundFailure,
                        id,
                        error.request_id(),
                        &error.to_string(),
                    ),
                }
                looked_after.insert(key);
            }
        }
    }

    /// Drives one verification that is due. False if there is nothing to do for us.
    async fn look_after(&self, key: &str) -> Result<bool> {
        let ports = &self.ports;
        let Some(stored) = ports.vault.load::<Durable>(key).await? else {
            return Ok(false);
        };
        if self.check_environment(&stored.content).is_err() || !stored.content.is_due(ports.now()) {
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
        Purpose::Verification if record.is_over(now) => Goal::Answer,
        Purpose::Verification | Purpose::Purchase | Purpose::Redemption => Goal::Pass,
    }
}
