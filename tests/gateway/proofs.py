"""What the proofs have in common: a gateway to look into, and the three steps through it."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import gateways
from sandbox import Sandbox

IS_SOAK = os.environ.get("SOAK") == "1"

CLAIM_TYPE = "age_over18_verified"

T = TypeVar("T")


def full_or(full: int, count: int) -> int:
    """How often something is done: the full count in ``make soak``, the other in ``make test``."""
    return full if IS_SOAK else count


def random_token() -> str:
    return secrets.token_urlsafe(24)


def random_seal_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Answer:
    """What came back. It may hold secrets, so a failing test must not show it."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The one error of an answer that is no success, whose form is checked."""
        assert 400 <= self.status < 600, self
        assert set(self.json) == {"errors"}
        (error,) = self.json["errors"]
        assert {"title", "code", "meta"} <= set(error) <= {"title", "details", "code", "meta"}
        assert isinstance(error["meta"]["retryable"], bool)
        assert isinstance(error, dict)
        return error

    @property
    def code(self) -> str:
        """The error's code; ``ok`` of a success."""
        return "ok" if self.status < 400 else str(self.error["code"])

    @property
    def is_retryable(self) -> bool:
        return self.status >= 400 and bool(self.error["meta"]["retryable"])

    @property
    def text(self) -> str:
        """Headers and body, to be searched."""
        return f"{self.headers} {self.body.decode(errors='replace')}"


class Gateway:
    """A running gateway, seen from all sides."""

    def __init__(self, running: gateways.Gateway, token: str, log: Path) -> None:
        self.url = running.url
        self.process = running.process
        self.token = token
        self.log_file = log

    @property
    def address(self) -> tuple[str, int]:
        url = urlsplit(self.url)
        assert url.hostname is not None
        assert url.port is not None
        return url.hostname, url.port

    @property
    def operator(self) -> dict[str, str]:
        """The header that opens the verification endpoints."""
        return bearer(self.token)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        return call(self.url, method, path, body, headers)

    def log(self) -> str:
        """What it wrote to standard error so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def resident_bytes(self) -> int:
        """The memory that the process really has."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def kill(self) -> None:
        """SIGKILL: it has no time to do anything."""
        self.process.kill()
        self.process.wait(timeout=30)

    def terminate(self) -> None:
        """SIGTERM, and no waiting."""
        self.process.send_signal(signal.SIGTERM)


Running = AbstractContextManager[Gateway]


@contextmanager
def running_gateway(
    sandbox: Sandbox,
    folder: Path,
    *flags: str,
    store: str | None = None,
    token: str | None = None,
    base_url: str | None = None,
    **settings: str,
) -> Iterator[Gateway]:
    """A gateway in front of the sandbox, for as long as the block runs. Its log is in this folder,
    and its SQLite file as well unless it is told another store. It buys at once, unless it is told
    otherwise: nothing here waits for a random moment."""
    token = token or random_token()
    credentials = {
        "RELAYPASS_API_KEY": sandbox.production_api_key,
        "RELAYPASS_GATEWAY_TOKEN": token,
        "RELAYPASS_PURCHASE_WINDOW_SECONDS": "0",
    }
    log = folder / f"gateway-{secrets.token_hex(4)}.log"
    with gateways.running_gateway(
        base_url or sandbox.url,
        *flags,
        store=store or sqlite_in(folder),
        environment=credentials | settings,
        log=log,
    ) as running:
        yield Gateway(running, token, log)


def sqlite_in(folder: Path) -> str:
    return f"sqlite:{folder / 'gateway.sqlite'}"


