//! Results as records; `node/src/results.ts` makes the frozen objects of them.

use napi_derive::napi;

/// See `relaypass::RateLimit`.
#[napi(object, object_from_js = false)]
pub struct RateLimit {
    // JavaScript's numbers are exact up to 2^53, which no rate limit reaches.
    pub limit: f64,
    pub remaining: f64,
    pub reset_seconds: f64,
}

impl From<relaypass::RateLimit> for RateLimit {
    fn from(rate_limit: relaypass::RateLimit) -> Self {
        Self {
            limit: rate_limit.limit as f64,
            remaining: rate_limit.remaining as f64,
            reset_seconds: rate_limit.reset_seconds as f64,
        }
    }
}

/// See `relaypass::Relay`.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Relay {
    pub relay_token: String,
    pub relay_secret: String,
    pub relay_session_access_token: String,
    pub request_id: Option<String>,
    pub rate_limit: Option<RateLimit>,
}

impl From<relaypass::Relay> for Relay {
    fn from(relay: relaypass::Relay) -> Self {
        Self {
            relay_token: relay.relay_token.as_str().to_owned(),
            relay_secret: relay.relay_secret.expose().to_owned(),
            relay_session_access_token: relay.relay_session_access_token.expose().clone(),
            request_id: relay.info.request_id,
            rate_limit: relay.info.rate_limit.map(RateLimit::from),
        }
    }
}

/// See `relaypass::PrivacyPass`.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct PrivacyPass {
    pub privacy_pass_token: String,
    pub request_id: Option<String>,
    pub rate_limit: Option<RateLimit>,
}

impl From<relaypass::PrivacyPass> for PrivacyPass {
    fn from(pass: relaypass::PrivacyPass) -> Self {
        Self {
            privacy_pass_token: pass.privacy_pass_token.expose().to_owned(),
            request_id: pass.info.request_id,
            rate_limit: pass.info.rate_limit.map(RateLimit::from),
        }
    }
}

/// See `relaypass::GeneratedClaim`.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct GeneratedClaim {
    pub claim_payload: String,
    pub token_consumed: bool,
    pub claim: Option<Claim>,
    pub request_id: Option<String>,
    pub rate_limit: Option<RateLimit>,
}

impl From<relaypass::GeneratedClaim> for GeneratedClaim {
    fn from(generated: relaypass::GeneratedClaim) -> Self {
        Self {
            claim_payload: generated.claim_payload.expose().clone(),
            token_consumed: generated.token_consumed,
            claim: generated.claim.map(Claim::from),
            request_id: generated.info.request_id,
            rate_limit: generated.info.rate_limit.map(RateLimit::from),
        }
    }
}

/// See `relaypass::Claim`.
#[napi(object, object_from_js = false)]
pub struct Claim {
    pub claim_type: String,
    pub claim_result: String,
    pub passed: bool,
    pub methodology: Vec<Method>,
}

impl From<relaypass::Claim> for Claim {
    fn from(claim: relaypass::Claim) -> Self {
        Self {
            passed: claim.passed(),
            claim_type: claim.claim_type,
            claim_result: claim.claim_result,
            methodology: claim.methodology.into_iter().map(Method::from).collect(),
        }
    }
}

/// See `relaypass::Method`.
#[napi(object, object_from_js = false)]
pub struct Method {
    pub method: String,
    pub result: String,
}

impl From<relaypass::Method> for Method {
    fn from(method: relaypass::Method) -> Self {
        Self {
            method: method.method,
            result: method.result,
        }
    }
}

/// See `relaypass::Verification`.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Verification {
    pub id: String,
    pub claim_type: String,
    pub status: &'static str,
    pub claim: Option<Claim>,
    pub session_access_token: Option<String>,
    pub hosted_url: Option<String>,
    /// Milliseconds since the epoch.
    pub expires_at: f64,
}

impl From<relaypass::Verification> for Verification {
    fn from(verification: relaypass::Verification) -> Self {
        let expose = |secret: relaypass::Secret<String>| secret.expose().clone();
        Self {
            id: verification.id.as_str().to_owned(),
            claim_type: verification.claim_type.as_str().to_owned(),
            status: verification.status.as_str(),
            claim: verification.claim.map(Claim::from),
            session_access_token: verification.session_access_token.map(expose),
            hosted_url: verification.hosted_url.map(expose),
            expires_at: verification.expires_at as f64,
        }
    }
}

/// See `relaypass::Completion`.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Completion {
    pub status: &'static str,
    pub claim: Option<Claim>,
}

impl From<relaypass::Completion> for Completion {
    fn from(completion: relaypass::Completion) -> Self {
        Self {
            status: completion.status.as_str(),
            claim: completion.claim.map(Claim::from),
        }
    }
}
