//! What was seen of an issuer: its challenge of an hour, and its keys.

use serde::{Deserialize, Serialize};

use super::CommonHour;
use super::IssuerSeen;
use crate::encoding::encode_hex;
use crate::pass::{Challenge, TokenKey};
use crate::records::HOUR;

/// Challenges are the same for an hour and good for two: so many are of interest at a time.
const MOST_HOURS: usize = 4;
/// So many hours are remembered that passes were bought in: of a week there are seven, which are used for two.
const MOST_BOUGHT_IN: usize = 16;
/// So many keys are remembered, the newest.
const MOST_KEYS: usize = 16;
/// So many fetches of one hour that agree make it known.
const ENOUGH: u32 = 2;
/// Challenges end one to two hours ahead. One more is for clocks that differ.
const FARTHEST: u64 = 3 * HOUR;

/// A challenge and its key, as they were fetched once. Digests: nothing here is worth stealing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sighting {
    /// When issuing ends, in milliseconds since the epoch: on the hour, as documented, and all challenges
    /// that end in one hour should be one.
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

impl Sighting {
    /// One that ends in so many milliseconds since the epoch, for tests of what is done with them.
    #[cfg(test)]
    pub(crate) fn example(expires_at: u64) -> Self {
        Self::example_of(expires_at, "challenge")
    }

    /// Likewise, of this challenge.
    #[cfg(test)]
    pub(crate) fn example_of(expires_at: u64, challenge: &str) -> Self {
        Self {
            expires_at,
            challenge: digest(challenge),
            key: digest("key"),
            id_is_digest: true,
        }
    }

    pub(crate) fn expires_at(&self) -> u64 {
        self.expires_at
    }

    fn ends_in(&self) -> u64 {
        self.expires_at.div_ceil(HOUR)
    }

    fn is_odd(&self, now: u64) -> bool {
        !self.expires_at.is_multiple_of(HOUR) || self.expires_at > now.saturating_add(FARTHEST)
    }
}

fn digest(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    encode_hex(digest.as_ref())
}

/// What the comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Finding {
    /// Two challenges that end in the same hour differ.
    ChallengeDiffers,
    /// A challenge ends at a time that no other one ends at: not on the hour, or too far ahead. That may
    /// be a mark as well.
    OddEnd,
    /// Two keys, or two ids of one key, came with challenges that end in the same hour.
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
    /// Those that passes of strict pools were bought in, for as long as these are used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bought_in: Vec<Hour>,
    keys: Vec<Pin>,
}

/// The first that was seen of a challenge that ends in one hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Hour {
    /// The hour, counted since the epoch, at whose end it ends or in which.
    ends_in: u64,
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
}

impl Sightings {
    /// Whether this is one more of what is known: nothing is to be learned from it.
    pub(crate) fn knows(&self, seen: &Sighting) -> bool {
        let knows_key = self.keys.iter().any(|pin| pin.key == seen.key);
        knows_key
            && self.hour(seen).is_some_and(|hour| {
                let is_settled =
                    hour.fetches >= ENOUGH || hour.challenge_differs || hour.key_differs;
                is_settled
                    && (hour.challenge == seen.challenge || hour.challenge_differs)
                    && (hour.key == seen.key || hour.key_differs)
            })
    }

