"""Nothing that the gateway logs, counts, stores or says with an error holds a secret, and nothing
that its callers send beside their request reaches Persona.
"""

from __future__ import annotations

import base64
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import leaks
import pytest
from echo import echoing
from test_wire import COMMON, OWN

import proofs
import scan_output
from loud import Say, missing
from proofs import CLAIM_TYPE, Answer, Gateway, Relay, bearer, call
from sandbox import CLI, Exchange, Sandbox
from stores import postgres_url, running_services

# What every flow has that goes well.
KINDS = {
    "a caller's idempotency key",
    "a pass",
    "a relay secret",
    "a session token",
    "an API key",
    "an idempotency key",
    "the nonce of a pass",
    "the operator's token",
    "the seal key",
    "the signature of a pass",
}


@dataclass
class Watched:
    """A gateway that logs all it can, what it answered, and the secrets that were about."""

    gateway: Gateway
    sandbox: Sandbox
    seal_key: str
    answers: list[Answer] = field(default_factory=list)
    own_secrets: dict[str, str] = field(default_factory=dict)

    def secrets(self, *exchanges: Exchange) -> dict[str, str]:
        """All that were known to callers, to the gateway or to Persona."""
        keys = (self.sandbox.api_key, self.sandbox.production_api_key)
        return (
            leaks.secrets_of([*self.sandbox.exchanges(), *exchanges])
            | dict.fromkeys(keys, "an API key")
            | {self.gateway.token: "the operator's token"}
            | {self.seal_key: "the seal key", key_bytes(self.seal_key).hex(): "the seal key"}
            | self.own_secrets
        )

    def play(
        self, *, visitor: str = "passed", api_key: str | None = None, repeats: int = 1
    ) -> None:
        """Everything that callers do, well and badly, whatever comes of it."""
        url, name = self.gateway.url, f"order-{secrets.token_hex(16)}"
        api_key = api_key or self.sandbox.production_api_key
        self.own_secrets |= {name: "a caller's idempotency key", api_key: "an API key"}

        created = self.note(proofs.create(url))
        relay = Relay("relay_0", self.secret("a relay secret"), "")
        if created.status == 201:
            relay = proofs.read_relay(created)
            self.sandbox.finish(relay.token, visitor)
        issued = [self.note(proofs.issue(url, api_key, name)) for _ in range(repeats)]
        if repeats > 1:
            self.note(proofs.issue(url, api_key))
        privacy_pass = self.secret("a pass")
        if issued[0].status == 201:
            privacy_pass = proofs.read_pass(issued[0])
        strange = Relay(relay.token, self.secret("a relay secret"), "")
        for shown in (*[relay] * repeats, strange):
            self.note(proofs.redeem(url, shown, privacy_pass))
        self.note(proofs.redeem(url, relay, self.secret("a pass")))
        self._verify(visitor, repeats)

    def _verify(self, visitor: str, repeats: int) -> None:
        url, operator = self.gateway.url, self.gateway.operator
        reference = self.secret("a reference")
        body = {"claim-type": CLAIM_TYPE, "reference": reference}
        started = self.note(call(url, "POST", "/verifications", body, operator))
        id = "0"
        if started.status == 201:
            id = started.json["id"]
            if visitor == "passed":
                proofs.visit(started.json["hosted-url"])
        for _ in range(repeats):
            self.note(call(url, "POST", f"/verifications/{id}/complete", {}, operator))
        self.note(call(url, "GET", f"/verifications/{id}", None, operator))
        wrong = bearer(self.secret("a wrong token"))
        self.note(call(url, "GET", f"/verifications/{id}", None, wrong))

    def secret(self, what: str) -> str:
        """A new one of the callers."""
        made = f"canary/{secrets.token_urlsafe(18)}+"
        self.own_secrets[made] = what
        return made

    def note(self, answer: Answer) -> Answer:
        self.answers.append(answer)
        return answer

    def assert_nothing_leaked(self, *stored: bytes, known: dict[str, str]) -> None:
        report = self.gateway.call("GET", "/privacy", None, self.gateway.operator)
        assert report.status == 200
        places = {
            "the log": self.gateway.log(),
            "the metrics": self.gateway.call("GET", "/metrics").text,
            "the privacy report": report.text,
            "an error": " ".join(it.text for it in self.answers if it.status >= 400),
            "a header": " ".join(str(it.headers) for it in self.answers),
            "the store": " ".join(it.decode("latin-1") for it in stored),
        }
        found = [
            f"{place}: {leak}"
            for place, text in places.items()
            for leak in leaks.found_in(text, known)
        ]
        assert not found, "\n".join(found)
        assert not any(key_bytes(self.seal_key) in it for it in stored)
        assert list(scan_output.findings(places["the log"])) == []
        # There was something to search.
        requests = {it.headers["request-id"] for it in self.answers}
        assert all(request in places["the log"] for request in requests)
        assert '"level":"TRACE"' in places["the log"]
        assert any(it.status >= 400 for it in self.answers)


def key_bytes(seal_key: str) -> bytes:
    return base64.b64decode(seal_key)


