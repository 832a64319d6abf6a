"""What is missing is said aloud, and is a failure where ``REQUIRE_ALL`` is set."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn

import pytest

# Prints a line that is seen although pytest captures what tests print.
Say = Callable[[str], None]


def missing(what: str, say: Say) -> NoReturn:
    """Skips the test, or fails it."""
    if is_everything_required():
        pytest.fail(f"{what}, and REQUIRE_ALL is set")
    say(f"SKIPPED: {what}")
    pytest.skip(what)


def is_everything_required() -> bool:
    return os.environ.get("REQUIRE_ALL") == "1"