    /// What keeps this from being given to everybody, as far as is known; if nothing does, whether enough
    /// fetches of its hour agreed.
    ///
    /// # Errors
    /// The first that was found. A difference stays until its hour is over.
    pub(crate) fn agrees(&self, seen: &Sighting, now: u64) -> Result<bool, Finding> {
        if !seen.id_is_digest {
            return Err(Finding::KeyIdIsNoDigest);
        }
        if seen.is_odd(now) {
            return Err(Finding::OddEnd);
        }
        let Some(hour) = self.hour(seen) else {
            return Ok(false);
        };
        if hour.challenge_differs || hour.challenge != seen.challenge {
            return Err(Finding::ChallengeDiffers);
        }
        if hour.key_differs || hour.key != seen.key {
            return Err(Finding::KeyDiffers);
        }
        Ok(hour.fetches >= ENOUGH)
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
            });
            keep_newest(&mut self.keys, MOST_KEYS);
        }
        if seen.is_odd(now) {
            findings.push(Finding::OddEnd);
        }
        // What ends long after all others would be the newest for ever.
        if seen.expires_at > now.saturating_add(FARTHEST) {
            return findings;
        }
        let mut hours = self.hours.iter_mut().chain(&mut self.bought_in);
        match hours.find(|hour| hour.ends_in == seen.ends_in()) {
            None => {
                self.hours.push(Hour {
                    ends_in: seen.ends_in(),
                    challenge: seen.challenge.clone(),
                    key: seen.key.clone(),
                    fetches: 1,
                    challenge_differs: false,
                    key_differs: false,
                });
                self.hours.sort_by_key(|hour| hour.ends_in);
                keep_newest(&mut self.hours, MOST_HOURS);
            }
            Some(hour) => findings.extend(hour.compare(seen)),
        }
        findings
    }

    /// Remembers the hour of this one for as long as passes that are bought in it are used, if it is what the common
    /// hour gives: others would push the right ones out.
    pub(crate) fn keep_of(&mut self, hour: Option<CommonHour>, seen: &Sighting) {
        if hour.is_none_or(|hour| hour.gives(seen)) {
            self.keep(seen);
        }
    }

    fn keep(&mut self, seen: &Sighting) {
        let place = (self.hours.iter()).position(|hour| hour.ends_in == seen.ends_in());
        if let Some(place) = place {
            self.bought_in.push(self.hours.remove(place));
            self.bought_in.sort_by_key(|hour| hour.ends_in);
            keep_newest(&mut self.bought_in, MOST_BOUGHT_IN);
        }
    }

    /// By when the newest challenge that was seen ends, in milliseconds since the epoch.
    pub(crate) fn newest(&self) -> u64 {
        let newest = |hours: &[Hour]| {
            hours
                .last()
                .map_or(0, |hour| hour.ends_in.saturating_mul(HOUR))
        };
        newest(&self.hours).max(newest(&self.bought_in))
    }

    /// What a report says of it.
    pub(crate) fn summary(&self) -> IssuerSeen {
        let differs = |hour: &Hour| hour.challenge_differs || hour.key_differs;
        let all = || self.hours.iter().chain(&self.bought_in);
        let newest = all().max_by_key(|hour| hour.ends_in);
        IssuerSeen {
            differs: all().any(differs),
            keys: self.keys.len(),
            is_confirmed: newest.is_none_or(|hour| differs(hour) || hour.fetches >= ENOUGH),
        }
    }

    fn hour(&self, seen: &Sighting) -> Option<&Hour> {
        let ends_in = seen.ends_in();
        let mut hours = self.hours.iter().chain(&self.bought_in);
        hours.find(|hour| hour.ends_in == ends_in)
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

    /// On the hour.
    const NOW: u64 = 1_779_120_000_000;

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
        assert!(!sightings.knows(&it) && sightings.agrees(&it, NOW) == Ok(false));
        assert_eq!(sightings.note(&it, NOW), []);
        assert!(sightings.knows(&it) && sightings.agrees(&it, NOW) == Ok(true));
        // Nothing changes any more: nothing is to be stored.
        let before = sightings.clone();
        sightings.note(&it, NOW + 1);
        assert_eq!(sightings, before);
    }

    #[test]
    fn an_hour_of_a_damaged_record_is_no_reason_to_overflow() {
        let hour =
            |ends_in| format!(r#"[{{"ends_in":{ends_in},"challenge":"c","key":"k","fetches":2}}]"#);
        for (hours, bought_in) in [(u64::MAX, 1), (1, u64::MAX), (u64::MAX / 2, 0)] {
            let (hours, bought_in) = (hour(hours), hour(bought_in));
            let record = format!(r#"{{"hours":{hours},"bought_in":{bought_in},"keys":[]}}"#);
            let mut sightings: Sightings = serde_json::from_str(&record).expect("a record");
            assert_eq!(sightings.newest(), u64::MAX);
            sightings.note(&seen(1, "a", "key"), NOW);
            assert!(sightings.summary().is_confirmed);
        }
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
        let differs = Err(Finding::ChallengeDiffers);
        assert_eq!(sightings.agrees(&common, NOW), differs);
        assert_eq!(sightings.agrees(&own, NOW), differs);
        // A third one is nothing new to store.
        assert!(sightings.knows(&seen(1, "c", "key")));
        // The next hour begins anew.
        let next = seen(2, "d", "key");
        assert_eq!(sightings.note(&next, NOW), []);
        sightings.note(&next, NOW);
        assert_eq!(sightings.agrees(&next, NOW), Ok(true));
    }

    #[test]
    fn a_key_or_an_id_of_ones_own_is_found() {
        let mut sightings = Sightings::default();
        sightings.note(&seen(1, "a", "key"), NOW);
        let found = sightings.note(&seen(1, "a", "own"), NOW);
        assert_eq!(found, [Finding::KeyChanged, Finding::KeyDiffers]);
        // Back and forth is nothing new, and the hour stays what it is.
        assert_eq!(sightings.note(&seen(1, "a", "own"), NOW), []);
        let own = sightings.agrees(&seen(1, "a", "own"), NOW);
        assert_eq!(own, Err(Finding::KeyDiffers));
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
    fn what_could_be_a_mark_never_agrees_however_often_it_is_seen() {
        let it = seen(1, "a", "key");
        let no_digest = Sighting {
            id_is_digest: false,
            ..it.clone()
        };
        let odd = Sighting {
            expires_at: it.expires_at - 1,
            ..it.clone()
        };
        let far = seen(4, "a", "key");
        for (mark, finding) in [
            (no_digest, Finding::KeyIdIsNoDigest),
            (odd, Finding::OddEnd),
            (far, Finding::OddEnd),
        ] {
            let mut sightings = Sightings::default();
            for _ in 0..3 {
                sightings.note(&mark, NOW);
                assert_eq!(sightings.agrees(&mark, NOW), Err(finding));
            }
        }
    }

    #[test]
    fn a_time_of_ones_own_is_a_mark_and_hides_no_other() {
        let mut sightings = Sightings::default();
        for mark in 1..50 {
            let own = Sighting {
                expires_at: NOW + HOUR - mark,
                ..seen(1, &format!("mark {mark}"), "key")
            };
            let found = sightings.note(&own, NOW);
            assert_eq!(found.contains(&Finding::ChallengeDiffers), mark == 2);
            assert!(found.contains(&Finding::OddEnd), "{mark}");
            assert_eq!(sightings.knows(&own), mark > 1);
        }
        assert_eq!(sightings.hours.len(), 1);
    }

    #[test]
    fn a_challenge_that_ends_years_ahead_is_told_and_not_remembered() {
        let mut sightings = Sightings::default();
        for years in 1..10 {
            let found = sightings.note(&seen(years * 8_766, "a", "key"), NOW);
            assert_eq!(found, [Finding::OddEnd]);
        }
        assert_eq!(sightings.newest(), 0);
        let it = seen(2, "a", "key");
        sightings.note(&it, NOW);
        sightings.note(&it, NOW);
        assert_eq!(sightings.agrees(&it, NOW), Ok(true));
        assert_eq!(sightings.newest(), NOW + 2 * HOUR);
    }

    #[test]
    fn a_third_key_of_an_hour_has_changed_as_well() {
        let mut sightings = Sightings::default();
        sightings.note(&seen(1, "a", "key"), NOW);
        sightings.note(&seen(1, "a", "own"), NOW);
        let third = seen(1, "a", "third");
        assert!(!sightings.knows(&third));
        assert_eq!(sightings.note(&third, NOW), [Finding::KeyChanged]);
    }

    #[test]
    fn only_the_newest_are_remembered() {
        let mut sightings = Sightings::default();
        for hour in 0..100 {
            let now = NOW + hour * HOUR;
            sightings.note(&seen(hour, "a", &format!("key {hour}")), now);
        }
        assert_eq!(sightings.hours.len(), MOST_HOURS);
        assert_eq!(sightings.keys.len(), MOST_KEYS);
        assert_eq!(sightings.newest(), NOW + 99 * HOUR);
    }

    #[test]
    fn hours_that_nobody_buys_in_push_no_hour_out_that_passes_were_bought_in() {
        let mut sightings = Sightings::default();
        // Persona's challenge of ten o'clock ends at twelve.
        let common = CommonHour::after(NOW);
        let right = Sighting::example(common.ends() + HOUR);
        for _ in 0..2 {
            sightings.note(&right, common.begins());
            sightings.keep_of(Some(common), &right);
        }
        for hour in 1..100 {
            let now = common.begins() + hour * HOUR;
            let other = Sighting::example(right.expires_at() + hour * HOUR);
            sightings.note(&other, now);
            // A clock that is wrong takes it for the common hour.
            sightings.keep_of(Some(common), &other);
        }
        assert_eq!(sightings.agrees(&right, common.ends()), Ok(true));
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
