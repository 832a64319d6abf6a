"""Every request of our clients and every answer of the sandbox, by Persona's own contract."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import reference
import scenarios
from contract import Contract
from loud import Say
from programs import run_three_steps
from sandbox import Exchange, Sandbox, running_sandbox, send

CLAIM_TYPE = "age_over18_verified"


@pytest.fixture(scope="module")
def contract(shared: Path) -> Contract:
    return Contract(shared / "contract" / "persona-openapi")


@dataclass
class Verdicts:
    """What was judged, and what was found wrong."""

    contract: Contract
    requests: int = 0
    answers: Counter[tuple[str | None, int | None]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _struck: set[str] = field(default_factory=set)

    def judge_requests(self, origin: str, exchanges: list[Exchange]) -> None:
        for exchange in exchanges:
            self.requests += 1
            self._note(origin, exchange, self.contract.refusal_of_request(exchange))

    def judge_answers(self, origin: str, exchanges: list[Exchange]) -> None:
        for exchange in exchanges:
            request_id = dict(exchange.answer_headers).get("request-id", "")
            if not self.contract.judges(exchange):
                self._struck.add(request_id)
            # A stored answer that is given again was broken on purpose the first time.
            elif exchange.fault or not request_id or request_id not in self._struck:
                self.answers[self.contract.operation(exchange), exchange.status] += 1
                self._note(origin, exchange, self.contract.refusal_of_answer(exchange))

    def _note(self, origin: str, exchange: Exchange, complaint: str | None) -> None:
        if complaint:
            self.wrong.append(f"{origin}: {exchange.step}, {exchange.status}: {complaint}")


def test_every_exchange_keeps_the_contract(contract: Contract, say: Say) -> None:
    verdicts = Verdicts(contract)
    with running_sandbox() as sandbox:
        played = 0
        for name, exchanges in scenarios.play_all(sandbox):
            verdicts.judge_requests(name, exchanges)
            verdicts.judge_answers(name, exchanges)
            played += 1
        sandbox.reset()
        provoke(sandbox)
        # By hand, and wrong for the most part: only the answers are of interest.
        verdicts.judge_answers("provoked", sandbox.exchanges())

    answers = verdicts.answers.total()
    judged = contract.documented & verdicts.answers.keys()
    say(
        f"contract: {played} scenarios; {verdicts.requests} requests and {answers} answers are "
        f"judged; {len(judged)} of {len(contract.documented)} documented statuses seen"
    )
    assert verdicts.wrong == []
    assert verdicts.requests > 150
    assert answers > 150
    assert judged == contract.documented, "a documented status was never answered"


def test_every_language_keeps_the_contract(
    contract: Contract, sandbox: Sandbox, language: str
) -> None:
    verdicts = Verdicts(contract)
    run_three_steps(language, sandbox)
    verdicts.judge_requests(language, sandbox.exchanges())
    verdicts.judge_answers(language, sandbox.exchanges())
    assert verdicts.wrong == []
    assert verdicts.requests == 4
    assert verdicts.answers.total() == 4


def provoke(sandbox: Sandbox) -> None:
    """Every status that the contract documents: by a mistake where the sandbox knows one, and by
    the ``status`` fault everywhere."""
    calls = Calls(sandbox)
    everywhere = [calls.create, calls.challenge, calls.sign, calls.redeem]
    for status in (400, 401, 403, 404, 409, 422, 429):
        sandbox.faults(
            *(
                {"step": step, "fault": "status", "status": status}
                for step in ("create", "challenge", "sign", "redeem")
            )
        )
        for call in everywhere:
            assert call() == status

    assert calls.create() == 201
    assert calls.create({"claim-type": CLAIM_TYPE}) == 400
    assert calls.challenge() == 200
    assert calls.challenge({"claim-type": 1}) == 400
    assert calls.challenge({"claim-type": CLAIM_TYPE, "more": 1}) == 400
    assert calls.challenge(key_inflection="kebab") == 200  # the casing the contract is written in
    assert calls.challenge(key_inflection="shouting") == 400
    assert calls.challenge(persona_version="1999-01-01") == 400

    assert calls.sign() == 201
    assert calls.sign(authorization="Bearer nobody") == 401
    assert calls.sign({"key-id": calls.key_id, "blinded-token": "***"}) == 400
    assert calls.sign({"key-id": "unknown", "blinded-token": "AAAA"}) == 404
    assert calls.sign(idempotency_key="one") == 201
    assert calls.sign({"key-id": "another", "blinded-token": "AAAA"}, idempotency_key="one") == 422
    assert _at_once(calls, "sign") == [201, 409]

    assert calls.redeem() == 403  # nobody verified yet
    sandbox.finish(calls.relay["relay-token"], "failed")
    assert calls.redeem() == 200
    sandbox.finish(calls.relay["relay-token"])
    assert calls.redeem({"unknown": 1}) == 400
    assert calls.redeem(authorization="") == 401
    assert calls.redeem(persona_relay_secret="wrong") == 404
    assert _at_once(calls, "redeem") == [200, 409]
    for status in (401, 409, 422):
        sandbox.settings(spent_status=status)
        assert calls.redeem() == status

    # At the beginning of a minute, so that no new one begins on the way.
    seconds = int(sandbox.control("clock")["now"][17:19])
    sandbox.control("clock", {"advance_seconds": 60 - seconds})
    sandbox.settings(rate_limit=1)
    calls.create()
    for call in everywhere:
        assert call() == 429


def _at_once(calls: Calls, step: str) -> list[int]:
    """The same call twice, the second while the first, whichever it is, is being executed."""
    delay = {"step": step, "fault": "delay_before_commit", "milliseconds": 500, "times": 2}
    calls.sandbox.faults(delay)
    call = getattr(calls, step)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(call, idempotency_key=f"{step} at once") for _ in range(2)]
    return sorted(one.result() for one in both)


class Calls:
    """The four calls, by hand. Without arguments they are right."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        relay = {"claim-type": CLAIM_TYPE, "encryption-key-pem": None}
        self.relay = self._answer("/api/privacy/v1/relays", relay)
        materials = self._answer("/api/privacy/v1/relays/challenge", {"claim-type": CLAIM_TYPE})
        self.key_id = materials["token-key-id"]
        key = reference.PublicKey.from_spki(reference.from_base64url(materials["token-key"]))
        challenge = reference.from_base64url(materials["challenge"])
        ticket = reference.Pass(secrets.token_hex(32), b"", self.key_id, challenge)
        r, message = secrets.randbelow(key.n), ticket.token_input()
        blinded = reference.blind(message, key, r, secrets.token_bytes(reference.SALT_LENGTH))
        self._to_sign = {
            "blinded-token": reference.to_base64url(blinded),
            "key-id": self.key_id,
        }
        self._bearer = {"authorization": f"Bearer {sandbox.production_api_key}"}
        signed = self._answer("/api/v1/privacy-passes", self._to_sign, self._bearer)
        signature = reference.from_base64url(signed["blind-sig"])
        signature = reference.finalize(message, key, r, signature)
        token = replace(ticket, signature=signature).encode()
        self._bearing = {
            "authorization": f"PrivateToken token={token}",
            "persona-relay-secret": self.relay["relay-secret"],
        }

    def create(self, body: dict[str, Any] | None = None, **headers: str) -> int:
        right = {"claim-type": CLAIM_TYPE, "encryption-key-pem": None, "sandbox": False}
        return self._status("/api/privacy/v1/relays", body or right, headers)

    def challenge(self, body: dict[str, Any] | None = None, **headers: str) -> int:
        right = {"claim-type": CLAIM_TYPE, "sandbox": False}
        return self._status("/api/privacy/v1/relays/challenge", body or right, headers)

    def sign(self, body: dict[str, Any] | None = None, **headers: str) -> int:
        headers = self._bearer | headers
        return self._status("/api/v1/privacy-passes", body or self._to_sign, headers)

    def redeem(self, body: dict[str, Any] | None = None, **headers: str) -> int:
        path = f"/api/privacy/v1/relays/{self.relay['relay-token']}/generate-claim"
        return self._status(path, body or {}, self._bearing | _dashed(headers))

    def _status(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> int:
        data = json.dumps(body).encode()
        return send(f"{self.sandbox.url}{path}", data, _dashed(headers))[0]

    def _answer(
        self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Any:
        data = json.dumps(body).encode()
        return json.loads(send(f"{self.sandbox.url}{path}", data, headers)[1])


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture(scope="module")
def flow(running: Sandbox) -> dict[str, Exchange]:
    """One valid exchange of each step."""
    running.reset()
    run_three_steps("python", running)
    return {exchange.step: exchange for exchange in running.exchanges()}


BAD_REQUESTS = {
    "no relay secret": ("redeem", "persona-relay-secret", None),
    "another inflection": ("create", "key-inflection", "shouting"),
    "an unpublished version": ("challenge", "persona-version", "1999-01-01"),
    "no API key": ("sign", "authorization", None),
    "a pass where the API key belongs": ("sign", "authorization", "PrivateToken token=x"),
    "an API key where the pass belongs": ("redeem", "authorization", "Bearer x"),
    "another content type": ("sign", "content-type", "text/plain"),
}


@pytest.mark.parametrize("case", BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_the_judge_sees_a_wrong_header(
    contract: Contract, flow: dict[str, Exchange], case: tuple[str, str, str | None]
) -> None:
    step, name, value = case
    others = [header for header in flow[step].request_headers if header[0].lower() != name]
    changed = others if value is None else [*others, (name, value)]
    assert contract.refusal_of_request(flow[step]) is None
    assert contract.refusal_of_request(replace(flow[step], request_headers=changed))


BAD_BODIES = {
    "an unknown member": ("create", '{"claim-type":"a","encryption-key-pem":null,"more":1}'),
    "a missing member": ("create", '{"claim-type":"a"}'),
    "another type": ("create", '{"claim-type":"a","encryption-key-pem":null,"sandbox":"no"}'),
    "another casing": ("challenge", '{"claimType":"a"}'),
    "no JSON": ("sign", "blinded-token=a"),
    "null": ("sign", '{"blinded-token":null,"key-id":"a"}'),
}


@pytest.mark.parametrize("case", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_the_judge_sees_a_wrong_body(
    contract: Contract, flow: dict[str, Exchange], case: tuple[str, str]
) -> None:
    step, body = case
    assert contract.refusal_of_request(replace(flow[step], body=body))


def test_the_judge_sees_an_unknown_path(contract: Contract, flow: dict[str, Exchange]) -> None:
    assert contract.refusal_of_request(replace(flow["create"], path="/api/privacy/v2/relays"))
    assert contract.refusal_of_request(replace(flow["create"], path="/api/v1/relays"))


@pytest.mark.parametrize("step", ["create", "challenge", "sign", "redeem"])
def test_the_judge_sees_a_wrong_answer(
    contract: Contract, flow: dict[str, Exchange], step: str
) -> None:
    right = flow[step]
    assert contract.refusal_of_answer(right) is None
    more = json.dumps(right.answer | {"more": 1})
    assert contract.refusal_of_answer(replace(right, answer_body=more)), "an unknown member"
    assert contract.refusal_of_answer(replace(right, answer_body="{}")), "missing members"
    assert contract.refusal_of_answer(replace(right, status=500)), "an undocumented status"
    for name, value in (
        ("ratelimit-limit", "many"),
        ("content-type", "text/html"),
        ("request-id", "42"),
    ):
        others = [header for header in right.answer_headers if header[0] != name]
        wrong = replace(right, answer_headers=[*others, (name, value)])
        assert contract.refusal_of_answer(wrong), name
        if name != "content-type":
            assert contract.refusal_of_answer(replace(right, answer_headers=others)), name
