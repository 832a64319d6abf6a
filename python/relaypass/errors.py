"""What can go wrong: one base class, one class per code.

The codes are the same in every language of relaypass. Messages and reprs are safe to log. Two
attributes are not, and are in neither: ``claim_payload`` holds what Persona said about the person,
and whoever has ``idempotency_key`` and the rest of the request gets the claim.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from relaypass import results
from relaypass.results import Answer, RateLimit


class RelayPassError(Exception):
    """A call that failed. Catch this for everything that can go wrong with one.

    What a program does wrong is not among it, as everywhere in Python: an argument of a wrong type
    is a :class:`TypeError`; a closed client, a call that a fork cut off in the child, and an
    asyncio call while the interpreter exits are a :class:`RuntimeError`.

    Attributes:
        code: What happened, as a stable string such as ``"rate_limited"``.
        operation: The call that failed: ``"relays.create"``, ``"relays.issue_privacy_pass"``,
            ``"relays.generate_claim"``, ``"verifications.complete"`` and so on, or empty where no
            call was made yet.
        retryable: Whether the same call may well succeed later, without a risk of being billed
            twice.
        status: The HTTP status, if Persona answered.
        title: Persona's title of the error.
        details: Persona's details.
        meta: Persona's further data.
        request_id: Persona's ``Request-Id``: what their support asks for.
        rate_limit: The rate limit that came with the answer.
        claim_payload: The claim that arrived and could not be opened or accepted. The pass behind
            it may be spent, so it travels with the error and nothing is lost:
            :func:`relaypass.open_claim` opens it with the right key.
        token_consumed: With ``claim_payload``: whether the pass is spent, if the answer says so.
        idempotency_key: On redemption, with ``outcome_unknown`` and whatever else followed a lost
            answer: the key under which Persona may hold that answer for 24 hours.
            ``generate_claim(idempotency_key=...)`` asks for it.
    """

    code: ClassVar[str] = ""

    operation: str
    retryable: bool
    status: int | None
    title: str | None
    details: str | None
    meta: dict[str, Any] | None
    request_id: str | None
    rate_limit: RateLimit | None
    claim_payload: str | None
    token_consumed: bool | None
    idempotency_key: str | None

    def __init__(
        self,
        message: str = "",
        *,
        operation: str = "",
        retryable: bool = False,
        status: int | None = None,
        title: str | None = None,
        details: str | None = None,
        meta: dict[str, Any] | None = None,
        request_id: str | None = None,
        rate_limit: RateLimit | None = None,
        claim_payload: str | None = None,
        token_consumed: bool | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.retryable = retryable
        self.status = status
        self.title = title
        self.details = details
        self.meta = meta
        self.request_id = request_id
        self.rate_limit = rate_limit
        self.claim_payload = claim_payload
        self.token_consumed = token_consumed
        self.idempotency_key = idempotency_key

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        # Some of the built-in bases have a form of their own, which drops what they do not know.
        return _restore, (type(self), self.args, self.__dict__.copy())


class InvalidArgumentError(RelayPassError, ValueError):
    """An argument cannot be right. Nothing was sent, unless Persona found it (``status`` 400)."""

    code = "invalid_argument"


class AuthenticationError(RelayPassError):
    """Persona does not accept the API key (401)."""

    code = "authentication"


class PermissionDeniedError(RelayPassError):
    """The API key lacks a permission (403).

    On redemption it most likely means that the person has not finished yet: ask again later.
    """

    code = "permission_denied"


class NotFoundError(RelayPassError):
    """Persona does not know it (404): an unknown relay, or a wrong relay secret. Or the store does
    not have the verification."""

    code = "not_found"


class ConflictError(RelayPassError):
    """Another request is in the way (409)."""

    code = "conflict"


class UnprocessableError(RelayPassError):
    """Persona understood the request and refuses it (422)."""

    code = "unprocessable"


class RateLimitedError(RelayPassError):
    """Too many requests (429). :attr:`~RelayPassError.rate_limit` says when to come back."""

    code = "rate_limited"


class ServerError(RelayPassError):
    """Persona failed (5xx)."""

    code = "server_error"


class RequestTimeoutError(RelayPassError, TimeoutError):
    """No answer in time."""

    code = "timeout"


class NetworkError(RelayPassError, ConnectionError):
    """The way to Persona is broken: DNS, connection, TLS or proxy."""

    code = "network"


class ProtocolError(RelayPassError):
    """Persona broke the protocol: a bad challenge, key, signature or body."""

    code = "protocol"


class PassRejectedError(RelayPassError):
    """Persona does not accept the Privacy Pass (401 on redemption)."""

    code = "pass_rejected"


class PassExpiredError(RelayPassError):
    """The Privacy Pass is older than 90 days."""

    code = "pass_expired"


class DecryptionError(RelayPassError):
    """The claim does not open with this key. The claim is in ``claim_payload``."""

    code = "decryption"


class ClaimMismatchError(RelayPassError):
    """The claim is not the one that was asked for, or was not encrypted as asked."""

    code = "claim_mismatch"


class PrivacyRefusedError(RelayPassError):
    """Strict privacy does not allow it: Persona could tell whose the pass is.

    Nothing was sent that names you.
    """

    code = "privacy_refused"


class StoreError(RelayPassError):
    """Your store failed: it raised, took too long, or returned what no store returns.

    What it raised is the ``__cause__``, the very same object. What was done so far stays done: when
    the store works again, call again.
    """

    code = "store"


class OutcomeUnknownError(RelayPassError):
    """A request was sent, its answer never arrived, and nobody can tell what came of it."""

    code = "outcome_unknown"


class ClosedError(RelayPassError):
    """The client was closed before the call began. Nothing was sent; make a new client."""

    code = "closed"


class CancelledError(RelayPassError):
    """The call was cancelled from inside.

    Your own cancellation is Python's: ``asyncio.CancelledError`` or ``KeyboardInterrupt``.
    """

    code = "cancelled"


class InternalError(RelayPassError):
    """relaypass itself failed, which is a mistake of ours.

    Ask what came of the call as after a crash.
    """

    code = "internal"


_CLASSES: dict[str, type[RelayPassError]] = {
    error_class.code: error_class for error_class in RelayPassError.__subclasses__()
}


def from_native(
    code: str,
    *,
    message: str,
    meta: str | None,
    rate_limit: Answer | None,
    thrown: BaseException | None,
    causes: list[str],
    **members: Any,
) -> RelayPassError:
    """The exception for an error of the native module. What your store raised is its cause."""
    error = _CLASSES.get(code, RelayPassError)(
        message,
        meta=None if meta is None else json.loads(meta),
        rate_limit=results.rate_limit(rate_limit),
        **members,
    )
    if thrown is not None:
        error.__cause__ = thrown
        return error
    effect: BaseException = error
    for cause in causes:
        effect.__cause__ = effect = Exception(cause)
    return error


def _restore(
    error_class: type[RelayPassError], args: tuple[Any, ...], members: dict[str, Any]
) -> RelayPassError:
    error = error_class(*args)
    error.__dict__.update(members)
    return error
