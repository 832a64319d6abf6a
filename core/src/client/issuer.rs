//! What this client, and all who share its store, have seen of an issuer.

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
    sightings: Sightings,
    /// Whether it was told that the key's id is no digest.
    has_told_of_id: bool,
}

impl Inner {
    /// Holds the challenge and the key that were fetched for a pass against those that were fetched
    /// before, and tells what is found. It keeps nobody from buying.
    pub(super) async fn see_issuer(&self, claim_type: &ClaimType, pending: &PendingPass) {
        let seen = Sighting::of(pending.challenge(), pending.token_key());
        if self.with_issuer(claim_type, |known| known.sightings.knows(&seen)) {
            return;
        }
        let shared = match &self.store_options {
            Some(options) => {
                let shared = share(options, self.environment, claim_type, &seen);
                timeout(PATIENCE, shared).await.ok().and_then(Result::ok)
            }
            None => None,
        };
        let findings = self.with_issuer(claim_type, |known| {
            let mut findings = match shared {
                Some((sightings, findings)) => {
                    known.sightings = sightings;
                    findings
                }
                None => known.sightings.note(&seen, now_ms()),
            };
            if known.has_told_of_id {
                findings.retain(|finding| *finding != Finding::KeyIdIsNoDigest);
            }
            known.has_told_of_id |= findings.contains(&Finding::KeyIdIsNoDigest);
            findings
        });
        for finding in findings {
            self.tell_finding(claim_type, finding);
        }
    }

    fn with_issuer<T>(&self, claim_type: &ClaimType, look: impl FnOnce(&mut Known) -> T) -> T {
        let issuer = (self.environment, claim_type.as_str().to_owned());
        let mut issuers = (self.seen.issuers.lock()).unwrap_or_else(PoisonError::into_inner);
        look(issuers.entry(issuer).or_default())
    }

    fn tell_finding(&self, claim_type: &ClaimType, finding: Finding) {
        let (kind, what) = match finding {
            Finding::KeyChanged => (
                EventKind::KeyChanged,
                "Persona signs passes of this claim type with another key than before",
            ),
            Finding::ChallengeDiffers => (
                EventKind::IssuerInconsistent,
                "Persona gave two challenges for the same hour. A challenge of one's own goes with the \
                 pass, and tells her whose it is",
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
        };
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

/// Notes a sighting in the store, and says what it shows beside all that was seen by others.
async fn share(
    options: &StoreOptions,
    environment: Environment,
    claim_type: &ClaimType,
    seen: &Sighting,
) -> Result<(Sightings, Vec<Finding>)> {
    let vault = Vault::new(options.store.clone(), options.sealer.clone());
    let key = record_key(environment, claim_type);
    let mut found = vault.load::<Sightings>(&key).await?;
    let mut tries = 1;
    loop {
        let version = found.as_ref().map(|there| there.version);
        let before = found.map(|there| there.content).unwrap_or_default();
        let mut sightings = before.clone();
        let findings = sightings.note(seen, now_ms());
        if sightings == before || tries == TRIES {
            return Ok((sightings, findings));
        }
        match vault.put(&key, version, sightings.clone()).await? {
            Changed::Done(_) => return Ok((sightings, findings)),
            Changed::Refused(there) => found = there,
        }
        tries += 1;
    }
}

/// A claim type may be longer, and of other characters, than a key may.
fn record_key(environment: Environment, claim_type: &ClaimType) -> String {
    let text = claim_type.as_str().as_bytes();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text);
    format!(
        "issuer/{}/{}",
        environment.as_str(),
        encode_hex(digest.as_ref())
    )
}
