//! Opening a claim where its arithmetic blocks nobody.

use tokio::task::spawn_blocking;

use super::{EncryptionForm, GenerateClaim, Inner};
use crate::claim::{check_form, is_encrypted, Claim, ClaimType, DecryptionKeys, Envelope, KeyForm};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// Decrypts and reads a claim. A private operation takes one to four milliseconds, and an async worker
/// has other calls to serve.
///
/// # Errors
/// Those of [`Envelope::open`].
pub(super) async fn open_apart(
    payload: &str,
    keys: &DecryptionKeys,
    form: Option<KeyForm>,
    asked: Option<&ClaimType>,
) -> Result<Claim> {
    let payload = Secret::new(payload.to_owned());
    let (keys, asked) = (keys.clone(), asked.cloned());
    let opening = spawn_blocking(move || {
        Envelope::Encrypted(&keys, form).open(payload.expose(), asked.as_ref())
    });
    opening.await.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Internal,
            "This is a mistake of relaypass, please report it.",
        ))
    })
}

impl Inner {
    /// Opens the claim of a redemption, or leaves it closed if it is encrypted and there is no key.
    pub(crate) async fn read_claim(
        &self,
        payload: &str,
        request: &GenerateClaim,
    ) -> Result<Option<Claim>> {
        let asked = request.claim_type.as_ref();
        let keys = request.decryption_key.as_ref();
        match keys.or(self.decryption_key.as_ref()) {
            Some(keys) => {
                let form = request.encryption_form.unwrap_or(self.encryption_form);
                open_apart(payload, keys, form.fixed(), asked)
                    .await
                    .map(Some)
            }
            None => {
                // Without a key only what the caller says of this relay tells that it had one.
                if let Some(form) = request.encryption_form.and_then(EncryptionForm::fixed) {
                    check_form(payload, Some(form))?;
                }
                match is_encrypted(payload) {
                    true => Ok(None),
                    false => Envelope::Plain.open(payload, asked).map(Some),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::sync::Arc;

    use super::*;
    use crate::claim::generate_key_pair;

    #[tokio::test(flavor = "current_thread")]
    async fn others_go_on_while_a_claim_is_decrypted() {
        let keys = DecryptionKeys::from(generate_key_pair(4096).unwrap());
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = turns.clone();
        let other = tokio::spawn(async move {
            loop {
                counted.fetch_add(1, Relaxed);
                tokio::task::yield_now().await;
            }
        });
        // Nothing that the key fits, which is found out by as much work.
        let payload = "A".repeat(683);
        let opened = open_apart(&payload, &keys, None, None).await;
        assert_eq!(opened.unwrap_err().code(), "decryption");
        assert!(turns.load(Relaxed) > 1, "this thread was busy");
        other.abort();
    }
}