def call(
    url: str,
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
    timeout: float = 60,
) -> Answer:
    """One request on a connection of its own. Bytes are sent as they are, all else as JSON."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    headers = ({} if data is None else {"content-type": "application/json"}) | (headers or {})
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    with contextlib.closing(connection):
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())


def bearer(credential: str) -> dict[str, str]:
    return {"authorization": f"Bearer {credential}"}


@dataclass(frozen=True)
class Relay:
    """What step 1 returned."""

    token: str
    secret: str = field(repr=False)
    session: str = field(repr=False)


def create(url: str) -> Answer:
    return call(url, "POST", "/relays", {"claim-type": CLAIM_TYPE})


def issue(url: str, api_key: str, idempotency_key: str | None = None) -> Answer:
    headers = bearer(api_key)
    if idempotency_key is not None:
        headers["idempotency-key"] = idempotency_key
    return call(url, "POST", "/relays/privacy-passes", {"claim-type": CLAIM_TYPE}, headers)


def redeem(url: str, relay: Relay, privacy_pass: str) -> Answer:
    headers = {"persona-relay-secret": relay.secret}
    body = {"privacy-pass-token": privacy_pass}
    return call(url, "POST", f"/relays/{relay.token}/redeem", body, headers)


def read_relay(answer: Answer) -> Relay:
    members = ("relay-token", "relay-secret", "relay-session-access-token")
    body = _success(answer, 201, *members)
    return Relay(*(body[member] for member in members))


def read_pass(answer: Answer) -> str:
    return str(_success(answer, 201, "privacy-pass-token")["privacy-pass-token"])


def read_claim(answer: Answer) -> str:
    """The result of the claim, for which the pass was spent."""
    body = _success(answer, 200, "claim-payload", "token-consumed")
    claim = json.loads(body["claim-payload"])
    assert claim["claim_type"] == CLAIM_TYPE
    assert body["token-consumed"] is True
    return str(claim["claim_result"])


def _success(answer: Answer, status: int, *members: str) -> dict[str, Any]:
    assert answer.status == status, (answer.status, answer.code)
    assert isinstance(answer.json, dict)
    assert set(answer.json) == set(members)
    return answer.json


def ready_to_redeem(url: str, sandbox: Sandbox) -> tuple[Relay, str]:
    """A relay whose visitor has passed, and a pass for it."""
    relay = read_relay(create(url))
    sandbox.finish(relay.token)
    return relay, read_pass(issue(url, sandbox.production_api_key))


def visit(hosted_url: str) -> None:
    """The visitor passes the check."""
    direct = build_opener(ProxyHandler({}))
    direct.open(Request(hosted_url, data=b"result=passed"), timeout=30).close()


def assert_answers_the_honest(gateway: Gateway, sandbox: Sandbox) -> None:
    """The three steps, each answered well."""
    relay, privacy_pass = ready_to_redeem(gateway.url, sandbox)
    assert read_claim(redeem(gateway.url, relay, privacy_pass)) == "passed"


@contextmanager
def unharmed(gateway: Gateway, sandbox: Sandbox) -> Iterator[None]:
    """After whatever the block does, the honest are answered, and the log knows of no defect."""
    yield
    assert_answers_the_honest(gateway, sandbox)
    assert "panicked" not in gateway.log()
    assert "internal" not in gateway.call("GET", "/metrics").text


def assert_billed_once_each(sandbox: Sandbox, flows: int) -> None:
    ledger = sandbox.ledger()
    ledger.pop("relays")
    assert ledger == {"billed": flows, "redeemed": flows, "refunded": 0, "double_spends": 0}


def make_certificate(folder: Path, certificate: str, key: str) -> None:
    """A certificate of this machine that vouches for itself, and its private key, in PEM."""
    make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=it"
    named = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    command = ["openssl", *make.split(), *named]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def eventually(holds: Callable[[], bool]) -> None:
    """Waits for what has to happen soon."""
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def at_once(calls: Iterable[Callable[[], T]]) -> list[T]:
    """What the calls return, each made on a thread of its own."""
    calls = list(calls)
    with ThreadPoolExecutor(len(calls)) as threads:
        return [asked.result(timeout=120) for asked in [threads.submit(it) for it in calls]]
