//! The surface as data.

use serde_json::{json, Map, Value};

use super::calls;
use super::keys::GenerateKeyArguments;
use super::records::{
    ClaimRecord, CompletionRecord, ErrorRecord, EventRecord, GeneratedClaimRecord, KeyPairRecord,
    MethodRecord, PrivacyFindingRecord, PrivacyPassRecord, PrivacyReportRecord, RateLimitRecord,
    RelayRecord, VerificationRecord,
};
use crate::claim::{Claim, DecryptionKey};
use crate::client::{rules, ClientArguments, GeneratedClaim, PrivacyPass, Relay};
use crate::described::{Described, Member, Record};
use crate::error::ErrorKind;
use crate::events::EventKind;
use crate::privacy::{PrivacyCode, PrivacyReport, PrivacySeverity};
use crate::verification::{Completion, Status, Verification};

macro_rules! describe_calls {
    ($($method:ident: $arguments:ident { $($members:tt)* } -> $answer:ident,)*) => {
        [
            $(call::<calls::$arguments>(),)*
            json!({ "name": "close", "arguments": [], "answer": null }),
        ]
    };
}

macro_rules! describe_functions {
    ($($function:ident: $arguments:ident { $($members:tt)* } -> $answer:ident,)*) => {
        [
            $(function::<calls::$arguments>(),)*
            json!({
                "name": "generate_key_pair",
                "arguments": members::<GenerateKeyArguments>(),
                "answer": DecryptionKey::NAME,
            }),
        ]
    };
}

/// Everything: options, calls, results, errors, events.
///
/// Members are told in snake case, in the order of their declaration. `timeout` is what every call
/// takes beside its arguments. Times are in seconds; a package that counts otherwise translates.
pub fn describe() -> Value {
    json!({
        "options": members::<ClientArguments>(),
        "calls": crate::calls!(describe_calls),
        "timeout": Member::of::<Option<f64>>("timeout", rules::CALL_TIMEOUT),
        "functions": crate::functions!(describe_functions),
        "results": results(),
        "errors": {
            "codes": ErrorKind::ALL.iter().map(|kind| kind.code()).collect::<Vec<_>>(),
            "members": error_members(),
        },
        "events": {
            "kinds": EventKind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>(),
            "members": members::<EventRecord>(),
        },
        "privacy": {
            "codes": PrivacyCode::ALL.iter().map(|code| code.name()).collect::<Vec<_>>(),
            "severities": PrivacySeverity::ALL.map(PrivacySeverity::name),
        },
        "statuses": Status::ALL.map(Status::as_str),
        "refused_with": ErrorKind::InvalidArgument.code(),
    })
}

/// Without the unit in their names: it is in their type.
fn members<R: Record>() -> Vec<Member> {
    let mut members = R::members();
    for member in &mut members {
        if member.shape == f64::SHAPE || member.shape == Option::<f64>::SHAPE {
            member.name = member.name.trim_end_matches("_seconds");
        }
    }
    members
}

/// Without what led to it, which every language has as its own errors have.
fn error_members() -> Vec<Member> {
    let mut members = members::<ErrorRecord>();
    members.retain(|member| !["thrown", "causes"].contains(&member.name));
    members
}

fn call<C: calls::Call>() -> Value
where
    C::Answer: Named,
{
    json!({ "name": C::NAME, "arguments": members::<C>(), "answer": C::Answer::NAME })
}

fn function<F: calls::Function>() -> Value
where
    F::Answer: Named,
{
    json!({ "name": F::NAME, "arguments": members::<F>(), "answer": F::Answer::NAME })
}

fn results() -> Value {
    let mut results = Map::new();
    let mut add = |name: &str, members: Vec<Member>| {
        results.insert(name.to_owned(), json!(members));
    };
    add("relay", members::<RelayRecord>());
    add("privacy_pass", members::<PrivacyPassRecord>());
    add("generated_claim", members::<GeneratedClaimRecord>());
    add("claim", members::<ClaimRecord>());
    add("method", members::<MethodRecord>());
    add("rate_limit", members::<RateLimitRecord>());
    add("verification", members::<VerificationRecord>());
    add("completion", members::<CompletionRecord>());
    add("privacy_report", members::<PrivacyReportRecord>());
    add("privacy_finding", members::<PrivacyFindingRecord>());
    add("key_pair", members::<KeyPairRecord>());
    Value::Object(results)
}

/// What a call answers, by the name of its record.
trait Named {
    const NAME: Option<&'static str>;
}

macro_rules! names {
    ($($answer:ty => $name:expr),* $(,)?) => {$(
        impl Named for $answer {
            const NAME: Option<&'static str> = $name;
        }
    )*};
}

names! {
    Relay => Some("relay"),
    PrivacyPass => Some("privacy_pass"),
    GeneratedClaim => Some("generated_claim"),
    Verification => Some("verification"),
    Completion => Some("completion"),
    Claim => Some("claim"),
    PrivacyReport => Some("privacy_report"),
    DecryptionKey => Some("key_pair"),
    u64 => Some("whole"),
    () => None,
}

#[cfg(test)]
mod tests;
