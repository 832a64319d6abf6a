//! What was seen of an issuer: its challenge of an hour, and its keys.

use serde::{Deserialize, Serialize};

use crate::encoding::encode_hex;
use crate::pass::{Challenge, TokenKey};

/// Challenges are the same for an hour and good for two: so many are of interest at a time.
const MOST_HOURS: usize = 4;
/// So many keys are remembered, the newest.
const MOST_KEYS: usize = 16;
/// So many fetches of one hour that agree make it known.
const ENOUGH: u32 = 2;

/// A challenge and its key, as they were fetched once. Digests: nothing here is worth stealing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// When issuing ends, in milliseconds since the epoch: all challenges that end then should be one.
    expires_at: u64,
    challenge: String,
    key: String,
    id_is_digest: bool,
}

impl Sighting {
    /// Compares by the bytes of the challenge, and those of key and key id, as they came.
    pub(crate) fn of(challenge: &Challenge, key: &TokenKey) -> Self {
        let named = format!("{} {}", key.encoded(), key.id());
        Self {
            expires_at: challenge.expires_at_ms(),
            challenge: digest(challenge.object().get()),
            key: digest(&named),
            id_is_digest: key.id_is_digest(),
        }
    }
}

fn digest(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    encode_hex(digest.as_ref())
}

/// What the comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Finding {
    /// Two challenges that end at the same time differ.
    ChallengeDiffers,
    /// Two keys, or two ids of one key, came with challenges that end at the same time.
    KeyDiffers,
    /// A key that was never seen before, after others.
    KeyChanged,
    /// The key's id is not the digest of the key: it could be anything.
    KeyIdIsNoDigest,
}

/// What was seen of the issuer of one claim type in one environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sightings {
    /// The newest last.
    hours: Vec<Hour>,
    keys: Vec<Pin>,
}

/// The first that was seen of a challenge that ends at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Hour {
    expires_at: u64,
    challenge: String,
    key: String,
    /// How many fetches agreed.
    fetches: u32,
    #[serde(default)]
    challenge_differs: bool,
    #[serde(default)]
    key_differs: bool,
}

/// A key that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pin {
    key: String,
    /// Milliseconds since the epoch, by the clock of whoever saw it.
    first_at: u64,
}

impl Sightings {
    /// Whether this is one more of what is known: nothing is to be learned from it.
    pub(crate) fn knows(&self, seen: &Sighting) -> bool {
        self.hour(seen).is_some_and(|hour| {
            let is_settled = hour.fetches >= ENOUGH || hour.challenge_differs || hour.key_differs;
            is_settled
                && (hour.challenge == seen.challenge || hour.challenge_differs)
                && (hour.key == seen.key || hour.key_differs)
        })
    }

    /// Whether enough fetches of this hour agreed, and none did not.
    #[cfg(test)]
    pub(crate) fn agrees(&self, seen: &Sighting) -> bool {
        self.hour(seen).is_some_and(|hour| {
            hour.fetches >= ENOUGH
                && !(hour.challenge_differs || hour.key_differs)
                && hour.challenge == seen.challenge
                && hour.key == seen.key
        })
    }

    /// Notes a fetch, and says what it shows.
    pub(crate) fn note(&mut self, seen: &Sighting, now: u64) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !seen.id_is_digest {
            findings.push(Finding::KeyIdIsNoDigest);
        }
        if !self.keys.iter().any(|pin| pin.key == seen.key) {
            if !self.keys.is_empty() {
                findings.push(Finding::KeyChanged);
            }
            self.keys.push(Pin {
                key: seen.key.clone(),
                first_at: now,
            });
            keep_newest(&mut self.keys, MOST_KEYS);
        }
        match self
            .hours
            .iter_mut()
            .find(|hour| hour.expires_at == seen.expires_at)
        {
            None => {
                self.hours.push(Hour {
                    expires_at: seen.expires_at,
                    challenge: seen.challenge.clone(),
                    key: seen.key.clone(),
                    fetches: 1,
                    challenge_differs: false,
                    key_differs: false,
                });
                self.hours.sort_by_key(|hour| hour.expires_at);
                keep_newest(&mut self.hours, MOST_HOURS);
            }
            Some(hour) => findings.extend(hour.compare(seen)),
        }
        findings
    }

    /// When the newest challenge that was seen ends.
    pub(crate) fn newest(&self) -> u64 {
        self.hours.last().map_or(0, |hour| hour.expires_at)
    }

    fn hour(&self, seen: &Sighting) -> Option<&Hour> {
        self.hours
            .iter()
            .find(|hour| hour.expires_at == seen.expires_at)
    }
}

impl Hour {
    /// What is found is found once.
    fn compare(&mut self, seen: &Sighting) -> Vec<Finding> {
        let challenge_differs = self.challenge != seen.challenge;
        let key_differs = self.key != seen.key;
        if !challenge_differs && !key_differs {
            self.fetches = self.fetches.saturating_add(1).min(ENOUGH);
        }
        let mut findings = Vec::new();
        if challenge_differs && !self.challenge_differs {
            findings.push(Finding::ChallengeDiffers);
        }
        if key_differs && !self.key_differs {
            findings.push(Finding::KeyDiffers);
        }
        self.challenge_differs |= challenge_differs;
        self.key_differs |= key_differs;
        findings
    }
}

