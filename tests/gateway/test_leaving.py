"""Callers who leave, and a gateway that is told to leave: what was begun is finished."""

from __future__ import annotations

import http.client
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

import proofs
from loud import Say, missing
from proofs import Gateway, at_once
from sandbox import Sandbox
from wire import answers, connected, request


@pytest.fixture(scope="module")
def served(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with proofs.running_gateway(running, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def gateway(served: Gateway, sandbox: Sandbox) -> Iterator[Gateway]:
    with proofs.unharmed(served, sandbox):
        yield served


@pytest.mark.parametrize("fault", ["delay", "delay_before_commit"])
def test_a_caller_who_leaves_during_a_redeem_has_the_claim_with_the_next_call(
    gateway: Gateway, sandbox: Sandbox, fault: str
) -> None:
    relay, privacy_pass = proofs.ready_to_redeem(gateway.url, sandbox)
    sandbox.faults({"step": "redeem", "fault": fault, "milliseconds": 1_000})
    body = f'{{"privacy-pass-token":"{privacy_pass}"}}'.encode()
    secret = f"Persona-Relay-Secret: {relay.secret}"
    with connected(gateway) as connection:
        connection.sendall(request("POST", f"/relays/{relay.token}/redeem", body, secret))
        wait_until_struck(sandbox)
    redeemed = proofs.redeem(gateway.url, relay, privacy_pass)
    assert proofs.read_claim(redeemed) == "passed"
    proofs.assert_billed_once_each(sandbox, 1)


def test_a_gateway_that_is_told_to_stop_answers_what_is_in_flight(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with proofs.running_gateway(sandbox, tmp_path) as gateway, ExitStack() as stack:
        relay, privacy_pass = proofs.ready_to_redeem(gateway.url, sandbox)
        # Somebody who is connected and asks nothing is not waited for.
        idle = stack.enter_context(connected(gateway))
        sandbox.faults({"step": "redeem", "fault": "delay", "milliseconds": 1_500})

        def stop() -> None:
            wait_until_struck(sandbox)
            gateway.terminate()
            wait_until_refused(gateway)
            with pytest.raises(ConnectionRefusedError):
                gateway.call("GET", "/readyz")
            assert gateway.process.poll() is None, "it ended with a call in flight"
            assert list(answers(idle)) == []

        def ask() -> None:
            redeemed = proofs.redeem(gateway.url, relay, privacy_pass)
            assert proofs.read_claim(redeemed) == "passed"

        at_once([ask, stop])
        assert gateway.process.wait(timeout=10) == 0
    proofs.assert_billed_once_each(sandbox, 1)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_stop_does_not_wait_for_who_says_nothing(
    sandbox: Sandbox, tmp_path: Path, say: Say, scheme: str
) -> None:
    settings = {}
    if scheme == "https":
        if shutil.which("openssl") is None:
            missing("openssl is not installed", say)
        proofs.make_certificate(tmp_path, "certificate.pem", "key.pem")
        settings["RELAYPASS_TLS_CERT"] = str(tmp_path / "certificate.pem")
        settings["RELAYPASS_TLS_KEY"] = str(tmp_path / "key.pem")
    with proofs.running_gateway(sandbox, tmp_path, **settings) as gateway, connected(gateway):
        # The connection has been accepted when one that came later is answered, or is refused.
        with connected(gateway) as later:
            later.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert later.recv(1)
        proofs.eventually(lambda: heeds(gateway, signal.SIGTERM))
        gateway.terminate()
        assert gateway.process.wait(timeout=6) == 0


def heeds(gateway: Gateway, number: signal.Signals) -> bool:
    """Whether the process has a handler for this signal."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    (caught,) = (line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def test_a_gateway_that_is_ready_heeds_a_stop_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    for _ in range(10):
        with proofs.running_gateway(sandbox, tmp_path, store="memory") as gateway:
            gateway.terminate()
            assert gateway.process.wait(timeout=6) == 0


def test_a_stop_waits_no_longer_than_it_may(sandbox: Sandbox, tmp_path: Path) -> None:
    with proofs.running_gateway(sandbox, tmp_path, "--grace-seconds", "1") as gateway:
        sandbox.faults({"step": "create", "fault": "delay", "milliseconds": 15_000})

        def stop() -> float:
            wait_until_struck(sandbox)
            gateway.terminate()
            began = time.monotonic()
            gateway.process.wait(timeout=30)
            return time.monotonic() - began

        def ask() -> float:
            with suppress(OSError, http.client.HTTPException):
                proofs.create(gateway.url)
            return 0.0

        assert max(at_once([ask, stop])) < 1 + 6


def wait_until_refused(gateway: Gateway) -> None:
    def is_refused() -> bool:
        try:
            socket.create_connection(gateway.address, timeout=5).close()
        except ConnectionRefusedError:
            return True
        return False

    proofs.eventually(is_refused)


def wait_until_struck(sandbox: Sandbox) -> None:
    """Waits until the fault is at work: the call has come to Persona."""
    proofs.eventually(lambda: bool(sandbox.control("faults")["faults"] == []))
