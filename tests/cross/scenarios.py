"""Plays ``tests/scenarios`` for what goes over the wire. What must come of it is compared by the
runners of the languages, and not again here: a call may fail."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

from relaypass import EncryptionKey, Event, RelayPass, RelayPassError, StoreRecord

from sandbox import ROOT, Exchange, Sandbox

FOLDER = ROOT / "tests" / "scenarios"


def play_all(sandbox: Sandbox) -> Iterator[tuple[str, list[Exchange]]]:
    """Every scenario's name and what it put on the wire."""
    for file in sorted(FOLDER.glob("*.json")):
        for scenario in of(file.stem):
            sandbox.reset()
            play(scenario, sandbox)
            # The visitor's page is no call of the API.
            calls = [call for call in sandbox.exchanges() if call.path.startswith("/api/")]
            yield scenario["name"], calls


def of(file: str) -> list[dict[str, Any]]:
    """The scenarios of one file."""
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{file}.json").read_text())
    return found


def play(scenario: dict[str, Any], sandbox: Sandbox) -> None:
    described = scenario.get("client", {})
    store = _DictStore()
    saved: dict[str, Any] = {}
    told: list[Event] = []
    try:
        clients = {None: _make_client(described, {}, store, sandbox, told)}
    except RelayPassError:
        return
    for step in scenario["steps"]:
        arguments = {name: _resolve(value, saved) for name, value in step.get("with", {}).items()}
        name = step.get("client")
        try:
            if name not in clients:
                changes = step.get("client_options", {})
                changes = {key: _resolve(value, saved) for key, value in changes.items()}
                clients[name] = _make_client(described, changes, store, sandbox, told)
            result = _perform(clients[name], sandbox, step["do"], arguments, told)
        except RelayPassError as error:
            result = error
        if "save" in step:
            saved[step["save"]] = result
    for client in clients.values():
        client.close()


def _make_client(
    described: dict[str, Any],
    changes: dict[str, Any],
    store: _DictStore,
    sandbox: Sandbox,
    told: list[Event],
) -> RelayPass:
    options = {**described.get("options", {}), **changes}
    environment = options.pop("environment", None) if changes else None
    in_sandbox = (environment or described.get("environment")) == "sandbox"
    if options.get("store") == "host":
        options["store"] = store
    if options.get("seal_key") is not None:
        options["seal_key"] = bytes.fromhex(options["seal_key"])
    for name in ("anonymous_proxy", "identified_proxy"):
        if options.get(name) == "sandbox":
            options[name] = sandbox.url
    return RelayPass(
        **{
            "api_key": sandbox.api_key if in_sandbox else sandbox.production_api_key,
            "base_url": sandbox.url,
            "on_event": told.append,
            **{name: described[name] for name in ("api_key", "base_url") if name in described},
            **{name: value for name, value in options.items() if value is not None},
        }
    )


def _perform(
    client: RelayPass,
    sandbox: Sandbox,
    action: str,
    arguments: dict[str, Any],
    told: list[Event],
) -> Any:
    kind, _, name = action.partition(".")
    if kind in ("relays", "passes"):
        return getattr(getattr(client, kind), name)(**arguments)
    if kind == "verifications":
        positional = [arguments.pop("id")] if "id" in arguments else []
        return getattr(client.verifications, name)(*positional, **arguments)
    if action in ("close", "privacy_report"):
        return getattr(client, action)(**arguments)
    if action == "events":
        deadline = time.monotonic() + 20
        while len(told) < arguments["count"]:
            assert time.monotonic() < deadline, "no such event is told"
            time.sleep(0.005)
        return None
    if action == "generate_key":
        return EncryptionKey.generate(**arguments)
    if action == "sandbox.finish":
        return sandbox.finish(**arguments)
    if action == "sandbox.visit":
        form = f"result={arguments['result']}".encode()
        with urllib.request.urlopen(arguments["hosted_url"], data=form) as page:
            return page.read()
    return sandbox.control(name, arguments or None)


class _DictStore:
    """As simple as can be."""

    def __init__(self) -> None:
        self.records: dict[str, StoreRecord] = {}
        self.lock = threading.Lock()

    def load(self, key: str) -> StoreRecord | None:
        return self.records.get(key)

    def compare_and_swap(self, key: str, expected: int | None, new: StoreRecord | None) -> bool:
        with self.lock:
            there = self.records.get(key)
            if (None if there is None else there.version) != expected:
                return False
            if new is None:
                del self.records[key]
            else:
                self.records[key] = new
            return True

    def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        with self.lock:
            found = [(r.due_at, key) for key, r in self.records.items() if key.startswith(prefix)]
        if due_before is None:
            return sorted(key for _, key in found)[:limit]
        due = sorted((due, key) for due, key in found if due is not None and due <= due_before)
        return [key for _, key in due][:limit]


def _resolve(value: Any, saved: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_resolve(item, saved) for item in value]
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    name, *members = value[1:].split(".")
    found = saved[name]
    for member in members:
        found = getattr(found, member)
    return found
