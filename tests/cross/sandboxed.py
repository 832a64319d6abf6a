"""What every suite that has a sandbox needs, as a plugin of pytest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loud import Say
from sandbox import Sandbox, running_sandbox


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Say:
    """Prints a line that is seen although output is captured."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def print_aloud(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{line}", flush=True)

    return print_aloud


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """The sandbox, in which nothing has happened yet."""
    running.reset()
    return running
