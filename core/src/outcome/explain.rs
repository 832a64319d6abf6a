//! What to tell a person: what happened, whose fault it is, what to do.

use super::Call;
use crate::error::ErrorKind;

pub(crate) fn explain(call: Call, kind: ErrorKind) -> &'static str {
    use Call::{Redeem, RelayBoundChallenge, Sign};
    match (kind, call) {
        (ErrorKind::InvalidArgument, _) => {
            "Persona refused the request as malformed; check the claim type and the encryption key."
        }
        (ErrorKind::Authentication, Sign) => {
            "Persona does not accept the API key; check it, and that it is not revoked."
        }
        (ErrorKind::Authentication, _) => {
            "Persona asked for credentials on a call that has none; is the base URL right?"
        }
        (ErrorKind::PermissionDenied, Redeem) => {
            "Persona does not answer yet: most likely the person has not finished the \
             verification. Ask again later."
        }
        (ErrorKind::PermissionDenied, Sign) => {
            "The API key may not buy passes: it lacks the permission privacy_pass.write, or a quota is \
             used up. Give it that permission in Persona's dashboard. This request was not \
             billed."
        }
        (ErrorKind::PermissionDenied, _) => {
            "Persona denies permission, perhaps to this machine's address; the call has no key."
        }
        (ErrorKind::NotFound, Sign) => {
            "Persona does not know the key that its own challenge named."
        }
        (ErrorKind::NotFound, Redeem | RelayBoundChallenge) => {
            "Persona does not know this relay, or the relay secret is not its own."
        }
        (ErrorKind::NotFound, _) => "Persona does not know this address; is the base URL right?",
        (ErrorKind::Conflict, Redeem) => {
            "Another request for this claim is in the way, or the pass is spent."
        }
        (ErrorKind::Conflict, _) => "Another request is in the way.",
        (ErrorKind::Unprocessable, Redeem) => {
            "Persona refuses to redeem this pass for this relay: perhaps it is of another claim \
             type or environment, or spent."
        }
        (ErrorKind::Unprocessable, _) => "Persona understood the request and refuses it.",
        (ErrorKind::RateLimited, _) => {
            "Persona's rate limit is reached, and it does not end within this call's time."
        }
        (ErrorKind::ServerError, Sign) => {
            "Persona failed. The pass may have been billed; a repeated call would buy another one."
        }
        (ErrorKind::ServerError, _) => "Persona failed; ask again later.",
        (ErrorKind::Timeout, _) => "Persona did not answer in time; ask again later.",
        (ErrorKind::Network, _) => {
            "Persona cannot be reached: check name resolution, the network, the proxy and the \
             certificates."
        }
        (ErrorKind::Protocol, RelayBoundChallenge) => {
            "Persona gave no usable challenge for this relay: today's API binds passes to a claim \
             type. Issue the pass for a claim type instead."
        }
        (ErrorKind::Protocol, Sign) => {
            "Persona's answer breaks the protocol. The pass was probably billed; a repeated call \
             would buy another one."
        }
        (ErrorKind::Protocol, _) => "Persona's answer breaks the protocol.",
        (ErrorKind::PassRejected, _) => {
            "Persona does not accept the pass: it is malformed, expired, spent, or for another key."
        }
        (ErrorKind::OutcomeUnknown, Sign) => {
            "No usable answer arrived, and nobody can tell whether the pass was billed; a repeated \
             call would buy another one."
        }
        (ErrorKind::OutcomeUnknown, _) => {
            "No usable answer arrived, and nobody can tell whether the pass is spent. Ask again \
             with the error's idempotency key within 24 hours: the answer may be stored under it."
        }
        (ErrorKind::PassExpired, _) => "The pass is older than 90 days.",
        (ErrorKind::Decryption, _) => "The claim does not open with this key.",
        (ErrorKind::ClaimMismatch, _) => "The claim is not the one that was asked for.",
        (ErrorKind::PrivacyRefused, _) => "Strict privacy does not allow it.",
        (ErrorKind::Store, _) => "The store failed.",
        (ErrorKind::Closed, _) => "The client is closed.",
        (ErrorKind::Cancelled, _) => "The call was cancelled.",
        (ErrorKind::Internal, _) => "This is a mistake of relaypass, please report it.",
    }
}

/// Whatever the status was.
pub(crate) const NOT_ENABLED: &str =
    "Relay is not enabled for the organization or environment of this API key: have Persona enable \
     Privacy Pass for Relay in its plan. This request was not billed, and asking again changes nothing \
     before.";

/// What to tell a person about a verification, which can be asked again, by any process.
pub(crate) fn explain_lasting(call: Call, kind: ErrorKind) -> &'static str {
    use Call::{Redeem, Sign};
    match (kind, call) {
        (ErrorKind::ServerError, Sign | Redeem) => {
            "Persona failed; nothing is lost. Ask again later: the same request is repeated."
        }
        (ErrorKind::Protocol, Sign) => {
            "Persona's answer breaks the protocol. The pass was probably billed; only reissue buys \
             another one."
        }
        (ErrorKind::NotFound, Sign) => {
            "Persona does not know the key that its own challenge named, after an answer was lost; \
             only reissue buys another pass."
        }
        (ErrorKind::Conflict, Sign) => {
            "Another request is in the way; nothing is lost. Ask again later: the same request is \
             repeated."
        }
        (ErrorKind::Unprocessable, Sign) => {
            "Persona refuses to sign the pass; only reissue asks under a new key."
        }
        (ErrorKind::OutcomeUnknown, Sign) => {
            "No usable answer arrived, and nobody can tell whether the pass was billed; only reissue \
             asks under a new key."
        }
        (ErrorKind::OutcomeUnknown, Redeem) => {
            "The answer was lost, every key was asked again, and nobody can tell whether the pass is \
             spent."
        }
        (ErrorKind::PassRejected, Redeem) => {
            "Persona does not accept the pass: it is malformed, expired, spent, or for another key; \
             only reissue buys another one."
        }
        _ => explain(call, kind),
    }
}
