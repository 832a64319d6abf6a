"""What an observer of the wire could tell programs of different languages apart by: nothing."""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

import scenarios
from programs import run_three_steps
from sandbox import Exchange, Sandbox

STEPS = ["create", "challenge", "sign", "redeem"]

COMMON = [
    "accept",
    "content-length",
    "content-type",
    "host",
    "key-inflection",
    "persona-version",
    "user-agent",
]

OWN: dict[str, list[str]] = {
    "create": [],
    "challenge": [],
    "sign": ["authorization", "idempotency-key"],
    "redeem": ["authorization", "idempotency-key", "persona-relay-secret"],
}

# What is new in every call or belongs to the run. Of a credential, the scheme stays.
VOLATILE = {
    "host": r"127\.0\.0\.1:\d+",
    "content-length": r"\d+",
    "idempotency-key": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "persona-relay-secret": r"[!-~]+",
}


@dataclass(frozen=True)
class Wire:
    """What one language put on the wire: a flow without faults, and one with every answer lost
    once."""

    calm: list[Exchange]
    rough: list[Exchange]

    @property
    def all(self) -> list[Exchange]:
        return self.calm + self.rough


@pytest.fixture(scope="module")
def record(running: Sandbox) -> Callable[[str], Wire]:
    """Records what a language puts on the wire, once."""

    def flow(language: str, *faults: dict[str, Any]) -> list[Exchange]:
        running.reset()
        running.faults(*faults)
        run_three_steps(language, running)
        return running.exchanges()

    @functools.cache
    def both(language: str) -> Wire:
        lost_once = [{"step": step, "fault": "drop_after_commit"} for step in STEPS]
        return Wire(flow(language), flow(language, *lost_once))

    return both


@pytest.fixture
def wire(record: Callable[[str], Wire], language: str) -> Wire:
    return record(language)


def test_every_step_is_one_call_and_a_lost_answer_one_more(wire: Wire) -> None:
    assert [exchange.step for exchange in wire.calm] == STEPS
    assert [exchange.step for exchange in wire.rough] == [step for step in STEPS for _ in "12"]


def test_the_api_key_is_on_no_anonymous_call(running: Sandbox, wire: Wire) -> None:
    for exchange in wire.all:
        text = exchange.request_text
        has_key = any(key in text for key in (running.api_key, running.production_api_key))
        assert has_key == (exchange.step == "sign"), exchange.step
        assert ("Bearer" in text) == has_key, exchange.step


def test_no_connection_is_shared_between_the_lanes(wire: Wire) -> None:
    for flow in (wire.calm, wire.rough):
        identified = {exchange.connection for exchange in flow if exchange.step == "sign"}
        anonymous = {exchange.connection for exchange in flow if exchange.step != "sign"}
        assert identified
        assert anonymous
        assert not identified & anonymous


def test_nothing_that_signing_sees_is_seen_again(wire: Wire) -> None:
    """The blinded token and its idempotency key must not appear on the other lane."""
    for flow in (wire.calm, wire.rough):
        anonymous = " ".join(exchange.request_text for exchange in flow if exchange.step != "sign")
        for sign in (exchange for exchange in flow if exchange.step == "sign"):
            assert json.loads(sign.body)["blinded-token"] not in anonymous
            assert sign.headers["idempotency-key"] not in anonymous


def test_the_user_agent_says_relaypass_and_no_more(wire: Wire) -> None:
    agents = [
        value
        for exchange in wire.all
        for name, value in exchange.request_headers
        if name.lower() == "user-agent"
    ]
    assert agents == ["relaypass"] * len(wire.all)


def test_no_header_but_the_known_ones_is_sent(wire: Wire) -> None:
    for exchange in wire.all:
        assert sorted(exchange.headers) == sorted(COMMON + OWN[exchange.step]), exchange.step
        assert len(exchange.headers) == len(exchange.request_headers), "a header is sent twice"


def test_no_language_can_be_told_from_the_others(
    record: Callable[[str], Wire], languages: list[str]
) -> None:
    first, *others = languages
    assert others
    for other in others:
        for kind in ("calm", "rough"):
            ours, theirs = getattr(record(first), kind), getattr(record(other), kind)
            assert [_look(exchange) for exchange in theirs] == [
                _look(exchange) for exchange in ours
            ]


def test_strict_clients_look_as_others_do(running: Sandbox) -> None:
    """Through the same ways out: names, their order, constants and lengths."""
    name = "strict: a verification takes its pass from the pool when the answer is asked for"
    [strict] = [it for it in scenarios.of("strict") if it["name"].startswith(name)]
    standard = copy.deepcopy(strict)
    standard["client"]["options"]["privacy"] = "standard"

    def looks(scenario: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
        running.reset()
        scenarios.play(scenario, running)
        exchanges = [it for it in running.exchanges() if it.path.startswith("/api/")]
        return {
            step: [_look(exchange) for exchange in exchanges if exchange.step == step][:1]
            for step in STEPS
        }

    ours, theirs = looks(strict), looks(standard)
    assert all(theirs[step] for step in STEPS)
    assert ours == theirs


def test_the_comparison_sees_a_difference(wire: Wire) -> None:
    for exchange in wire.calm:
        first, second, *others = exchange.request_headers
        body = exchange.body
        for different in (
            replace(exchange, request_headers=[second, first, *others]),
            replace(exchange, request_headers=[first, *others]),
            replace(exchange, request_headers=[(first[0].upper(), first[1]), second, *others]),
            replace(exchange, request_headers=[(first[0], "text/plain"), second, *others]),
            replace(exchange, body=body.replace("{", "{ ")),
            replace(exchange, body=body.replace("{", '{"a":1,').replace(",}", "}")),
            replace(exchange, path=f"{exchange.path}?a=b"),
        ):
            assert _look(different) != _look(exchange)


def _look(exchange: Exchange) -> dict[str, Any]:
    """A request without what is new in every run: names, order, constants and shapes stay."""
    path = re.sub(r"/relay_[A-Za-z0-9]+/", "/{relay-token}/", exchange.path)
    body = {name: _shape(value) for name, value in json.loads(exchange.body).items()}
    return {
        "line": f"{exchange.method} {path}",
        "headers": [(name, _constant(name, value)) for name, value in exchange.request_headers],
        # As text: the order of members can be seen, and so can the spaces between them.
        "body": json.dumps(body),
        "spacing": len(exchange.body) - len(json.dumps(json.loads(exchange.body))),
    }


def _constant(name: str, value: str) -> str:
    name = name.lower()
    if name == "authorization":
        return re.sub(r"^(Bearer |PrivateToken token=)\S+$", r"\1*", value)
    if name not in VOLATILE:
        return value
    assert re.fullmatch(VOLATILE[name], value), f"{name} has another form"
    return "*"


def _shape(value: object) -> object:
    """Long texts are new in every run; their lines and lengths are not."""
    if isinstance(value, str) and len(value) > 40:
        return [len(line) for line in value.split("\n")]
    return value
