"""Runs `tests/scenarios/*.json`, which say what every language must do, with both clients."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol

import pytest
from expected import look_up, matches
from support import REPOSITORY, AsyncDictStore, DictStore, Sandbox

import relaypass

SCENARIOS = [
    pytest.param(scenario, id=f"{file.stem}: {scenario['name']}")
    for file in sorted((REPOSITORY / "tests/scenarios").glob("*.json"))
    for scenario in json.loads(file.read_text())
]


class Client(Protocol):
    """Either client, as the runner sees it."""

    async def call(self, place: str, method: str, arguments: dict[str, Any]) -> object: ...
    async def close(self, timeout: float | None = None) -> None: ...


class Waiting:
    def __init__(self, **options: Any) -> None:
        self.client = relaypass.RelayPass(**options)

    async def call(self, place: str, method: str, arguments: dict[str, Any]) -> object:
        answer: object = room(self.client, place, method)(**arguments)
        return answer

    async def close(self, timeout: float | None = None) -> None:
        self.client.close(timeout)


class Awaiting:
    def __init__(self, **options: Any) -> None:
        self.client = relaypass.AsyncRelayPass(**options)

    async def call(self, place: str, method: str, arguments: dict[str, Any]) -> object:
        call: Awaitable[object] = room(self.client, place, method)(**arguments)
        return await call

    async def close(self, timeout: float | None = None) -> None:
        await self.client.aclose(timeout)


def room(client: object, place: str, method: str) -> Any:
    """A method of a room of the client, or of the client itself."""
    return getattr(getattr(client, place) if method else client, method or place)


def test_the_scenarios_are_there() -> None:
    assert len(SCENARIOS) >= 30


@pytest.mark.parametrize("make_client", [Waiting, Awaiting], ids=["sync", "async"])
@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_scenario(
    scenario: dict[str, Any],
    make_client: Callable[..., Client],
    sandbox: Sandbox,
) -> None:
    described = scenario.get("client", {})
    expected = described.get("expect", {})
    store = own_store(described, make_client)
    told: list[relaypass.Event] = []
    options = {**client_options(described, sandbox, store), "on_event": told.append}
    try:
        client = make_client(**options)
    except relaypass.RelayPassError as error:
        assert "error" in expected, error
        compare(error_members(error), expected)
        return
    assert "error" not in expected, "the client was made"
    saved: dict[str, Any] = {}
    # Others with the same store, as other processes have it.
    clients = {None: client}
    for index, step in enumerate(scenario["steps"]):
        expected = resolve_all(step.get("expect", {}), saved)
        name = step.get("client")
        if name not in clients:
            laid_over = resolve_all(step.get("client_options", {}), saved)
            options = client_options(described_anew(described, laid_over), sandbox, store)
            clients[name] = make_client(**options, on_event=told.append)
        try:
            actual = as_json(await make_step(step, clients[name], sandbox, saved, told))
        except relaypass.RelayPassError as error:
            assert "error" in expected, (index, step["do"], error)
            actual = error_members(error)
        else:
            assert "error" not in expected, (index, step["do"], "succeeded")
        if "save" in step:
            saved[step["save"]] = actual
        compare(actual, expected, index, step["do"])
    for client in clients.values():
        await client.close()


def own_store(described: dict[str, Any], make_client: Callable[..., Client]) -> object:
    """A store in Python, if the scenario wants one, of the client's own kind."""
    if described.get("options", {}).get("store") != "host":
        return None
    return DictStore() if make_client is Waiting else AsyncDictStore()


