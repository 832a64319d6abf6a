//! The challenge: what a pass is bound to.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use time::format_description::well_known::Rfc3339;
use time::OffsetDateTime;

use super::Malformed;
use crate::encoding::decode_base64url;

/// `token_type` of a blind RSA token, RFC 9578 section 8.2.1.
const BLIND_RSA: u64 = 2;
/// A longer challenge is refused; real ones have about 250 bytes.
const LONGEST: usize = 8_192;

/// A challenge as Persona issued it.
///
/// ```text
/// base64url of {
///   "token_type": 2,
///   "issuer_name": "withpersona.com/api/v1/privacy-passes",
///   "origin_info": "/api/privacy/v1/relays",
///   "expires_at": "2026-05-18T18:00:00Z",
///   "mac": "<string>",
///   …                                    whatever Persona adds later
/// }
/// ```
/// The object is kept byte for byte, because the pass echoes it, and Persona checks its MAC.
#[derive(Clone, Debug)]
pub struct Challenge {
    object: Box<RawValue>,
    mac: String,
    expires_at_ms: u64,
}

impl Challenge {
    /// Decodes a challenge from base64url.
    ///
    /// # Errors
    /// When it is not base64url, not JSON, of another token type, or has no `mac` or `expires_at`.
    pub fn decode(encoded: &str) -> Result<Self, Malformed> {
        if encoded.len() > LONGEST {
            return Err(Malformed("the challenge is too long"));
        }
        let bytes = decode_base64url(encoded).ok_or(Malformed("the challenge is not base64url"))?;
        let text = String::from_utf8(bytes).map_err(|_| Malformed("the challenge is not UTF-8"))?;
        let object = RawValue::from_string(text)
            .map_err(|_| Malformed("the challenge is not a JSON object"))?;
        Self::from_object(object)
    }

    pub(super) fn from_object(object: Box<RawValue>) -> Result<Self, Malformed> {
        let members = Members::read(object.get())?;
        if members.token_type.and_then(read) != Some(BLIND_RSA) {
            return Err(Malformed(
                "the challenge is not for a blind RSA token (type 2)",
            ));
        }
        let text = |member: Option<_>| {
            member
                .and_then(read::<Cow<'_, str>>)
                .filter(|text| !text.is_empty())
        };
        let mac = text(members.mac)
            .ok_or(Malformed("the challenge has no mac"))?
            .into_owned();
        let expires_at_ms = text(members.expires_at)
            .and_then(|time| parse_time(&time))
            .ok_or(Malformed("the challenge has no readable expires_at"))?;
        Ok(Self {
            object,
            mac,
            expires_at_ms,
        })
    }

    /// The object as issued, byte for byte.
    pub fn object(&self) -> &RawValue {
        &self.object
    }

    /// The MAC's text.
    pub fn mac(&self) -> &str {
        &self.mac
    }

    /// When issuing ends, in milliseconds since the epoch, UTC.
    pub fn expires_at_ms(&self) -> u64 {
        self.expires_at_ms
    }
}

/// The members that are looked at, of whatever kind they are.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    token_type: Option<&'a RawValue>,
    #[serde(borrow)]
    mac: Option<&'a RawValue>,
    #[serde(borrow)]
    expires_at: Option<&'a RawValue>,
}

impl<'a> Members<'a> {
    fn read(object: &'a str) -> Result<Self, Malformed> {
        // An array would be read, too, as the members in their order.
        let members = object.trim_start().starts_with('{');
        let members = members.then(|| serde_json::from_str(object).ok()).flatten();
        members.ok_or(Malformed(
            "the challenge is not a JSON object, or names a member twice",
        ))
    }
}

fn read<'a, T: Deserialize<'a>>(member: &'a RawValue) -> Option<T> {
    serde_json::from_str(member.get()).ok()
}

fn parse_time(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::encode_base64url;
    use proptest::prelude::*;

    fn decode(object: &str) -> Result<Challenge, Malformed> {
        Challenge::decode(&encode_base64url(object.as_bytes()))
    }

    #[test]
    fn unknown_members_their_order_and_their_spelling_are_kept() {
        let object = "{ \"mac\":\"\\u0061b\",\"x\" : [1.0,1e2],\"expires_at\":\"2026-05-18T18:00:00Z\",\"token_type\":2}";
        let challenge = decode(object).unwrap();
        assert_eq!(challenge.object().get(), object);
        assert_eq!(challenge.mac(), "ab");
        assert_eq!(challenge.expires_at_ms(), 1_779_127_200_000);
    }

    #[test]
    fn a_challenge_that_cannot_be_right_is_refused() {
        let with = |token_type: &str, mac: &str, expires: &str| {
            decode(&format!(
                r#"{{"token_type":{token_type},"mac":{mac},"expires_at":{expires}}}"#
            ))
        };
        let time = r#""2026-05-18T18:00:00Z""#;
        assert!(with("2", r#""m""#, time).is_ok());
        assert!(with("1", r#""m""#, time).is_err());
        assert!(with(r#""2""#, r#""m""#, time).is_err());
        assert!(with("2", "5", time).is_err());
        assert!(with("2", "null", time).is_err());
        assert!(with("2", r#""""#, time).is_err());
        assert!(with("2", r#""m""#, r#""soon""#).is_err());
        assert!(with("2", r#""m""#, "5").is_err());
        assert!(decode("[2]").is_err());
        assert!(decode(&format!(r#"[2,"m",{time}]"#)).is_err());
        let twice = r#"{"token_type":2,"mac":"m","mac":"n","expires_at":"2026-05-18T18:00:00Z"}"#;
        assert!(decode(twice).is_err());
        assert!(decode("not json").is_err());
        assert!(decode(r#"{"token_type":2,"expires_at":"2026-05-18T18:00:00Z"}"#).is_err());
        assert!(Challenge::decode("***").is_err());
        assert!(Challenge::decode(&encode_base64url(b"\xff\xff")).is_err());
        assert!(Challenge::decode(&"A".repeat(LONGEST + 1)).is_err());
    }

    #[test]
    fn an_unknown_member_may_stand_twice_and_hold_anything() {
        for unknown in [
            r#""x":1,"x":2"#,
            r#""x":{"mac":"n","mac":"o","y":[{"token_type":1}]}"#,
        ] {
            let known = r#""token_type":2,"mac":"m","expires_at":"2026-05-18T18:00:00Z""#;
            let object = format!("{{{unknown},{known}}}");
            let challenge = decode(&object).unwrap();
            assert_eq!(challenge.object().get(), object);
            assert_eq!(challenge.mac(), "m");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_decoder_panic(text in ".*") {
            let _ = Challenge::decode(&text);
            let _ = decode(&text);
        }
    }
}
