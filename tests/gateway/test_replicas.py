"""Two gateways on one PostgreSQL, of which one is killed all the time: nothing is billed twice, no
claim is lost, and no caller is told of a pass that was spent before.
"""

from __future__ import annotations

import http.client
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

import proofs
from loud import Say, missing
from proofs import CLAIM_TYPE, Answer, Gateway, at_once, call, full_or
from sandbox import Sandbox
from stores import postgres_url, running_services

SECONDS = full_or(60, 10)
# One of the two is killed so often.
PERIOD = 2.0
# Callers of each kind, each with one flow at a time.
CALLERS = 3
# How long a caller repeats a request.
PATIENCE = 60.0

ROUNDS = full_or(50, 10)
AT_ONCE = 8


class Replicas:
    """Two gateways that share a database, a seal key and an operator's token."""

    def __init__(self, sandbox: Sandbox, folder: Path, store: str) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._store = store
        self._seal_key = proofs.random_seal_key()
        self._stack = ExitStack()
        self.token = proofs.random_token()
        self.running = [self._start(), self._start()]

    def __enter__(self) -> Replicas:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def url(self, number: int) -> str:
        """Where one of them is now: after a kill it is somewhere else."""
        return self.running[number % 2].url

    def kill(self, number: int) -> None:
        self.running[number].kill()

    def start_again(self, number: int) -> None:
        self.running[number] = self._start()

    def _start(self) -> Gateway:
        gateway = proofs.running_gateway(
            self._sandbox,
            self._folder,
            store=self._store,
            token=self.token,
            RELAYPASS_SEAL_KEY=self._seal_key,
        )
        return self._stack.enter_context(gateway)


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


class Caller:
    """Repeats a request at the other replica when the connection breaks or the error says so."""

    def __init__(self, replicas: Replicas, sandbox: Sandbox, number: int) -> None:
        self._replicas = replicas
        self._sandbox = sandbox
        self._prefers = number
        self.repeated: Counter[str] = Counter()

    def ask(self, request: Callable[[str], Answer]) -> Answer:
        """The first answer that is none of those."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                answer = request(self._replicas.url(self._prefers))
            except (OSError, http.client.HTTPException):
                self.repeated["a broken connection"] += 1
            else:
                if not answer.is_retryable:
                    return answer
                self.repeated[answer.code] += 1
            self._prefers += 1
            time.sleep(0.02)
        raise AssertionError(f"no answer in {PATIENCE} s, after {self.repeated}")

    def three_steps(self) -> None:
        relay = proofs.read_relay(self.ask(proofs.create))
        self._sandbox.finish(relay.token)
        name = secrets.token_hex(16)
        api_key = self._sandbox.production_api_key
        privacy_pass = proofs.read_pass(self.ask(lambda url: proofs.issue(url, api_key, name)))
        redeemed = self.ask(lambda url: proofs.redeem(url, relay, privacy_pass))
        assert proofs.read_claim(redeemed) == "passed"

    def verification(self) -> None:
        operator = proofs.bearer(self._replicas.token)
        body = {"claim-type": CLAIM_TYPE, "reference": secrets.token_hex(16)}
        started = self.ask(lambda url: call(url, "POST", "/verifications", body, operator))
        assert started.status == 201, (started.status, started.code)
        proofs.visit(started.json["hosted-url"])
        path = f"/verifications/{started.json['id']}/complete"
        completed = self.ask(lambda url: call(url, "POST", path, {}, operator))
        assert completed.status == 200, (completed.status, completed.code)
        assert completed.json["status"] == "passed"
        assert completed.json["claim"]["claim-type"] == CLAIM_TYPE
        assert completed.json["claim"]["claim-result"] == "passed"


def test_a_replica_is_killed_every_two_seconds(
    sandbox: Sandbox, replicas: Replicas, say: Say
) -> None:
    sandbox.settings(record_requests=False)
    over = threading.Event()
    counting = threading.Lock()
    delivered: Counter[str] = Counter()
    repeated: Counter[str] = Counter()
    wrong: list[str] = []

    def keep_calling(number: int, kind: str) -> None:
        caller = Caller(replicas, sandbox, number)
        flow = caller.three_steps if kind == "three steps" else caller.verification
        while not over.is_set():
            try:
                flow()
            except Exception as error:
                with counting:
                    wrong.append(f"{kind}: {error!r}")
                break
            with counting:
                delivered[kind] += 1
        with counting:
            repeated.update(caller.repeated)

    kinds = ["three steps", "verification"] * CALLERS
    callers = [
        threading.Thread(target=keep_calling, args=(number, kind))
        for number, kind in enumerate(kinds)
    ]
    for caller in callers:
        caller.start()
    kills = 0
    try:
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            time.sleep(PERIOD)
            struck = random.randrange(2)
            replicas.kill(struck)
            kills += 1
            replicas.start_again(struck)
    finally:
        over.set()
        for caller in callers:
            caller.join()

    ledger = sandbox.ledger()
    say(
        f"replicas: {kills} kills in {SECONDS} s, {delivered.total()} claims delivered "
        f"({dict(delivered)}), {repeated.total()} requests repeated ({dict(repeated)}), "
        f"{ledger['billed']} billed, {ledger['redeemed']} redeemed, "
        f"{ledger['double_spends']} double spends, {len(wrong)} errors"
    )
    assert wrong == []
    assert kills >= SECONDS // PERIOD - 1
    assert repeated["a broken connection"] > 0
    assert min(delivered[kind] for kind in kinds) > 0
    proofs.assert_billed_once_each(sandbox, delivered.total())


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
