"""The gateway, as ``relaypass gateway`` serves it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sandbox import CLI, send

# What callers of the verification endpoints show.
TOKEN = "operator-0123456789abcdef"


class DoesNotStart(Exception):
    """The gateway refused its settings; its log says which."""


@dataclass(frozen=True)
class Answer:
    """What a call was answered with."""

    status: int
    # Answers hold secrets, so a failing test must not show them.
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status})"

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


class Gateway:
    """A running gateway."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url = url
        self.process = process

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """A call with a body in JSON."""
        return Answer(*send(f"{self.url}{path}", json.dumps(body).encode(), dict(headers or {})))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return Answer(*send(f"{self.url}{path}", None, dict(headers or {})))

    def delete(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return Answer(*send(f"{self.url}{path}", None, dict(headers or {}), "DELETE"))


@contextmanager
def running_gateway(
    base_url: str,
    *flags: str,
    store: str,
    listen: str = "127.0.0.1:0",
    environment: Mapping[str, str] | None = None,
    log: int | IO[Any] | Path = subprocess.DEVNULL,
    user: int | None = None,
    program: Path = CLI,
) -> Iterator[Gateway]:
    """A gateway for as long as the block runs; it ends when its standard input closes.

    It sees no setting of the environment that the tests run in, only ``environment``. Its log goes
    to ``log``; a gateway that does not start raises :class:`DoesNotStart`. It runs as ``user``, or
    as whoever runs the tests.
    """
    if not program.exists():
        raise FileNotFoundError(f"{program} is not built: cargo build -p relaypass-cli")
    clean = {name: value for name, value in os.environ.items() if not is_setting(name)}
    command: list[str | Path] = [program, "gateway", "--until-stdin-closes", f"--listen={listen}"]
    with _opened(log) as log_file:
        process = subprocess.Popen(
            [*command, f"--base-url={base_url}", f"--store={store}", *flags],
            env=clean | dict(environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_file,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        ready = process.stdout.readline()
        if not ready:
            raise DoesNotStart(f"exit status {process.wait(timeout=30)}")
        yield Gateway(json.loads(ready)["url"], process)
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=60)


def is_setting(name: str) -> bool:
    return name.startswith(("RELAYPASS_", "OTEL_"))


@contextmanager
def _opened(log: int | IO[Any] | Path) -> Iterator[int | IO[Any]]:
    if isinstance(log, Path):
        with log.open("ab") as file:
            yield file
    else:
        yield log
