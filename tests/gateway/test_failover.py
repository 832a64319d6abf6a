"""A PostgreSQL server is lost under load, and its synchronous standby takes over: nothing that was
stored is missing, nothing is billed twice, and writes go on within seconds, where the address of
the one that is lost refuses connections."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

import proofs
from loads import KINDS, Load, Replicas, under_load
from loud import Say, missing
from proofs import Gateway, full_or
from sandbox import Sandbox
from stores import Server, postgres_url, running_services

FAILOVERS = full_or(6, 1)
# How long there is load before and after each, in seconds.
BETWEEN = full_or(8, 1)
# How long writes may take to go on, from when the other server takes them, in seconds.
RESUMED = 5.0


class Pair:
    """A server that takes writes, and one that has each of them before it is said to be done."""

    def __init__(self, first: Server, folder: Path) -> None:
        self._folder = folder
        self._ports = [urlsplit(first.url).port, _free_port()]
        self.primary = first
        self._standby = first.followed_by(folder / "1", self._ports[1] or 0)
        self._made = 1

    def place(self, database: str) -> str:
        """The URL of a database of theirs, on whichever takes writes."""
        url = urlsplit(database)
        who, _, _ = url.netloc.rpartition("@")
        # The one that follows stands first: it is passed over until it takes writes.
        hosts = ",".join(f"127.0.0.1:{port}" for port in reversed(self._ports))
        return url._replace(netloc=f"{who}@{hosts}").geturl()

    def fail_over(self) -> None:
        """The one ends at once, its address refuses connections, and the other takes its place."""
        self.primary.stop()
        self._standby.promote()
        self.primary = self._standby

    def mend(self) -> None:
        """Where the lost one was, a new one follows."""
        taken = urlsplit(self.primary.url).port
        (port,) = (port for port in self._ports if port != taken)
        self._made += 1
        self._standby = self.primary.followed_by(self._folder / str(self._made), port or 0)

    def close(self) -> None:
        for server in (self._standby, self.primary):
            # One of the two may be both, or gone.
            if server.is_running():
                server.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def pair(say: Say) -> Iterator[Pair]:
    with running_services() as services:
        if services["postgres"] is None:
            missing("PostgreSQL is not installed", say)
        # Its user must be able to write there.
        folder = Path(tempfile.mkdtemp(prefix="failover-"))
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        with ExitStack() as ends:
            ends.callback(shutil.rmtree, folder)
            pair = Pair(Server(services["postgres"]), folder)
            ends.callback(pair.close)
            yield pair


def test_a_standby_is_promoted_under_load(
    sandbox: Sandbox, pair: Pair, tmp_path: Path, say: Say
) -> None:
    database = postgres_url(pair.primary.url)
    resumed: list[float] = []
    with (
        Replicas(sandbox, tmp_path, pair.place(database)) as replicas,
        under_load(replicas, sandbox) as load,
    ):
        for number in range(FAILOVERS):
            if number > 0:
                pair.mend()
            time.sleep(BETWEEN)
            # One of the two gateways is lost with the server.
            replicas.kill(number % 2)
            pair.fail_over()
            resumed.append(writes_go_on(replicas.running[(number + 1) % 2], load))
            replicas.start_again(number % 2)
            time.sleep(BETWEEN)
    slowest = max(resumed)
    say(f"failover: {FAILOVERS} promoted, writes went on after {slowest:.2f} s at most, {load}")
    assert slowest < RESUMED
    load.assert_nothing_was_lost()
    assert_all_is_stored(database, pair, load.delivered["verification"])


def writes_go_on(gateway: Gateway, load: Load) -> float:
    """Waits until the gateway is ready, which is to say that it writes, and callers are delivered
    claims of now; returns after how many seconds it was ready."""
    began = time.monotonic()
    proofs.eventually(lambda: gateway.call("GET", "/readyz").status == 200)
    resumed = time.monotonic() - began
    # Each caller may have had one that was stored before.
    enough = load.delivered.total() + len(KINDS)

    def are_delivered() -> bool:
        # A caller who met what he could not repeat calls no more.
        assert load.wrong == []
        return load.delivered.total() > enough

    proofs.eventually(are_delivered)
    return resumed


def assert_all_is_stored(database: str, pair: Pair, verifications: int) -> None:
    """The server that took over last has a record for each verification that callers know of."""
    there = urlsplit(database)._replace(netloc=urlsplit(pair.primary.url).netloc).geturl()
    with psycopg.connect(there) as connection:
        row = connection.execute(
            "SELECT count(*) FROM relaypass_records WHERE key ~ '^verification/[0-9a-f-]{36}$'"
        ).fetchone()
    assert row is not None
    assert row[0] >= verifications
