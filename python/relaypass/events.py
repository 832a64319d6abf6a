"""What happens on the way and is no error: for your log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

EventKind: TypeAlias = Literal[
    "possible_double_charge",
    "unknown_outcome",
    "key_changed",
    "issuer_inconsistent",
    "key_id_mismatch",
    "linkable_by_time",
    "purchase_failed",
    "waiting_for_pass",
    "pending",
    "refunded",
    "pool_stopped",
    "background_failure",
]
"""What an :class:`Event` is about; later versions may add others."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that your log should know. It holds no secret.

    A client tells of it with ``on_event``.
    """

    kind: EventKind
    """What happened."""
    verification_id: str | None
    """The verification it happened to; ``None`` for passes bought ahead."""
    request_id: str | None
    """Persona's ``Request-Id``, if an answer led to it."""
    message: str
    """What happened, in a sentence."""
