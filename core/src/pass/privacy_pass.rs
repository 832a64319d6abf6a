//! The finished pass.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Challenge;
use crate::encoding::{decode_base64url, encode_base64url};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// A pass lives 90 days from its issuing. Source: Persona, Privacy Pass.
const LIFE_MS: u64 = 90 * 24 * 60 * 60 * 1_000;
/// Longer texts are no passes; real ones have about 1,000 characters.
const LONGEST: usize = 16_384;

/// A Privacy Pass: a bearer token, worth one claim. Keep it secret until it is redeemed.
///
/// ```text
/// base64url({"token_nonce": …, "signature": base64url, "key_id": …, "challenge": {as issued}})
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivacyPassToken(Secret<String>);

impl PrivacyPassToken {
    pub(super) fn encode(
        nonce: &str,
        signature: &[u8],
        key_id: &str,
        challenge: &Challenge,
    ) -> Self {
        #[derive(Serialize)]
        struct Pass<'a> {
            token_nonce: &'a str,
            signature: &'a str,
            key_id: &'a str,
            challenge: &'a RawValue,
        }
        let pass = Pass {
            token_nonce: nonce,
            signature: &encode_base64url(signature),
            key_id,
            challenge: challenge.object(),
        };
        let json = Secret::new(serde_json::to_vec(&pass).expect("strings are always JSON"));
        Self(Secret::new(encode_base64url(json.expose())))
    }

    /// Takes a pass back that was stored, and checks that it can be one.
    ///
    /// `now_ms` is the time in milliseconds since the epoch.
    ///
    /// # Errors
    /// `invalid_argument` when it is no pass; `pass_expired` when it is certainly older than 90
    /// days: its challenge ended issuing that long ago.
    pub fn parse(text: impl Into<String>, now_ms: u64) -> Result<Self> {
        let token = Self(Secret::new(text.into()));
        let challenge = token.challenge().ok_or_else(|| {
            Error::invalid_argument(
                "The privacy pass token is not one: it must be the text that issue_privacy_pass \
                 returned, unchanged.",
            )
        })?;
        if now_ms > challenge.expires_at_ms().saturating_add(LIFE_MS) {
            return Err(Error::new(
                ErrorKind::PassExpired,
                "The privacy pass is older than 90 days and was not sent; issue another one.",
            ));
        }
        Ok(token)
    }

    /// The pass as text: to be stored until it is redeemed.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    fn challenge(&self) -> Option<Challenge> {
        let text = self.0.expose();
        if text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let json = Secret::new(decode_base64url(text)?);
        // An array would be read, too, as the members in their order.
        let is_object = json.expose().trim_ascii_start().starts_with(b"{");
        let members = || serde_json::from_slice::<Members<'_>>(json.expose()).ok();
        let pass = is_object.then(members).flatten()?;
        let texts = [&pass.token_nonce, &pass.signature, &pass.key_id];
        if texts.iter().any(|text| text.is_empty()) {
            return None;
        }
        Challenge::from_object(pass.challenge.to_owned()).ok()
    }
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    token_nonce: Cow<'a, str>,
    #[serde(borrow)]
    signature: Cow<'a, str>,
    #[serde(borrow)]
    key_id: Cow<'a, str>,
    #[serde(borrow)]
    challenge: &'a RawValue,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JUNE_2026: u64 = 1_780_000_000_000;

    fn pass() -> PrivacyPassToken {
        let challenge = Challenge::decode(&encode_base64url(
            br#"{"token_type":2,"mac":"m","expires_at":"2026-05-18T18:00:00Z"}"#,
        ))
        .unwrap();
        PrivacyPassToken::encode(&"a".repeat(64), &[1; 256], "id", &challenge)
    }

    #[test]
    fn a_stored_pass_comes_back_and_does_not_show() {
        let pass = pass();
        assert_eq!(
            PrivacyPassToken::parse(pass.expose(), JUNE_2026).unwrap(),
            pass
        );
        assert!(!format!("{pass:?}").contains(pass.expose()));
    }

    #[test]
    fn a_pass_of_more_than_90_days_is_not_sent() {
        let pass = pass();
        let issuing_ended = 1_779_127_200_000;
        assert!(PrivacyPassToken::parse(pass.expose(), issuing_ended + LIFE_MS).is_ok());
        let error =
            PrivacyPassToken::parse(pass.expose(), issuing_ended + LIFE_MS + 1).unwrap_err();
        assert_eq!(error.code(), "pass_expired");
    }

    #[test]
    fn what_is_no_pass_is_refused_without_being_repeated() {
        for text in ["", "canary", "e30", "canary\n", "bnVsbA"] {
            let error = PrivacyPassToken::parse(text, JUNE_2026).unwrap_err();
            assert_eq!(error.code(), "invalid_argument");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".*") {
            let _ = PrivacyPassToken::parse(text, JUNE_2026);
        }
    }
}
