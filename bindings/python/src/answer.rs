//! Answers on their way to Python: tuples, which `relaypass/results.py` gives names.

use pyo3::prelude::*;
use pyo3::types::PyList;
use relaypass::store::conformance::{Report, Violation};
use relaypass::{
    Claim, Completion, DecryptionKey, GeneratedClaim, PrivacyPass, Relay, ResponseInfo, Secret,
    Verification,
};

use crate::errors::{causes_of_python, rate_limit, RateLimitTuple};

/// What a call answers.
pub(crate) enum Answer {
    Relay(Relay),
    PrivacyPass(PrivacyPass),
    GeneratedClaim(GeneratedClaim),
    Claim(Claim),
    KeyPair(DecryptionKey),
    Verification(Verification),
    Completion(Completion),
    Count(u64),
    StoreCheck(Result<Report, Violation>),
    Nothing,
}

macro_rules! answers {
    ($($answer:ty => $variant:expr),* $(,)?) => {$(
        impl From<$answer> for Answer {
            fn from(answer: $answer) -> Self {
                $variant(answer)
            }
        }
    )*};
}

answers! {
    Relay => Answer::Relay,
    PrivacyPass => Answer::PrivacyPass,
    GeneratedClaim => Answer::GeneratedClaim,
    Verification => Answer::Verification,
    Completion => Answer::Completion,
    u64 => Answer::Count,
    u32 => |count: u32| Answer::Count(count.into()),
    () => |()| Answer::Nothing,
}

impl<'py> IntoPyObject<'py> for &Answer {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let tuple = match self {
            Answer::Relay(relay) => (
                relay.relay_token.as_str(),
                relay.relay_secret.expose(),
                relay.relay_session_access_token.expose(),
                info(&relay.info),
            )
                .into_pyobject(py)?,
            Answer::PrivacyPass(pass) => {
                (pass.privacy_pass_token.expose(), info(&pass.info)).into_pyobject(py)?
            }
            Answer::GeneratedClaim(answer) => (
                answer.claim_payload.expose(),
                answer.token_consumed,
                answer.claim.as_ref().map(claim),
                info(&answer.info),
            )
                .into_pyobject(py)?,
            Answer::Claim(opened) => claim(opened).into_pyobject(py)?,
            Answer::KeyPair(key) => {
                (key.encryption_key().as_pem(), key.to_pem().expose()).into_pyobject(py)?
            }
            Answer::Verification(verification) => (
                verification.id.as_str(),
                verification.claim_type.as_str(),
                verification.status.as_str(),
                verification.claim.as_ref().map(claim),
                exposed(verification.session_access_token.as_ref()),
                exposed(verification.hosted_url.as_ref()),
                verification.expires_at,
            )
                .into_pyobject(py)?,
            Answer::Completion(completion) => (
                completion.status.as_str(),
                completion.claim.as_ref().map(claim),
            )
                .into_pyobject(py)?,
            Answer::StoreCheck(Ok(report)) => {
                (&report.passed, &report.skipped, py.None()).into_pyobject(py)?
            }
            Answer::StoreCheck(Err(violation)) => {
                let nothing = PyList::empty(py);
                let causes = causes_of_python(py, violation)?;
                let violation = (violation.rule(), violation.found(), causes);
                (&nothing, &nothing, violation).into_pyobject(py)?
            }
            Answer::Count(count) => return Ok(count.into_pyobject(py)?.into_any()),
            Answer::Nothing => return Ok(py.None().into_bound(py)),
        };
        Ok(tuple.into_any())
    }
}

fn exposed(secret: Option<&Secret<String>>) -> Option<&str> {
    secret.map(|secret| secret.expose().as_str())
}

type ClaimTuple<'a> = (&'a str, &'a str, bool, Vec<(&'a str, &'a str)>);

fn claim(claim: &Claim) -> ClaimTuple<'_> {
    let methodology = claim
        .methodology
        .iter()
        .map(|method| (method.method.as_str(), method.result.as_str()))
        .collect();
    (
        &claim.claim_type,
        &claim.claim_result,
        claim.passed(),
        methodology,
    )
}

fn info(info: &ResponseInfo) -> (Option<&str>, Option<RateLimitTuple>) {
    (
        info.request_id.as_deref(),
        info.rate_limit.as_ref().map(rate_limit),
    )
}
