//! The requests, byte for byte.

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::credential::{ApiKey, RelaySecret};
use crate::encoding::percent_encode;
use crate::secret::{IdempotencyKey, Secret};

/// The headers that every request carries, the same in all languages and all versions of this
/// library, so that they tell nobody apart. Relay is the same in all published API versions; this
/// is the newest.
pub(crate) const CONSTANT_HEADERS: [(&str, &str); 5] = [
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("key-inflection", "kebab"),
    ("persona-version", "2025-12-08"),
    ("user-agent", "relaypass"),
];

/// The same, as [`Request::headers`] tells them.
static TOLD: LazyLock<[(&str, Secret<String>); 5]> =
    LazyLock::new(|| CONSTANT_HEADERS.map(|(name, value)| (name, Secret::new(value.to_owned()))));

/// One HTTP request: always a `POST` with a JSON body.
///
/// It has no place for the API key; the identified lane adds that when it sends.
#[derive(Clone)]
pub struct Request {
    path: String,
    /// Those that not every request has.
    own_headers: Vec<SecretHeader>,
    body: Vec<u8>,
}

/// A header that holds a secret.
#[derive(Clone)]
pub(crate) struct SecretHeader {
    pub(crate) name: &'static str,
    pub(crate) value: Secret<String>,
    /// What stands before the secret: `Bearer `.
    prefix: &'static str,
}

impl SecretHeader {
    /// The secret alone.
    fn secret(&self) -> &str {
        &self.value.expose()[self.prefix.len()..]
    }
}

/// The encryption key of a relay, or none, in the one form or the other: the body is closed to both.
#[derive(Clone, Copy, Serialize)]
pub(crate) enum SentKey<'a> {
    /// In PEM.
    #[serde(rename = "encryption-key-pem")]
    Pem(Option<&'a str>),
    /// The JSON of a JWK. Its name in REST is not published; it follows all the others.
    #[serde(rename = "encryption-key-jwk")]
    Jwk(#[serde(serialize_with = "as_it_is")] Option<&'a str>),
}

/// A request that must not name us: it has no place for the API key, and neither has the lane
/// that takes it.
#[derive(Clone)]
pub(crate) struct AnonymousRequest(Request);

/// The one request that names us: the signing of a blinded message.
#[derive(Clone)]
pub(crate) struct SignRequest(Request);

impl AnonymousRequest {
    /// Step 1: create a relay. The member of the key is there without a key, too.
    pub(crate) fn create(claim_type: &str, key: SentKey<'_>, sandbox: bool) -> Self {
        #[derive(Serialize)]
        #[serde(rename_all = "kebab-case")]
        struct Body<'a> {
            claim_type: &'a str,
            #[serde(flatten)]
            key: SentKey<'a>,
            sandbox: bool,
        }
        Self(Request::new(
            "/api/privacy/v1/relays".to_owned(),
            &Body {
                claim_type,
                key,
                sandbox,
            },
        ))
    }

    /// Step 2a: ask for a challenge that is bound to a claim type.
    pub(crate) fn challenge(claim_type: &str, sandbox: bool) -> Self {
        #[derive(Serialize)]
        #[serde(rename_all = "kebab-case")]
        struct Body<'a> {
            claim_type: &'a str,
            sandbox: bool,
        }
        Self(Request::new(
            "/api/privacy/v1/relays/challenge".to_owned(),
            &Body {
                claim_type,
                sandbox,
            },
        ))
    }

    /// Step 2a of the first generation: ask a relay for its claim without a pass, and be refused
    /// with a challenge.
    pub(crate) fn relay_bound_challenge(relay_token: &str, relay_secret: &RelaySecret) -> Self {
        Self::generate_claim(relay_token, relay_secret)
    }

    /// Step 3: redeem a pass for the relay's claim.
    pub(crate) fn redeem(
        relay_token: &str,
        relay_secret: &RelaySecret,
        privacy_pass_token: &str,
        idempotency_key: &IdempotencyKey,
    ) -> Self {
        let Self(request) = Self::generate_claim(relay_token, relay_secret);
        Self(
            request
                .with_secret("authorization", "PrivateToken token=", privacy_pass_token)
                .with_secret("idempotency-key", "", idempotency_key.expose()),
        )
    }

    fn generate_claim(relay_token: &str, relay_secret: &RelaySecret) -> Self {
        #[derive(Serialize)]
        struct Body {}
        let path = format!(
            "/api/privacy/v1/relays/{}/generate-claim",
            percent_encode(relay_token)
        );
        Self(Request::new(path, &Body {}).with_secret(
            "persona-relay-secret",
            "",
            relay_secret.expose(),
        ))
    }

    pub(crate) fn request(&self) -> &Request {
        &self.0
    }
}

/// JSON that is written already.
fn as_it_is<S: serde::Serializer>(json: &Option<&str>, serializer: S) -> Result<S::Ok, S::Error> {
    let parsed = json.map(serde_json::from_str::<&RawValue>).transpose();
    parsed.expect("a key is JSON").serialize(serializer)
}

