"""What docs/gateway.md says of calls that are repeated, also to another process on the store."""

from __future__ import annotations

import base64
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from gateways import Answer, Gateway, running_gateway
from sandbox import Sandbox

CLAIM = {"claim-type": "age_over18_verified"}

OLD, NEW = (base64.b64encode(bytes([byte]) * 32).decode() for byte in (1, 2))


class Replicas:
    """Gateways on one store, one after the other."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._sandbox = sandbox
        self._folder = folder

    def start(self, seal_keys: str = OLD) -> AbstractContextManager[Gateway]:
        store = f"sqlite:{self._folder / 'gateway.sqlite'}"
        environment = {"RELAYPASS_SEAL_KEY": seal_keys}
        return running_gateway(self._sandbox.url, store=store, environment=environment)

    def buy(self, gateway: Gateway, key: str | None, **body: object) -> Answer:
        headers = {"authorization": f"Bearer {self._sandbox.production_api_key}"}
        if key is not None:
            headers["idempotency-key"] = key
        return gateway.post("/relays/privacy-passes", {**CLAIM, **body}, headers)


@pytest.fixture
def replicas(sandbox: Sandbox, tmp_path: Path) -> Replicas:
    return Replicas(sandbox, tmp_path)


def redeem(gateway: Gateway, relay: dict[str, str], bought: dict[str, str]) -> Answer:
    secret = {"persona-relay-secret": relay["relay-secret"]}
    return gateway.post(f"/relays/{relay['relay-token']}/redeem", bought, secret)


def test_a_purchase_is_repeated_by_its_key_alone(sandbox: Sandbox, replicas: Replicas) -> None:
    with replicas.start() as one, replicas.start() as other:
        first = replicas.buy(one, "order-1")
        assert replicas.buy(other, "order-1").json == first.json
        assert sandbox.ledger()["billed"] == 1
        assert replicas.buy(one, "order-2").json != first.json
        assert replicas.buy(one, None).json != replicas.buy(one, None).json
        assert sandbox.ledger()["billed"] == 4


def test_a_key_is_for_one_request(sandbox: Sandbox, replicas: Replicas) -> None:
    with replicas.start() as gateway:
        assert replicas.buy(gateway, "order-1").status == 201
        other = replicas.buy(gateway, "order-1", **{"claim-type": "live_human_presence"})
        assert (other.status, other.json["errors"][0]["code"]) == (400, "invalid_argument")
        assert sandbox.ledger()["billed"] == 1


def test_a_key_is_for_one_environment(sandbox: Sandbox, replicas: Replicas) -> None:
    with replicas.start() as gateway:
        assert replicas.buy(gateway, "order-1", sandbox=False).status == 201
        other = replicas.buy(gateway, "order-1", sandbox=True)
        assert (other.status, other.json["errors"][0]["code"]) == (400, "invalid_argument")
        assert sandbox.ledger()["billed"] == 1


def test_a_rejected_pass_may_be_asked_about_again(sandbox: Sandbox, replicas: Replicas) -> None:
    with replicas.start() as gateway:
        relay = gateway.post("/relays", CLAIM).json
        sandbox.finish(relay["relay-token"])
        bought = replicas.buy(gateway, "order-1").json
        # One 401 gets a second look within the call.
        rejected = {"step": "redeem", "fault": "status", "status": 401, "stored": False, "times": 2}
        sandbox.faults(rejected)
        refused = redeem(gateway, relay, bought)
        assert (refused.status, refused.json["errors"][0]["code"]) == (401, "pass_rejected")
        assert redeem(gateway, relay, bought).json["token-consumed"] is True
        assert sandbox.ledger()["double_spends"] == 0


def test_a_gateway_with_another_seal_key_is_not_ready(replicas: Replicas) -> None:
    with replicas.start(OLD) as first:
        assert replicas.buy(first, "order-1").status == 201
        assert first.get("/readyz").status == 200
    with replicas.start(NEW) as other:
        told = other.get("/readyz")
        assert (told.status, told.json["errors"][0]["code"]) == (503, "store")
        assert other.get("/healthz").status == 200


def test_a_question_that_is_not_answered_yet_is_asked_anew(
    sandbox: Sandbox, replicas: Replicas
) -> None:
    with replicas.start() as gateway:
        relay = gateway.post("/relays", CLAIM).json
        bought = replicas.buy(gateway, "order-1").json
        assert redeem(gateway, relay, bought).status == 403
        sandbox.finish(relay["relay-token"])
        answer = redeem(gateway, relay, bought)
        assert answer.json["token-consumed"] is True
        assert redeem(gateway, relay, bought).body == answer.body
        assert sandbox.ledger()["double_spends"] == 0


def test_the_seal_key_is_rotated_while_replicas_run(sandbox: Sandbox, replicas: Replicas) -> None:
    with replicas.start(OLD) as old:
        relay = old.post("/relays", CLAIM).json
        sandbox.finish(relay["relay-token"])
        bought = replicas.buy(old, "order-1").json
        answer = redeem(old, relay, bought)
        # The new key at the end: what either writes the other reads.
        with replicas.start(f"{OLD},{NEW}") as between:
            assert replicas.buy(between, "order-1").json == bought
            assert redeem(between, relay, bought).body == answer.body
            second = replicas.buy(between, "order-2").json
            assert replicas.buy(old, "order-2").json == second
            # And at the front, beside one that is not that far.
            with replicas.start(f"{NEW},{OLD}") as after:
                assert replicas.buy(after, "order-2").json == second
                assert redeem(after, relay, bought).body == answer.body
                third = replicas.buy(after, "order-3").json
                assert replicas.buy(between, "order-3").json == third
    assert sandbox.ledger()["billed"] == 3
    assert sandbox.ledger()["double_spends"] == 0
