"""longest.py LOG…: the ten tests that took longest, as their runners have told in what they printed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

# How each runner tells what one test took, in seconds or in milliseconds.
RUNNERS = [
    # pytest --durations: 12.34s call     tests/test_x.py::test_y
    (re.compile(r"^(?P<took>[\d.]+)s call\s+(?P<name>\S+)", re.MULTILINE), 1.0),
    # libtest --report-time: test module::name ... ok <1.234s>
    (re.compile(r"^test (?P<name>\S+) \.\.\. ok <(?P<took>[\d.]+)s>", re.MULTILINE), 1.0),
    # node --test: ✔ name (1234.56ms)
    (re.compile(r"^\s*✔ (?P<name>.+) \((?P<took>[\d.]+)ms\)", re.MULTILINE), 0.001),
    # JUnit through Maven: Tests run: 3, …, Time elapsed: 1.234 s -- in package.Class
    (re.compile(r"Time elapsed: (?P<took>[\d.]+) s -- in (?P<name>\S+)"), 1.0),
    # Swift Testing: ✔ Test name() passed after 1.234 seconds.
    (re.compile(r"Test (?P<name>.+) passed after (?P<took>[\d.]+) seconds"), 1.0),
]
SHOWN = 10


def main(logs: list[Path]) -> None:
    tests = []
    for log in logs:
        text = log.read_text(errors="replace") if log.exists() else ""
        for pattern, seconds in RUNNERS:
            for match in pattern.finditer(text):
                tests.append((float(match["took"]) * seconds, log.stem, match["name"]))
    if tests:
        print("\n  the longest tests")
    for took, section, name in sorted(tests, reverse=True)[:SHOWN]:
        print(f"  {took:7.1f} s  {section}: {name}")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