TALKATIVE = ["--log", "trace", "--retries", "1"]


@pytest.fixture
def watched(sandbox: Sandbox, tmp_path: Path) -> Iterator[Watched]:
    seal_key = proofs.random_seal_key()
    with proofs.running_gateway(
        sandbox, tmp_path, *TALKATIVE, RELAYPASS_SEAL_KEY=seal_key
    ) as gateway:
        yield Watched(gateway, sandbox, seal_key)


def sqlite_files(folder: Path) -> list[bytes]:
    """The database and what lies beside it."""
    files = sorted(folder.glob("gateway.sqlite*"))
    assert {file.name for file in files} >= {"gateway.sqlite", "gateway.sqlite-wal"}
    stored = [file.read_bytes() for file in files]
    assert any(b"redemption/" in it for it in stored)
    return stored


@pytest.mark.parametrize("visitor", ["passed", "failed"])
def test_a_flow_that_ends_well_leaks_nothing(
    watched: Watched, tmp_path: Path, visitor: str
) -> None:
    watched.play(visitor=visitor, repeats=2)
    known = watched.secrets()
    assert set(known.values()) >= KINDS
    assert {answer.status for answer in watched.answers} >= {200, 201, 400, 401}
    watched.assert_nothing_leaked(*sqlite_files(tmp_path), known=known)


def test_postgresql_holds_no_secret(sandbox: Sandbox, tmp_path: Path, say: Say) -> None:
    if shutil.which("pg_dump") is None:
        missing("pg_dump is not installed", say)
    seal_key = proofs.random_seal_key()
    with running_services() as services:
        if services["postgres"] is None:
            missing("PostgreSQL is not installed", say)
        store = postgres_url(services["postgres"])
        with proofs.running_gateway(
            sandbox, tmp_path, *TALKATIVE, store=store, RELAYPASS_SEAL_KEY=seal_key
        ) as gateway:
            watched = Watched(gateway, sandbox, seal_key)
            watched.play()
            sandbox.faults({"step": "redeem", "fault": "status", "status": 500, "times": 0})
            watched.play()
            dump = subprocess.run(["pg_dump", store], capture_output=True, check=True).stdout
            assert all(kind in dump for kind in (b"purchase/", b"redemption/", b"verification/"))
            known = watched.secrets() | {store: "the store's address"}
            assert set(known.values()) >= KINDS
            watched.assert_nothing_leaked(dump, known=known)


def always(step: str, fault: str, **members: Any) -> dict[str, Any]:
    return {"step": step, "fault": fault, "times": 0, **members}


