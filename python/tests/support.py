"""What the tests stand on: the sandbox, servers that misbehave, and scripts in a process apart."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import relaypass
from relaypass import _native

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "python"
CLI = Path(os.environ.get("RELAYPASS_CLI", REPOSITORY / "target/debug/relaypass"))

CLAIM_TYPE = "age_over18_verified"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"

hooks: Any = _native
"""With what only builds for tests have: the stub that people install does not know of it."""


class Sandbox:
    """A running sandbox and its control calls."""

    def __init__(self, ready: dict[str, str]) -> None:
        self.url = ready["url"]
        self.api_key = ready["api_key"]
        self.production_api_key = ready["production_api_key"]
        self.ca_pem = ready.get("ca_pem")

    @property
    def options(self) -> dict[str, Any]:
        """For a client that needs nobody to finish its relays, and waits for no random moment."""
        return {
            "api_key": self.api_key,
            "base_url": self.url,
            "ca_pem": self.ca_pem,
            "purchase_window": 0,
        }

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_sandbox/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as response:
            return json.load(response)

    def fault(self, step: str, fault: str, **members: Any) -> None:
        self.control("faults", {"faults": [{"step": step, "fault": fault, **members}]})


@contextmanager
def run_sandbox(*arguments: str) -> Iterator[Sandbox]:
    process = subprocess.Popen(
        [CLI, "sandbox", "--until-stdin-closes", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Sandbox(json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=10)


class DictStore:
    """A store of a user's, in memory. Stores may share their records, as processes do."""

    def __init__(self, records: dict[str, relaypass.StoreRecord] | None = None) -> None:
        self.records = {} if records is None else records

    def load(self, key: str) -> relaypass.StoreRecord | None:
        return self.records.get(key)

    def compare_and_swap(
        self, key: str, expected: int | None, new: relaypass.StoreRecord | None
    ) -> bool:
        with LOCK:
            there = self.records.get(key)
            if (None if there is None else there.version) != expected:
                return False
            if new is None:
                self.records.pop(key, None)
            else:
                self.records[key] = new
            return True

    def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        with LOCK:
            found = {key: it for key, it in self.records.items() if key.startswith(prefix)}
        if due_before is None:
            return sorted(found)[:limit]
        due = [(it.due_at, key) for key, it in found.items() if it.due_at is not None]
        return [key for due_at, key in sorted(due) if due_at <= due_before][:limit]


class AsyncDictStore:
    """:class:`DictStore`, to be awaited. It gives way once in every method."""

    def __init__(self, records: dict[str, relaypass.StoreRecord] | None = None) -> None:
        self.plain = DictStore(records)
        self.records = self.plain.records

    async def load(self, key: str) -> relaypass.StoreRecord | None:
        await asyncio.sleep(0)
        return self.plain.load(key)

    async def compare_and_swap(
        self, key: str, expected: int | None, new: relaypass.StoreRecord | None
    ) -> bool:
        await asyncio.sleep(0)
        return self.plain.compare_and_swap(key, expected, new)

    async def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        await asyncio.sleep(0)
        return self.plain.scan(prefix, due_before, limit)


LOCK = threading.Lock()


@contextmanager
def run_services() -> Iterator[dict[str, str | None]]:
    """PostgreSQL and Redis, where this system has them."""
    process = subprocess.Popen(
        [REPOSITORY / "tests/services/run"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        services: dict[str, str | None] = json.loads(process.stdout.readline())
        yield services
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=30)


class SilentServer:
    """Accepts connections and never answers. It notices when a connection ends."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.opened = threading.Semaphore(0)
        self.closed = threading.Semaphore(0)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._listen, args=(connection,), daemon=True).start()

    def _listen(self, connection: socket.socket) -> None:
        with connection:
            if connection.recv(1):
                self.opened.release()
            while self._receives(connection):
                pass
        self.closed.release()

    @staticmethod
    def _receives(connection: socket.socket) -> bool:
        try:
            return bool(connection.recv(65536))
        except ConnectionError:
            return False

    def stop(self) -> None:
        # close() alone does not wake a thread that is in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def start_script(code: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Starts Python code in a process of its own, which leads a group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def run_script(code: str, *arguments: str, timeout: float = 20, **options: Any) -> str:
    """Runs Python code in a process of its own, which must end well and in time, and silently but
    for its standard output."""
    with start_script(code, *arguments, **options) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            # Its children too: they hold the other ends of its pipes.
            os.killpg(process.pid, signal.SIGKILL)
            output, errors = process.communicate()
            raise AssertionError(f"hangs after {output!r} {errors!r}") from None
    assert process.returncode == 0, (process.returncode, output, errors)
    assert errors == "", errors
    return output
