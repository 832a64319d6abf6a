"""Two gateways that share a database, and callers that keep both busy and repeat what they may."""

from __future__ import annotations

import http.client
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import proofs
from proofs import CLAIM_TYPE, Answer, Gateway, call
from sandbox import Sandbox

# Callers of each kind, each with one flow at a time.
CALLERS = 3
KINDS = ["three steps", "verification"] * CALLERS
# How long a caller repeats a request.
PATIENCE = 60.0


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


class Load:
    """What callers were delivered, had to repeat, and could not make sense of."""

    def __init__(self, replicas: Replicas, sandbox: Sandbox) -> None:
        self._replicas = replicas
        self._sandbox = sandbox
        self._counting = threading.Lock()
        self.over = threading.Event()
        self.delivered: Counter[str] = Counter()
        self.repeated: Counter[str] = Counter()
        self.wrong: list[str] = []

    def keep_calling(self, number: int, kind: str) -> None:
        caller = Caller(self._replicas, self._sandbox, number)
        flow = caller.three_steps if kind == "three steps" else caller.verification
        while not self.over.is_set():
            try:
                flow()
            except Exception as error:
                with self._counting:
                    self.wrong.append(f"{kind}: {error!r}")
                break
            with self._counting:
                self.delivered[kind] += 1
        with self._counting:
            self.repeated.update(caller.repeated)

    def __str__(self) -> str:
        ledger = self._sandbox.ledger()
        return (
            f"{self.delivered.total()} claims delivered ({dict(self.delivered)}), "
            f"{self.repeated.total()} requests repeated ({dict(self.repeated)}), "
            f"{ledger['billed']} billed, {ledger['redeemed']} redeemed, "
            f"{ledger['double_spends']} double spends, {len(self.wrong)} errors"
        )

    def assert_nothing_was_lost(self) -> None:
        """Each kind got its claims, each cost one pass, and nobody met what he could not repeat."""
        assert self.wrong == []
        assert self.repeated["a broken connection"] > 0
        assert min(self.delivered[kind] for kind in KINDS) > 0
        proofs.assert_billed_once_each(self._sandbox, self.delivered.total())


@contextmanager
def under_load(replicas: Replicas, sandbox: Sandbox) -> Iterator[Load]:
    """Callers of both kinds for as long as the block runs; the last flow of each ends after it."""
    sandbox.settings(record_requests=False)
    load = Load(replicas, sandbox)
    callers = [
        threading.Thread(target=load.keep_calling, args=(number, kind))
        for number, kind in enumerate(KINDS)
    ]
    for caller in callers:
        caller.start()
    try:
        yield load
    finally:
        load.over.set()
        for caller in callers:
            caller.join()
