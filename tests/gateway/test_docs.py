"""What the page of the gateway and the README say must be so, and run as printed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import page
import scan_output
from gateways import TOKEN, Gateway, is_setting, running_gateway
from loud import Say, missing
from sandbox import CLI, ROOT, Sandbox
from snippets import Snippet, run_snippet, snippets_of

RUN = "<!-- run: gateway -->"
START = "<!-- start: gateway -->"

PAGES = [ROOT / "README.md", page.FILE]
PROGRAMS = [snippet for file in PAGES for snippet in snippets_of(file, RUN)]
STARTS = [snippet for file in PAGES for snippet in snippets_of(file, START)]

NEEDED = {"bash": ["curl", "jq"], "sh": ["curl", "jq"], "go": ["go"], "js": ["node"]}


def test_the_clients_are_there() -> None:
    assert {program.language for program in PROGRAMS} >= {"bash", "python", "go", "js"}
    assert len(STARTS) == len(PAGES)


@pytest.fixture
def environment(sandbox: Sandbox) -> dict[str, str]:
    """What a reader has in his environment."""
    return {
        "RELAYPASS_BASE_URL": sandbox.url,
        "RELAYPASS_API_KEY": sandbox.api_key,
        "RELAYPASS_GATEWAY_TOKEN": TOKEN,
        # A proxy of the environment has no business on loopback.
        "NO_PROXY": "127.0.0.1",
        "GOCACHE": str(ROOT / ".cache" / "go"),
        "GOTOOLCHAIN": "local",
        # Nothing to compile with a C compiler: that takes a minute the first time.
        "CGO_ENABLED": "0",
    }


@pytest.fixture
def gateway(
    sandbox: Sandbox, environment: dict[str, str], tmp_path: Path
) -> Iterator[tuple[Gateway, Path]]:
    """A gateway with all its endpoints, and its log."""
    log = tmp_path / "gateway.log"
    store = f"sqlite:{tmp_path / 'gateway.sqlite'}"
    with running_gateway(sandbox.url, store=store, environment=environment, log=log) as gateway:
        yield gateway, log


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.place)
def test_a_program_runs_as_printed(
    program: Snippet,
    sandbox: Sandbox,
    environment: dict[str, str],
    gateway: tuple[Gateway, Path],
    tmp_path: Path,
    say: Say,
) -> None:
    for command in NEEDED.get(program.language, []):
        if shutil.which(command) is None:
            missing(f"{command} is not installed", say)
    folder = tmp_path / "reader"
    folder.mkdir()
    environment["RELAYPASS_GATEWAY_URL"] = gateway[0].url
    done = run_snippet(program.language, program.code, environment, folder)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\bpassed\b", done.stdout.splitlines()[-1])
    assert sandbox.ledger()["redeemed"] == 1
    assert list(scan_output.findings(done.stdout + done.stderr)) == []


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.place)
def test_a_gateway_is_started_as_printed(
    start: Snippet, environment: dict[str, str], tmp_path: Path
) -> None:
    with started(start, environment, tmp_path) as url:
        subprocess.run(["curl", "-sS", "--fail", f"{url}/readyz"], env=environment, check=True)
    assert (tmp_path / "relaypass-data" / "gateway.sqlite").exists()


@contextmanager
def started(start: Snippet, environment: dict[str, str], folder: Path) -> Iterator[str]:
    """Runs a block that goes on, in a folder where the command is as if built there."""
    (folder / "target" / "debug").mkdir(parents=True)
    (folder / "target" / "debug" / "relaypass").symlink_to(CLI)
    clean = {name: value for name, value in os.environ.items() if not is_setting(name)}
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", start.code],
        cwd=folder,
        env={
            **clean,
            **environment,
            "PATH": os.pathsep.join([str(CLI.parent), os.environ["PATH"]]),
            "RELAYPASS_LISTEN": "127.0.0.1:0",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        # The shell, and what it has started.
        os.killpg(process.pid, signal.SIGTERM)
        process.stdout.close()
        process.wait(timeout=60)


def test_the_settings_are_those_of_the_command() -> None:
    told = subprocess.run([CLI, "gateway", "--help"], capture_output=True, text=True, check=True)
    options, _, secrets = told.stdout.partition("Secrets, from the environment")
    assert options
    named_there = set(re.findall(r"^  (RELAYPASS_[A-Z_]+) ", secrets, re.MULTILINE))
    assert named_there
    real = {}
    for block in re.split(r"^ {2,6}(?=-h,|--)", options, flags=re.MULTILINE)[1:]:
        flag = re.match(r"(?:-h, )?(--[a-z-]+)", block)
        variable = re.search(r"\[env: ([A-Z_]+)", block)
        default = re.search(r"\[default: ([^\]]+)\]", block)
        assert flag
        # What may hold a password is read as a secret, beside its flag.
        secret = "RELAYPASS_" + flag[1].removeprefix("--").upper().replace("-", "_")
        of_flag = variable[1] if variable else secret if secret in named_there else None
        real[flag[1]] = (of_flag, default and default[1])
    # The traces' flag is there only where they are built in; the page says so in a sentence.
    assert real.pop("--otel", None) in (None, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", None))
    del real["--help"]
    page_says = {}
    for flag_cell, variable_cell, default_cell, _ in page.rows("flag"):
        (flag_name,) = page.names(flag_cell)
        variables, defaults = page.names(variable_cell), page.names(default_cell)
        page_says[flag_name] = (
            variables[0] if variables else None,
            defaults[0] if defaults else None,
        )
    assert page_says == real
    named = {page.names(row[0])[0] for row in page.rows("variable")}
    assert named == named_there


def test_every_metric_and_log_field_is_told(
    sandbox: Sandbox, gateway: tuple[Gateway, Path]
) -> None:
    asked, log = gateway
    key = {"authorization": f"Bearer {sandbox.api_key}"}
    sandbox.faults({"step": "create", "fault": "drop_before_commit"})
    relay = asked.post("/relays", {"claim-type": "age_over18_verified", "sandbox": True}).json
    issued = asked.post("/relays/privacy-passes", {"claim-type": "age_over18_verified"}, key).json
    secret = {"persona-relay-secret": relay["relay-secret"]}
    assert asked.post(f"/relays/{relay['relay-token']}/redeem", issued, secret).status == 200
    refused = asked.post("/relays/relay_unknown/redeem", issued, secret)
    assert refused.status == 404

    text = asked.get("/metrics").body.decode()
    real = {}
    for name in re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE):
        sample = rf"^{name}(?:_count)?(?:\{{([^}}]*)\}})? "
        labels = re.findall(r'(\w+)="', re.search(sample, text, re.MULTILINE)[1] or "")  # type: ignore[index]
        real[name] = set(labels)
    assert real == {page.names(row[0])[0]: set(page.names(row[1])) for row in page.rows("metric")}

    fields = {name for row in page.rows("field") for cell in row for name in page.names(cell)}
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any("persona_request_id" in line for line in lines)
    for line in lines:
        assert set(line) | set(line.get("span", {})) <= fields


def test_every_code_is_told() -> None:
    page_says = {page.names(row[0])[0] for row in page.rows("code")}
    libraries = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    codes = set(re.findall(r"^\| `(\w+)` \| `\w+Error`", libraries, re.MULTILINE))
    own = {"busy", "method_not_allowed"}
    # Nobody cancels a call of the gateway's: it goes on when its caller goes away.
    assert page_says == (codes - {"cancelled"}) | own
