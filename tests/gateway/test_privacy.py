"""The command and the gateway say the same of the same settings, and no secret."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

import proofs
from gateways import is_setting, running_gateway
from loud import Say, missing
from proofs import CLAIM_TYPE
from sandbox import CLI, Sandbox
from stores import running_services

CANARY = "canary"

Settings = dict[str, str]


def run(folder: Path, *flags: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """``relaypass privacy`` with these flags and variables, and no other."""
    clean = {name: value for name, value in os.environ.items() if not is_setting(name)}
    return subprocess.run(
        [CLI, "privacy", *flags],
        env=clean | settings,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def printed(folder: Path, *flags: str, **settings: str) -> Any:
    done = run(folder, "--json", *flags, **settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def codes(report: Any) -> list[str]:
    return [finding["code"] for finding in report["findings"]]


def told(gateway: proofs.Gateway) -> list[str]:
    answer = gateway.call("GET", "/privacy", None, gateway.operator)
    assert answer.status == 200
    return codes(answer.json)


def test_only_the_operator_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    with proofs.running_gateway(sandbox, tmp_path) as gateway:
        for headers in ({}, proofs.bearer("wrong"), proofs.bearer(sandbox.production_api_key)):
            answer = gateway.call("GET", "/privacy", None, headers)
            assert (answer.status, answer.code) == (401, "authentication")
        assert told(gateway)


def test_a_report_counts_among_the_calls_that_are_worked_on_at_once(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with proofs.running_gateway(sandbox, tmp_path, "--max-calls=1") as gateway:
        sandbox.faults({"step": "create", "fault": "delay", "milliseconds": 3000})
        with ThreadPoolExecutor(1) as others:
            creating = others.submit(proofs.create, gateway.url)
            proofs.eventually(lambda: is_at_work(gateway))
            answer = gateway.call("GET", "/privacy", None, gateway.operator)
            assert (answer.status, answer.code) == (503, "busy")
            assert creating.result().status == 201
        assert told(gateway)


def is_at_work(gateway: proofs.Gateway) -> bool:
    metrics = gateway.call("GET", "/metrics").text
    return "\nrelaypass_gateway_calls_in_flight 1\n" in metrics


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {
            "RELAYPASS_API_KEY": f"persona_production_{CANARY}",
            "RELAYPASS_GATEWAY_TOKEN": f"{CANARY}-0123456789abcdef",
            "RELAYPASS_ANONYMOUS_PROXY": "http://127.0.0.1:9",
        },
        {
            "RELAYPASS_API_KEY": f"persona_production_{CANARY}",
            "RELAYPASS_GATEWAY_TOKEN": f"{CANARY}-0123456789abcdef",
            "RELAYPASS_ANONYMOUS_PROXY": f"socks5h://{CANARY}:{CANARY}@127.0.0.1:9",
            "RELAYPASS_IDENTIFIED_PROXY": f"http://{CANARY}:{CANARY}@127.0.0.1:9",
            "RELAYPASS_SEAL_KEY": "Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5ISE=",
            "RELAYPASS_PASS_POOL": "20",
        },
    ],
    ids=["none", "a proxy", "all"],
)
def test_the_command_says_what_the_gateway_says_and_creates_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "command"
    folder.mkdir()
    base_url, store = "http://127.0.0.1:9", f"sqlite:{tmp_path / 'gateway.sqlite'}"
    flags = [f"--base-url={base_url}", f"--store={store}"]
    said = printed(folder, *flags, **settings)
    text = run(folder, *flags, **settings)
    assert (text.returncode, text.stdout, text.stderr) == (0, said["text"], "")
    assert list(tmp_path.rglob("*")) == [folder]
    with running_gateway(base_url, store=store, environment=settings) as gateway:
        token = settings.get("RELAYPASS_GATEWAY_TOKEN", "no-token")
        answer = gateway.get("/privacy", proofs.bearer(token))
        # Without a token, the endpoints that it opens are closed.
        is_open = "RELAYPASS_GATEWAY_TOKEN" in settings
        assert answer.status == (200 if is_open else 404)
        assert not is_open or answer.json == said
    assert CANARY not in json.dumps(said).lower()
    expected = "one_address" if "RELAYPASS_IDENTIFIED_PROXY" in settings else None
    assert expected is None or expected in codes(said)
    assert ("bought_ahead" in codes(said)) == ("RELAYPASS_PASS_POOL" in settings)


def test_without_a_store_of_its_own_the_command_looks_where_the_gateway_would(
    tmp_path: Path,
) -> None:
    report = printed(tmp_path)
    # By default a gateway has a file, which others may share.
    assert "compared_alone" not in codes(report)
    assert list(tmp_path.iterdir()) == []
    assert "compared_alone" in codes(printed(tmp_path, "--store=memory"))


def test_a_file_that_is_there_is_not_written_to(sandbox: Sandbox, tmp_path: Path) -> None:
    empty = tmp_path / "empty.sqlite"
    empty.touch()
    assert codes(printed(tmp_path, f"--store=sqlite:{empty}"))
    assert (list(tmp_path.iterdir()), empty.read_bytes()) == ([empty], b"")
    # Nor does a database of somebody else get a table.
    foreign = tmp_path / "foreign.sqlite"
    with closing(sqlite3.connect(foreign)) as database:
        database.execute("CREATE TABLE theirs (id INTEGER)")
    before = foreign.read_bytes()
    seal_key = proofs.random_seal_key()
    done = run(tmp_path, f"--store=sqlite:{foreign}", RELAYPASS_SEAL_KEY=seal_key)
    assert (done.returncode, done.stdout) == (1, "")
    assert foreign.read_bytes() == before


def test_no_table_is_made_in_postgresql(tmp_path: Path, say: Say) -> None:
    with running_services() as services:
        server = services["postgres"]
        if server is None:
            missing("PostgreSQL is not installed", say)
        store = urlsplit(server)._replace(query="create_table=true").geturl()
        seal_key = proofs.random_seal_key()
        done = run(tmp_path, f"--store={store}", RELAYPASS_SEAL_KEY=seal_key)
        assert (done.returncode, done.stdout) == (1, "")
        assert "--store" in done.stderr
        with psycopg.connect(server) as connection:
            made = connection.execute("SELECT to_regclass('relaypass_records')").fetchone()
        assert made == (None,)


def test_what_was_seen_is_told_by_the_gateway_and_what_is_stored_by_both(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    store = f"sqlite:{tmp_path / 'gateway.sqlite'}"
    settings = {
        "RELAYPASS_API_KEY": sandbox.production_api_key,
        "RELAYPASS_GATEWAY_TOKEN": proofs.random_token(),
    }
    flags = ["--purchase-window-seconds=1200"]
    operator = proofs.bearer(settings["RELAYPASS_GATEWAY_TOKEN"])
    with running_gateway(sandbox.url, *flags, store=store, environment=settings) as gateway:
        assert "bought_while_asked" not in codes(gateway.get("/privacy", operator).json)
        started = gateway.post("/verifications", {"claim-type": CLAIM_TYPE}, operator).json
        proofs.visit(started["hosted-url"])
        done = gateway.post(f"/verifications/{started['id']}/complete", {}, operator)
        assert done.json["status"] == "passed"
        seen = codes(gateway.get("/privacy", operator).json)
        assert {"bought_while_asked", "issuer_seen_once"} <= set(seen)
        # Its callers may buy passes by the three steps at any time.
        assert "bought_when_called" in seen
    stored = codes(
        printed(tmp_path, f"--base-url={sandbox.url}", f"--store={store}", *flags, **settings)
    )
    assert "issuer_seen_once" in stored
    assert "bought_while_asked" not in stored


def test_somebody_elses_key_is_seen(sandbox: Sandbox, tmp_path: Path) -> None:
    with proofs.running_gateway(sandbox, tmp_path) as gateway:
        assert "several_api_keys" not in told(gateway)
        assert proofs.issue(gateway.url, sandbox.api_key).status == 201
        assert "several_api_keys" in told(gateway)


@pytest.mark.parametrize(
    ("flags", "settings", "named"),
    [
        (["--pass-pool=1001"], {}, "--pass-pool"),
        ([], {"RELAYPASS_ANONYMOUS_PROXY": f"socks5://{CANARY}@127.0.0.1:1"}, "ANONYMOUS_PROXY"),
        (["--store=postgres://u@127.0.0.1:9/d"], {}, "RELAYPASS_SEAL_KEY"),
        (
            ["--store=postgres://u@127.0.0.1:9/d"],
            {"RELAYPASS_SEAL_KEY": "Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5ISE="},
            "--store",
        ),
    ],
)
def test_what_cannot_be_is_said_and_the_exit_status_is_1(
    flags: list[str], settings: Settings, named: str, tmp_path: Path
) -> None:
    done = run(tmp_path, *flags, **settings)
    assert (done.returncode, done.stdout) == (1, "")
    assert named in done.stderr
    assert CANARY not in done.stderr


def test_the_command_takes_what_the_gateway_takes() -> None:
    told = [
        subprocess.run([CLI, name, "--help"], capture_output=True, text=True, check=True).stdout
        for name in ("gateway", "privacy")
    ]
    gateway, privacy = (set(re.findall(r"^ +(--[\w-]+)", text, re.MULTILINE)) for text in told)
    assert privacy == gateway | {"--json"}
    assert "RELAYPASS_ANONYMOUS_PROXY" in told[1]
    assert "exit status is 0" in told[1]
    assert "SIGHUP" not in told[1]