impl SignRequest {
    /// Step 2b: have a blinded message signed. Billed.
    pub(crate) fn new(blinded_token: &str, key_id: &str, idempotency_key: &IdempotencyKey) -> Self {
        #[derive(Serialize)]
        #[serde(rename_all = "kebab-case")]
        struct Body<'a> {
            blinded_token: &'a str,
            key_id: &'a str,
        }
        let request = Request::new(
            "/api/v1/privacy-passes".to_owned(),
            &Body {
                blinded_token,
                key_id,
            },
        );
        Self(request.with_secret("idempotency-key", "", idempotency_key.expose()))
    }

    /// The request with the key that names us.
    pub(crate) fn authorized(&self, api_key: &ApiKey) -> Request {
        self.0
            .clone()
            .with_secret("authorization", "Bearer ", api_key.expose())
    }

    /// As [`Request::scrub`], of the authorized request.
    pub(crate) fn scrub(&self, api_key: &ApiKey, text: &str) -> String {
        redacted(self.0.scrub(text), api_key.expose())
    }
}

impl Request {
    fn new(path: String, body: &impl Serialize) -> Self {
        Self {
            path,
            own_headers: Vec::new(),
            body: serde_json::to_vec(body).expect("strings and booleans are always JSON"),
        }
    }

    /// Adds a header that holds a secret, with what stands before it.
    fn with_secret(mut self, name: &'static str, prefix: &'static str, secret: &str) -> Self {
        let mut value = Secret::new(String::with_capacity(prefix.len() + secret.len()));
        value.append(prefix);
        value.append(secret);
        self.own_headers.push(SecretHeader {
            name,
            value,
            prefix,
        });
        self
    }

    /// The path below the base URL, percent-encoded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Names and values of the headers, in the order of sending.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &Secret<String>)> {
        let own = self.own_headers.iter();
        let told = TOLD.iter().map(|(name, value)| (*name, value));
        told.chain(own.map(|header| (header.name, &header.value)))
    }

    /// Those that follow [`CONSTANT_HEADERS`].
    pub(crate) fn own_headers(&self) -> &[SecretHeader] {
        &self.own_headers
    }

    /// The body: JSON.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Replaces every secret of this request that stands in `text`: servers and proxies like to
    /// repeat what they were sent, and their texts end up in errors and logs.
    pub(crate) fn scrub(&self, text: &str) -> String {
        (self.own_headers.iter()).fold(text.to_owned(), |text, header| {
            redacted(text, header.secret())
        })
    }
}

/// A text without a secret.
pub(crate) fn redacted(text: String, secret: &str) -> String {
    // What is this short is no secret, and taking it out would only garble the text. What is longer
    // than the text is not looked for: a pass is long, and most texts are short.
    let may_stand_there = (6..=text.len()).contains(&secret.len());
    match may_stand_there && text.contains(secret) {
        true => text.replace(secret, "[redacted]"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::os_random;

    #[test]
    fn a_relay_token_is_one_segment_whatever_it_holds() {
        let secret = RelaySecret::parse("s").unwrap();
        for (token, segment) in [
            ("relay_Ab1", "relay_Ab1"),
            ("a/../../v1/x", "a%2F..%2F..%2Fv1%2Fx"),
            ("a%2Fb", "a%252Fb"),
            ("a?b#c", "a%3Fb%23c"),
        ] {
            assert_eq!(
                AnonymousRequest::relay_bound_challenge(token, &secret)
                    .request()
                    .path(),
                format!("/api/privacy/v1/relays/{segment}/generate-claim")
            );
        }
    }

    #[test]
    fn bodies_are_kebab_case_and_the_key_is_null_when_absent() {
        let body = |key: SentKey<'_>| {
            let request = AnonymousRequest::create("age_over18_verified", key, true);
            String::from_utf8(request.request().body().to_vec()).unwrap()
        };
        assert_eq!(
            body(SentKey::Pem(None)),
            r#"{"claim-type":"age_over18_verified","encryption-key-pem":null,"sandbox":true}"#
        );
        assert_eq!(
            body(SentKey::Jwk(None)),
            r#"{"claim-type":"age_over18_verified","encryption-key-jwk":null,"sandbox":true}"#
        );
        assert_eq!(
            body(SentKey::Jwk(Some(r#"{"kty":"RSA"}"#))),
            r#"{"claim-type":"age_over18_verified","encryption-key-jwk":{"kty":"RSA"},"sandbox":true}"#
        );
    }

    #[test]
    fn a_server_that_repeats_our_secrets_does_not_get_them_into_an_error() {
        let secret = RelaySecret::parse("canary-secret").unwrap();
        let key = IdempotencyKey::random(&mut os_random());
        let request = AnonymousRequest::redeem("relay_1", &secret, "canary-pass==", &key);
        let text = format!(
            "bad canary-secret, PrivateToken token=canary-pass==, key {}",
            key.expose()
        );
        let scrubbed = request.request().scrub(&text);
        assert!(!scrubbed.contains("canary"), "{scrubbed}");
        assert!(!scrubbed.contains(key.expose()), "{scrubbed}");
        assert!(scrubbed.starts_with("bad [redacted], "));
    }
}
