//! What travels: requests and answers of the four calls, encoded and decoded, and nothing else.
//!
//! Decoding reads kebab-case, snake_case and camelCase alike; encoding writes kebab-case. Nothing
//! here has an opinion on what an answer means (that is `outcome`).
//!
//! Source: Persona's OpenAPI files; RFC 9577 section 2 for the `WWW-Authenticate` header.

mod answer;
mod head;
mod request;

pub(crate) use answer::{
    decode_challenge, decode_claim, decode_relay, decode_server_error, decode_signature, speaker,
    ChallengeAnswer, ClaimAnswer, ServerError, Speaker, LONGEST_TEXT,
};
pub(crate) use head::parse_private_token_challenge;
pub use head::ResponseHead;
pub use request::Request;
pub(crate) use request::{redacted, AnonymousRequest, SentKey, SignRequest, CONSTANT_HEADERS};
