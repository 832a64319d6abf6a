"""Callers who are slow, or send too much, or are too many. The gateway bounds what they take, says
what is wrong where it can, and answers the honest ones all the while.
"""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

import proofs
from loud import Say, missing
from proofs import Answer, Gateway, at_once, full_or
from sandbox import Sandbox
from wire import connected, read_answer, request, talk

BOUND = 2.0
BOUNDS = ["--head-seconds", str(BOUND), "--body-seconds", str(BOUND)]
# What a machine that is busy may add.
SLACK = 6.0

IDLE = full_or(10_000, 1_000)
# What so many idle connections may take, in bytes.
MEMORY = 200 << 20

CREATE = b'{"claim-type":"age_over18_verified"}'


@pytest.fixture(scope="module")
def served(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with little patience."""
    folder = tmp_path_factory.mktemp("gateway")
    with proofs.running_gateway(running, folder, *BOUNDS) as gateway:
        yield gateway


@pytest.fixture
def gateway(served: Gateway, sandbox: Sandbox) -> Iterator[Gateway]:
    with proofs.unharmed(served, sandbox):
        yield served


SLOW = {
    "a head": (b"POST /relays HTTP/1.1\r\nHost: gateway\r\nX: ", None),
    "nothing": (b"", None),
    "a body": (b"POST /relays HTTP/1.1\r\nHost: g\r\nContent-Length: 1000\r\n\r\n", 408),
    "a body in chunks": (
        b"POST /relays HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n",
        408,
    ),
}


@pytest.mark.parametrize(("beginning", "status"), SLOW.values(), ids=SLOW.keys())
def test_who_sends_byte_by_byte_is_cut_off(
    gateway: Gateway, sandbox: Sandbox, beginning: bytes, status: int | None
) -> None:
    def drip() -> tuple[list[int], float]:
        with connected(gateway) as connection:
            began = time.monotonic()
            connection.sendall(beginning)
            connection.settimeout(0.2)
            received = b""
            while time.monotonic() - began < BOUND + 2 * SLACK:
                try:
                    if beginning:
                        connection.sendall(b" ")
                    more = connection.recv(65_536)
                except TimeoutError:
                    continue
                except ConnectionError:
                    break
                if not more:
                    break
                received += more
            lines = received.split(b"\r\n")
            statuses = [int(it.split()[1]) for it in lines if it.startswith(b"HTTP/1.1 ")]
            return statuses, time.monotonic() - began

    honest = partial(proofs.assert_answers_the_honest, gateway, sandbox)
    *dripped, _ = at_once([*[drip] * 30, lambda: (honest() or [], 0.0)])
    for statuses, took in dripped:
        assert took < BOUND + SLACK
        # Of a head that never came, nothing is known that could be answered.
        assert status is None or statuses == [status]
        assert status is not None or statuses in ([], [408])


@pytest.mark.parametrize("how", ["its length says so", "in chunks", "after an Expect"])
def test_a_body_that_is_too_large_is_refused(gateway: Gateway, how: str) -> None:
    before = gateway.resident_bytes()
    if how == "in chunks":
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        head = b"POST /relays HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
        data = head + chunk * 200
    else:
        expect = b"Expect: 100-continue\r\n" if how == "after an Expect" else b""
        head = b"POST /relays HTTP/1.1\r\nHost: g\r\nContent-Length: 13107200\r\n"
        data = head + expect + b"\r\n" + b" " * 13_107_200
    at_last = [answer for answer in talk(gateway, data) if answer.status != 100]
    # The answer may be lost on the way to somebody who goes on sending.
    assert [(answer.status, answer.code) for answer in at_last] in (
        [(413, "invalid_argument")],
        [],
    )
    assert gateway.resident_bytes() - before < 8 << 20


def test_a_body_may_be_as_large_as_the_bound(gateway: Gateway) -> None:
    fits = CREATE + b" " * (65_536 - len(CREATE))
    assert [answer.status for answer in talk(gateway, request("POST", "/relays", fits))] == [201]
    (refused,) = talk(gateway, request("POST", "/relays", fits + b" "))
    assert (refused.status, refused.code) == (413, "invalid_argument")


HEADS = {
    "one header of a mebibyte": f"X: {'x' * (1 << 20)}",
    "a thousand headers": "\r\n".join(f"X-{number}: x" for number in range(1_000)),
    "one header a hundred times": "\r\n".join(["Cookie: a=b"] * 100),
    "a name without an end": "x" * 100_000,
}


@pytest.mark.parametrize("flood", HEADS.values(), ids=HEADS.keys())
def test_a_flood_of_headers_is_refused(gateway: Gateway, flood: str) -> None:
    answered = talk(gateway, request("GET", "/healthz", b"", flood))
    assert [answer.status for answer in answered] in ([431], [400], [])


def test_a_path_without_an_end_is_refused(gateway: Gateway) -> None:
    answered = talk(gateway, request("GET", f"/{'x' * 200_000}"))
    assert [answer.status for answer in answered] in ([414], [431], [400], [])


def test_idle_connections_take_little_memory(sandbox: Sandbox, tmp_path: Path, say: Say) -> None:
    allow_open_files(IDLE + 500, say)
    with proofs.running_gateway(sandbox, tmp_path, "--head-seconds", "600") as gateway:
        proofs.assert_answers_the_honest(gateway, sandbox)
        at_first = gateway.resident_bytes()
        with ExitStack() as stack:
            idle = [stack.enter_context(connected(gateway)) for _ in range(IDLE)]
            proofs.assert_answers_the_honest(gateway, sandbox)
            proofs.eventually(lambda: connections(gateway) == IDLE + 1)
            silent = gateway.resident_bytes()
            asked = request("GET", "/healthz", more_follows=True)
            for connection in idle:
                connection.sendall(asked)
            for connection in idle:
                answer = read_answer(connection.makefile("rb"))
                assert answer is not None
                assert answer.status == 200
            proofs.assert_answers_the_honest(gateway, sandbox)
            proofs.eventually(lambda: connections(gateway) == IDLE + 1)
            after_a_request = gateway.resident_bytes()
        proofs.eventually(lambda: connections(gateway) == 1)
        proofs.assert_answers_the_honest(gateway, sandbox)
        say(
            f"idle connections: {IDLE}, memory {at_first >> 20} MiB without, {silent >> 20} MiB "
            f"with them, {after_a_request >> 20} MiB after a request on each, "
            f"{gateway.resident_bytes() >> 20} MiB when they are gone"
        )
    assert max(silent, after_a_request) < MEMORY


def allow_open_files(count: int, say: Say) -> None:
    """Both ends need so many: this process, and the gateway, which inherits the limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < count:
        missing(f"this system allows {most} open files, and {count} are needed", say)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(count, 1024), most))


