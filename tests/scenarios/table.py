"""table.py LOG…: the scenarios that each language passed, as their tests have printed it.

A test prints one line for each file of scenarios: ``scenarios: LANGUAGE FILE PASSED/ALL``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LINE = re.compile(r"^\W*scenarios: (\w+) (\w+)(?:\.json)? (\d+)/(\d+)\s*$", re.MULTILINE)


def main(logs: list[Path]) -> int:
    passed: dict[str, dict[str, str]] = {}
    for log in logs:
        text = log.read_text(errors="replace") if log.exists() else ""
        for language, file, good, all_ in LINE.findall(text):
            passed.setdefault(file, {})[language] = f"{good}/{all_}"
    languages = sorted({language for cells in passed.values() for language in cells})
    if not languages:
        return 0
    print(f"\n  {'scenarios':16}" + "".join(f"{language:>10}" for language in languages))
    for file, cells in sorted(passed.items()):
        row = [cells.get(language, "none") for language in languages]
        print(f"  {file:16}" + "".join(f"{cell:>10}" for cell in row))
    return 0 if all(_is_equal(list(cells.values()), languages) for cells in passed.values()) else 1


def _is_equal(cells: list[str], languages: list[str]) -> bool:
    good, _, all_ = cells[0].partition("/")
    return len(cells) == len(languages) and len(set(cells)) == 1 and good == all_


if __name__ == "__main__":
    sys.exit(main([Path(log) for log in sys.argv[1:]]))
