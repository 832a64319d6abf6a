//! What a test may set: the answers Persona does not document, and the sizes and habits of keys,
//! challenges and limits.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) const KEY_BITS: [usize; 3] = [2048, 3072, 4096];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Redeeming a production relay whose check is not finished.
    pub(crate) unfinished_status: u16,
    /// Whether the idempotency layer keeps that answer.
    pub(crate) unfinished_stored: bool,
    /// Redeeming a pass that is spent.
    pub(crate) spent_status: u16,
    /// Redeeming a pass of another claim type or environment.
    pub(crate) mismatch_status: u16,
    /// Whether the API keys have the permission `privacy_pass.write`.
    pub(crate) privacy_pass_write: bool,
    /// Whether the organization has Relay.
    pub(crate) relay_enabled: bool,
    /// Signing for an organization without Relay.
    pub(crate) not_enabled_status: u16,
    /// The forms in which create takes an encryption key.
    pub(crate) encryption_forms: EncryptionForms,
    /// Of claims for a key in PEM. A JWE has SHA-256 always.
    pub(crate) oaep_hash: OaepHash,
    /// The `kid` in the header of a JWE.
    pub(crate) jwe_kid: JweKeyId,
    /// Whether the header of a JWE has `typ` and `cty`.
    pub(crate) jwe_typ_and_cty: bool,
    pub(crate) key_bits: usize,
    /// Requests a minute, for each environment. Persona's default is 300; the sandbox's is out of
    /// the way of load tests.
    pub(crate) rate_limit: u64,
    /// Whether `generate-claim` without a pass answers with a challenge (the first generation).
    pub(crate) relay_bound_challenges: bool,
    /// Whether key ids are something else than the SHA-256 of the key, as in published samples.
    pub(crate) opaque_key_id: bool,
    /// Whether challenges carry a field that nobody documents.
    pub(crate) extra_challenge_field: ExtraField,
    /// Whether every challenge has a MAC of its own, with which an issuer could tag a client.
    pub(crate) challenge_per_client: bool,
    /// Whether a `Persona-Version` that is not published is taken.
    pub(crate) unknown_versions: bool,
    /// Whether answers have the headers that a client cannot count on: `Request-Id`, `RateLimit-*`,
    /// `Persona-Environment-Id`, `Persona-Organization-Id`.
    pub(crate) optional_headers: bool,
    pub(crate) record_requests: bool,
}

/// Persona's docs have shown a PEM text, and then a JSON Web Key in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EncryptionForms {
    Pem,
    Jwk,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JweKeyId {
    None,
    /// The thumbprint of the relay's key (RFC 7638).
    Thumbprint,
    /// An id that the asker never saw.
    Unknown,
}

/// What of a challenge must come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExtraField {
    None,
    /// A field that stays as it is when the object is parsed and written compactly, members in order.
    Compact,
    /// A field that does not: it must come back byte for byte.
    Verbatim,
}

/// How a claim is encrypted: RSA-OAEP with this hash, in MGF1 too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OaepHash {
    Sha256,
    Sha1,
}

impl Settings {
    pub(crate) fn new(key_bits: usize) -> Self {
        Self {
            unfinished_status: 403,
            unfinished_stored: true,
            spent_status: 401,
            mismatch_status: 422,
            privacy_pass_write: true,
            relay_enabled: true,
            not_enabled_status: 403,
            encryption_forms: EncryptionForms::Both,
            oaep_hash: OaepHash::Sha256,
            jwe_kid: JweKeyId::None,
            jwe_typ_and_cty: false,
            key_bits,
            rate_limit: 1_000_000,
            relay_bound_challenges: true,
            opaque_key_id: false,
            extra_challenge_field: ExtraField::None,
            challenge_per_client: false,
            unknown_versions: false,
            optional_headers: true,
            record_requests: true,
        }
    }

    /// These settings with `changes` laid over them, or what is wrong with the changes.
    pub(crate) fn merged(&self, changes: Map<String, Value>) -> Result<Self, String> {
        let mut members = self.to_members();
        for (name, value) in changes {
            match members.get_mut(&name) {
                Some(member) => *member = value,
                None => return Err(format!("there is no setting `{name}`")),
            }
        }
        let settings: Self = serde_json::from_value(Value::Object(members))
            .map_err(|error| format!("a setting has the wrong type: {error}"))?;

        let statuses = [
            settings.unfinished_status,
            settings.spent_status,
            settings.mismatch_status,
            settings.not_enabled_status,
        ];
        if statuses.iter().any(|status| !(400..=599).contains(status)) {
            return Err("a status must be from 400 to 599".to_owned());
        }
        if !KEY_BITS.contains(&settings.key_bits) {
            return Err("`key_bits` must be 2048, 3072 or 4096".to_owned());
        }
        Ok(settings)
    }

    pub(crate) fn to_members(&self) -> Map<String, Value> {
        match serde_json::to_value(self).expect("settings are plain JSON") {
            Value::Object(members) => members,
            _ => unreachable!("a struct is a JSON object"),
        }
    }
}
