"""Ask whether a person is over 18 without learning who the person is: Persona Relay for servers.

:class:`RelayPass` waits, :class:`AsyncRelayPass` is awaited; both have ``client.relays`` with the
three steps ``create``, ``issue_privacy_pass`` and ``generate_claim``. Given a store, both have
``client.verifications`` too, which lose nothing and pay for nothing twice, whatever crashes. A call
that fails raises a :class:`RelayPassError`; a program that misuses a client gets a
:class:`TypeError` or a :class:`RuntimeError`. Not affiliated with Persona.
"""

from __future__ import annotations

try:
    from relaypass._native import __version__
except ImportError as error:
    import sysconfig

    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise ImportError(
            "relaypass has no build for free-threaded Python: use the build with the GIL"
        ) from error
    raise

from relaypass.client import AsyncRelayPass, RelayPass
from relaypass.errors import (
    AuthenticationError,
    CancelledError,
    ClaimMismatchError,
    ClosedError,
    ConflictError,
    DecryptionError,
    InternalError,
    InvalidArgumentError,
    NetworkError,
    NotFoundError,
    OutcomeUnknownError,
    PassExpiredError,
    PassRejectedError,
    PermissionDeniedError,
    PrivacyRefusedError,
    ProtocolError,
    RateLimitedError,
    RelayPassError,
    RequestTimeoutError,
    ServerError,
    StoreError,
    UnprocessableError,
)
from relaypass.events import Event, EventKind
from relaypass.keys import EncryptionKey, open_claim
from relaypass.options import (
    EncryptionForm,
    Environment,
    Isolation,
    PassBinding,
    Privacy,
    Theme,
)
from relaypass.passes import AsyncPasses, Passes
from relaypass.privacy import PrivacyCode, PrivacyFinding, PrivacyReport, PrivacySeverity
from relaypass.relays import AsyncRelays, Relays
from relaypass.results import (
    Claim,
    Completion,
    GeneratedClaim,
    Method,
    PrivacyPass,
    RateLimit,
    Relay,
    Status,
    Verification,
)
from relaypass.stores import AsyncStore, Store, StoreRecord
from relaypass.verifications import AsyncVerifications, Verifications

__all__ = [
    "AsyncPasses",
    "AsyncRelayPass",
    "AsyncRelays",
    "AsyncStore",
    "AsyncVerifications",
    "AuthenticationError",
    "CancelledError",
    "Claim",
    "ClaimMismatchError",
    "ClosedError",
    "Completion",
    "ConflictError",
    "DecryptionError",
    "EncryptionForm",
    "EncryptionKey",
    "Environment",
    "Event",
    "EventKind",
    "GeneratedClaim",
    "InternalError",
    "InvalidArgumentError",
    "Isolation",
    "Method",
    "NetworkError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PassBinding",
    "PassExpiredError",
    "PassRejectedError",
    "Passes",
    "PermissionDeniedError",
    "Privacy",
    "PrivacyCode",
    "PrivacyFinding",
    "PrivacyPass",
    "PrivacyRefusedError",
    "PrivacyReport",
    "PrivacySeverity",
    "ProtocolError",
    "RateLimit",
    "RateLimitedError",
    "Relay",
    "RelayPass",
    "RelayPassError",
    "Relays",
    "RequestTimeoutError",
    "ServerError",
    "Status",
    "Store",
    "StoreError",
    "StoreRecord",
    "Theme",
    "UnprocessableError",
    "Verification",
    "Verifications",
    "__version__",
    "open_claim",
]
