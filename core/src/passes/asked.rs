//! Which claim types a strict client is asked for: those whose pools are bought, also after a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::client::Ports;
use crate::error::Result;
use crate::records::{Changed, Stored, DAY};

/// A pool that nobody has asked for in so long is not bought any more.
const KEEP: u64 = 35 * DAY;

/// So many claim types have pools: those that were asked for last.
const MOST: usize = 16;

/// The claim types, and when each was asked for last, about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asked(BTreeMap<String, u64>);

impl Asked {
    /// With one more; none if that is known well enough.
    fn with(&self, claim_type: &str, now: u64) -> Option<Self> {
        let known = self.0.get(claim_type);
        if known.is_some_and(|at| now < at.saturating_add(DAY)) {
            return None;
        }
        let mut asked = self.clone();
        asked.0.retain(|_, at| is_wanted(*at, now));
        asked.0.insert(claim_type.to_owned(), now);
        while asked.0.len() > MOST {
            let others = asked.0.iter().filter(|(of, _)| *of != claim_type);
            let oldest = others.min_by_key(|(_, at)| **at).map(|(of, _)| of.clone());
            asked.0.remove(&oldest?);
        }
        Some(asked)
    }
}

fn is_wanted(asked_at: u64, now: u64) -> bool {
    now < asked_at.saturating_add(KEEP)
}

impl Stored for Asked {
    fn due_at(&self) -> Option<u64> {
        None
    }

    fn expires_at(&self) -> Option<u64> {
        let last = self.0.values().max().copied().unwrap_or_default();
        Some(last.saturating_add(KEEP))
    }
}

impl Ports {
    /// Notes that passes of this claim type are wanted.
    pub(crate) async fn note_asked(&self, claim_type: &str) -> Result<()> {
        let key = self.asked_key();
        let mut found = self.vault.load::<Asked>(&key).await?;
        loop {
            let version = found.as_ref().map(|found| found.version);
            let asked = found.map(|found| found.content).unwrap_or_default();
            let Some(asked) = asked.with(claim_type, self.now()) else {
                return Ok(());
            };
            match self.vault.put(&key, version, asked).await? {
                Changed::Done(_) => return Ok(()),
                Changed::Refused(there) => found = there,
            }
        }
    }

    /// The claim types of which passes are wanted.
    pub(crate) async fn asked(&self) -> Result<Vec<String>> {
        let found = self.vault.load::<Asked>(&self.asked_key()).await?;
        let asked = found.map(|found| found.content.0).unwrap_or_default();
        let now = self.now();
        let wanted = asked.into_iter().filter(|(_, at)| is_wanted(*at, now));
        Ok(wanted.map(|(claim_type, _)| claim_type).collect())
    }

    fn asked_key(&self) -> String {
        format!("asked/{}", self.environment.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_were_asked_for_last_are_kept() {
        let mut asked = Asked::default();
        for number in 0..40 {
            let claim_type = format!("type {number}");
            asked = asked.with(&claim_type, number).expect("it is new");
        }
        assert_eq!(asked.0.len(), MOST);
        assert!(asked.0.values().all(|at| *at >= 24));
    }

    #[test]
    fn it_is_noted_once_a_day_and_forgotten_in_time() {
        let asked = Asked::default().with("age", DAY).expect("it is new");
        assert_eq!(asked.with("age", 2 * DAY - 1), None);
        let later = asked.with("other", DAY).expect("it is new");
        let later = later.with("age", 2 * DAY).expect("a day is over");
        let last = later.with("third", DAY + KEEP).expect("it is new");
        assert_eq!(last.0.keys().collect::<Vec<_>>(), ["age", "third"]);
    }
}
