"""What calls return: frozen, and silent about secrets when printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, TypeAlias

from relaypass.options import EncryptionForm

Answer: TypeAlias = dict[str, Any]
"""What the native module answers: the members of the classes below, by their names."""

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
    encryption_form: EncryptionForm | None = None
    """In which form Persona took the encryption key, ``"pem"`` or ``"jwk"``, and so how the claim
    comes back. ``None``: without encryption."""


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
    purchase_failure: str | None
    """The code of what keeps its pass from being bought until somebody mends it, such as
    ``authentication`` for a wrong API key; ``None`` once there is a pass. Nothing is lost: the next
    attempt buys it."""
    expires_at: datetime
    """When the session ends, in UTC: 30 minutes after it began."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a verification came to."""

    status: Status
    """``"passed"``, ``"failed"``, ``"pending"`` or ``"expired"``."""
    claim: Claim | None
    """The claim, with passed and failed."""


def relay(answer: Answer) -> Relay:
    """Makes the class of a native answer; so do the functions below."""
    return Relay(**_parts(answer))


def privacy_pass(answer: Answer) -> PrivacyPass:
    return PrivacyPass(**_parts(answer))


def generated_claim(answer: Answer) -> GeneratedClaim:
    return GeneratedClaim(**_parts(answer))


def claim(answer: Answer) -> Claim:
    methodology = tuple(Method(**method) for method in answer["methodology"])
    return Claim(**{**answer, "methodology": methodology})


def verification(answer: Answer) -> Verification:
    expires_at = _EPOCH + timedelta(milliseconds=answer["expires_at"])
    return Verification(**_parts({**answer, "expires_at": expires_at}))


def completion(answer: Answer) -> Completion:
    return Completion(**_parts(answer))


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def rate_limit(answer: Answer | None) -> RateLimit | None:
    return None if answer is None else RateLimit(**answer)


def _parts(answer: Answer) -> Answer:
    """With the classes of what is in it."""
    parts = dict(answer)
    if parts.get("claim") is not None:
        parts["claim"] = claim(parts["claim"])
    if "rate_limit" in parts:
        parts["rate_limit"] = rate_limit(parts["rate_limit"])
    return parts
