//! What this client, and all who share its store, have seen of an issuer.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::timeout;

use super::{Environment, Inner, StoreOptions};
use crate::claim::ClaimType;
use crate::encoding::encode_hex;
use crate::error::Result;
use crate::events::{tell, Event, EventKind};
use crate::http::now_ms;
use crate::pass::PendingPass;
use crate::privacy::{Finding, Sighting, Sightings};
use crate::records::{Changed, Stored, Vault, DAY};

/// How long a purchase waits for the store to compare what was fetched. Without it, this process
/// compares with what it has seen itself.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often others may be faster in storing what they have seen.
const TRIES: usize = 5;
/// As long as a pass lives that carries what was seen.
const KEEP: u64 = 90 * DAY;

impl Stored for Sightings {
    fn due_at(&self) -> Option<u64> {
        None
    }

    fn expires_at(&self) -> Option<u64> {
        Some(self.newest().saturating_add(KEEP))
    }
}

/// What one process knows of an issuer.
#[derive(Default)]
pub(crate) struct Known {
    pub(super) sightings: Sightings,
    /// What stays as it is, and was told.
    told: HashSet<Finding>,
    has_told_of_store: bool,
}

impl Inner {
    /// Holds the challenge and the key that were fetched for a pass against those that were fetched
    /// before, and tells what is found. It keeps nobody from buying, and takes no longer than `left`.
    pub(super) async fn see_issuer(
        &self,
        claim_type: &ClaimType,
        pending: &PendingPass,
        left: Duration,
    ) {
        let seen = Sighting::of(pending.challenge(), pending.token_key());
        if self.with_issuer(claim_type, |known| known.sightings.knows(&seen)) {
            return;
        }
        if let Some(options) = &self.store_options {
            let shared = self.share(options, claim_type, &seen);
            match timeout(PATIENCE.min(left), shared).await {
                Ok(Ok(sightings)) => {
                    return self.with_issuer(claim_type, |known| known.sightings = sightings);
                }
                Ok(Err(_)) | Err(_) => self.tell_of_store(claim_type),
            }
        }
        let findings = self.with_issuer(claim_type, |known| known.sightings.note(&seen, now_ms()));
        self.tell_findings(claim_type, &findings);
    }

    /// Notes a sighting in the store, beside all that was seen by others. What it shows is told before it
    /// is stored: twice is better than never.
    async fn share(
        &self,
        options: &StoreOptions,
        claim_type: &ClaimType,
        seen: &Sighting,
    ) -> Result<Sightings> {
        self.share_and(options, claim_type, seen, |_| {}).await
    }

    /// Likewise, and does something else with all that was seen.
    pub(super) async fn share_and(
        &self,
        options: &StoreOptions,
        claim_type: &ClaimType,
        seen: &Sighting,
        and: impl Fn(&mut Sightings) + Send,
    ) -> Result<Sightings> {
        let vault = Vault::new(options.store.clone(), options.sealer.clone());
        let key = record_key(self.environment, claim_type);
        let mut found = vault.load::<Sightings>(&key).await?;
        let mut told = Vec::new();
        for _ in 0..TRIES {
            let version = found.as_ref().map(|there| there.version);
            let before = found.map(|there| there.content).unwrap_or_default();
            let mut sightings = before.clone();
            let mut findings = sightings.note(seen, now_ms());
            and(&mut sightings);
            findings.retain(|finding| !told.contains(finding));
            self.tell_findings(claim_type, &findings);
            told.extend(findings);
            if sightings == before {
                return Ok(sightings);
            }
            match vault.put(&key, version, sightings.clone()).await? {
                Changed::Done(_) => return Ok(sightings),
                Changed::Refused(there) => found = there,
            }
        }
        // Others see the same at this moment, and store it.
        Ok(found.map(|there| there.content).unwrap_or_default())
    }

    /// All that was seen, as far as it is stored.
    pub(super) async fn sightings(
        &self,
        options: &StoreOptions,
        claim_type: &ClaimType,
    ) -> Result<Sightings> {
        let vault = Vault::new(options.store.clone(), options.sealer.clone());
        let found = vault
            .load(&record_key(self.environment, claim_type))
            .await?;
        Ok(found.map(|there| there.content).unwrap_or_default())
    }

    fn with_issuer<T>(&self, claim_type: &ClaimType, look: impl FnOnce(&mut Known) -> T) -> T {
        let issuer = (self.environment, claim_type.as_str().to_owned());
        let mut issuers = (self.seen.issuers.lock()).unwrap_or_else(PoisonError::into_inner);
        look(issuers.entry(issuer).or_default())
    }

    /// Once for each process that it cannot compare with others.
    fn tell_of_store(&self, claim_type: &ClaimType) {
        let has_told = self.with_issuer(claim_type, |known| {
            std::mem::replace(&mut known.has_told_of_store, true)
        });
        if !has_told {
            let what = "What Persona gave for a pass could not be compared with what others were given, \
                        because the store did not answer in time or failed; this process compares by itself";
            self.tell_of_issuer(claim_type, EventKind::BackgroundFailure, what);
        }
    }

    fn tell_findings(&self, claim_type: &ClaimType, findings: &[Finding]) {
        for &finding in findings {
            let stays = matches!(finding, Finding::KeyIdIsNoDigest | Finding::OddEnd);
            if !stays || self.with_issuer(claim_type, |known| known.told.insert(finding)) {
                self.tell_finding(claim_type, finding);
            }
        }
    }

    fn tell_finding(&self, claim_type: &ClaimType, finding: Finding) {
        let (kind, what) = describe(finding);
        self.tell_of_issuer(claim_type, kind, what);
    }

    fn tell_of_issuer(&self, claim_type: &ClaimType, kind: EventKind, what: &str) {
        tell(
            self.listener.as_ref(),
            Event {
                kind,
                verification_id: None,
                request_id: None,
                message: format!("{what} ({}).", claim_type.as_str()),
            },
        );
    }
}

/// What an event, or a refusal, says of a finding.
pub(super) fn describe(finding: Finding) -> (EventKind, &'static str) {
    match finding {
            Finding::KeyChanged => (
                EventKind::KeyChanged,
                "Persona signs passes of this claim type with another key than before",
            ),
            Finding::ChallengeDiffers => (
                EventKind::IssuerInconsistent,
                "Persona gave two challenges for the same hour. A challenge of one's own goes with the \
                 pass, and tells her whose it is",
            ),
            Finding::OddEnd => (
                EventKind::IssuerInconsistent,
                "Persona's challenge does not end on an hour within the next two. A time of one's own \
                 goes with the pass, and tells her whose it is",
            ),
            Finding::KeyDiffers => (
                EventKind::IssuerInconsistent,
                "Persona gave two keys, or two ids of a key, for the same hour. One's own goes with the \
                 pass, and tells her whose it is",
            ),
            Finding::KeyIdIsNoDigest => (
                EventKind::KeyIdMismatch,
                "The id of Persona's key is not the SHA-256 of the key. It could be anything, and goes \
                 with the pass",
            ),
    }
}

/// A claim type may be longer, and of other characters, than a key may.
fn record_key(environment: Environment, claim_type: &ClaimType) -> String {
    let text = claim_type.as_str().as_bytes();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text);
    format!(
        "{}{}",
        record_prefix(environment),
        encode_hex(digest.as_ref())
    )
}

/// Under which the records of all claim types are.
pub(super) fn record_prefix(environment: Environment) -> String {
    format!("issuer/{}/", environment.as_str())
}
