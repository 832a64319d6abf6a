"""What calls of a store in PostgreSQL, and whole flows on it, take with latency in between: a table
for docs/benchmarks.md.

It is no part of `make bench`: `.venv/bin/python tests/bench/measure_postgres.py [--write]`, after
it, in an environment with RUSTFLAGS as in tests/bench/run. BEFORE: the program of
`--bench postgres` as an older core has it, measured in turn with this one.
"""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime, timezone
from typing import Any

from running import ROOT, run, sandbox, serving, table

BENCH = ["cargo", "bench", "--quiet", "--locked", "-p", "relaypass", "--bench", "postgres", "--"]
MILLIS = (0, 1, 10)
CALLS = {
    "load": "`load`",
    "swap": "a swap",
    "first": "a connection's first swap of its kind",
    "connecting": "a new connection and its first `load`",
    "flow": "start and complete",
    "new client": "the same by a new client",
}


def main() -> None:
    programs = {"now": BENCH}
    if "BEFORE" in os.environ:
        programs = {"before": [os.environ["BEFORE"]], **programs}
    results = {
        (name, millis): measure(command, millis)
        for millis in MILLIS
        for name, command in programs.items()
    }
    rows = []
    for call, words in CALLS.items():
        for name in programs:
            measured = [results[name, millis][call] for millis in MILLIS]
            label = words if len(programs) == 1 else f"{words}, {name}"
            round_trips = str(measured[0]["round_trips"])
            rows.append([label, round_trips, *(f"{it['micros'] / 1000:.1f} ms" for it in measured)])
    head = ["PostgreSQL, a round trip to it takes …", "round trips"]
    text = table([*head, *(f"{millis} ms" for millis in MILLIS)], rows)
    day = datetime.now(tz=timezone.utc).date().isoformat()
    text = f"Measured on {day}, {os.cpu_count()} cores.\n\n{text}\n"
    print(text)
    if "--write" in sys.argv:
        page = ROOT / "docs/benchmarks.md"
        marks = r"(?s)(?<=<!-- postgres -->\n).*?(?=<!-- end of postgres -->)"
        page.write_text(re.sub(marks, lambda _: text, page.read_text()))


def measure(command: list[str], millis: int) -> dict[str, Any]:
    """With a server of its own, and a sandbox of its own."""
    with sandbox() as env, serving([ROOT / "tests/services/run"]) as (services, _):
        result = run([*command, services["postgres"], str(1000 * millis)], env)
    print(f"  {millis} ms: done", file=sys.stderr)
    return result


main()
