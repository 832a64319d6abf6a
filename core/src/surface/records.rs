//! Results and errors as plain records, which every binding hands over in its own way.
//!
//! The list stands once, here. A binding names a macro that gives each record what its host's
//! language needs of it (a derive), and the type of a number.

use std::error::Error as StdError;
use std::iter;

use crate::described::{described, Described, Shape};

/// What led to an error, the nearest cause first.
pub fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(error.source(), |&cause| cause.source())
}

/// Declares the records of results and events, and how the core's own types become them:
/// `result_records!(record, u64)`.
#[doc(hidden)]
#[macro_export]
macro_rules! result_records {
    ($record:ident, $number:ident) => {
        $record! {
            /// See `relaypass::RateLimit`.
            pub struct RateLimitRecord {
                pub limit: $number,
                pub remaining: $number,
                pub reset_seconds: $number,
            }
        }

        impl From<$crate::RateLimit> for RateLimitRecord {
            fn from(rate_limit: $crate::RateLimit) -> Self {
                Self {
                    limit: rate_limit.limit as $number,
                    remaining: rate_limit.remaining as $number,
                    reset_seconds: rate_limit.reset_seconds as $number,
                }
            }
        }

        $record! {
            /// See `relaypass::Relay`.
            pub struct RelayRecord {
                pub relay_token: String,
                pub relay_secret: String,
                pub relay_session_access_token: String,
                pub request_id: Option<String>,
                pub rate_limit: Option<RateLimitRecord>,
                pub encryption_form: Option<String>,
            }
        }

        impl From<$crate::Relay> for RelayRecord {
            fn from(relay: $crate::Relay) -> Self {
                Self {
                    relay_token: relay.relay_token.as_str().to_owned(),
                    relay_secret: relay.relay_secret.expose().to_owned(),
                    relay_session_access_token: relay.relay_session_access_token.expose().clone(),
                    request_id: relay.info.request_id,
                    rate_limit: relay.info.rate_limit.map(RateLimitRecord::from),
                    encryption_form: relay.encryption_form.map(|form| form.as_str().to_owned()),
                }
            }
        }

        $record! {
            /// See `relaypass::PrivacyPass`.
            pub struct PrivacyPassRecord {
                pub privacy_pass_token: String,
                pub request_id: Option<String>,
                pub rate_limit: Option<RateLimitRecord>,
            }
        }

        impl From<$crate::PrivacyPass> for PrivacyPassRecord {
            fn from(pass: $crate::PrivacyPass) -> Self {
                Self {
                    privacy_pass_token: pass.privacy_pass_token.expose().to_owned(),
                    request_id: pass.info.request_id,
                    rate_limit: pass.info.rate_limit.map(RateLimitRecord::from),
                }
            }
        }

        $record! {
            /// See `relaypass::GeneratedClaim`.
            pub struct GeneratedClaimRecord {
                pub claim_payload: String,
                pub token_consumed: bool,
                pub claim: Option<ClaimRecord>,
                pub request_id: Option<String>,
                pub rate_limit: Option<RateLimitRecord>,
            }
        }

        impl From<$crate::GeneratedClaim> for GeneratedClaimRecord {
            fn from(generated: $crate::GeneratedClaim) -> Self {
                Self {
                    claim_payload: generated.claim_payload.expose().clone(),
                    token_consumed: generated.token_consumed,
                    claim: generated.claim.map(ClaimRecord::from),
                    request_id: generated.info.request_id,
                    rate_limit: generated.info.rate_limit.map(RateLimitRecord::from),
                }
            }
        }

        $record! {
            /// See `relaypass::Claim`.
            pub struct ClaimRecord {
                pub claim_type: String,
                pub claim_result: String,
                pub passed: bool,
                pub methodology: Vec<MethodRecord>,
            }
        }

        impl From<$crate::Claim> for ClaimRecord {
            fn from(claim: $crate::Claim) -> Self {
                let methodology = claim.methodology.clone().into_iter();
                Self {
                    passed: claim.passed(),
                    claim_type: claim.claim_type,
                    claim_result: claim.claim_result,
                    methodology: methodology.map(MethodRecord::from).collect(),
                }
            }
        }

        $record! {
            /// See `relaypass::Method`.
            pub struct MethodRecord {
                pub method: String,
                pub result: String,
            }
        }

        impl From<$crate::Method> for MethodRecord {
            fn from(method: $crate::Method) -> Self {
                Self {
                    method: method.method,
                    result: method.result,
                }
            }
        }

        $record! {
            /// See `relaypass::Verification`. Its end is in milliseconds since the epoch.
            pub struct VerificationRecord {
                pub id: String,
                pub claim_type: String,
                pub status: String,
                pub claim: Option<ClaimRecord>,
                pub session_access_token: Option<String>,
                pub hosted_url: Option<String>,
                pub purchase_failure: Option<String>,
                pub expires_at: $number,
            }
        }

        impl From<$crate::Verification> for VerificationRecord {
            fn from(verification: $crate::Verification) -> Self {
                let expose = |secret: $crate::Secret<String>| secret.expose().clone();
                let failure = verification.purchase_failure;
                Self {
                    id: verification.id.as_str().to_owned(),
                    claim_type: verification.claim_type.as_str().to_owned(),
                    status: verification.status.as_str().to_owned(),
                    claim: verification.claim.map(ClaimRecord::from),
                    session_access_token: verification.session_access_token.map(expose),
                    hosted_url: verification.hosted_url.map(expose),
                    purchase_failure: failure.map(|kind| kind.code().to_owned()),
                    expires_at: verification.expires_at as $number,
                }
            }
        }

        $record! {
            /// See `relaypass::Completion`.
            pub struct CompletionRecord {
                pub status: String,
                pub claim: Option<ClaimRecord>,
            }
        }

        impl From<$crate::Completion> for CompletionRecord {
            fn from(completion: $crate::Completion) -> Self {
                Self {
                    status: completion.status.as_str().to_owned(),
                    claim: completion.claim.map(ClaimRecord::from),
                }
            }
        }

        $record! {
            /// Both halves of a key pair, in PEM and as the JSON text of a JWK.
            pub struct KeyPairRecord {
                pub public_key_pem: String,
                pub public_jwk: String,
                pub private_key_pem: String,
                pub private_jwk: String,
            }
        }

        impl From<$crate::DecryptionKey> for KeyPairRecord {
            fn from(key: $crate::DecryptionKey) -> Self {
                Self {
                    public_key_pem: key.encryption_key().as_pem().to_owned(),
                    public_jwk: key.encryption_key().as_jwk().to_owned(),
                    private_key_pem: key.to_pem().expose().clone(),
                    private_jwk: key.to_jwk().expose().clone(),
                }
            }
        }

        $record! {
            /// See `relaypass::PrivacyReport`.
            pub struct PrivacyReportRecord {
                pub findings: Vec<PrivacyFindingRecord>,
                pub text: String,
            }
        }

        impl From<$crate::PrivacyReport> for PrivacyReportRecord {
            fn from(report: $crate::PrivacyReport) -> Self {
                Self {
                    text: report.to_string(),
                    findings: report
                        .findings
                        .into_iter()
                        .map(PrivacyFindingRecord::from)
                        .collect(),
                }
            }
        }

        $record! {
            /// See `relaypass::PrivacyFinding`.
            pub struct PrivacyFindingRecord {
                pub code: String,
                pub severity: String,
                pub who: String,
                pub links: String,
                pub why: String,
                pub evidence: String,
                pub change: Option<String>,
            }
        }

        impl From<$crate::PrivacyFinding> for PrivacyFindingRecord {
            fn from(finding: $crate::PrivacyFinding) -> Self {
                Self {
                    code: finding.code.name().to_owned(),
                    severity: finding.severity.name().to_owned(),
                    who: finding.who.to_owned(),
                    links: finding.links.to_owned(),
                    why: finding.why,
                    evidence: finding.evidence,
                    change: finding.change.map(str::to_owned),
                }
            }
        }

        $record! {
            /// See `relaypass::Event`.
            pub struct EventRecord {
                pub kind: String,
                pub verification_id: Option<String>,
                pub request_id: Option<String>,
                pub message: String,
            }
        }

        impl From<&$crate::Event> for EventRecord {
            fn from(event: &$crate::Event) -> Self {
                Self {
                    kind: event.kind.name().to_owned(),
                    verification_id: event.verification_id.clone(),
                    request_id: event.request_id.clone(),
                    message: event.message.clone(),
                }
            }
        }
    };
}

