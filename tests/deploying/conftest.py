from __future__ import annotations

from collections.abc import Iterator

import pytest

from stores import running_services

pytest_plugins = ["sandboxed"]


@pytest.fixture(scope="session")
def services() -> Iterator[dict[str, str | None]]:
    """PostgreSQL and Redis, where this system has them."""
    with running_services() as services:
        yield services
