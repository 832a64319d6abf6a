"""What whoever runs a gateway relies on: health, readiness, numbers, and a log that can be read."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

import proofs
from addresses import leading_to
from loud import Say, missing
from proofs import CLAIM_TYPE, Answer, Gateway, bearer
from sandbox import Sandbox
from stores import Server, postgres_url, running_services

# Every value that a label may have, whatever is asked.
LABELS = {
    "endpoint": r"/relays|/relays/privacy-passes|/relays/\{relay-token\}/redeem|/verifications"
    r"|/verifications/\{id\}|/verifications/\{id\}/complete|/healthz|/readyz|/metrics|/privacy|other",
    "status": r"[1-5][0-9][0-9]|none",
    "code": r"[a-z_]{2,20}",
    "step": r"create|challenge|sign|redeem",
    "kind": r"[a-z_]{2,30}",
    "le": r"[0-9.]+|\+Inf",
}

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


@pytest.fixture
def gateway(sandbox: Sandbox, tmp_path: Path) -> Iterator[Gateway]:
    with proofs.running_gateway(sandbox, tmp_path) as gateway:
        yield gateway


def test_it_says_that_it_lives_and_is_ready(gateway: Gateway) -> None:
    for path in ("/healthz", "/readyz"):
        answer = gateway.call("GET", path)
        assert (answer.status, answer.json) == (200, {"status": "ok"})
        assert answer.headers["cache-control"] == "no-store"


def test_whoever_asks_whether_it_is_ready_has_it_write_once_a_second_at_most(
    gateway: Gateway, tmp_path: Path
) -> None:
    def written() -> int:
        # Each write is one version more.
        with closing(sqlite3.connect(tmp_path / "gateway.sqlite")) as file:
            asked = "SELECT version FROM relaypass_records WHERE key = 'ready'"
            return int(file.execute(asked).fetchone()[0])

    assert gateway.call("GET", "/readyz").status == 200
    before, began = written(), time.monotonic()
    ready = partial(gateway.call, "GET", "/readyz")
    for _ in range(10):
        assert [answer.status for answer in proofs.at_once([ready] * 8)] == [200] * 8
    assert written() - before <= time.monotonic() - began + 1
    # And it does write, later.
    proofs.eventually(lambda: ready().status == 200 and written() > before)


@pytest.fixture
def server(say: Say) -> Iterator[Server]:
    """A PostgreSQL server that may be stopped."""
    with running_services() as services:
        if services["postgres"] is None:
            missing("PostgreSQL is not installed", say)
        yield Server(services["postgres"])


def test_without_its_database_it_is_not_ready_and_with_it_again_it_is(
    sandbox: Sandbox, tmp_path: Path, server: Server
) -> None:
    with on_postgres(sandbox, tmp_path, server) as gateway:
        assert gateway.call("GET", "/readyz").status == 200
        relay, privacy_pass = proofs.ready_to_redeem(gateway.url, sandbox)
        server.stop()
        assert_is_not_ready(gateway)
        reason = "nothing listens at that host and port"
        proofs.eventually(
            lambda: gateway.call("GET", "/readyz").status == 503 and reason in gateway.log()
        )
        redeemed = proofs.redeem(gateway.url, relay, privacy_pass)
        assert (redeemed.status, redeemed.code) == (503, "store")
        assert redeemed.is_retryable
        assert sandbox.ledger()["redeemed"] == 0
        server.start()
        proofs.eventually(lambda: gateway.call("GET", "/readyz").status == 200)
        redeemed = proofs.redeem(gateway.url, relay, privacy_pass)
        assert proofs.read_claim(redeemed) == "passed"
        proofs.assert_answers_the_honest(gateway, sandbox)
    server.stop()


def test_with_a_database_that_hangs_it_is_not_ready(
    sandbox: Sandbox, tmp_path: Path, server: Server
) -> None:
    with on_postgres(sandbox, tmp_path, server) as gateway:
        assert gateway.call("GET", "/readyz").status == 200
        with hanging(server):
            assert_is_not_ready(gateway)
        proofs.eventually(lambda: gateway.call("GET", "/readyz").status == 200)
        proofs.assert_answers_the_honest(gateway, sandbox)


def test_after_a_failover_it_writes_to_the_server_that_takes_writes(
    sandbox: Sandbox, tmp_path: Path, server: Server
) -> None:
    """One address leads to the old server, which becomes a replica, and then to the new one."""
    store = urlsplit(postgres_url(server.url))
    with running_services() as services, leading_to(store.port or 0) as address:
        assert services["postgres"] is not None
        other = urlsplit(services["postgres"])
        # The same database, user and password there.
        copy = urlsplit(postgres_url(other.geturl()))
        with psycopg.connect(other.geturl(), autocommit=True) as connection:
            connection.execute(
                f"ALTER DATABASE {copy.path[1:]} RENAME TO {store.path[1:]}".encode()
            )
            connection.execute(f"ALTER USER {store.username} PASSWORD '{store.password}'".encode())
        there = f"{store.username}:{store.password}@127.0.0.1:{address.port}"
        gateway_of = partial(proofs.running_gateway, sandbox, tmp_path)
        seal_key = proofs.random_seal_key()
        with gateway_of(
            store=store._replace(netloc=there).geturl(), RELAYPASS_SEAL_KEY=seal_key
        ) as gateway:
            proofs.assert_answers_the_honest(gateway, sandbox)
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
                connection.execute("SELECT pg_reload_conf()")
            proofs.eventually(lambda: gateway.call("GET", "/readyz").status == 503)
            address.lead_to(other.port or 0)
            began = time.monotonic()
            proofs.eventually(lambda: gateway.call("GET", "/readyz").status == 200)
            proofs.assert_answers_the_honest(gateway, sandbox)
            assert time.monotonic() - began < 5


def on_postgres(sandbox: Sandbox, folder: Path, server: Server) -> proofs.Running:
    seal_key = proofs.random_seal_key()
    store = postgres_url(server.url)
    return proofs.running_gateway(sandbox, folder, store=store, RELAYPASS_SEAL_KEY=seal_key)


def assert_is_not_ready(gateway: Gateway) -> None:
    began = time.monotonic()
    answer = gateway.call("GET", "/readyz")
    assert time.monotonic() - began < 5
    assert (answer.status, answer.code) == (503, "store")
    assert "retry-after" in answer.headers
    # It lives, and has numbers to tell.
    assert gateway.call("GET", "/healthz").status == 200
    assert gateway.call("GET", "/metrics").status == 200


@contextmanager
def hanging(server: Server) -> Iterator[None]:
    """Stops the processes of a database server for as long as the block runs; they stay there."""
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    parent = int((Path(row[0]) / "postmaster.pid").read_text().splitlines()[0])
    stopped = [parent]
    os.kill(parent, signal.SIGSTOP)
    try:
        # While their parent cannot take note of their end, no number becomes somebody else's.
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            os.kill(int(child), signal.SIGSTOP)
            stopped.insert(0, int(child))
        yield
    finally:
        for process in stopped:
            os.kill(process, signal.SIGCONT)


Sample = tuple[str, tuple[tuple[str, str], ...]]


def samples(gateway: Gateway) -> dict[Sample, float]:
    """Every number of the metrics, by its name and its labels."""
    # As Prometheus asks.
    asked = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    answer = gateway.call("GET", "/metrics", headers={"Accept": asked})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    lines = answer.body.decode().splitlines()
    assert lines[-1] == "# EOF"
    return samples_of(lines)


def samples_of(lines: list[str]) -> dict[Sample, float]:
    found: dict[Sample, float] = {}
    for line in lines:
        if line.startswith("#"):
            continue
        named = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? ([0-9.e+-]+)", line)
        assert named is not None, line
        labels = tuple(sorted(re.findall(r'([a-z]+)="([^"]*)"', named[2] or "")))
        assert (named[1], labels) not in found, line
        found[named[1], labels] = float(named[3])
    return found


def counted(found: dict[Sample, float], name: str) -> dict[tuple[str, ...], float]:
    """The numbers of one name, by the values of its labels in the order of the labels' names."""
    return {
        tuple(value for _, value in labels): number
        for (named, labels), number in found.items()
        if named == f"relaypass_{name}"
    }


