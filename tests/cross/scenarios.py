"""Plays ``tests/scenarios`` for what goes over the wire. What must come of it is compared by the
runners of the languages, and not again here: a call may fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from relaypass import EncryptionKey, RelayPass, RelayPassError

from sandbox import ROOT, Exchange, Sandbox

FOLDER = ROOT / "tests" / "scenarios"


def play_all(sandbox: Sandbox) -> Iterator[tuple[str, list[Exchange]]]:
    """Every scenario's name and what it put on the wire."""
    for file in sorted(FOLDER.glob("*.json")):
        for scenario in json.loads(file.read_text()):
            sandbox.reset()
            play(scenario, sandbox)
            yield scenario["name"], sandbox.exchanges()


def play(scenario: dict[str, Any], sandbox: Sandbox) -> None:
    described = scenario.get("client", {})
    in_sandbox = described.get("environment") == "sandbox"
    options = {
        "api_key": sandbox.api_key if in_sandbox else sandbox.production_api_key,
        "base_url": sandbox.url,
        **{name: described[name] for name in ("api_key", "base_url") if name in described},
        **described.get("options", {}),
    }
    try:
        client = RelayPass(**options)
    except RelayPassError:
        return
    saved: dict[str, Any] = {}
    with client:
        for step in scenario["steps"]:
            arguments = {
                name: _resolve(value, saved) for name, value in step.get("with", {}).items()
            }
            try:
                result = _perform(client, sandbox, step["do"], arguments)
            except RelayPassError as error:
                result = error
            if "save" in step:
                saved[step["save"]] = result


def _perform(client: RelayPass, sandbox: Sandbox, action: str, arguments: dict[str, Any]) -> Any:
    kind, _, name = action.partition(".")
    if kind == "relays":
        return getattr(client.relays, name)(**arguments)
    if action == "generate_key":
        return EncryptionKey.generate(**arguments)
    if action == "sandbox.finish":
        return sandbox.finish(**arguments)
    return sandbox.control(name, arguments or None)


def _resolve(value: Any, saved: dict[str, Any]) -> Any:
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    name, *members = value[1:].split(".")
    found = saved[name]
    for member in members:
        found = getattr(found, member)
    return found
