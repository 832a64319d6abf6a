"""What a type checker says to our users. What it says to us is in `tests/run lint`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


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
