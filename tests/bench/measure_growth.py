"""Whether calls become slower as a store fills: a chart for docs/benchmarks.md.

It takes about half an hour and 8 GB, and is no part of `make bench`: `.venv/bin/python tests/bench/measure_growth.py
[--write]`, after it, in an environment with RUSTFLAGS as in tests/bench/run. LARGEST: how many finished rows at
most, ten million without it.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from datetime import datetime, timezone

from running import ROOT, run, sandbox, table

GROWTH = ["cargo", "bench", "--quiet", "--locked", "-p", "relaypass", "--bench", "growth", "--"]
LARGEST = int(os.environ.get("LARGEST", "10000000"))
KINDS = (
    ("finished", "verifications that are over", [1_000, 100_000, LARGEST]),
    ("open", "verifications that are open", [1, 1_000, 100_000]),
    ("ahead", "passes bought ahead", [1, 30, 1_000]),
)


def main() -> None:
    rows: list[list[str]] = []
    calls: list[str] = []
    for kind, name, counts in KINDS:
        first: dict[str, float] = {}
        for count in counts:
            # A sandbox of its own: it keeps what it was asked, and would grow as well.
            with sandbox() as env, tempfile.TemporaryDirectory() as folder:
                times = run([*GROWTH, kind, folder, str(count)], env)
            first = first or times
            calls = list(times)
            cells = [f"{times[call]:,.0f} µs {bar(times[call] / first[call])}" for call in calls]
            rows.append([f"{count:,} {name}", *cells])
            print("; ".join(rows[-1]), file=sys.stderr)
    day = datetime.now(tz=timezone.utc).date().isoformat()
    chart = table(["in the store", *(f"`{call}`" for call in calls)], rows)
    text = f"Measured on {day}, {os.cpu_count()} cores, SQLite.\n\n{chart}\n"
    print(text)
    if "--write" in sys.argv:
        page = ROOT / "docs/benchmarks.md"
        marks = r"(?s)(?<=<!-- growth -->\n).*?(?=<!-- end of growth -->)"
        page.write_text(re.sub(marks, lambda _: text, page.read_text()))


def bar(ratio: float) -> str:
    """Four blocks are as long as with the smallest store."""
    return "█" * max(1, min(40, round(4 * ratio)))


main()
