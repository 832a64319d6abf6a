from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from support import Sandbox, SilentServer, run_sandbox, run_services

import relaypass

# A shell starts what runs in its background deaf to Ctrl-C, and so would be every program that
# these tests start. What a test is about must not depend on how it was called.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """For the table at the end of `make test`: a scenario counts if both clients passed it."""
    passed: dict[str, dict[str, bool]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            _, named, parameters = report.nodeid.partition("test_scenarios.py::test_scenario[")
            if named and report.when == "call":
                file, _, name = parameters.removesuffix("]").partition(": ")
                scenarios = passed.setdefault(file, {})
                name = name.removesuffix("-sync").removesuffix("-async")
                scenarios[name] = scenarios.get(name, True) and outcome == "passed"
    for file, scenarios in sorted(passed.items()):
        count = f"{sum(scenarios.values())}/{len(scenarios)}"
        terminalreporter.write_line(f"scenarios: python {file} {count}")


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with run_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    running_sandbox.control("reset", {})
    return running_sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[relaypass.RelayPass]:
    with relaypass.RelayPass(**sandbox.options) as client:
        yield client


@pytest.fixture(scope="session")
def services() -> Iterator[dict[str, str | None]]:
    with run_services() as services:
        yield services


@pytest.fixture
def silent_server() -> Iterator[SilentServer]:
    server = SilentServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def key() -> relaypass.EncryptionKey:
    return relaypass.EncryptionKey.generate()
