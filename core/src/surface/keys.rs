//! Keys and claims, without a client.

use tokio::task::spawn_blocking;

use super::calls::{Function, OpenArguments, ReadJwkArguments, ReadKeyArguments};
use super::caught::{caught_now, mistake};
use crate::claim::{
    generate_key_pair, open_claim_in_form, Claim, ClaimType, DecryptionKey, KEY_SIZES,
};
use crate::client::{parse_keys, EncryptionForm};
use crate::described::{described, Plain, Rule};
use crate::error::Result;

described! {
    /// The arguments of `generate_key_pair`.
    pub struct GenerateKeyArguments {
        /// The size of the key.
        pub bits: Option<i64> => Rule::one_of(&SIZES).by_default(SIZES[0]),
    }
}

const SIZES: [Plain; KEY_SIZES.len()] = {
    let mut sizes = [Plain::Number(0); KEY_SIZES.len()];
    let mut index = 0;
    while index < sizes.len() {
        sizes[index] = Plain::Number(KEY_SIZES[index] as u64);
        index += 1;
    }
    sizes
};

impl GenerateKeyArguments {
    /// Generates a key pair, on a thread where half a second of arithmetic blocks nobody.
    ///
    /// # Errors
    /// `invalid_argument` for a size that there is not.
    pub async fn generate(self) -> Result<DecryptionKey> {
        // What is no size at all is none that there is.
        let bits = self.bits.map_or(Ok(KEY_SIZES[0]), usize::try_from);
        let generating =
            spawn_blocking(move || caught_now(|| generate_key_pair(bits.unwrap_or(0))));
        let generated = generating.await.unwrap_or_else(|_| Err(mistake()));
        generated.map_err(|error| error.in_operation("generate_key_pair"))
    }
}

impl Function for ReadKeyArguments {
    const NAME: &'static str = "read_key_pair";
    type Answer = DecryptionKey;

    fn compute(self) -> Result<DecryptionKey> {
        DecryptionKey::from_pem(self.private_pem.expose())
    }
}

impl Function for ReadJwkArguments {
    const NAME: &'static str = "read_jwk";
    type Answer = DecryptionKey;

    fn compute(self) -> Result<DecryptionKey> {
        DecryptionKey::from_jwk(self.private_jwk.expose())
    }
}

impl Function for OpenArguments {
    const NAME: &'static str = "open_claim";
    type Answer = Claim;

    fn compute(self) -> Result<Claim> {
        let keys = self.decryption_key.as_deref().map(parse_keys).transpose()?;
        let asked = self.claim_type.map(ClaimType::parse).transpose()?;
        let form = self.encryption_form.as_deref().map(EncryptionForm::parse);
        let form = form.transpose()?.unwrap_or_default().fixed();
        let payload = self.claim_payload.expose();
        open_claim_in_form(payload, keys.as_ref(), form, asked.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::compute;
    use crate::Secret;

    const CLAIM: &str = r#"{"claim_type":"age","claim_result":"passed"}"#;

    fn opened(payload: &str, form: Option<&str>) -> &'static str {
        let opening = OpenArguments {
            claim_payload: Secret::new(payload.to_owned()),
            decryption_key: None,
            claim_type: None,
            encryption_form: form.map(str::to_owned),
        };
        let opened = compute(opening);
        opened.map_or_else(|error| error.code(), |_| "opened")
    }

    #[test]
    fn a_form_that_is_said_is_demanded_even_without_a_key() {
        let base64 = "A".repeat(342);
        for (payload, form, code) in [
            (CLAIM, None, "opened"),
            (CLAIM, Some("auto"), "opened"),
            (CLAIM, Some("pem"), "claim_mismatch"),
            (CLAIM, Some("jwk"), "claim_mismatch"),
            ("a.b.c.d.e", Some("pem"), "claim_mismatch"),
            (&base64, Some("jwk"), "claim_mismatch"),
            // In its form, and nobody can read it.
            ("a.b.c.d.e", Some("jwk"), "protocol"),
            (&base64, Some("pem"), "protocol"),
            (CLAIM, Some("plain"), "invalid_argument"),
        ] {
            assert_eq!(opened(payload, form), code, "{payload}, {form:?}");
        }
    }
}