fn keep_newest<T>(list: &mut Vec<T>, most: usize) {
    let too_many = list.len().saturating_sub(most);
    list.drain(..too_many);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_779_120_000_000;
    const HOUR: u64 = 3_600_000;

    fn seen(hour: u64, challenge: &str, key: &str) -> Sighting {
        Sighting {
            expires_at: NOW + hour * HOUR,
            challenge: digest(challenge),
            key: digest(key),
            id_is_digest: true,
        }
    }

    #[test]
    fn two_fetches_of_an_hour_that_agree_are_known_and_one_is_not() {
        let mut sightings = Sightings::default();
        let it = seen(1, "a", "key");
        assert_eq!(sightings.note(&it, NOW), []);
        assert!(!sightings.knows(&it) && !sightings.agrees(&it));
        assert_eq!(sightings.note(&it, NOW), []);
        assert!(sightings.knows(&it) && sightings.agrees(&it));
        // Nothing changes any more: nothing is to be stored.
        let before = sightings.clone();
        sightings.note(&it, NOW + 1);
        assert_eq!(sightings, before);
    }

    #[test]
    fn a_challenge_of_ones_own_is_found_and_the_hour_never_agrees_again() {
        let mut sightings = Sightings::default();
        let common = seen(1, "a", "key");
        sightings.note(&common, NOW);
        sightings.note(&common, NOW);
        let own = seen(1, "b", "key");
        assert!(!sightings.knows(&own));
        assert_eq!(sightings.note(&own, NOW), [Finding::ChallengeDiffers]);
        assert!(!sightings.agrees(&common) && !sightings.agrees(&own));
        // A third one is nothing new to store.
        assert!(sightings.knows(&seen(1, "c", "key")));
        // The next hour begins anew.
        let next = seen(2, "d", "key");
        assert_eq!(sightings.note(&next, NOW), []);
        sightings.note(&next, NOW);
        assert!(sightings.agrees(&next));
    }

    #[test]
    fn a_key_or_an_id_of_ones_own_is_found() {
        let mut sightings = Sightings::default();
        sightings.note(&seen(1, "a", "key"), NOW);
        let found = sightings.note(&seen(1, "a", "own"), NOW);
        assert_eq!(found, [Finding::KeyChanged, Finding::KeyDiffers]);
        // Back and forth is nothing new, and the hour stays what it is.
        assert_eq!(sightings.note(&seen(1, "a", "own"), NOW), []);
        assert!(!sightings.agrees(&seen(1, "a", "own")));
        assert_eq!(sightings.note(&seen(1, "a", "key"), NOW), []);
    }

    #[test]
    fn a_key_that_rotates_on_the_hour_has_changed_and_differs_from_nothing() {
        let mut sightings = Sightings::default();
        sightings.note(&seen(1, "a", "key"), NOW);
        let found = sightings.note(&seen(2, "b", "next"), NOW);
        assert_eq!(found, [Finding::KeyChanged]);
        // Who still has the old challenge, has the old key.
        assert_eq!(sightings.note(&seen(1, "a", "key"), NOW), []);
    }

    #[test]
    fn an_id_that_is_no_digest_is_told() {
        let odd = Sighting {
            id_is_digest: false,
            ..seen(1, "a", "key")
        };
        let found = Sightings::default().note(&odd, NOW);
        assert_eq!(found, [Finding::KeyIdIsNoDigest]);
    }

    #[test]
    fn only_the_newest_are_remembered() {
        let mut sightings = Sightings::default();
        for hour in 0..100 {
            sightings.note(&seen(hour, "a", &format!("key {hour}")), NOW);
        }
        assert_eq!(sightings.hours.len(), MOST_HOURS);
        assert_eq!(sightings.keys.len(), MOST_KEYS);
        assert_eq!(sightings.hours.last().unwrap().expires_at, NOW + 99 * HOUR);
    }

    #[test]
    fn spelling_order_and_unknown_members_are_differences() {
        let pair = crate::claim::generate_key_pair(2048).expect("a key");
        let der: String = (pair.encryption_key().as_pem().lines())
            .filter(|line| !line.starts_with('-'))
            .collect();
        let der = der.replace('+', "-").replace('/', "_");
        let key = |id: &str| TokenKey::decode(&der, id).expect("a key");
        let challenge = |object: &str| {
            let encoded = crate::encoding::encode_base64url(object.as_bytes());
            Challenge::decode(&encoded).expect("a challenge")
        };
        let common = r#"{"token_type":2,"expires_at":"2026-05-18T18:00:00Z","mac":"m"}"#;
        for other in [
            r#"{"token_type":2,"expires_at":"2026-05-18T18:00:00Z","mac":"m","x":1}"#,
            r#"{"token_type":2,"expires_at":"2026-05-18T18:00:00Z","mac":"\u006d"}"#,
            r#"{"token_type":2,"mac":"m","expires_at":"2026-05-18T18:00:00Z"}"#,
            r#"{"token_type":2, "expires_at":"2026-05-18T18:00:00Z","mac":"m"}"#,
        ] {
            let mut sightings = Sightings::default();
            sightings.note(&Sighting::of(&challenge(common), &key("id")), NOW);
            let found = sightings.note(&Sighting::of(&challenge(other), &key("id")), NOW);
            assert!(found.contains(&Finding::ChallengeDiffers), "{other}");
        }
        let mut sightings = Sightings::default();
        sightings.note(&Sighting::of(&challenge(common), &key("id")), NOW);
        let found = sightings.note(&Sighting::of(&challenge(common), &key("other")), NOW);
        assert!(found.contains(&Finding::KeyDiffers));
    }
}
