"""The table at the end of `make test` must notice whatever differs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import ROOT

TABLE = ROOT / "tests" / "scenarios" / "table.py"

PYTHON = "scenarios: python happy 4/4\n"


@pytest.mark.parametrize(
    ("printed", "is_equal"),
    [
        ("", True),
        (PYTHON, True),
        (f"{PYTHON}scenarios: node happy 4/4\n", True),
        (f"{PYTHON}scenarios: gateway happy 4/4 (0 not over HTTP)\n", True),
        (f"{PYTHON}scenarios: gateway happy 3/3 (1 not over HTTP)\n", True),
        ("scenarios: python happy 3/4\n", False),
        (f"{PYTHON}scenarios: node happy 3/4\n", False),
        (f"{PYTHON}scenarios: node happy 5/5\n", False),
        (f"{PYTHON}scenarios: node happy 3/3 (1 not over HTTP)\n", False),
        (f"{PYTHON}scenarios: node sad 4/4\n", False),
        (f"{PYTHON}scenarios: gateway happy 3/3 (0 not over HTTP)\n", False),
        (f"{PYTHON}scenarios: gateway happy 2/3 (1 not over HTTP)\n", False),
    ],
)
def test_the_languages_are_compared(tmp_path: Path, printed: str, is_equal: bool) -> None:
    log = tmp_path / "a.log"
    log.write_text(printed)
    done = subprocess.run([sys.executable, TABLE, log], capture_output=True, check=False)
    assert (done.returncode == 0) == is_equal, done.stdout.decode()
