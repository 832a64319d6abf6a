"""What Persona sees of her callers: the attacker's only input.

Of every call the time, the address, the connection, TLS, the header names in their order, the
length of the body; of a signature the API key and the key id; of a redemption the relay and the
pass with its nonce, challenge and key id. The challenge in a pass carries the hour in which it was
given out. :func:`read` takes that from the sandbox's request log.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SIGN = "/api/v1/privacy-passes"
CHALLENGE = "/api/privacy/v1/relays/challenge"
CREATE = "/api/privacy/v1/relays"

HOUR = 3600.0

# What a caller sends of its own accord in every call. Values that are new in every call, or that
# depend on the step, would only make each step's face its own.
FACE = ("accept", "content-type", "key-inflection", "persona-version", "user-agent")


@dataclass(frozen=True, slots=True)
class Call:
    """One call. What a step does not have is ``None``."""

    at: float
    """Seconds."""
    step: str
    """``"create"``, ``"challenge"``, ``"sign"`` or ``"redeem"``."""
    address: str
    connection: int
    face: str = ""
    """TLS, HTTP version, and the headers that all steps have, in their order and spelling."""
    customer: str | None = None
    """Sign: whose API key it is."""
    key_id: str | None = None
    """Sign, redeem: the id of the token key."""
    relay: str | None = None
    """Create, redeem: the relay."""
    nonce: str | None = field(default=None, repr=False)
    """Redeem: the pass's nonce."""
    mac: str | None = field(default=None, repr=False)
    """Challenge, redeem: the challenge's MAC."""
    expires_at: float | None = None
    """Challenge, redeem: when the challenge expires, on the hour."""


def expiry_of_challenge(at: float) -> float:
    """When a challenge expires that is given out now: one to two hours ahead, on the hour."""
    return (at // HOUR + 2) * HOUR


@dataclass(frozen=True, slots=True)
class Signature:
    """A call of the identified lane, and the challenge fetched just before it."""

    call: Call
    customer: str


@dataclass(slots=True)
class Shown:
    """A pass as it was shown, with all that is known of the relays that it was shown for."""

    nonce: str
    relays: list[str]
    created_at: float
    redeemed_at: float
    """When it was first shown."""
    calls: list[Call]


@dataclass(slots=True)
class View:
    """All calls, sorted by what they are, each kind in the order of time."""

    signatures: list[Signature]
    passes: list[Shown]
    fetches: list[Call]

    @classmethod
    def of(cls, calls: Iterable[Call]) -> View:
        ordered = sorted(calls, key=lambda call: call.at)
        created = {call.relay: call for call in ordered if call.step == "create"}
        passes: dict[str, Shown] = {}
        for call in ordered:
            if call.step != "redeem" or call.nonce is None or call.relay is None:
                continue
            creation = created.get(call.relay)
            begun = call.at if creation is None else creation.at
            shown = passes.setdefault(call.nonce, Shown(call.nonce, [], begun, call.at, []))
            if call.relay not in shown.relays:
                shown.relays.append(call.relay)
                shown.calls += [] if creation is None else [creation]
            shown.calls.append(call)
        return cls(
            signatures=[
                Signature(call, call.customer)
                for call in ordered
                if call.step == "sign" and call.customer is not None
            ],
            passes=list(passes.values()),
            fetches=[call for call in ordered if call.step == "challenge"],
        )


def read(logged: dict[str, Any], customer: str | None = None, address: str = "") -> Call:
    """A call out of the sandbox's request log.

    Args:
        logged: An element of ``GET /_sandbox/requests``.
        customer: Whose API key signs. The sandbox has one key for everybody who tests with it.
        address: Where the call comes from. On loopback all come from one address.
    """
    headers = {name.lower(): value for name, value in logged["headers"]}
    path, body = logged["path"], logged["body"]
    common: dict[str, Any] = {
        "at": _seconds(logged["at"]),
        "address": address,
        "connection": logged["connection"],
        "face": _face(logged),
    }
    answer = logged["response"] or {"body": ""}
    if path == SIGN:
        return Call(step="sign", customer=customer, key_id=json.loads(body)["key-id"], **common)
    if path == CHALLENGE:
        challenge = json.loads(_decoded(json.loads(answer["body"])["challenge"]))
        expires_at = _seconds(challenge["expires_at"])
        return Call(step="challenge", mac=challenge["mac"], expires_at=expires_at, **common)
    if path == CREATE:
        return Call(step="create", relay=json.loads(answer["body"])["relay-token"], **common)
    shown = json.loads(_decoded(headers["authorization"].removeprefix("PrivateToken token=")))
    return Call(
        step="redeem",
        relay=path.split("/")[-2],
        nonce=shown["token_nonce"],
        key_id=shown["key_id"],
        mac=shown["challenge"]["mac"],
        expires_at=_seconds(shown["challenge"]["expires_at"]),
        **common,
    )


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()


def _face(logged: dict[str, Any]) -> str:
    headers = [[name, value] for name, value in logged["headers"] if name.lower() in FACE]
    return json.dumps([logged["tls"], logged["version"], headers])


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