def connections(gateway: Gateway) -> int:
    """How many it counts as open, the asking one included."""
    metrics = gateway.call("GET", "/metrics").body.decode()
    name = "relaypass_gateway_connections "
    (line,) = (line for line in metrics.splitlines() if line.startswith(name))
    return int(line.removeprefix(name))


def test_calls_beyond_the_bound_are_refused_and_succeed_later(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    most, asked = 4, 16
    with proofs.running_gateway(sandbox, tmp_path, "--max-calls", str(most)) as gateway:
        sandbox.faults({"step": "create", "fault": "delay", "milliseconds": 1_500, "times": most})
        answered = at_once([partial(proofs.create, gateway.url)] * asked)
        assert Counter(answer.status for answer in answered) == {201: most, 503: asked - most}
        refused = [answer for answer in answered if answer.status == 503]
        assert {answer.code for answer in refused} == {"busy"}
        assert all(answer.is_retryable for answer in refused)
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert sandbox.ledger()["relays"] == most

        def patient() -> Answer:
            while (answer := proofs.create(gateway.url)).status == 503:
                time.sleep(0.05)
            return answer

        assert {answer.status for answer in at_once([patient] * asked)} == {201}
        assert gateway.call("GET", "/healthz").status == 200
        proofs.assert_answers_the_honest(gateway, sandbox)


def test_connections_beyond_the_bound_wait_for_their_turn(sandbox: Sandbox, tmp_path: Path) -> None:
    bounds = ["--max-connections", "8", "--head-seconds", "3"]
    with proofs.running_gateway(sandbox, tmp_path, *bounds) as gateway, ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(connected(gateway))
        began = time.monotonic()
        proofs.assert_answers_the_honest(gateway, sandbox)
        assert time.monotonic() - began < 3 + SLACK
