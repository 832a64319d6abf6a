//! Results as records; the packages make their own types of them.

/// See `relaypass::RateLimit`.
#[derive(uniffi::Record)]
pub struct RateLimitRecord {
    pub limit: u64,
    pub remaining: u64,
    pub reset_seconds: u64,
}

impl From<relaypass::RateLimit> for RateLimitRecord {
    fn from(rate_limit: relaypass::RateLimit) -> Self {
        Self {
            limit: rate_limit.limit,
            remaining: rate_limit.remaining,
            reset_seconds: rate_limit.reset_seconds,
        }
    }
}

/// See `relaypass::Relay`.
#[derive(uniffi::Record)]
pub struct RelayRecord {
    pub relay_token: String,
    pub relay_secret: String,
    pub relay_session_access_token: String,
    pub request_id: Option<String>,
    pub rate_limit: Option<RateLimitRecord>,
}

impl From<relaypass::Relay> for RelayRecord {
    fn from(relay: relaypass::Relay) -> Self {
        Self {
            relay_token: relay.relay_token.as_str().to_owned(),
            relay_secret: relay.relay_secret.expose().to_owned(),
            relay_session_access_token: relay.relay_session_access_token.expose().clone(),
            request_id: relay.info.request_id,
            rate_limit: relay.info.rate_limit.map(RateLimitRecord::from),
        }
    }
}

/// See `relaypass::PrivacyPass`.
#[derive(uniffi::Record)]
pub struct PrivacyPassRecord {
    pub privacy_pass_token: String,
    pub request_id: Option<String>,
    pub rate_limit: Option<RateLimitRecord>,
}

impl From<relaypass::PrivacyPass> for PrivacyPassRecord {
    fn from(pass: relaypass::PrivacyPass) -> Self {
        Self {
            privacy_pass_token: pass.privacy_pass_token.expose().to_owned(),
            request_id: pass.info.request_id,
            rate_limit: pass.info.rate_limit.map(RateLimitRecord::from),
        }
    }
}

/// See `relaypass::GeneratedClaim`.
#[derive(uniffi::Record)]
pub struct GeneratedClaimRecord {
    pub claim_payload: String,
    pub token_consumed: bool,
    pub claim: Option<ClaimRecord>,
    pub request_id: Option<String>,
    pub rate_limit: Option<RateLimitRecord>,
}

impl From<relaypass::GeneratedClaim> for GeneratedClaimRecord {
    fn from(generated: relaypass::GeneratedClaim) -> Self {
        Self {
            claim_payload: generated.claim_payload.expose().clone(),
            token_consumed: generated.token_consumed,
            claim: generated.claim.map(ClaimRecord::from),
            request_id: generated.info.request_id,
            rate_limit: generated.info.rate_limit.map(RateLimitRecord::from),
        }
    }
}

/// See `relaypass::Claim`.
#[derive(uniffi::Record)]
pub struct ClaimRecord {
    pub claim_type: String,
    pub claim_result: String,
    pub passed: bool,
    pub methodology: Vec<MethodRecord>,
}

impl From<relaypass::Claim> for ClaimRecord {
    fn from(claim: relaypass::Claim) -> Self {
        Self {
            passed: claim.passed(),
            claim_type: claim.claim_type,
            claim_result: claim.claim_result,
            methodology: claim
                .methodology
                .into_iter()
                .map(MethodRecord::from)
                .collect(),
        }
    }
}

/// See `relaypass::Method`.
#[derive(uniffi::Record)]
pub struct MethodRecord {
    pub method: String,
    pub result: String,
}

impl From<relaypass::Method> for MethodRecord {
    fn from(method: relaypass::Method) -> Self {
        Self {
            method: method.method,
            result: method.result,
        }
    }
}

/// See `relaypass::Verification`.
#[derive(uniffi::Record)]
pub struct VerificationRecord {
    pub id: String,
    pub claim_type: String,
    pub status: String,
    pub claim: Option<ClaimRecord>,
    pub session_access_token: Option<String>,
    pub hosted_url: Option<String>,
    /// Milliseconds since the epoch.
    pub expires_at: u64,
}

impl From<relaypass::Verification> for VerificationRecord {
    fn from(verification: relaypass::Verification) -> Self {
        let expose = |secret: relaypass::Secret<String>| secret.expose().clone();
        Self {
            id: verification.id.as_str().to_owned(),
            claim_type: verification.claim_type.as_str().to_owned(),
            status: verification.status.as_str().to_owned(),
            claim: verification.claim.map(ClaimRecord::from),
            session_access_token: verification.session_access_token.map(expose),
            hosted_url: verification.hosted_url.map(expose),
            expires_at: verification.expires_at,
        }
    }
}

/// See `relaypass::Completion`.
#[derive(uniffi::Record)]
pub struct CompletionRecord {
    pub status: String,
    pub claim: Option<ClaimRecord>,
}

impl From<relaypass::Completion> for CompletionRecord {
    fn from(completion: relaypass::Completion) -> Self {
        Self {
            status: completion.status.as_str().to_owned(),
            claim: completion.claim.map(ClaimRecord::from),
        }
    }
}
