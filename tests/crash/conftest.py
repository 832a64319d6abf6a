from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from loud import Say, missing
from processes import COMMANDS
from programs import missing_part
from sandbox import Sandbox, running_sandbox
from stores import postgres_url, running_services, sqlite_url


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Say:
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


@pytest.fixture(params=sorted(COMMANDS))
def language(request: pytest.FixtureRequest, say: Say) -> str:
    """Each language that a worker is written in."""
    name: str = request.param
    if lacking := missing_part(name):
        missing(lacking, say)
    return name


@pytest.fixture(scope="session")
def services() -> Iterator[dict[str, str | None]]:
    with running_services() as services:
        yield services


@pytest.fixture
def postgres(services: dict[str, str | None], say: Say) -> str:
    """The URL of a database of its own, with the table."""
    server = services["postgres"]
    if server is None:
        missing("PostgreSQL is not installed", say)
    return postgres_url(server)


@pytest.fixture(params=["sqlite", "postgres", "example"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store: each built-in one, and the one that a user would write."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    if request.param == "example" and request.getfixturevalue("language") == "swift":
        return f"example+{(tmp_path / 'store').as_uri()}"
    url: str = request.getfixturevalue("postgres")
    return f"example+{url}" if request.param == "example" else url
