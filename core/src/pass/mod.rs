//! Making a Privacy Pass: challenge in, blinded message out, blind signature in, pass out.
//!
//! Who learns what: the signer sees a blinded message and who asks for it; it learns nothing of the
//! nonce. Whoever redeems the pass shows nonce, signature and challenge; the signer recognises its
//! key and its challenge, and cannot tell which of its signatures this was, as long as challenge
//! and key are the same for everybody.
//!
//! Everything here is pure: randomness and time are arguments. Factors that are made ahead are kept in a
//! reserve, which is told in which process and when it is asked.
//!
//! Source: Persona, "Relay" (challenge, token input, pass); RFC 9474 (blind RSA signatures).

pub mod blind_rsa;
mod blinding;
mod challenge;
#[cfg(test)]
mod constant_time;
mod emsa_pss;
mod factor;
mod inversion;
mod montgomery;
mod privacy_pass;
#[doc(hidden)]
pub mod reserve;
#[cfg(test)]
#[path = "../../tests/support/script.rs"]
mod script;
mod token_key;

pub use blinding::{token_input, PendingPass, TOKEN_INPUT_LEN};
pub use challenge::Challenge;
#[doc(hidden)]
pub use factor::Factor;
pub use privacy_pass::PrivacyPassToken;
pub use token_key::TokenKey;

/// What is wrong with a challenge, key, signature or pass: a fixed sentence, never its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}
