"""Callers who leave, and a gateway that is told to leave: what was begun is finished."""

from __future__ import annotations

import http.client
import json
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
from wire import PATIENCE, answers, connected, request


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


def test_a_caller_who_leaves_is_noted(gateway: Gateway, sandbox: Sandbox) -> None:
    def count() -> int:
        told = gateway.call("GET", "/metrics").body.decode()
        label = 'endpoint="/relays",status="499",code="client_gone"'
        counted = [line for line in told.splitlines() if f"{{{label}}}" in line]
        return int(counted[0].split()[-1]) if counted else 0

    before = count()
    sandbox.faults({"step": "create", "fault": "delay", "milliseconds": 1_000})
    with connected(gateway) as connection:
        name = "Request-Id: somebody-who-leaves"
        body = b'{"claim-type":"age_over18_verified"}'
        connection.sendall(request("POST", "/relays", body, name))
        wait_until_struck(sandbox)
    proofs.eventually(lambda: count() == before + 1)
    lines = [json.loads(line) for line in gateway.log().splitlines()]
    (noted,) = (
        line for line in lines if line.get("span", {}).get("request_id") == "somebody-who-leaves"
    )
    assert (noted["message"], noted["status"], noted["code"]) == (
        "not answered",
        499,
        "client_gone",
    )


def test_a_gateway_that_is_told_to_stop_answers_what_is_in_flight(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with proofs.running_gateway(sandbox, tmp_path) as gateway, ExitStack() as stack:
        relay, privacy_pass = proofs.ready_to_redeem(gateway.url, sandbox)
        # Somebody who is connected and asks nothing is not waited for.
        idle = stack.enter_context(connected(gateway))
        # Long enough that all that `stop` looks at happens while the call is in flight.
        sandbox.faults({"step": "redeem", "fault": "delay", "milliseconds": 6_000})

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


@pytest.mark.parametrize("sent", ["POST /relays HTTP/1.1\r\nHost: ", "P"])
def test_a_stop_does_not_wait_for_half_a_head(sandbox: Sandbox, tmp_path: Path, sent: str) -> None:
    with proofs.running_gateway(sandbox, tmp_path) as gateway, connected(gateway) as connection:
        connection.sendall(sent.encode())
        with connected(gateway) as later:
            later.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert later.recv(1)
        time.sleep(0.3)  # until it has read what was sent
        gateway.terminate()
        time.sleep(0.5)
        assert gateway.process.poll() is None, "half a head did not come to it"
        # But not for the 30 seconds that a head may take.
        assert gateway.process.wait(timeout=10) == 0


def test_a_head_that_is_on_its_way_during_a_stop_is_answered(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with proofs.running_gateway(sandbox, tmp_path) as gateway, connected(gateway) as connection:
        sandbox.faults({"step": "create", "fault": "delay", "milliseconds": 4_000})
        asked = request("POST", "/relays", b'{"claim-type":"age_over18_verified"}')
        connection.sendall(asked[:20])
        with connected(gateway) as later:
            later.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert later.recv(1)
        time.sleep(0.3)  # until it has read what was sent
        gateway.terminate()
        wait_until_refused(gateway)
        connection.sendall(asked[20:])
        assert [answer.status for answer in answers(connection)] == [201]
        assert gateway.process.wait(timeout=10) == 0


def test_a_stop_waits_for_the_pass_that_is_being_bought(sandbox: Sandbox, tmp_path: Path) -> None:
    token = proofs.random_token()
    body = {"claim-type": proofs.CLAIM_TYPE}
    with proofs.running_gateway(sandbox, tmp_path, token=token) as gateway:
        sandbox.faults({"step": "sign", "fault": "delay", "milliseconds": 1_500})
        verification = gateway.call("POST", "/verifications", body, gateway.operator).json
        wait_until_struck(sandbox)
        gateway.terminate()
        assert gateway.process.wait(timeout=10) == 0
    # It is there: nobody needs to ask for it again.
    sandbox.faults({"step": "sign", "fault": "drop_before_commit", "times": 0})
    proofs.visit(verification["hosted-url"])
    with proofs.running_gateway(sandbox, tmp_path, token=token) as gateway:
        path = f"/verifications/{verification['id']}/complete"
        completed = gateway.call("POST", path, None, gateway.operator)
        assert completed.json["status"] == "passed"
    proofs.assert_billed_once_each(sandbox, 1)


def test_who_asks_for_a_stop_twice_does_not_wait(sandbox: Sandbox, tmp_path: Path) -> None:
    with proofs.running_gateway(sandbox, tmp_path) as gateway:
        sandbox.faults({"step": "create", "fault": "delay", "milliseconds": 15_000})

        def ask() -> None:
            with suppress(OSError, http.client.HTTPException):
                proofs.create(gateway.url)

        def stop() -> None:
            wait_until_struck(sandbox)
            gateway.terminate()
            wait_until_refused(gateway)
            assert gateway.process.poll() is None, "it ended with a call in flight"
            gateway.terminate()
            gateway.process.wait(timeout=5)

        at_once([ask, stop])


def test_answers_that_nobody_reads_do_not_hold_a_connection(gateway: Gateway) -> None:
    def connections() -> int:
        told = gateway.call("GET", "/metrics").body.decode()
        (line,) = (it for it in told.splitlines() if it.startswith("relaypass_gateway_connections"))
        return int(line.split()[-1])

    # One is that of the asking.
    proofs.eventually(lambda: connections() == 1)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(PATIENCE)
        connection.connect(gateway.address)
        # More answers than the buffers in between take.
        asked = request("GET", "/openapi.json", more_follows=True) * 1_000
        with suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
            connection.sendall(asked)
        assert connections() == 2
        proofs.eventually(lambda: connections() == 1)


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
        except ConnectionResetError:
            pass  # It waited to be accepted when the listener was closed.
        return False

    proofs.eventually(is_refused)


def wait_until_struck(sandbox: Sandbox) -> None:
    """Waits until the fault is at work: the call has come to Persona."""
    proofs.eventually(lambda: bool(sandbox.control("faults")["faults"] == []))
