"""Processes that stand still, as those of Lambda and Cloud Run do: between calls, and in one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest

from addresses import Address, leading_to
from gateways import TOKEN, running_gateway
from sandbox import Sandbox
from servers import environment, with_path

# The answer of Persona's that is on its way when the process is stopped, in milliseconds.
UNDER_WAY = 500

# Longer than that, and longer than a request may take: so its time is up when it wakes.
FROZEN = 1.5
TIMEOUT = 1

# So that the call buys the pass: by itself it is bought at a random moment of so many seconds.
LATER = 1200

PROGRAM = """
import os, sys
import relaypass

client = relaypass.RelayPass(
    api_key=os.environ["RELAYPASS_API_KEY"],
    base_url=os.environ["RELAYPASS_BASE_URL"],
    store=os.environ["RELAYPASS_STORE"],
    timeout=float(sys.argv[1]),
    purchase_window=float(sys.argv[2]),
)
started = client.verifications.start(claim_type="age_over18_verified")
print(started.hosted_url, flush=True)
for _ in sys.stdin:
    print(client.verifications.complete(started.id).status, flush=True)
"""


class Frozen:
    """A process that keeps a verification whose visitor has finished."""

    def __init__(
        self, process: subprocess.Popen[bytes], begin: Callable[[], Callable[[], str]]
    ) -> None:
        self._process = process
        # Asks for the answer; what it returns waits for it.
        self.begin = begin

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._process.send_signal(signal.SIGCONT)


Begun = Callable[[Sandbox, Address, Path], AbstractContextManager[Frozen]]


@contextmanager
def package(sandbox: Sandbox, address: Address, folder: Path) -> Iterator[Frozen]:
    """The package in a process of Python."""
    variables = environment(sandbox, f"sqlite:{folder}/store.sqlite")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(TIMEOUT), str(LATER)],
        env=with_path({**variables, "RELAYPASS_BASE_URL": f"http://127.0.0.1:{address.port}"}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asked, answers = process.stdin, process.stdout

    def begin() -> Callable[[], str]:
        asked.write(b"complete\n")
        asked.flush()
        return lambda: answers.readline().decode().strip()

    try:
        _finish(answers.readline().decode().strip())
        yield Frozen(process, begin)
        asked.close()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        answers.close()


@contextmanager
def gateway(sandbox: Sandbox, address: Address, folder: Path) -> Iterator[Frozen]:
    """A gateway, which somebody else asks."""
    keys = {"RELAYPASS_API_KEY": sandbox.production_api_key, "RELAYPASS_GATEWAY_TOKEN": TOKEN}
    with (
        ThreadPoolExecutor(1) as pool,
        running_gateway(
            f"http://127.0.0.1:{address.port}",
            f"--timeout-seconds={TIMEOUT}",
            f"--purchase-window-seconds={LATER}",
            store=f"sqlite:{folder}/store.sqlite",
            environment=keys,
        ) as running,
    ):
        operator = {"authorization": f"Bearer {TOKEN}"}
        body = {"claim-type": "age_over18_verified"}
        started = running.post("/verifications", body, operator).json
        _finish(started["hosted-url"])

        path = f"/verifications/{started['id']}/complete"

        def begin() -> Callable[[], str]:
            asking = pool.submit(running.post, path, {}, operator)
            return lambda: str(asking.result(timeout=60).json["status"])

        yield Frozen(running.process, begin)


def _finish(hosted_url: str) -> None:
    opener = build_opener(ProxyHandler({}))
    opener.open(hosted_url, data=b"result=passed", timeout=30).close()


@pytest.fixture(params=[package, gateway], ids=["package", "gateway"])
def begun(request: pytest.FixtureRequest) -> Begun:
    process: Begun = request.param
    return process


@pytest.mark.parametrize("step", ["sign", "redeem"])
def test_a_process_that_is_frozen_within_a_call_goes_on_with_it(
    step: str, begun: Begun, sandbox: Sandbox, tmp_path: Path
) -> None:
    port = urlsplit(sandbox.url).port
    assert port is not None
    with leading_to(port) as address, begun(sandbox, address, tmp_path) as frozen:
        sandbox.faults({"step": step, "fault": "delay", "milliseconds": UNDER_WAY})
        answer = frozen.begin()
        _wait_until_struck(sandbox)
        frozen.freeze()
        time.sleep(FROZEN)
        frozen.wake()
        assert answer() == "passed"
    _assert_once(sandbox)


def test_a_process_whose_connections_were_cut_while_it_was_frozen_makes_new_ones(
    begun: Begun, sandbox: Sandbox, tmp_path: Path
) -> None:
    port = urlsplit(sandbox.url).port
    assert port is not None
    with leading_to(port) as address, begun(sandbox, address, tmp_path) as frozen:
        frozen.freeze()
        assert address.cut() > 0
        frozen.wake()
        assert frozen.begin()() == "passed"
    _assert_once(sandbox)


def _wait_until_struck(sandbox: Sandbox) -> None:
    deadline = time.monotonic() + 30
    while sandbox.control("faults")["faults"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _assert_once(sandbox: Sandbox) -> None:
    ledger = sandbox.ledger()
    assert (ledger["billed"], ledger["redeemed"], ledger["double_spends"]) == (1, 1, 0)
