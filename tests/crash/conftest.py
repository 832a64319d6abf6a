from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from loud import Say, missing
from programs import missing_part
from stores import postgres_url, running_services, sqlite_url

pytest_plugins = ["sandboxed"]

BUILT_IN = ("sqlite", "postgres")


@pytest.fixture(params=["node", "python"])
def language(request: pytest.FixtureRequest, say: Say) -> str:
    """Each language whose worker knows every store, and stores that break."""
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


# Each built-in store, and the example that a user would copy, which is the host language's.
WORKERS = [
    *[(language, store) for language in ("node", "python") for store in BUILT_IN],
    ("node", "example+postgres"),
    ("python", "example+postgres"),
    ("kotlin", "example+postgres"),
    ("swift", "example+file"),
]


@pytest.fixture(params=WORKERS, ids=["-".join(worker) for worker in WORKERS])
def worker(request: pytest.FixtureRequest, tmp_path: Path, say: Say) -> tuple[str, str]:
    """A language, and the URL of an empty store."""
    language, kind = request.param
    if lacking := missing_part(language):
        missing(lacking, say)
    if kind == "sqlite":
        return language, sqlite_url(tmp_path)
    if kind == "example+file":
        return language, f"example+file://{tmp_path}"
    url: str = request.getfixturevalue("postgres")
    return language, url if kind == "postgres" else f"example+{url}"
