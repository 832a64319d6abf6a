//! In which form the encryption key is sent: Persona's newest docs take a JWK where the older ones
//! take PEM, and which of the two a server takes on a given day is not published.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::Arc;

use crate::brief_lock::lock_briefly;
use crate::claim::KeyForm;
use crate::error::{Error, ErrorKind, Result};
use crate::given::one_of;
use crate::sync::{process_wide, Mutex};
use crate::wire::LONGEST_TEXT;

/// In which form an encryption key is sent to Persona, and a claim is expected back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncryptionForm {
    /// The one that Persona takes: PEM at first, or what she has taken last from this process; once
    /// more with the other one if she refuses. Never without encryption.
    #[default]
    Auto,
    /// PEM, and no other.
    Pem,
    /// A JSON Web Key, and no other.
    Jwk,
}

impl EncryptionForm {
    /// Reads `auto`, `pem` or `jwk`.
    ///
    /// # Errors
    /// `invalid_argument` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let names = [
            ("auto", EncryptionForm::Auto),
            ("pem", EncryptionForm::Pem),
            ("jwk", EncryptionForm::Jwk),
        ];
        one_of("The encryption form", text, &names)
    }

    /// The one form that there is, if there is one.
    pub(crate) fn fixed(self) -> Option<KeyForm> {
        match self {
            EncryptionForm::Auto => None,
            EncryptionForm::Pem => Some(KeyForm::Pem),
            EncryptionForm::Jwk => Some(KeyForm::Jwk),
        }
    }

    /// The form to begin with, and the one to try if that one is refused.
    pub(super) fn tries(self, accepted: &Accepted) -> (KeyForm, Option<KeyForm>) {
        match self.fixed() {
            Some(form) => (form, None),
            None => match accepted.form() {
                KeyForm::Pem => (KeyForm::Pem, Some(KeyForm::Jwk)),
                KeyForm::Jwk => (KeyForm::Jwk, Some(KeyForm::Pem)),
            },
        }
    }
}

impl From<KeyForm> for EncryptionForm {
    fn from(form: KeyForm) -> Self {
        match form {
            KeyForm::Pem => EncryptionForm::Pem,
            KeyForm::Jwk => EncryptionForm::Jwk,
        }
    }
}

/// What Persona has taken last, at one address. The whole process shares it: programs that make a
/// client for each request learn it once, too.
#[derive(Clone, Debug)]
pub(crate) struct Accepted(Arc<AtomicU8>);

impl Accepted {
    /// What is known of this address.
    pub(super) fn at(base_url: &str) -> Self {
        process_wide! {
            static KNOWN: Mutex<BTreeMap<String, Accepted>> = Mutex::new(BTreeMap::new());
        }
        // In the child of a fork another thread may have held it: then this client learns by itself.
        let Some(mut known) = lock_briefly(&KNOWN) else {
            return Self(Arc::default());
        };
        let accepted = known.entry(base_url.to_owned());
        accepted.or_insert_with(|| Self(Arc::default())).clone()
    }

    fn form(&self) -> KeyForm {
        match self.0.load(Relaxed) {
            0 => KeyForm::Pem,
            _ => KeyForm::Jwk,
        }
    }

    pub(super) fn note(&self, form: KeyForm) {
        self.0.store(u8::from(form == KeyForm::Jwk), Relaxed);
    }
}

/// Whether Persona refuses the request itself, in her own words: she may take the other form.
pub(super) fn may_be_the_form(refused: &Error) -> bool {
    // What something on the way says has another kind, whatever its status.
    let is_hers = matches!(
        refused.kind(),
        ErrorKind::InvalidArgument | ErrorKind::Unprocessable
    );
    is_hers && matches!(refused.status(), Some(400 | 422))
}

/// The error where she refuses both forms: her first answer, and in its details what she says to the
/// other form, if that differs. One of the two may be about the form alone.
pub(super) fn refused_twice(refused: Error, again: &Error) -> Error {
    let texts = |error: &Error| {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        (owned(error.title()), owned(error.details()))
    };
    let ((title, details), other) = (texts(&refused), texts(again));
    if (&title, &details) == (&other.0, &other.1) {
        return refused;
    }
    let said = match other {
        (title, Some(details)) => format!("{} ({details})", title.unwrap_or_default()),
        (title, None) => title.unwrap_or_default(),
    };
    let before = details.map(|details| format!("{details}; "));
    let details = format!(
        "{}with the key in the other form: {said}",
        before.unwrap_or_default()
    );
    let details = details.chars().take(LONGEST_TEXT).collect();
    let meta = refused.meta().cloned();
    refused.with_server_texts(title, Some(details), meta)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(title: &str, details: Option<&str>) -> Error {
        Error::new(ErrorKind::InvalidArgument, "refused")
            .with_status(400)
            .with_server_texts(Some(title.to_owned()), details.map(str::to_owned), None)
    }

    #[test]
    fn who_is_refused_in_both_forms_is_told_both_answers() {
        let of_the_form = || refusal("Bad Request", Some("encryption-key-pem is unknown"));
        let of_the_type = refusal("Bad Request", Some("claim-type is unknown"));
        let error = refused_twice(of_the_form(), &of_the_type);
        assert_eq!(error.title(), Some("Bad Request"));
        assert_eq!(
            error.details(),
            Some(
                "encryption-key-pem is unknown; with the key in the other form: Bad Request \
                 (claim-type is unknown)"
            )
        );
        assert_eq!(error.status(), Some(400));
        let error = refused_twice(refusal("one", None), &refusal("other", None));
        let told = Some("with the key in the other form: other");
        assert_eq!((error.title(), error.details()), (Some("one"), told));
        let error = refused_twice(of_the_form(), &of_the_form());
        assert_eq!(error.details(), Some("encryption-key-pem is unknown"));
        let long = "é".repeat(LONGEST_TEXT);
        let error = refused_twice(of_the_form(), &refusal("T", Some(&long)));
        assert_eq!(error.details().unwrap().chars().count(), LONGEST_TEXT);
    }

    #[test]
    fn what_was_taken_last_comes_first_and_the_other_one_after_it() {
        let accepted = Accepted::at("https://first.example");
        let other = Accepted::at("https://other.example");
        let (pem, jwk) = (KeyForm::Pem, KeyForm::Jwk);
        assert_eq!(EncryptionForm::Auto.tries(&accepted), (pem, Some(jwk)));
        accepted.note(jwk);
        let known = Accepted::at("https://first.example");
        assert_eq!(EncryptionForm::Auto.tries(&known), (jwk, Some(pem)));
        assert_eq!(EncryptionForm::Pem.tries(&known), (pem, None));
        assert_eq!(EncryptionForm::Auto.tries(&other), (pem, Some(jwk)));
    }

    #[test]
    fn a_form_has_a_name() {
        for (text, fixed) in [
            ("auto", None),
            ("pem", Some(KeyForm::Pem)),
            ("jwk", Some(KeyForm::Jwk)),
        ] {
            assert_eq!(EncryptionForm::parse(text).unwrap().fixed(), fixed);
        }
        for bad in ["", "der", "jwe", "none"] {
            assert_eq!(
                EncryptionForm::parse(bad).unwrap_err().code(),
                "invalid_argument"
            );
        }
    }
}
