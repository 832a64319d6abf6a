"""What calls return: frozen, and silent about secrets when printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Literal, TypeAlias, cast

# What the native module answers: the members below, in their order, without their names.
RateLimitAnswer: TypeAlias = tuple[int, int, int]
InfoAnswer: TypeAlias = tuple[str | None, RateLimitAnswer | None]
RelayAnswer: TypeAlias = tuple[str, str, str, InfoAnswer]
PrivacyPassAnswer: TypeAlias = tuple[str, InfoAnswer]
ClaimAnswer: TypeAlias = tuple[str, str, bool, list[tuple[str, str]]]
GeneratedClaimAnswer: TypeAlias = tuple[str, bool, ClaimAnswer | None, InfoAnswer]
KeyPairAnswer: TypeAlias = tuple[str, str]
VerificationAnswer: TypeAlias = tuple[
    str, str, str, ClaimAnswer | None, str | None, str | None, int
]
CompletionAnswer: TypeAlias = tuple[str, ClaimAnswer | None]
ViolationAnswer: TypeAlias = tuple[str, str, list[str | BaseException]]
StoreCheckAnswer: TypeAlias = tuple[list[str], list[str], ViolationAnswer | None]

Status: TypeAlias = Literal["passed", "failed", "pending", "expired"]
"""How far a verification is.

``passed``: the claim is true. ``failed``: it is not, or Persona could not find out. ``pending``:
there is no answer yet. ``expired``: the session ended without one; start another verification.
"""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The rate limit as Persona reported it."""

    limit: int
    """Requests allowed in the current window."""
    remaining: int
    """Requests left in the current window."""
    reset_seconds: int
    """Seconds until the window begins anew."""


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay session. It lives 30 minutes."""

    relay_token: str
    """Names the relay in later calls."""
    relay_secret: str = field(repr=False)
    """Redeems the claim. Persona returns it this once; keep it on the server."""
    relay_session_access_token: str = field(repr=False)
    """A JWT for the visitor's browser, and the only part that may go there."""
    request_id: str | None = None
    """Persona's ``Request-Id``."""
    rate_limit: RateLimit | None = None
    """The rate limit, if it was reported."""


@dataclass(frozen=True, slots=True)
class PrivacyPass:
    """A pass, paid for and not yet redeemed. It lives 90 days and works once."""

    privacy_pass_token: str = field(repr=False)
    """The pass itself. Who has it can redeem it: keep it as you keep money."""
    request_id: str | None = None
    """Persona's ``Request-Id`` of the call that was billed."""
    rate_limit: RateLimit | None = None
    """The rate limit, if it was reported."""


@dataclass(frozen=True, slots=True)
class Method:
    """One way in which Persona checked the claim."""

    method: str
    """Such as ``facial_age_estimation`` or ``document_selfie``; the set is open."""
    result: str
    """``passed`` or ``failed``; Persona may add others."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer about a person."""

    claim_type: str
    """What was asked, such as ``age_over18_verified``."""
    claim_result: str
    """``passed`` or ``failed``; Persona may add others."""
    passed: bool
    """Whether the answer is yes. Any result but ``passed`` is not."""
    methodology: tuple[Method, ...] = ()
    """How Persona found out; empty if it does not say."""


@dataclass(frozen=True, slots=True)
class GeneratedClaim:
    """Persona's answer to a redemption."""

    claim_payload: str = field(repr=False)
    """The payload as Persona sent it: JSON, or base64 of a ciphertext."""
    token_consumed: bool
    """``True``: the pass is spent. ``False``: the claim did not pass, the pass is still good."""
    claim: Claim | None
    """The claim, opened; ``None`` when it is encrypted and there is no decryption key."""
    request_id: str | None = None
    """Persona's ``Request-Id``."""
    rate_limit: RateLimit | None = None
    """The rate limit, if it was reported."""


@dataclass(frozen=True, slots=True)
class Verification:
    """A verification, as it is stored."""

    id: str
    """Names it in later calls. It is no secret, and says nothing about the person."""
    claim_type: str
    """What is asked."""
    status: Status
    """``"passed"``, ``"failed"``, ``"pending"`` or ``"expired"``."""
    claim: Claim | None
    """The answer, once it is known."""
    session_access_token: str | None = field(repr=False)
    """A JWT for the visitor's browser; ``None`` once the verification is over."""
    hosted_url: str | None = field(repr=False)
    """Persona's page for the visitor, with the token in it; ``None`` once the verification is over.
    The page refuses requests that carry a ``Referer``."""
    expires_at: datetime
    """When the session ends, in UTC: 30 minutes after it began."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a verification came to."""

    status: Status
    """``"passed"``, ``"failed"``, ``"pending"`` or ``"expired"``."""
    claim: Claim | None
    """The claim, with passed and failed."""


def relay(answer: RelayAnswer) -> Relay:
    """Names the parts of a native answer; so do the functions below."""
    relay_token, relay_secret, relay_session_access_token, info = answer
    return Relay(relay_token, relay_secret, relay_session_access_token, *_info(info))


def privacy_pass(answer: PrivacyPassAnswer) -> PrivacyPass:
    privacy_pass_token, info = answer
    return PrivacyPass(privacy_pass_token, *_info(info))


def generated_claim(answer: GeneratedClaimAnswer) -> GeneratedClaim:
    claim_payload, token_consumed, opened, info = answer
    return GeneratedClaim(
        claim_payload, token_consumed, None if opened is None else claim(opened), *_info(info)
    )


def claim(answer: ClaimAnswer) -> Claim:
    claim_type, claim_result, passed, methodology = answer
    methods = tuple(Method(method, result) for method, result in methodology)
    return Claim(claim_type, claim_result, passed, methods)


def verification(answer: VerificationAnswer) -> Verification:
    id, claim_type, status, opened, session_access_token, hosted_url, expires_at = answer
    return Verification(
        id,
        claim_type,
        cast(Status, status),
        None if opened is None else claim(opened),
        session_access_token,
        hosted_url,
        _EPOCH + timedelta(milliseconds=expires_at),
    )


def completion(answer: CompletionAnswer) -> Completion:
    status, opened = answer
    return Completion(cast(Status, status), None if opened is None else claim(opened))


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _info(info: InfoAnswer) -> tuple[str | None, RateLimit | None]:
    request_id, rate_limit = info
    return request_id, None if rate_limit is None else RateLimit(*rate_limit)
