"""Which secrets a run had, and whether one of them shows in a text, plainly or in disguise."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from reference import from_base64url
from sandbox import Exchange

# Shorter, and a find could be chance.
SHORTEST = 16


def secrets_of(exchanges: Iterable[Exchange]) -> dict[str, str]:
    """Every secret that went over the wire, and what it is."""
    found: dict[str, str] = {}
    for exchange in exchanges:
        scheme, _, credential = exchange.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer":
            found[credential] = "an API key"
        elif scheme == "PrivateToken":
            found |= _parts_of_pass(credential.removeprefix("token="))
        if secret := exchange.headers.get("persona-relay-secret"):
            found[secret] = "a relay secret"
        if key := exchange.headers.get("idempotency-key"):
            found[key] = "an idempotency key"
        if exchange.step == "create" and exchange.status == 201 and exchange.answer_body:
            try:
                answer = exchange.answer
            except ValueError:  # cut short by a fault
                continue
            found[answer["relay-secret"]] = "a relay secret"
            found[answer["relay-session-access-token"]] = "a session token"
    return found


def _parts_of_pass(token: str) -> dict[str, str]:
    try:
        members = json.loads(from_base64url(token))
    except ValueError:
        return {token: "a pass"}
    return {
        token: "a pass",
        members["token_nonce"]: "the nonce of a pass",
        members["signature"]: "the signature of a pass",
    }


def found_in(text: str, secrets: dict[str, str]) -> list[str]:
    """What shows in a text: each secret's kind, its disguise and what stands before it. Never the
    secret."""
    found = set()
    secrets = {secret: what for secret, what in secrets.items() if len(secret) >= SHORTEST}
    for secret, what in secrets.items():
        for disguise, form in _disguises(secret):
            before, form_is_there, _ = text.partition(form)
            if form_is_there:
                found.add(f"{what} {disguise}, after {_redact(before, secrets)[-60:]!r}")
                break
    return sorted(found)


def _redact(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "[redacted]")
    return text


def _disguises(secret: str) -> Iterator[tuple[str, str]]:
    data = secret.encode()
    yield "as it is", secret
    yield "percent-encoded", quote(secret, safe="")
    yield "in hexadecimal", data.hex()
    yield "as a list of bytes", ", ".join(map(str, data))
    # Whole groups of three bytes, so that it is found inside a longer text as well.
    for skipped in range(3):
        part = data[skipped:]
        encoded = base64.b64encode(part[: len(part) // 3 * 3]).decode()
        yield "in base64", encoded
        yield "in base64url", encoded.translate(str.maketrans("+/", "-_"))
