from __future__ import annotations

import os
from pathlib import Path

import pytest

from loud import Say, is_everything_required, missing
from programs import THREE_STEPS, missing_part
from sandbox import ROOT

pytest_plugins = ["sandboxed"]

SHARED = Path(os.environ.get("RELAYPASS_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def shared(say: Say) -> Path:
    """The folder of contract and vectors, which lies beside the project and is not part of it."""
    if not SHARED.is_dir():
        missing(f"{SHARED} is not there", say)
    return SHARED


@pytest.fixture(params=sorted(THREE_STEPS))
def language(request: pytest.FixtureRequest, say: Say) -> str:
    """Each language in which the three steps are written."""
    name: str = request.param
    if lacking := missing_part(name):
        missing(lacking, say)
    return name


@pytest.fixture
def languages(say: Say) -> list[str]:
    """All languages that are built; at least two, for a comparison."""
    for name in THREE_STEPS:
        if lacking := missing_part(name):
            if is_everything_required():
                missing(lacking, say)
            say(f"LEFT OUT: {lacking}")
    built = [name for name in THREE_STEPS if missing_part(name) is None]
    if len(built) < 2:
        missing("there are no two languages to compare", say)
    return built
