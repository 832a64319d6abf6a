"""What happens on the way and is no error: for your log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """Something that your log should know. It holds no secret.

    A client tells of it with ``on_event``.
    """

    kind: str
    """What happened: ``"possible_double_charge"``, ``"unknown_outcome"``, ``"key_changed"``,
    ``"pending"``, ``"refunded"``, ``"pool_stopped"`` or ``"background_failure"``; later versions
    may add others."""
    verification_id: str | None
    """The verification it happened to; ``None`` for passes bought ahead."""
    request_id: str | None
    """Persona's ``Request-Id``, if an answer led to it."""
    message: str
    """What happened, in a sentence."""