FAULTS: dict[str, dict[str, Any]] = {
    "Persona fails": always("any", "status", status=500),
    "Persona fails for good": always("sign", "status", status=500, stored=True),
    "Persona is overrun": always("any", "status", status=429, headers={"ratelimit-reset": "1"}),
    "no relay": always("create", "drop_before_commit"),
    "no challenge": always("challenge", "drop_after_commit"),
    "no pass": always("sign", "drop_after_commit"),
    "no claim": always("redeem", "drop_after_commit"),
    "half a relay": always("create", "truncate"),
    "half a pass": always("sign", "truncate"),
    "half a claim": always("redeem", "truncate"),
    "the signature is wrong": always("sign", "wrong_signature"),
    "the key is refused": always("sign", "status", status=401),
    "the key may not": always("sign", "status", status=403),
    "the pass is refused": always("redeem", "status", status=401),
    "the pass is in use": always("redeem", "status", status=409),
    "the answer is no JSON": always("any", "respond", body="<html>"),
    "the answer is a redirect": always("any", "redirect"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_an_error_leaks_nothing(
    watched: Watched, sandbox: Sandbox, tmp_path: Path, fault: dict[str, Any]
) -> None:
    watched.play()
    sandbox.faults(fault)
    watched.play()
    assert any(exchange.fault == fault["fault"] for exchange in sandbox.exchanges())
    watched.assert_nothing_leaked(*sqlite_files(tmp_path), known=watched.secrets())


def test_a_wrong_api_key_does_not_leak(watched: Watched, tmp_path: Path) -> None:
    watched.play()
    wrong = "persona_production_" + "4Nf0unDkEy" * 3
    watched.play(api_key=wrong)
    known = watched.secrets()
    assert wrong in known
    watched.assert_nothing_leaked(*sqlite_files(tmp_path), known=known)


@pytest.mark.parametrize(("status", "html"), [(422, False), (401, False), (200, True)])
@pytest.mark.parametrize("step", ["create", "challenge", "sign", "redeem"])
def test_what_persona_repeats_does_not_leak(
    sandbox: Sandbox, tmp_path: Path, step: str, status: int, html: bool
) -> None:
    seal_key = proofs.random_seal_key()
    settings = {"RELAYPASS_SEAL_KEY": seal_key}
    with (
        echoing(sandbox, step, status, html=html) as echo,
        proofs.running_gateway(
            sandbox, tmp_path, *TALKATIVE, base_url=echo.url, **settings
        ) as gateway,
    ):
        watched = Watched(gateway, sandbox, seal_key)
        watched.play()
        assert echo.exchanges
        stored = [file.read_bytes() for file in tmp_path.glob("gateway.sqlite*")]
        watched.assert_nothing_leaked(*stored, known=watched.secrets(*echo.exchanges))


def test_traces_hold_no_secret(sandbox: Sandbox, tmp_path: Path, say: Say) -> None:
    described = subprocess.run([CLI, "gateway", "--help"], capture_output=True, check=True).stdout
    if b"--otel" not in described:
        missing("the command is built without its feature otel", say)
    seal_key = proofs.random_seal_key()
    with collecting() as collector:
        flags = [*TALKATIVE, "--otel", f"{collector.url}/v1/traces"]
        settings = {"RELAYPASS_SEAL_KEY": seal_key}
        with proofs.running_gateway(sandbox, tmp_path, *flags, **settings) as gateway:
            watched = Watched(gateway, sandbox, seal_key)
            watched.play()
            watched.play(api_key="persona_production_" + "4Nf0unDkEy" * 3)
            watched.assert_nothing_leaked(known=watched.secrets())
    # What is left is sent when it stops.
    traced = b"".join(collector.received)
    asked = [answer.headers["request-id"].encode() for answer in watched.answers]
    assert [request for request in asked if request not in traced] == []
    assert leaks.found_in(traced.decode("latin-1"), watched.secrets()) == []
    assert key_bytes(seal_key) not in traced


@dataclass
class Collector:
    """Where traces go."""

    url: str
    received: list[bytes] = field(default_factory=list, repr=False)


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.received += [str(self.headers).encode(), body]
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Stays silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_seal_key_of_a_sqlite_file_is_in_no_other_file(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with proofs.running_gateway(sandbox, tmp_path, *TALKATIVE) as gateway:
        key_file = tmp_path / "gateway.sqlite.seal-key"
        watched = Watched(gateway, sandbox, key_file.read_text().strip())
        watched.play()
        stored = [
            file.read_bytes()
            for file in tmp_path.iterdir()
            if file not in (key_file, gateway.log_file)
        ]
        assert len(stored) >= 2
        watched.assert_nothing_leaked(*stored, known=watched.secrets())


# What a caller's own HTTP library, proxy or tracer may put on his request.
CALLERS_OWN = {
    "accept-language": "canary",
    "baggage": "user=canary",
    "b3": "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1",
    "cookie": "canary=1",
    "forwarded": "for=192.0.2.1",
    "idempotency-key": "canary-key",
    "origin": "https://canary.example",
    "persona-version": "canary",
    "referer": "https://canary.example/order/1",
    "request-id": "canary-request",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate": "vendor=canary",
    "user-agent": "canary/1.0",
    "x-amzn-trace-id": "Root=1-canary",
    "x-forwarded-for": "192.0.2.1",
    "x-request-id": "canary-request",
}

# Parts of the above, none of which may arrive.
TRACES = ("canary", "192.0.2.1", "4bf92f3577b34da6", "80f198ee56343ba8", "traceparent", "forwarded")


def test_nothing_of_the_callers_own_reaches_persona(watched: Watched, sandbox: Sandbox) -> None:
    url = watched.gateway.url
    body = {"claim-type": CLAIM_TYPE}
    created = proofs.read_relay(call(url, "POST", "/relays", body, CALLERS_OWN))
    sandbox.finish(created.token)
    key = CALLERS_OWN | bearer(sandbox.production_api_key)
    issued = proofs.read_pass(call(url, "POST", "/relays/privacy-passes", body, key))
    secret = CALLERS_OWN | {"persona-relay-secret": created.secret}
    path = f"/relays/{created.token}/redeem"
    redeemed = call(url, "POST", path, {"privacy-pass-token": issued}, secret)
    assert proofs.read_claim(redeemed) == "passed"
    operator = CALLERS_OWN | watched.gateway.operator
    started = call(url, "POST", "/verifications", body | {"reference": "canary-order"}, operator)
    proofs.visit(started.json["hosted-url"])
    path = f"/verifications/{started.json['id']}/complete"
    assert call(url, "POST", path, {}, operator).json["status"] == "passed"

    # Without the visitor's.
    exchanges = [it for it in sandbox.exchanges() if it.path.startswith("/api/")]
    assert {it.step for it in exchanges} == set(OWN)
    proofs.assert_billed_once_each(sandbox, 2)
    for exchange in exchanges:
        assert sorted(exchange.headers) == sorted(COMMON + OWN[exchange.step]), exchange.step
        assert len(exchange.headers) == len(exchange.request_headers), "a header is sent twice"
        assert exchange.headers["user-agent"] == "relaypass"
        text = exchange.request_text.lower()
        assert [trace for trace in TRACES if trace in text] == [], exchange.step
        is_named = sandbox.production_api_key in exchange.request_text
        assert is_named == (exchange.step == "sign"), exchange.step
    named = {it.connection for it in exchanges if it.step == "sign"}
    assert not named & {it.connection for it in exchanges if it.step != "sign"}
