"""What ``docs/gateway.md`` says in its tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sandbox import ROOT

FILE = ROOT / "docs" / "gateway.md"


def rows(first_header: str) -> Iterator[list[str]]:
    """The rows of the tables whose first column has this header."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    is_in = False
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            is_in = False
        elif cells[0] == first_header:
            is_in = True
        elif is_in and not set(line) <= set("|-: "):
            yield cells


def names(cell: str) -> list[str]:
    """What stands in a cell in code."""
    return re.findall(r"`([^`]+)`", cell)


def statuses(code: str, place: str) -> set[int]:
    """The statuses that an error may have: in the ``steps``, or in the ``verifications``."""
    column = {"steps": 1, "verifications": 2}[place]
    (row,) = [row for row in rows("code") if names(row[0]) == [code]]
    numbers: set[int] = set()
    for low, high in re.findall(r"(\d{3})(?: to (\d{3}))?", row[column]):
        numbers.update(range(int(low), int(high or low) + 1))
    return numbers
