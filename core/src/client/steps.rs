//! The four calls: what each asks and how its answer is read.

use super::{Inner, RelayToken};
use crate::claim::{ClaimType, EncryptionKey, KeyForm};
use crate::credential::RelaySecret;
use crate::encoding::Unreadable;
use crate::http::{AnonymousLane, Exchange, IdentifiedLane, Misread};
use crate::outcome::Call;
use crate::pass::{PendingPass, PrivacyPassToken};
use crate::secret::{IdempotencyKey, Secret};
use crate::wire::{
    decode_challenge, decode_claim, decode_relay, decode_signature, parse_private_token_challenge,
    AnonymousRequest, ChallengeAnswer, ClaimAnswer, ResponseHead, SentKey, SignRequest,
};

/// Step 1.
pub(super) struct Create<'a> {
    pub(super) inner: &'a Inner,
    pub(super) lane: &'a AnonymousLane,
    pub(super) claim_type: &'a ClaimType,
    pub(super) encryption_key: Option<&'a EncryptionKey>,
    pub(super) form: KeyForm,
}

/// Step 2a, bound to a claim type.
pub(super) struct Challenge<'a> {
    pub(super) inner: &'a Inner,
    pub(super) lane: &'a AnonymousLane,
    pub(super) claim_type: &'a ClaimType,
}

/// Step 2a of the first generation, bound to a relay.
pub(super) struct RelayBoundChallenge<'a> {
    pub(super) lane: &'a AnonymousLane,
    pub(super) relay_token: &'a RelayToken,
    pub(super) relay_secret: &'a RelaySecret,
}

/// Step 2b: the same blinded message in every attempt.
pub(super) struct Sign<'a> {
    pub(super) lane: &'a IdentifiedLane,
    pub(super) pending: &'a PendingPass,
}

/// Step 3.
pub(super) struct Redeem<'a> {
    pub(super) lane: &'a AnonymousLane,
    pub(super) relay_token: &'a RelayToken,
    pub(super) relay_secret: &'a RelaySecret,
    pub(super) privacy_pass_token: &'a PrivacyPassToken,
}

/// Step 1's answer, checked.
pub(super) struct CreatedRelay {
    pub(super) relay_token: RelayToken,
    pub(super) relay_secret: RelaySecret,
    pub(super) relay_session_access_token: Secret<String>,
}

impl Exchange for Create<'_> {
    type Lane = AnonymousLane;
    type Answer = CreatedRelay;
    const CALL: Call = Call::Create;

    fn lane(&self) -> &AnonymousLane {
        self.lane
    }

    fn request(&self, _: &IdempotencyKey) -> AnonymousRequest {
        let key = match self.form {
            KeyForm::Pem => SentKey::Pem(self.encryption_key.map(EncryptionKey::as_pem)),
            KeyForm::Jwk => SentKey::Jwk(self.encryption_key.map(EncryptionKey::as_jwk)),
        };
        AnonymousRequest::create(self.claim_type.as_str(), key, self.inner.is_sandbox())
    }

    fn read(&self, _: &ResponseHead, body: &[u8]) -> Result<CreatedRelay, Misread> {
        let answer = decode_relay(body).map_err(unreadable)?;
        Ok(CreatedRelay {
            relay_token: RelayToken::parse(answer.relay_token)
                .map_err(|_| unreadable(Unreadable("relay-token cannot be one".to_owned())))?,
            relay_secret: answer.relay_secret,
            relay_session_access_token: answer.relay_session_access_token,
        })
    }
}

impl Exchange for Challenge<'_> {
    type Lane = AnonymousLane;
    type Answer = ChallengeAnswer;
    const CALL: Call = Call::Challenge;

    fn lane(&self) -> &AnonymousLane {
        self.lane
    }

    fn request(&self, _: &IdempotencyKey) -> AnonymousRequest {
        AnonymousRequest::challenge(self.claim_type.as_str(), self.inner.is_sandbox())
    }

    fn read(&self, _: &ResponseHead, body: &[u8]) -> Result<ChallengeAnswer, Misread> {
        decode_challenge(body).map_err(unreadable)
    }
}

impl Exchange for RelayBoundChallenge<'_> {
    type Lane = AnonymousLane;
    type Answer = ChallengeAnswer;
    const CALL: Call = Call::RelayBoundChallenge;

    fn lane(&self) -> &AnonymousLane {
        self.lane
    }

    fn request(&self, _: &IdempotencyKey) -> AnonymousRequest {
        AnonymousRequest::relay_bound_challenge(self.relay_token.as_str(), self.relay_secret)
    }

    fn is_success(&self, head: &ResponseHead) -> bool {
        head.status == 401 && head.www_authenticate.is_some()
    }

    fn read(&self, head: &ResponseHead, _: &[u8]) -> Result<ChallengeAnswer, Misread> {
        let header = head.www_authenticate.as_deref().unwrap_or_default();
        let [challenge, token_key, token_key_id] = parse_private_token_challenge(header)
            .ok_or_else(|| {
                let why = "its WWW-Authenticate holds no PrivateToken challenge";
                unreadable(Unreadable(why.to_owned()))
            })?;
        Ok(ChallengeAnswer {
            challenge,
            token_key,
            token_key_id,
        })
    }
}

impl Exchange for Sign<'_> {
    type Lane = IdentifiedLane;
    type Answer = PrivacyPassToken;
    const CALL: Call = Call::Sign;

    fn lane(&self) -> &IdentifiedLane {
        self.lane
    }

    fn request(&self, key: &IdempotencyKey) -> SignRequest {
        SignRequest::new(
            &self.pending.blinded_token(),
            self.pending.token_key().id(),
            key,
        )
    }

    fn read(&self, _: &ResponseHead, body: &[u8]) -> Result<PrivacyPassToken, Misread> {
        let blind_signature = decode_signature(body).map_err(unreadable)?;
        self.pending
            .finalize(&blind_signature)
            .map_err(|bad| Misread::BadSignature(bad.0.to_owned()))
    }
}

impl Exchange for Redeem<'_> {
    type Lane = AnonymousLane;
    type Answer = ClaimAnswer;
    const CALL: Call = Call::Redeem;

    fn lane(&self) -> &AnonymousLane {
        self.lane
    }

    fn request(&self, key: &IdempotencyKey) -> AnonymousRequest {
        AnonymousRequest::redeem(
            self.relay_token.as_str(),
            self.relay_secret,
            self.privacy_pass_token.expose(),
            key,
        )
    }

    fn read(&self, _: &ResponseHead, body: &[u8]) -> Result<ClaimAnswer, Misread> {
        decode_claim(body).map_err(|(Unreadable(why), unopened)| Misread::Unreadable(why, unopened))
    }
}

fn unreadable(Unreadable(why): Unreadable) -> Misread {
    Misread::Unreadable(why, None)
}
