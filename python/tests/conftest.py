from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import Sandbox, SilentServer, run_sandbox, run_services

import relaypass


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
