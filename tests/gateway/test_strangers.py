"""Who does not know the operator's token gets nowhere near a verification."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import proofs
from proofs import CLAIM_TYPE, Gateway
from sandbox import Sandbox
from wire import request, talk


@pytest.fixture(scope="module")
def served(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with proofs.running_gateway(running, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def gateway(served: Gateway, sandbox: Sandbox) -> Iterator[Gateway]:
    with proofs.unharmed(served, sandbox):
        yield served


CLAIM = b'{"claim-type":"age_over18_verified"}'

WRONG_TOKENS: dict[str, Callable[[str], list[str]]] = {
    "nothing": lambda token: [],
    "an empty header": lambda token: ["Authorization:"],
    "no scheme": lambda token: [f"Authorization: {token}"],
    "another scheme": lambda token: [f"Authorization: Basic {token}"],
    "no token": lambda token: ["Authorization: Bearer "],
    "the first half": lambda token: [f"Authorization: Bearer {token[: len(token) // 2]}"],
    "all but the last": lambda token: [f"Authorization: Bearer {token[:-1]}"],
    "one more": lambda token: [f"Authorization: Bearer {token}x"],
    "another last": lambda token: [f"Authorization: Bearer {token[:-1]}~"],
    "another case": lambda token: [f"Authorization: Bearer {token.swapcase()}"],
    "two of them": lambda token: [f"Authorization: Bearer {token} {token}"],
    "with a comma": lambda token: [f"Authorization: Bearer {token},{token}"],
    "in quotes": lambda token: [f'Authorization: Bearer "{token}"'],
    "NUL behind it": lambda token: [f"Authorization: Bearer {token}%00"],
    "no ASCII": lambda token: [f"Authorization: Bearer {token}\xe9"],
    "20,000 characters": lambda token: [f"Authorization: Bearer {'x' * 20_000}"],
    "in another header": lambda token: [f"X-Authorization: Bearer {token}"],
    "in a cookie": lambda token: [f"Cookie: authorization={token}"],
    "as a proxy's": lambda token: [f"Proxy-Authorization: Bearer {token}"],
}

OPERATORS = [
    ("POST", "/verifications"),
    ("GET", "/verifications/{id}"),
    ("DELETE", "/verifications/{id}"),
    ("POST", "/verifications/{id}/complete"),
]


@pytest.mark.parametrize("shown", WRONG_TOKENS.values(), ids=WRONG_TOKENS.keys())
def test_a_wrong_token_opens_no_verification(
    gateway: Gateway, sandbox: Sandbox, shown: Callable[[str], list[str]]
) -> None:
    started = gateway.call("POST", "/verifications", {"claim-type": CLAIM_TYPE}, gateway.operator)
    proofs.visit(started.json["hosted-url"])
    for method, path in OPERATORS:
        body = CLAIM if path == "/verifications" else b"{}"
        asked = path.replace("{id}", started.json["id"])
        (answer,) = talk(gateway, request(method, asked, body, *shown(gateway.token)))
        assert (answer.status, answer.code) == (401, "authentication")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert gateway.token not in answer.text
        assert CLAIM_TYPE not in answer.text
    assert (sandbox.ledger()["relays"], sandbox.ledger()["redeemed"]) == (1, 0)
    still = gateway.call("GET", f"/verifications/{started.json['id']}", None, gateway.operator)
    assert still.status == 200


def test_the_token_and_an_api_key_do_not_stand_for_each_other(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    body = {"claim-type": CLAIM_TYPE}
    for api_key in (sandbox.api_key, sandbox.production_api_key):
        started = gateway.call("POST", "/verifications", body, proofs.bearer(api_key))
        assert (started.status, started.code) == (401, "authentication")
    issued = proofs.issue(gateway.url, gateway.token)
    assert (issued.status, issued.code) == (401, "authentication")
    assert sandbox.ledger()["billed"] == 0


def test_a_gateway_without_a_token_opens_no_verification(sandbox: Sandbox, tmp_path: Path) -> None:
    with proofs.running_gateway(sandbox, tmp_path, RELAYPASS_GATEWAY_TOKEN="") as gateway:
        for method, path in OPERATORS:
            for shown in (gateway.operator, proofs.bearer(""), {}):
                answer = gateway.call(method, path, {"claim-type": CLAIM_TYPE}, shown)
                assert (answer.status, answer.code) == (404, "not_found")
        proofs.assert_answers_the_honest(gateway, sandbox)
        assert sandbox.ledger()["relays"] == 1
