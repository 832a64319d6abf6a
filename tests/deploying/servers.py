"""Servers that listen where they are told, for as long as a block runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox import CLI, Sandbox

PATIENCE = 30.0

# Where Debian lays servers; not everybody has it on his path.
SYSTEM = "/usr/sbin"

# The command and environment of a server that listens on this port.
Start = Callable[[int], tuple[list[str], Mapping[str, str]]]

# Where pip lays the commands of what the tests need.
COMMANDS = Path(sys.executable).parent


class DoesNotStart(Exception):
    """A server ended before it listened; the text is what it printed."""


def environment(sandbox: Sandbox, store: str) -> dict[str, str]:
    """What the programs of the page read. The key is that of the production environment, in which a
    visitor has to finish."""
    return {
        "RELAYPASS_API_KEY": sandbox.production_api_key,
        "RELAYPASS_BASE_URL": sandbox.url,
        "RELAYPASS_STORE": store,
        # A proxy of the environment has no business on loopback.
        "NO_PROXY": "127.0.0.1",
    }


def with_path(environment: Mapping[str, str], *folders: Path) -> dict[str, str]:
    """The environment of the tests and this one, with the commands in these folders."""
    path = [str(CLI.parent), *map(str, folders), str(COMMANDS), os.environ["PATH"], SYSTEM]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RELAYPASS_")}
    return {**clean, **environment, "PATH": os.pathsep.join(path)}


@contextmanager
def listening(
    start: Start,
    folder: Path,
    *,
    stop: signal.Signals = signal.SIGTERM,
    **options: Any,
) -> Iterator[tuple[int, subprocess.Popen[bytes], Path]]:
    """The port, the process and the log of a server, which has to end well when it is stopped.

    ``start`` gives its command and environment for a port. If somebody else took the port first, it
    is asked for another one."""
    log = folder / "server.log"
    for is_last in (False, False, True):
        port = _free_port()
        command, environment = start(port)
        with log.open("wb") as file:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                **options,
            )
        try:
            if _is_up(port, process):
                break
            if is_last or "in use" not in log.read_text(errors="replace"):
                raise DoesNotStart(log.read_text(errors="replace")[-2000:])
        except BaseException:
            end(process)
            raise
    try:
        yield port, process, log
        process.send_signal(stop)
        assert process.wait(PATIENCE) == 0, log.read_text(errors="replace")[-2000:]
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends it after a failure, so that it ends its workers before."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def _is_up(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether somebody listens; not if the process ends before."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    return False
