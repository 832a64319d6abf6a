"""The stand-in for Persona, as ``relaypass sandbox`` serves it, and what it recorded."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).resolve().parents[2]
CLI = Path(os.environ.get("RELAYPASS_CLI", ROOT / "target" / "debug" / "relaypass"))

# A proxy of the environment has no business on loopback.
_OPENER = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class Exchange:
    """A request as it came over the wire, and the answer to it. They hold credentials, so a failing
    test must not show them."""

    connection: int
    method: str
    path: str
    request_headers: list[tuple[str, str]] = field(repr=False)
    body: str = field(repr=False)
    status: int | None = None
    answer_headers: list[tuple[str, str]] = field(default_factory=list, repr=False)
    answer_body: str = field(default="", repr=False)
    fault: str | None = None

    @classmethod
    def read(cls, logged: dict[str, Any]) -> Exchange:
        answer = logged["response"] or {"status": None, "headers": [], "body": ""}
        return cls(
            connection=logged["connection"],
            method=logged["method"],
            path=logged["path"],
            request_headers=[(name, value) for name, value in logged["headers"]],
            body=logged["body"],
            status=answer["status"],
            answer_headers=[(name, value) for name, value in answer["headers"]],
            answer_body=answer["body"],
            fault=logged["fault"],
        )

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers by their names in lower case."""
        return {name.lower(): value for name, value in self.request_headers}

    @property
    def request_text(self) -> str:
        """All of the request, to be searched."""
        return f"{self.path} {self.request_headers} {self.body}"

    @property
    def step(self) -> str:
        """Which of the four calls it is."""
        if self.path == "/api/v1/privacy-passes":
            return "sign"
        if self.path == "/api/privacy/v1/relays/challenge":
            return "challenge"
        return "redeem" if self.path.endswith("/generate-claim") else "create"

    @property
    def answer(self) -> dict[str, Any]:
        """The answer's body."""
        parsed = json.loads(self.answer_body)
        assert isinstance(parsed, dict)
        return parsed


class Sandbox:
    """A running sandbox and its control calls."""

    def __init__(self, ready: dict[str, str]) -> None:
        self.url = ready["url"]
        self.api_key = ready["api_key"]
        self.production_api_key = ready["production_api_key"]

    def reset(self) -> None:
        self.control("reset", {})

    def faults(self, *faults: dict[str, Any]) -> None:
        self.control("faults", {"faults": list(faults)})

    def settings(self, **settings: Any) -> None:
        self.control("settings", settings)

    def finish(self, relay_token: str, result: str = "passed") -> None:
        self.control(f"relays/{relay_token}/finish", {"result": result})

    def ledger(self) -> dict[str, int]:
        ledger: dict[str, int] = self.control("ledger")
        return ledger

    def exchanges(self) -> list[Exchange]:
        """The recorded requests since the last reset, oldest first."""
        exchanges = [Exchange.read(logged) for logged in self.control("requests")["requests"]]
        # Through a proxy of HTTP, which the sandbox stands in for as well, a path is a whole URL.
        return [replace(it, path=it.path.removeprefix(self.url)) for it in exchanges]

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """A control call: ``POST`` with a body, ``GET`` without."""
        data = None if body is None else json.dumps(body).encode()
        return json.loads(send(f"{self.url}/_sandbox/{path}", data)[1])

    def control_delete(self, path: str) -> None:
        """A control call that empties what it names."""
        send(f"{self.url}/_sandbox/{path}", None, method="DELETE")


def send(
    url: str, data: bytes | None, headers: dict[str, str] | None = None, method: str | None = None
) -> tuple[int, bytes]:
    """One request, by hand: ``POST`` with a body, ``GET`` without, unless ``method`` says
    otherwise. An error status is an answer like any other."""
    headers = {"content-type": "application/json"} | (headers or {})
    request = Request(url, data=data, headers=headers, method=method)
    try:
        with _OPENER.open(request, timeout=30) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            if "/_sandbox/" in url:
                raise
            return error.code, error.read()


@contextmanager
def running_sandbox(*flags: str) -> Iterator[Sandbox]:
    """A sandbox for as long as the block runs; it ends when its standard input closes."""
    if not CLI.exists():
        raise FileNotFoundError(f"{CLI} is not built: cargo build -p relaypass-cli")
    process = subprocess.Popen(
        [CLI, "sandbox", "--until-stdin-closes", *flags],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Sandbox(json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=30)
