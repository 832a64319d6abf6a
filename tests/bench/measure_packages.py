"""What the packages weigh: to fetch, to import, and in memory. Run alone, it prints its tables.

The packages of Python and Node are those that `develop.sh release` has laid; files are those of dist/.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from running import ROOT, table

ROUNDS = 15
_DIST = Path(os.environ.get("RELAYPASS_DIST") or ROOT / "dist")

# Memory of the process and its threads, as Linux counts them.
_PYTHON = """
import json, os
def rss():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def threads():
    return len(os.listdir("/proc/self/task"))
before, alone = rss(), threads()
import relaypass
imported, after = rss(), threads()
make = lambda: relaypass.RelayPass(api_key="persona_sandbox_x", base_url="http://127.0.0.1:1")
first = make()
one = rss()
more = [make() for _ in range(20)]
print(json.dumps({"imported": imported - before, "first": one - imported,
                  "next": (rss() - one) / 20, "threads": after - alone}))
"""
_NODE = """
const { readFileSync, readdirSync } = require('node:fs');
const rss = () => Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * 4096;
const threads = () => readdirSync('/proc/self/task').length;
const [before, alone] = [rss(), threads()];
const { RelayPass } = require(process.argv[1]);
const [imported, after] = [rss(), threads()];
const make = () => new RelayPass({ apiKey: 'persona_sandbox_x', baseUrl: 'http://127.0.0.1:1' });
const first = make();
const one = rss();
const more = Array.from({ length: 20 }, make);
console.log(JSON.stringify({ imported: imported - before, first: one - imported,
  next: (rss() - one) / 20, threads: after - alone }));
"""


def measure_packages() -> str:
    node = str(ROOT / "node")
    rows = []
    for name, empty, full, memory, goal in (
        (
            "Python, `import relaypass`",
            [sys.executable, "-c", "pass"],
            [sys.executable, "-c", "import relaypass"],
            [sys.executable, "-c", _PYTHON],
            40,
        ),
        (
            "Node, `require('relaypass')`",
            ["node", "-e", ""],
            ["node", "-e", f"require({json.dumps(node)})"],
            ["node", "-e", _NODE, node],
            20,
        ),
    ):
        # In turn, so that what else happens on the machine meets both.
        times = [(_millis(empty), _millis(full)) for _ in range(ROUNDS)]
        over = statistics.median(full for _, full in times) - statistics.median(e for e, _ in times)
        used = json.loads(subprocess.run(memory, check=True, capture_output=True).stdout)
        rows.append(
            [
                name,
                f"{over:.0f} ms",
                f"under {goal} ms",
                str(used["threads"]),
                *(f"{used[key] / 2**20:.1f} MiB" for key in ("imported", "first", "next")),
            ]
        )
    head = [
        "over an empty program",
        "takes",
        "goal",
        "threads begun",
        "memory",
        "first client",
        "each further one",
    ]
    files = sorted(
        [*_DIST.glob("wheel/*.whl"), *_DIST.glob("npm/*.tgz"), *_DIST.glob("maven/**/*.jar")]
    )
    sizes = [[f"`{file.name}`", f"{file.stat().st_size / 1e6:.1f} MB"] for file in files]
    return "\n\n".join([table(head, rows), *([table(["file", "size"], sizes)] if sizes else [])])


def _millis(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True)
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    print(measure_packages())
