"""Requests made from the gateway's own description: whatever is sent, it answers by the document,
soon, and tells no secret.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import leaks
import pytest
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import proofs
from loud import Say
from proofs import CLAIM_TYPE, Answer, Gateway, Relay, full_or
from sandbox import Sandbox

# Requests to each endpoint that takes something, and to each of the others.
MANY = full_or(680, 40)
FEW = full_or(80, 10)
AT_LEAST = full_or(5000, 300)
# Longer, and it hangs: Persona is here, and quick.
LONGEST = 10.0

OPERATIONS = [
    "POST /relays",
    "POST /relays/privacy-passes",
    "POST /relays/{relay-token}/redeem",
    "POST /verifications",
    "GET /verifications/{id}",
    "DELETE /verifications/{id}",
    "POST /verifications/{id}/complete",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /privacy",
    "GET /openapi.json",
]

# What an endpoint returns that nobody else may: members of its successes.
BELONGS = {
    "POST /relays": {"relay-secret", "relay-session-access-token"},
    "POST /relays/privacy-passes": {"privacy-pass-token"},
    "POST /verifications": {"session-access-token", "hosted-url"},
    "GET /verifications/{id}": {"session-access-token", "hosted-url"},
}


@dataclass(repr=False)
class World:
    """A gateway, and what callers know of it. A failing test must not show that."""

    gateway: Gateway
    sandbox: Sandbox
    seal_key: str
    relay: Relay
    privacy_pass: str
    verification: str = ""
    session: str = ""

    @property
    def credentials(self) -> dict[str, str | None]:
        """Headers to show, the right one of each endpoint among them."""
        return {
            "the API key": f"Bearer {self.sandbox.production_api_key}",
            "the sandbox's API key": f"bearer  {self.sandbox.api_key} ",
            "the operator's token": f"Bearer {self.gateway.token}",
            "half a token": f"Bearer {self.gateway.token[:16]}",
            "a wrong key": "Bearer persona_production_" + "0" * 32,
            "another scheme": f"Basic {self.gateway.token}",
            "no scheme": self.gateway.token,
            "no token": "Bearer ",
            "nothing": None,
        }

    @property
    def real(self) -> dict[str, str]:
        """Values of bodies and paths by their names."""
        return {
            "claim-type": CLAIM_TYPE,
            "relay-token": self.relay.token,
            "privacy-pass-token": self.privacy_pass,
            "id": self.verification,
        }

    @property
    def secrets(self) -> dict[str, str]:
        return {
            self.sandbox.production_api_key: "an API key",
            self.sandbox.api_key: "an API key",
            self.gateway.token: "the operator's token",
            self.seal_key: "the seal key",
            self.relay.secret: "a relay secret",
            self.relay.session: "a session token",
            self.privacy_pass: "a pass",
            self.session: "a session token",
        }

    def expected_by(self, label: str) -> str:
        """Which of the credentials an endpoint expects."""
        is_operators = "/verifications" in label or label == "GET /privacy"
        return "the operator's token" if is_operators else "the API key"

    def start(self) -> None:
        """A verification to ask for, whose visitor has passed."""
        body = {"claim-type": CLAIM_TYPE}
        started = self.gateway.call("POST", "/verifications", body, self.gateway.operator)
        assert started.status == 201, started.status
        self.verification = started.json["id"]
        self.session = started.json["session-access-token"]
        proofs.visit(started.json["hosted-url"])


@pytest.fixture(scope="module")
def world(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    running.reset()
    folder: Path = tmp_path_factory.mktemp("contract")
    seal_key = proofs.random_seal_key()
    with proofs.running_gateway(running, folder, RELAYPASS_SEAL_KEY=seal_key) as gateway:
        relay, privacy_pass = proofs.ready_to_redeem(gateway.url, running)
        world = World(gateway, running, seal_key, relay, privacy_pass)
        world.start()
        yield world
        proofs.assert_answers_the_honest(gateway, running)


@pytest.fixture(scope="module")
def schema(world: World) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_dict(world.gateway.call("GET", "/openapi.json").json)


@pytest.fixture(scope="module")
def answered(say: Say) -> Iterator[dict[str, Counter[int]]]:
    """How often each endpoint answered with each status."""
    answered: dict[str, Counter[int]] = {}
    yield answered
    total = sum(counted.total() for counted in answered.values())
    for operation, counted in answered.items():
        say(f"contract: {operation}: {dict(sorted(counted.items()))}")
    say(f"contract: {total} generated requests")
    if len(answered) == len(OPERATIONS):
        assert total >= AT_LEAST


def test_every_endpoint_is_asked(schema: schemathesis.BaseSchema) -> None:
    described = [
        f"{method.upper()} {path}"
        for path, methods in schema.raw_schema["paths"].items()
        for method in methods
    ]
    assert sorted(described) == sorted(OPERATIONS)


@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_is_sent_the_answer_is_as_described(
    world: World,
    schema: schemathesis.BaseSchema,
    answered: dict[str, Counter[int]],
    label: str,
) -> None:
    operation = schema.find_operation_by_label(label)
    assert operation is not None
    takes_something = label.startswith("POST") or "{" in label
    counted = answered.setdefault(label, Counter())
    session = requests.Session()
    session.trust_env = False

    @hypothesis.settings(
        max_examples=MANY if takes_something else FEW,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=cases(operation, world, takes_something))
    def play(case: schemathesis.Case[Any]) -> None:
        began = time.monotonic()
        with suppress(UnsendableError):
            response = send(case, world, session)
            took = time.monotonic() - began
            counted[response.status_code] += 1
            assert took < LONGEST, f"{label} took {took:.1f} s"
            check(case, response, world)
            if label.startswith("DELETE") and response.status_code == 204:
                world.start()

    play()
    # It was no random noise alone: the endpoint did what it is for, and it refused.
    assert any(200 <= status < 300 for status in counted), counted
    assert not takes_something or any(400 <= status < 500 for status in counted), counted


class UnsendableError(Exception):
    """No client can put this on the wire."""


def cases(
    operation: schemathesis.APIOperation[Any, Any, Any, Any], world: World, takes_something: bool
) -> st.SearchStrategy[schemathesis.Case[Any]]:
    """Requests by the document and against it, with right and wrong credentials, in which real
    names and secrets stand in some places; and some that are right in all."""
    valid = operation.as_strategy(generation_mode=GenerationMode("positive"))
    invalid = operation.as_strategy(generation_mode=GenerationMode("negative"))

    @st.composite
    def one(draw: st.DrawFn) -> schemathesis.Case[Any]:
        if takes_something and draw(st.integers(0, 3)) == 0:
            return right(draw(valid), world)
        case: schemathesis.Case[Any] = draw(st.one_of(valid, invalid) if takes_something else valid)
        case.headers.pop("Authorization", None)
        others = st.sampled_from(sorted(world.credentials))
        shown = world.credentials[draw(st.just(world.expected_by(operation.label)) | others)]
        if shown is not None:
            case.headers["Authorization"] = shown
        if not takes_something:
            case.headers["Request-Id"] = draw(st.from_regex(r"[!-~]{1,80}", fullmatch=True))
        for place, name, value in real_ones(case, world):
            if draw(st.booleans()):
                place[name] = value
        return case

    return one()


def right(case: schemathesis.Case[Any], world: World) -> schemathesis.Case[Any]:
    """What an honest caller asks of this endpoint."""
    label = case.operation.label
    case.headers.clear()
    case.headers["Authorization"] = world.credentials[world.expected_by(label)]
    if label.endswith("/redeem"):
        case.headers["Persona-Relay-Secret"] = world.relay.secret
        case.body = {"privacy-pass-token": world.privacy_pass}
    elif label.endswith("/complete"):
        case.body = {}
    elif label.startswith("POST"):
        case.body = {"claim-type": CLAIM_TYPE}
    for name in case.path_parameters or {}:
        case.path_parameters[name] = world.real[name]
    return case


def real_ones(
    case: schemathesis.Case[Any], world: World
) -> Iterator[tuple[MutableMapping[str, Any], str, str]]:
    """Where real names and secrets could stand instead of generated values."""
    for place in (case.body, case.path_parameters):
        if isinstance(place, dict):
            for name in place.keys() & world.real.keys():
                yield place, name, world.real[name]
    if case.operation.label.startswith("POST /relays/"):
        yield case.headers, "Persona-Relay-Secret", world.relay.secret


def send(
    case: schemathesis.Case[Any], world: World, session: requests.Session
) -> schemathesis.Response:
    try:
        return case.call(base_url=world.gateway.url, session=session, timeout=60)
    except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError) as it:
        raise UnsendableError from it


def check(case: schemathesis.Case[Any], response: schemathesis.Response, world: World) -> None:
    """The answer is one that the document has, and tells nobody's secret."""
    assert response.status_code < 500, f"{case.operation.label}: {response.status_code}"
    case.validate_response(
        response,
        checks=[status_code_conformance, content_type_conformance, response_schema_conformance],
    )
    named = {name: ", ".join(values) for name, values in response.headers.items()}
    answer = Answer(response.status_code, named, response.content)
    if answer.status >= 400:
        assert answer.error["details"]
    found = leaks.found_in(elsewhere(case.operation.label, answer), world.secrets | sent(response))
    assert not found, "\n".join(found)


def elsewhere(label: str, answer: Answer) -> str:
    """The answer without the secrets that it is for."""
    if label not in BELONGS or answer.status >= 400:
        return answer.text
    public = {name: value for name, value in answer.json.items() if name not in BELONGS[label]}
    assert len(public) < len(answer.json)
    return f"{answer.headers} {public}"


def sent(response: schemathesis.Response) -> dict[str, str]:
    """The secrets that the request showed, right or wrong."""
    headers = response.request.headers
    shown = {
        str(headers.get("authorization", "")).rpartition(" ")[2]: "a sent credential",
        str(headers.get("persona-relay-secret", "")): "a sent relay secret",
        str(headers.get("idempotency-key", "")): "a sent idempotency key",
    }
    body = response.request.body
    with suppress(ValueError, TypeError, KeyError):
        if isinstance(body, str | bytes):
            shown[str(json.loads(body)["privacy-pass-token"])] = "a sent pass"
    return shown