def test_the_older_text_of_prometheus_is_given_to_whoever_asks_for_nothing_else(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    proofs.assert_answers_the_honest(gateway, sandbox)
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "text/plain;version=0.0.4"}):
        answer = gateway.call("GET", "/metrics", headers=headers)
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        lines = answer.body.decode().splitlines()
        assert not [line for line in lines if line == "# EOF" or line.startswith("# UNIT")]
        # Each number has a type under the name that it has there, or under that of its histogram.
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", answer.body.decode(), re.MULTILINE))
        helped = set(re.findall(r"^# HELP (\S+) .", answer.body.decode(), re.MULTILINE))
        assert helped == types.keys()
        assert set(types.values()) == {"counter", "gauge", "histogram"}
        for name, _ in samples_of(lines):
            whole = re.sub(r"_(bucket|sum|count)$", "", name)
            assert types.get(name) in ("counter", "gauge") or types[whole] == "histogram", name
        assert types["relaypass_passes_billed_total"] == "counter"
    # The same numbers in both.
    known = {name for name, _ in samples(gateway)}
    assert known == {name for name, _ in samples_of(lines)}


def test_the_log_says_why_postgresql_refuses(
    sandbox: Sandbox, tmp_path: Path, server: Server
) -> None:
    store = urlsplit(postgres_url(server.url))._replace(path="/missing").geturl()
    key = proofs.random_seal_key()
    with proofs.running_gateway(sandbox, tmp_path, store=store, RELAYPASS_SEAL_KEY=key) as gateway:
        assert_is_not_ready(gateway)
        proofs.eventually(lambda: "SQLSTATE 3D000" in gateway.log())
    server.stop()