def described_anew(described: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Another client: as the first one, with these options laid over."""
    options = {**described.get("options", {}), **options}
    environment = options.pop("environment", described.get("environment", "production"))
    return {**described, "environment": environment, "options": options}


def client_options(described: dict[str, Any], sandbox: Sandbox, store: object) -> dict[str, Any]:
    environment = described.get("environment", "production")
    keys = {"production": sandbox.production_api_key, "sandbox": sandbox.api_key}
    options = {
        "api_key": described.get("api_key", keys[environment]),
        "base_url": described.get("base_url", sandbox.url),
        # Nothing waits in scenarios, unless they say so.
        "purchase_window": 0,
        **described.get("options", {}),
    }
    if options["api_key"] is None:
        # A client without a key has no prefix to tell the environment by.
        options.setdefault("environment", environment)
    if store is not None:
        options["store"] = store
    # The sandbox takes what is sent to a proxy for itself.
    match options.get("anonymous_proxy"):
        case "sandbox":
            options["anonymous_proxy"] = sandbox.url
        case [*proxies]:
            ours = [sandbox.url if proxy == "sandbox" else proxy for proxy in proxies]
            options["anonymous_proxy"] = ours
    if options.get("seal_key") is not None:
        options["seal_key"] = bytes.fromhex(options["seal_key"])
    return options


async def make_step(
    step: dict[str, Any],
    client: Client,
    sandbox: Sandbox,
    saved: dict[str, Any],
    told: list[relaypass.Event],
) -> object:
    arguments = resolve_all(step.get("with", {}), saved)
    place, _, name = step["do"].partition(".")
    match place, name:
        case "relays", ("create" | "issue_privacy_pass" | "generate_claim"):
            return await client.call(place, name, arguments)
        case "verifications", ("start" | "complete" | "get" | "forget"):
            return await client.call(place, name, arguments)
        case "verifications", "recover":
            return {"driven": await client.call(place, name, arguments)}
        case "passes", "prefetch":
            return {"bought": await client.call(place, name, arguments)}
        case "passes", "count":
            return {"count": await client.call(place, name, arguments)}
        case "privacy_report", "":
            return await client.call(place, name, arguments)
        case "close", "":
            await client.close(**arguments)
            return None
        case "events", "":
            deadline = time.monotonic() + 20
            while len(told) < arguments["count"]:
                assert time.monotonic() < deadline, "no such event is told"
                await asyncio.sleep(0.005)
            return {"kinds": [event.kind for event in told]}
        case "generate_key", "":
            key = relaypass.EncryptionKey.generate(**arguments)
            return {
                "public_key_pem": key.public_key_pem,
                "public_jwk": key.public_jwk,
                "private_key_pem": key.private_key_pem,
            }
        case "sandbox", "finish":
            return sandbox.control(f"relays/{arguments.pop('relay_token')}/finish", arguments)
        case "sandbox", "visit":
            visit(**arguments)
            return None
        case "sandbox", ("clock" | "faults" | "settings"):
            return sandbox.control(name, arguments)
        case "sandbox", ("ledger" | "requests"):
            return sandbox.control(name)
    raise AssertionError(f"there is no such step: {step['do']}")


def visit(hosted_url: str, result: str) -> None:
    """The visitor's part: a click on the page."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    form = urllib.parse.urlencode({"result": result}).encode()
    opener.open(hosted_url, data=form, timeout=10).close()


def resolve_all(values: dict[str, Any], saved: dict[str, Any]) -> dict[str, Any]:
    return {name: resolve(value, saved) for name, value in values.items()}


def resolve(value: Any, saved: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [resolve(item, saved) for item in value]
    if isinstance(value, dict):
        return resolve_all(value, saved)
    if isinstance(value, str) and value.startswith("$"):
        return look_up(saved, value[1:])
    return value


def as_json(result: object) -> Any:
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        result = dataclasses.asdict(result)
    return json.loads(json.dumps(result, default=milliseconds))


def milliseconds(time: object) -> int:
    """How the runners of all languages write a time."""
    assert isinstance(time, datetime)
    return round(time.timestamp() * 1000)


def error_members(error: relaypass.RelayPassError) -> dict[str, Any]:
    return {
        "error": error.code,
        "message": str(error),
        "status": error.status,
        "retryable": error.retryable,
        "operation": error.operation,
        "title": error.title,
        "details": error.details,
        "token_consumed": error.token_consumed,
        "claim_payload": error.claim_payload,
        "idempotency_key": error.idempotency_key,
    }


def compare(actual: Any, expected: dict[str, Any], *where: object) -> None:
    for path, wanted in expected.items():
        value = look_up(actual, path)
        assert matches(value, wanted), (*where, path, value, wanted)
