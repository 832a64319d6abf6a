"""table.py LOG…: the scenarios that each language passed, as their tests have printed it.

A test prints one line for each file of scenarios: ``scenarios: LANGUAGE FILE PASSED/ALL``. The
gateway, which any language can use, adds how many of the file's cannot be put in HTTP:
``scenarios: gateway FILE PASSED/PLAYED (LEFT_OUT not over HTTP)``.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

LINE = re.compile(
    r"^\W*scenarios: (\w+) (\w+)(?:\.json)? (\d+)/(\d+)(?: \((\d+) not over HTTP\))?\s*$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Cell:
    """One file of scenarios in one language."""

    passed: int
    played: int
    left_out: int

    @property
    def is_good(self) -> bool:
        return self.passed == self.played

    @property
    def all(self) -> int:
        return self.played + self.left_out

    def __str__(self) -> str:
        aside = f" ({self.left_out} not over HTTP)" if self.left_out else ""
        return f"{self.passed}/{self.played}{aside}"


def main(logs: list[Path]) -> int:
    files: dict[str, dict[str, Cell]] = {}
    for log in logs:
        text = log.read_text(errors="replace") if log.exists() else ""
        for language, file, passed, played, left_out in LINE.findall(text):
            cell = Cell(int(passed), int(played), int(left_out or 0))
            files.setdefault(file, {})[language] = cell
    languages = {language for cells in files.values() for language in cells}
    if not languages:
        return 0
    # The gateway's column is the widest.
    columns = sorted(languages, key=lambda language: (language == "gateway", language))
    print(f"\n  {'scenarios':16}" + "".join(f"  {language:>8}" for language in columns))
    for file, cells in sorted(files.items()):
        row = [str(cells.get(language, "none")) for language in columns]
        print(f"  {file:16}" + "".join(f"  {cell:>8}" for cell in row))
    return 0 if all(_are_equal(cells, languages) for cells in files.values()) else 1


def _are_equal(cells: dict[str, Cell], languages: set[str]) -> bool:
    """Whether every language passed the same scenarios, and all of them; what the gateway leaves
    out is counted, so that nothing gets lost between the two."""
    counts = {cell.all for cell in cells.values()}
    return (
        set(cells) == languages
        and len(counts) == 1
        and all(cell.is_good for cell in cells.values())
        and all(not cell.left_out for name, cell in cells.items() if name != "gateway")
    )


if __name__ == "__main__":
    sys.exit(main([Path(log) for log in sys.argv[1:]]))
