//! What strict privacy asks of an issuer: that nothing it gives could be a mark.
//!
//! A fetch names nobody and has a connection of its own. What it brought is compared, through the store, with
//! what all who share it were given. What is refused is refused before anything is sent that names us.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::issuer::describe;
use super::steps::Challenge;
use super::Inner;
use crate::claim::ClaimType;
use crate::error::{Error, ErrorKind, Result};
use crate::http::{now_ms, run, Way};
use crate::outcome::Budget;
use crate::pass::PendingPass;
use crate::privacy::CommonHour;
use crate::privacy::{Fetched, Finding, Sighting, Sightings};
use crate::wire::ChallengeAnswer;

impl Inner {
    /// Fetches the challenge that passes of this claim type are bought for, and notes it beside what others
    /// were given. See [`Persona::fetch`](super::Persona::fetch).
    ///
    /// # Errors
    /// `privacy_refused` if it could be a mark; `store` if the store cannot compare.
    pub(super) async fn fetch_compared(
        &self,
        claim_type: &ClaimType,
        hour: Option<CommonHour>,
        way: Way,
        budget: &Budget,
    ) -> Result<(Fetched, Option<u64>)> {
        let exchange = Challenge {
            inner: self,
            lane: self.anonymous.by(way),
            claim_type,
        };
        let began = Instant::now();
        let (answer, info) = run(&exchange, budget).await?;
        let answered = Instant::now();
        let (challenge, key) = self.decode(&answer)?;
        let seen = Sighting::of(&challenge, key.key());
        let options = self.store_options()?;
        let keep = |sightings: &mut Sightings| sightings.keep_of(hour, &seen);
        let shared = self.share_and(options, claim_type, &seen, keep);
        let left = budget.total.saturating_sub(began.elapsed());
        let sightings = in_time(left, shared).await?;
        sightings.agrees(&seen, now_ms()).map_err(refused)?;
        let fetched = Fetched {
            challenge: answer.challenge,
            token_key: answer.token_key,
            token_key_id: answer.token_key_id,
            seen,
        };
        // Comparing took its time.
        let since = u64::try_from(answered.elapsed().as_millis()).unwrap_or(u64::MAX);
        let hers = info.answered_at.map(|at| at.saturating_add(since));
        Ok((fetched, hers))
    }

    /// Blinds a message for a challenge that was fetched before.
    pub(super) async fn blind_fetched(&self, fetched: &Fetched) -> Result<PendingPass> {
        self.blind(&ChallengeAnswer {
            challenge: fetched.challenge.clone(),
            token_key: fetched.token_key.clone(),
            token_key_id: fetched.token_key_id.clone(),
        })
        .await
    }

    /// Whether at least two fetches have shown that this is what all were given who share the store.
    ///
    /// # Errors
    /// As [`Inner::fetch_compared`].
    pub(super) async fn check_compared(
        &self,
        claim_type: &ClaimType,
        seen: &Sighting,
        left: Duration,
    ) -> Result<bool> {
        let stored = self.sightings(self.store_options()?, claim_type);
        let sightings = in_time(left, stored).await?;
        sightings.agrees(seen, now_ms()).map_err(refused)
    }
}

/// Without the store, nobody can tell.
async fn in_time(
    left: Duration,
    compared: impl Future<Output = Result<Sightings>>,
) -> Result<Sightings> {
    timeout(left, compared).await.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Store,
            "The store did not answer in time, and without it nobody can tell whether Persona's challenge \
             is given to others, too. Nothing was bought.",
        )
        .with_retryable(true))
    })
}

fn refused(finding: Finding) -> Error {
    let what = describe(finding).1;
    Error::new(
        ErrorKind::PrivacyRefused,
        format!("{what}. Strict privacy uses no pass that was bought for it."),
    )
}