def test_a_variable_that_no_setting_has_is_named_in_the_log(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    settings = {
        "RELAYPASS_ANON_PROXY": "http://user:canary@127.0.0.1:1",
        "RELAYPASS_TLS_CERT_FILE": "server.pem",
        # What Kubernetes makes of a Service, and what is read.
        "RELAYPASS_GATEWAY_SERVICE_HOST": "10.0.0.1",
        "RELAYPASS_GATEWAY_SERVICE_PORT_HTTP": "8480",
        "RELAYPASS_GATEWAY_PORT_8480_TCP_ADDR": "10.0.0.1",
        "RELAYPASS_GATEWAY_PORT": "tcp://10.0.0.1:8480",
        "RELAYPASS_URL": "127.0.0.1:8480",
        "RELAYPASS_LOG": "info",
    }
    with proofs.running_gateway(sandbox, tmp_path, **settings) as gateway:
        lines = [json.loads(line) for line in gateway.log().splitlines()]
        named = {line["variable"] for line in lines if "variable" in line}
        assert named == {"RELAYPASS_ANON_PROXY", "RELAYPASS_TLS_CERT_FILE"}
        assert "canary" not in gateway.log()


def test_the_numbers_are_those_of_what_happened(gateway: Gateway, sandbox: Sandbox) -> None:
    url, api_key = gateway.url, sandbox.production_api_key
    proofs.assert_answers_the_honest(gateway, sandbox)

    # Twice an answer is lost, once Persona fails.
    sandbox.faults(
        {"step": "create", "fault": "drop_before_commit"},
        {"step": "sign", "fault": "status", "status": 503},
        {"step": "redeem", "fault": "drop_after_commit"},
    )
    relay, privacy_pass = proofs.ready_to_redeem(url, sandbox)
    assert proofs.read_claim(proofs.redeem(url, relay, privacy_pass)) == "passed"
    # The recorded answer: Persona is not asked.
    assert proofs.read_claim(proofs.redeem(url, relay, privacy_pass)) == "passed"

    # Three that fail.
    assert proofs.issue(url, "persona_production_wrong").status == 401
    assert gateway.call("POST", "/relays", {}).status == 400
    assert gateway.call("GET", "/nothing/at/all").status == 404

    # A pass that is given back.
    relay = proofs.read_relay(proofs.create(url))
    sandbox.finish(relay.token, "failed")
    privacy_pass = proofs.read_pass(proofs.issue(url, api_key))
    assert proofs.redeem(url, relay, privacy_pass).json["token-consumed"] is False

    # Two verifications, one of which stays open.
    body = {"claim-type": CLAIM_TYPE}
    ids = []
    for _ in "12":
        started = gateway.call("POST", "/verifications", body, gateway.operator)
        ids.append(started.json["id"])
        proofs.eventually(partial(has_billed, sandbox, 3 + len(ids)))
    proofs.visit(started.json["hosted-url"])
    for id in ids:
        path = f"/verifications/{id}/complete"
        assert gateway.call("POST", path, {}, gateway.operator).status == 200

    # The connections are closed, which it notices a moment later.
    proofs.eventually(lambda: counted(samples(gateway), "gateway_connections") == {(): 1})
    found = samples(gateway)
    answers = counted(found, "gateway_answers_total")
    durations = counted(found, "gateway_answer_duration_seconds_count")
    assert sum(durations.values()) == sum(answers.values())
    assert answers.pop(("ok", "/metrics", "200")) == durations["/metrics",]
    assert answers == {
        ("ok", "/relays", "201"): 3,
        ("invalid_argument", "/relays", "400"): 1,
        ("ok", "/relays/privacy-passes", "201"): 3,
        ("authentication", "/relays/privacy-passes", "401"): 1,
        ("ok", "/relays/{relay-token}/redeem", "200"): 4,
        ("ok", "/verifications", "201"): 2,
        ("ok", "/verifications/{id}/complete", "200"): 2,
        ("not_found", "other", "404"): 1,
    }
    assert counted(found, "persona_requests_total") == {
        ("201", "create"): 5,
        ("none", "create"): 1,
        ("200", "challenge"): 6,
        ("201", "sign"): 5,
        ("401", "sign"): 1,
        ("503", "sign"): 1,
        ("200", "redeem"): 4,
        ("403", "redeem"): 1,
        ("none", "redeem"): 1,
    }
    assert counted(found, "persona_retries_total") == {
        ("create",): 1,
        ("sign",): 1,
        ("redeem",): 1,
    }
    ledger = sandbox.ledger()
    assert (ledger["billed"], ledger["redeemed"], ledger["refunded"]) == (5, 3, 1)
    assert counted(found, "passes_billed_total") == {(): 5}
    assert counted(found, "passes_redeemed_total") == {(): 3}
    assert counted(found, "verifications_open") == {(): 1}
    assert counted(found, "gateway_calls_in_flight") == {(): 0}
    events = {kind: times for (kind,), times in counted(found, "events_total").items() if times}
    assert events == {"pending": 1}


def has_billed(sandbox: Sandbox, passes: int) -> bool:
    return sandbox.ledger()["billed"] == passes


def test_no_label_holds_an_id(gateway: Gateway, sandbox: Sandbox) -> None:
    relay, privacy_pass = proofs.ready_to_redeem(gateway.url, sandbox)
    proofs.redeem(gateway.url, relay, privacy_pass)
    body = {"claim-type": CLAIM_TYPE, "reference": "order-1234567"}
    started = gateway.call("POST", "/verifications", body, gateway.operator)
    id = started.json["id"]
    gateway.call("GET", f"/verifications/{id}", None, gateway.operator)
    gateway.call("DELETE", f"/verifications/{id}", None, gateway.operator)
    gateway.call("PROPFIND", "/canary/path", None, {"request-id": "canary-request"})
    gateway.call("GET", "/relays/canary/redeem")
    gateway.call("POST", "/relays", {"claim-type": "canary_claim"})

    found = samples(gateway)
    labels = {label for _, labels in found for label in labels}
    assert {name for name, _ in labels} == set(LABELS)
    assert [it for it in labels if not re.fullmatch(LABELS[it[0]], it[1])] == []
    text = gateway.call("GET", "/metrics").body.decode()
    ids = (relay.token, id, started.headers["request-id"], "order-1234567", "canary", "PROPFIND")
    assert [it for it in ids if it in text] == []


def log_lines(gateway: Gateway) -> list[dict[str, object]]:
    """The log, of which every line is an object in JSON."""
    lines = [json.loads(line) for line in gateway.log().splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    return lines


def answered(gateway: Gateway) -> dict[str, dict[str, object]]:
    """The line of each answer, by the request's id."""
    found: dict[str, dict[str, object]] = {}
    for line in log_lines(gateway):
        if line["message"] == "answered":
            span = line["span"]
            assert isinstance(span, dict)
            assert span["request_id"] not in found
            found[span["request_id"]] = line | span
    return found


@pytest.mark.parametrize("given", ["a", "order-1_2", "A" * 64, "0" * 36])
def test_a_callers_request_id_is_kept(gateway: Gateway, given: str) -> None:
    answer = gateway.call("GET", "/healthz", None, {"request-id": given})
    assert answer.headers["request-id"] == given
    assert given in answered(gateway)


@pytest.mark.parametrize("given", ["", "A" * 65, "a b", "a\tb", "a/b", '"a"', "a\xe9", "{}"])
def test_what_is_no_request_id_is_replaced(gateway: Gateway, given: str) -> None:
    answer = gateway.call("GET", "/healthz", None, {"request-id": given})
    assert re.fullmatch(UUID, answer.headers["request-id"])
    assert list(answered(gateway)) == [answer.headers["request-id"]]


def test_every_answer_is_one_line_of_the_log(gateway: Gateway, sandbox: Sandbox) -> None:
    url = gateway.url
    relay, privacy_pass = proofs.ready_to_redeem(url, sandbox)
    answers: list[tuple[str, Answer]] = [
        ("/relays", proofs.create(url)),
        ("/relays", gateway.call("POST", "/relays", b"{")),
        ("/relays/privacy-passes", proofs.issue(url, "persona_production_wrong")),
        ("/relays/{relay-token}/redeem", proofs.redeem(url, relay, privacy_pass)),
        ("/verifications/{id}", gateway.call("GET", "/verifications/0", None, gateway.operator)),
        ("/verifications", gateway.call("POST", "/verifications", {}, bearer("x" * 16))),
        ("other", gateway.call("GET", "/nothing")),
        ("/metrics", gateway.call("GET", "/metrics")),
    ]
    assert len({answer.headers["request-id"] for _, answer in answers}) == len(answers)
    lines = answered(gateway)
    for endpoint, answer in answers:
        line = lines[answer.headers["request-id"]]
        code = "ok" if answer.status < 400 else answer.code
        assert (line["endpoint"], line["status"], line["code"]) == (endpoint, answer.status, code)
        assert line["level"] == "INFO"
        # A number, that it can be compared and summed.
        assert isinstance(line["milliseconds"], int)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", str(line["timestamp"]))


def test_what_is_logged_on_the_way_names_the_request_too(sandbox: Sandbox, tmp_path: Path) -> None:
    """At every level: who looks for one request finds all that was said about it."""
    with proofs.running_gateway(sandbox, tmp_path, "--log", "relaypass=trace,info") as gateway:
        sandbox.faults({"step": "sign", "fault": "status", "status": 401, "times": 0})
        refused = proofs.issue(gateway.url, sandbox.production_api_key)
        asked = [line for line in log_lines(gateway) if "span" in line]
        named = Counter(
            str(line["span"]["request_id"]) for line in asked if isinstance(line["span"], dict)
        )
        assert named[refused.headers["request-id"]] >= 2
        persona = sandbox.exchanges()[-1].answer_headers
        (persona_request_id,) = (value for name, value in persona if name.lower() == "request-id")
        assert refused.headers["persona-request-id"] == persona_request_id
        assert persona_request_id in gateway.log()


def test_the_log_may_be_for_people(sandbox: Sandbox, tmp_path: Path) -> None:
    with proofs.running_gateway(sandbox, tmp_path, "--log-format", "text") as gateway:
        answer = gateway.call("GET", "/healthz")
        (line,) = (line for line in gateway.log().splitlines() if "answered" in line)
        assert answer.headers["request-id"] in line
        assert not line.startswith("{")


def test_the_log_may_be_off(sandbox: Sandbox, tmp_path: Path) -> None:
    with proofs.running_gateway(sandbox, tmp_path, "--log", "off") as gateway:
        proofs.assert_answers_the_honest(gateway, sandbox)
        assert gateway.log() == ""
