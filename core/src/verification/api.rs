//! Durable verifications as people use them.

use crate::claim::{Claim, ClaimType};
use crate::credential::check_visible;
use crate::error::{Error, ErrorKind, Result};
use crate::given::one_of;
use crate::secret::Secret;

/// The name of a verification: a random UUID. It is no secret, and says nothing about the person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VerificationId(String);

impl VerificationId {
    /// Reads an id that [`Verifications::start`](super::Verifications::start) returned.
    ///
    /// # Errors
    /// `not_found` for anything that is no lower-case UUID: such an id often comes from a URL, and
    /// leads nowhere.
    pub fn parse(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let well_formed = text.len() == 36
            && text.bytes().enumerate().all(|(index, byte)| match index {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            });
        if !well_formed {
            return Err(Error::new(
                ErrorKind::NotFound,
                "This is no id of a verification: it must be the text that start returned, \
                 unchanged. The store was not asked.",
            ));
        }
        Ok(Self(text))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What [`Verifications::start`](super::Verifications::start) needs.
#[derive(Clone, Debug)]
pub struct StartVerification {
    /// What is asked about the person.
    pub claim_type: ClaimType,
    /// A name of the caller's for this verification, such as an order's number: the same reference
    /// returns the same verification for as long as it is open. Once it is over, passed too, the same
    /// reference begins a new one. Up to 512 visible ASCII characters; only its hash is stored.
    pub reference: Option<String>,
}

impl StartVerification {
    /// A verification of this claim type.
    pub fn new(claim_type: ClaimType) -> Self {
        Self {
            claim_type,
            reference: None,
        }
    }

    /// Names it, so that starting it twice is harmless.
    ///
    /// # Errors
    /// `invalid_argument` for an empty or overlong name, or one with other than visible ASCII
    /// characters.
    pub fn reference(mut self, reference: impl Into<String>) -> Result<Self> {
        let reference = reference.into();
        check_visible(&reference, "the reference", 512)?;
        self.reference = Some(reference);
        Ok(self)
    }
}

/// How Persona's page for the visitor looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
    /// As the visitor's device is set.
    Auto,
}

impl Theme {
    /// Reads `light`, `dark` or `auto`.
    ///
    /// # Errors
    /// `invalid_argument` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let names = [
            ("light", Theme::Light),
            ("dark", Theme::Dark),
            ("auto", Theme::Auto),
        ];
        one_of("The theme", text, &names)
    }

    /// `light`, `dark` or `auto`.
    pub fn as_str(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
            Theme::Auto => "auto",
        }
    }
}

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The claim is true.
    Passed,
    /// The claim is not true, or Persona could not find out.
    Failed,
    /// There is no answer yet: the person has most likely not finished.
    Pending,
    /// The session ended without an answer. Start another verification.
    Expired,
}

impl Status {
    /// Every status, for tests and tables that must not forget one.
    pub const ALL: [Status; 4] = [
        Status::Passed,
        Status::Failed,
        Status::Pending,
        Status::Expired,
    ];

    /// `passed`, `failed`, `pending` or `expired`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Passed => "passed",
            Status::Failed => "failed",
            Status::Pending => "pending",
            Status::Expired => "expired",
        }
    }
}

/// A verification, as it is stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verification {
    /// Names it in later calls.
    pub id: VerificationId,
    /// What is asked.
    pub claim_type: ClaimType,
    /// How far it is.
    pub status: Status,
    /// The answer, once it is known.
    pub claim: Option<Claim>,
    /// A JWT for the visitor's browser; none once the verification is over.
    pub session_access_token: Option<Secret<String>>,
    /// Persona's page for the visitor, with the token in it; none once the verification is over.
    /// The page refuses requests that carry a `Referer`.
    pub hosted_url: Option<Secret<String>>,
    /// What keeps its pass from being bought until somebody mends it, such as `Authentication` for a
    /// wrong API key; none once there is a pass. The next attempt buys: nothing is lost.
    pub purchase_failure: Option<ErrorKind>,
    /// When the session ends, in milliseconds since the epoch, UTC: 30 minutes after it began.
    pub expires_at: u64,
}

/// What [`Verifications::complete`](super::Verifications::complete) found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completion {
    /// Passed, failed, pending or expired.
    pub status: Status,
    /// The claim, with passed and failed.
    pub claim: Option<Claim>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";

    /// An id comes from a URL and leads to one record. One that is nearly right leads nowhere: two texts
    /// for one record would be two names for it, in logs, caches and rate limits.
    #[test]
    fn an_id_is_taken_as_start_returned_it_or_not_found() {
        assert_eq!(VerificationId::parse(ID).unwrap().as_str(), ID);
        let bare = ID.replace('-', "");
        let forms = [
            String::new(),
            " ".to_owned(),
            "0".to_owned(),
            "null".to_owned(),
            "undefined".to_owned(),
            "None".to_owned(),
            "{id}".to_owned(),
            ":id".to_owned(),
            "[object Object]".to_owned(),
            ".".to_owned(),
            "..".to_owned(),
            "../passes".to_owned(),
            ID.to_uppercase(),
            ID.replace('a', "A"),
            bare.clone(),
            bare.to_uppercase(),
            format!("{{{ID}}}"),
            format!("({ID})"),
            format!("<{ID}>"),
            format!("\"{ID}\""),
            format!("'{ID}'"),
            format!("urn:uuid:{ID}"),
            format!("verification/{ID}"),
            format!("/{ID}"),
            format!("{ID}/"),
            format!("{ID}/complete"),
            format!("{ID}?x=1"),
            format!("{ID}#x"),
            format!("{ID}.json"),
            format!("{ID},"),
            format!("{ID}\n"),
            format!("{ID}\r\n"),
            format!("{ID} "),
            format!(" {ID}"),
            format!("{ID}%20"),
            format!("{ID}\0"),
            format!("\u{feff}{ID}"),
            format!("{ID}\u{200b}"),
            format!("{ID}{ID}"),
            format!("{ID}0"),
            ID[1..].to_owned(),
            ID[..35].to_owned(),
            ID.replace('-', "_"),
            ID.replace('-', "–"),
            ID.replace('-', " "),
            ID.replace('-', "%2D"),
            ID.replace('4', "４"),
            ID.replace('a', "g"),
            ID.replace('a', "а"),
            ID.replace('0', "O"),
            ID.replacen('-', "", 1),
            format!("{}-{}", &bare[..16], &bare[16..]),
            "' OR 1=1 --".to_owned(),
        ];
        for text in forms {
            let error = VerificationId::parse(text.as_str()).expect_err(&text);
            assert_eq!(error.code(), "not_found", "{text:?}");
            assert!(
                error.message().contains("the text that start returned"),
                "{error}"
            );
            assert!(!error.message().contains(&bare[..8]), "{error}");
        }
    }
}