/// Declares the record of an error. `$thrown` is how a host's language has what its own store threw,
/// and `$thrown_in` finds it among what led to an error.
#[doc(hidden)]
#[macro_export]
macro_rules! error_record {
    ($record:ident, $thrown:ident, $thrown_in:expr) => {
        $record! {
            /// See `relaypass::Error`. `message` is one line, and holds no secret; `meta` is JSON.
            pub struct ErrorRecord {
                pub code: String,
                pub message: String,
                pub operation: String,
                pub retryable: bool,
                pub status: Option<u16>,
                pub title: Option<String>,
                pub details: Option<String>,
                pub meta: Option<String>,
                pub request_id: Option<String>,
                pub rate_limit: Option<RateLimitRecord>,
                pub claim_payload: Option<String>,
                pub token_consumed: Option<bool>,
                pub idempotency_key: Option<String>,
                pub thrown: Option<$thrown>,
                pub causes: Vec<String>,
            }
        }

        impl From<&$crate::Error> for ErrorRecord {
            fn from(error: &$crate::Error) -> Self {
                let unopened = error.unopened_claim();
                let causes = $crate::surface::causes(error);
                Self {
                    code: error.code().to_owned(),
                    message: error.to_string(),
                    operation: error.operation().to_owned(),
                    retryable: error.retryable(),
                    status: error.status(),
                    title: error.title().map(str::to_owned),
                    details: error.details().map(str::to_owned),
                    meta: error.meta().map(ToString::to_string),
                    request_id: error.request_id().map(str::to_owned),
                    rate_limit: error.rate_limit().cloned().map(RateLimitRecord::from),
                    claim_payload: unopened.map(|claim| claim.claim_payload.expose().clone()),
                    token_consumed: unopened.and_then(|claim| claim.token_consumed),
                    idempotency_key: error.idempotency_key().map(|key| key.expose().to_owned()),
                    thrown: $thrown_in(error),
                    causes: causes.map(ToString::to_string).collect(),
                }
            }
        }
    };
}

