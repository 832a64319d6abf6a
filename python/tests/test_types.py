"""What type checkers and linters say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support import PACKAGE


@pytest.mark.parametrize(
    "command",
    [
        ["mypy", "--no-error-summary"],
        ["mypy.stubtest", "relaypass._native"],
        ["ruff", "check", "--quiet"],
        ["ruff", "format", "--check", "--quiet"],
    ],
    ids=" ".join,
)
def test_tool_has_no_complaint(command: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PACKAGE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_wrong_argument_is_seen_by_the_type_checker(tmp_path: Path) -> None:
    code = "import relaypass; relaypass.RelayPass(retries='many').relays.create()"
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert '"retries"' in ran.stdout
    assert '"claim_type"' in ran.stdout
