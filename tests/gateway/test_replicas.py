"""Two gateways on one PostgreSQL, of which one is killed all the time: nothing is billed twice, no
claim is lost, and no caller is told of a pass that was spent before.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import proofs
from loads import Replicas, under_load
from loud import Say, missing
from proofs import Answer, at_once, full_or
from sandbox import Sandbox
from stores import postgres_url, running_services

SECONDS = full_or(60, 10)
# One of the two is killed so often.
PERIOD = 2.0

ROUNDS = full_or(50, 10)
AT_ONCE = 8


@pytest.fixture(scope="module")
def server() -> Iterator[str | None]:
    with running_services() as services:
        yield services["postgres"]


@pytest.fixture
def store(server: str | None, say: Say) -> str:
    """The URL of a database of its own, with the table."""
    if server is None:
        missing("PostgreSQL is not installed", say)
    return postgres_url(server)


@pytest.fixture
def replicas(sandbox: Sandbox, store: str, tmp_path: Path) -> Iterator[Replicas]:
    with Replicas(sandbox, tmp_path, store) as replicas:
        yield replicas


def test_a_replica_is_killed_every_two_seconds(
    sandbox: Sandbox, replicas: Replicas, say: Say
) -> None:
    kills = 0
    with under_load(replicas, sandbox) as load:
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            time.sleep(PERIOD)
            struck = random.randrange(2)
            replicas.kill(struck)
            kills += 1
            replicas.start_again(struck)
    say(f"replicas: {kills} kills in {SECONDS} s, {load}")
    assert kills >= SECONDS // PERIOD - 1
    load.assert_nothing_was_lost()


def test_redeems_at_once_at_both_replicas_cost_one(
    sandbox: Sandbox, replicas: Replicas, say: Say
) -> None:
    for _ in range(ROUNDS):
        ready = proofs.ready_to_redeem(replicas.url(0), sandbox)
        answers = at_both(replicas, partial(proofs.redeem, relay=ready[0], privacy_pass=ready[1]))
        assert [proofs.read_claim(answer) for answer in answers] == ["passed"] * AT_ONCE
        assert len({answer.body for answer in answers}) == 1
    say(f"redeems at once: {ROUNDS} rounds of {AT_ONCE}, {sandbox.ledger()}")
    proofs.assert_billed_once_each(sandbox, ROUNDS)


def test_purchases_at_once_at_both_replicas_cost_one(
    sandbox: Sandbox, replicas: Replicas, say: Say
) -> None:
    key = sandbox.production_api_key
    for number in range(ROUNDS):
        named = partial(proofs.issue, api_key=key, idempotency_key=f"order-{number}")
        answers = at_both(replicas, named)
        assert len({proofs.read_pass(answer) for answer in answers}) == 1
    say(f"purchases at once: {ROUNDS} rounds of {AT_ONCE}, {sandbox.ledger()}")
    assert sandbox.ledger()["billed"] == ROUNDS


def at_both(replicas: Replicas, request: Callable[[str], Answer]) -> list[Answer]:
    """The answers to one request, made several times at the same moment, at both in turn."""
    together = threading.Barrier(AT_ONCE)

    def ask(url: str) -> Answer:
        together.wait(timeout=30)
        return request(url)

    return at_once(partial(ask, replicas.url(number)) for number in range(AT_ONCE))


def test_a_redeem_that_died_between_persona_and_its_caller_is_answered_by_the_other(
    sandbox: Sandbox, replicas: Replicas
) -> None:
    relay, privacy_pass = proofs.ready_to_redeem(replicas.url(0), sandbox)

    def redeem(url: str) -> Answer:
        return proofs.redeem(url, relay, privacy_pass)

    answer = die_in_between(sandbox, replicas, "redeem", "redeemed", redeem)
    assert proofs.read_claim(answer) == "passed"
    assert proofs.read_claim(redeem(replicas.url(1))) == "passed"
    proofs.assert_billed_once_each(sandbox, 1)


def test_a_purchase_that_died_between_persona_and_its_caller_is_answered_by_the_other(
    sandbox: Sandbox, replicas: Replicas
) -> None:
    def issue(url: str) -> Answer:
        return proofs.issue(url, sandbox.production_api_key, "order-1")

    privacy_pass = proofs.read_pass(die_in_between(sandbox, replicas, "sign", "billed", issue))
    assert proofs.read_pass(issue(replicas.url(1))) == privacy_pass
    relay = proofs.read_relay(proofs.create(replicas.url(1)))
    sandbox.finish(relay.token)
    assert proofs.read_claim(proofs.redeem(replicas.url(1), relay, privacy_pass)) == "passed"
    proofs.assert_billed_once_each(sandbox, 1)


def die_in_between(
    sandbox: Sandbox,
    replicas: Replicas,
    step: str,
    counted: str,
    request: Callable[[str], Answer],
) -> Answer:
    """Kills the first replica when Persona has done the step and has not answered yet; returns what
    the other one answers to the same request."""
    before = sandbox.ledger()[counted]
    sandbox.faults({"step": step, "fault": "delay", "milliseconds": 10_000})
    broken = threading.Event()

    def ask_the_first() -> None:
        with pytest.raises((OSError, http.client.HTTPException)):
            request(replicas.url(0))
        broken.set()

    asking_the_first = threading.Thread(target=ask_the_first)
    asking_the_first.start()
    proofs.eventually(lambda: sandbox.ledger()[counted] > before)
    replicas.kill(0)
    asking_the_first.join()
    assert broken.is_set()
    assert sandbox.ledger()[counted] == before + 1
    return request(replicas.url(1))