/// Declares the record that a store of the host's language keeps. Numbers are at most 2^53, or what a
/// host's store made of them.
#[doc(hidden)]
#[macro_export]
macro_rules! store_record {
    ($record:ident, $number:ident, $bytes:ident) => {
        $record! {
            /// See `relaypass::store::Record`.
            pub struct StoreRecord {
                pub value: $bytes,
                pub version: $number,
                pub due_at: Option<$number>,
                pub expires_at: Option<$number>,
            }
        }

        impl From<$crate::store::Record> for StoreRecord {
            fn from(record: $crate::store::Record) -> Self {
                Self {
                    value: record.value.into(),
                    version: record.version as $number,
                    due_at: record.due_at.map(|time| time as $number),
                    expires_at: record.expires_at.map(|time| time as $number),
                }
            }
        }

        impl From<StoreRecord> for $crate::store::Record {
            fn from(record: StoreRecord) -> Self {
                Self {
                    value: record.value.into(),
                    // `as` saturates.
                    version: record.version as u64,
                    due_at: record.due_at.map(|time| time as u64),
                    expires_at: record.expires_at.map(|time| time as u64),
                }
            }
        }
    };
}

/// Declares the records of what the store suite says. `$thrown` and `$thrown_in` are as in
/// [`error_record`].
#[doc(hidden)]
#[macro_export]
macro_rules! check_records {
    ($record:ident, $thrown:ident, $thrown_in:expr) => {
        $record! {
            /// See `relaypass::store::conformance`: a report, unless a rule is broken.
            pub struct CheckRecord {
                pub passed: Vec<String>,
                pub skipped: Vec<String>,
                pub violation: Option<ViolationRecord>,
            }
        }

        $record! {
            /// See `relaypass::store::conformance::Violation`.
            pub struct ViolationRecord {
                pub message: String,
                pub rule: String,
                pub found: String,
                pub thrown: Option<$thrown>,
            }
        }

        impl From<Result<$crate::store::conformance::Report, $crate::store::conformance::Violation>>
            for CheckRecord
        {
            fn from(
                checked: Result<
                    $crate::store::conformance::Report,
                    $crate::store::conformance::Violation,
                >,
            ) -> Self {
                let own = |names: &[&str]| names.iter().map(ToString::to_string).collect();
                match checked {
                    Ok(report) => Self {
                        passed: own(&report.passed),
                        skipped: own(&report.skipped),
                        violation: None,
                    },
                    Err(violation) => Self {
                        passed: Vec::new(),
                        skipped: Vec::new(),
                        violation: Some(ViolationRecord {
                            message: violation.to_string(),
                            rule: violation.rule().to_owned(),
                            found: violation.found().to_owned(),
                            thrown: $thrown_in(&violation),
                        }),
                    },
                }
            }
        }
    };
}

// The core's own, which are described.
result_records!(described, u64);
error_record!(described, u64, |_: &crate::Error| None);

macro_rules! records_as_members {
    ($($record:ident => $name:literal),* $(,)?) => {$(
        impl Described for $record {
            const SHAPE: Shape = Shape::one($name);
        }
    )*};
}

records_as_members! {
    RateLimitRecord => "rate_limit",
    ClaimRecord => "claim",
    MethodRecord => "method",
    PrivacyFindingRecord => "privacy_finding",
}
