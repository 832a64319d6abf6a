//! What strict privacy asks of an issuer before a purchase: that two fetches agree, and that nothing in
//! them could be a mark.
//!
//! The fetches name nobody and have a connection each. What they brought is compared through the store
//! with what all who share it were given, so that one fetch more an hour serves them all. What is refused
//! is refused before anything is sent that names us.

use tokio::time::{timeout, Instant};

use super::issuer::{describe, PATIENCE};
use super::{Inner, IssuePrivacyPass};
use crate::claim::ClaimType;
use crate::error::{Error, ErrorKind, Result};
use crate::http::now_ms;
use crate::outcome::Budget;
use crate::pass::PendingPass;
use crate::privacy::Sighting;

/// Two that agree are needed; one more if an hour ended between them.
const MOST_FETCHES: usize = 3;

impl Inner {
    /// Blinds a message for a challenge that is known to be given to others as well.
    ///
    /// # Errors
    /// `privacy_refused` if it could be a mark; `store` if the store cannot compare.
    pub(super) async fn blind_consistently(
        &self,
        bound_to: &IssuePrivacyPass,
        budget: &Budget,
    ) -> Result<PendingPass> {
        let IssuePrivacyPass::ClaimType(claim_type) = bound_to else {
            return Err(refused(
                "A challenge that is bound to a relay names that relay",
            ));
        };
        let began = Instant::now();
        for _ in 0..MOST_FETCHES {
            let left = Budget {
                total: budget.total.saturating_sub(began.elapsed()),
                ..*budget
            };
            let pending = self.blind_message(bound_to, &left).await?;
            if self.is_common(claim_type, &pending).await? {
                return Ok(pending);
            }
        }
        Err(refused(
            "Of three fetches of Persona's challenge no two were of the same hour",
        ))
    }

    /// Whether enough fetches of this hour agreed, this one among them.
    async fn is_common(&self, claim_type: &ClaimType, pending: &PendingPass) -> Result<bool> {
        let seen = Sighting::of(pending.challenge(), pending.token_key());
        let shared = self.share(self.store_options()?, claim_type, &seen);
        let sightings = match timeout(PATIENCE, shared).await {
            Ok(Ok(sightings)) => sightings,
            Ok(Err(failed)) => return Err(failed),
            Err(_) => {
                return Err(Error::new(
                    ErrorKind::Store,
                    "The store did not answer in time, and without it nobody can tell whether \
                     Persona's challenge is given to others, too. Nothing was bought.",
                )
                .with_retryable(true))
            }
        };
        (sightings.agrees(&seen, now_ms())).map_err(|finding| refused(describe(finding).1))
    }
}

fn refused(what: &str) -> Error {
    Error::new(
        ErrorKind::PrivacyRefused,
        format!("{what}. Nothing was bought, and nothing sent that names you."),
    )
}
