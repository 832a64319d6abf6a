"""Measures ours and the peers side by side in one run and prints a table in Markdown.

Our programs of flows, calls and callbacks do their work before they measure it: what is measured is a
process that has been at it for a while, with code that is compiled and connections that are open.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure_gateway import measure_gateway
from measure_instructions import measure_instructions
from measure_packages import measure_packages
from running import BENCH, GO, NODE, ROOT, RUST, run, sandbox, table

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOWS = 1000
# Done first: the JVM compiles for so long.
WARMUP = 3000
# Somebody else may be using the machine in one of them.
ROUNDS = 5
# With as many connections kept as there are calls at once.
POOLED_GO = "Go, net/http pooled + circl"
RECOVER = ["cargo", "bench", "--quiet", "--locked", "-p", "relaypass", "--bench", "recover", "--"]
PYTHON = [sys.executable]
KOTLIN = [str(ROOT / "kotlin/run.sh")]
SWIFT = [str(ROOT / "swift/run.sh"), "--release"]


def has_go() -> bool:
    return Path(GO[0]).exists()


def measure_pass() -> str:
    """Ours and the peers in turn, so that what else happens on the machine meets all of them. A ratio is
    the median of those within a round."""
    peers = {
        "@cloudflare/blindrsa-ts": [*NODE, str(BENCH / "peer.mjs"), "pass"],
        "Python": [*PYTHON, str(BENCH / "peer.py"), "pass"],
    }
    if has_go():
        peers = {"circl (Go)": [*GO, "pass"], **peers}
    rows, parts = [], []
    for bits in (2048, 3072, 4096):
        ours: list[dict[str, float]] = []
        theirs: dict[str, list[float]] = {name: [] for name in peers}
        for _ in range(ROUNDS):
            ours.append(run([*RUST, "pass", str(bits)]))
            for name, command in peers.items():
                theirs[name].append(run([*command, str(bits)])["micros"])
        theirs["blind-rsa-signatures"] = [result["reference_micros"] for result in ours]
        warm = [result["micros"] for result in ours]
        cold = [result["cold_micros"] for result in ours]
        cells = [f"{bits} bits", micros(warm), micros(cold)]
        for values in theirs.values():
            times = f"{ratio(values, warm):.1f}x"
            if values is theirs.get("circl (Go)"):
                times = f"{times}, cold {ratio(values, cold):.1f}x"
            cells.append(f"{micros(values)} ({times})")
        rows.append(cells)
        online = [result["online_micros"] for result in ours]
        ahead = [result["ahead_micros"] for result in ours]
        whole = [at_hand + made for at_hand, made in zip(warm, ahead, strict=True)]
        times = [f"{ratio(theirs[name], whole):.1f}x" for name in peers if name.startswith("circl")]
        all_work = " ".join([micros(whole), *(f"({it})" for it in times)])
        parts.append([f"{bits} bits", micros(online), micros(ahead), all_work])
        print(f"  {bits} bits: done", file=sys.stderr)
    head = ["blind + finalize of one pass", "with a factor at hand, its making not counted"]
    head += ["nothing ahead", *theirs]
    head_of_parts = ["of that", "blind, with a factor at hand", "a factor, made ahead"]
    head_of_parts.append("all work of a pass, with its factor")
    return f"{table(head, rows)}\n\n{table(head_of_parts, parts)}"


def micros(values: list[float]) -> str:
    return f"{statistics.median(values):,.0f} µs"


def ratio(values: list[float], ours: list[float]) -> float:
    return statistics.median(theirs / own for theirs, own in zip(values, ours, strict=True))


def measure_flows(env: dict[str, str]) -> str:
    ours = {
        "Rust, relaypass": [*RUST, "flows"],
        "Python, relaypass": [*PYTHON, str(BENCH / "flows.py")],
        "Node, relaypass": [*NODE, str(BENCH / "flows.mjs")],
        "Kotlin, relaypass": [*KOTLIN, "tests.bench.FlowsKt"],
        "Swift, relaypass": [*SWIFT, "flows"],
    }
    peers = {
        "Python, httpx + integers": [*PYTHON, str(BENCH / "peer.py"), "flows"],
        "Node, fetch + blindrsa-ts": [*NODE, str(BENCH / "peer.mjs"), "flows"],
    }
    if has_go():
        ours = {
            **ours,
            "Go, net/http + circl": [*GO, "flows"],
            POOLED_GO: [*GO, "flows"],
        }
    best: dict[tuple[str, int], dict[str, Any]] = {}
    # CPU seconds of a flow, round by round.
    spent: dict[tuple[str, int], list[float]] = {}

    def measure(name: str, command: list[str], concurrency: int, *more: str) -> None:
        result = run([*command, str(FLOWS), str(concurrency), *more], env)
        before = best.setdefault((name, concurrency), result)
        if result["seconds"] < before["seconds"]:
            best[name, concurrency] = result
        cpu = result["cpu_seconds"] / result["flows"]
        spent.setdefault((name, concurrency), []).append(cpu)

    for concurrency in (1, 32):
        # In turn, so that what else happens on the machine meets all of them.
        for _ in range(ROUNDS):
            for name, command in ours.items():
                transport = {POOLED_GO: ["pooled"]}.get(name, ["default"])
                more = transport if command[: len(GO)] == GO else []
                measure(name, command, concurrency, str(WARMUP), *more)
        for name, command in peers.items():
            measure(name, command, concurrency)
        print(f"  {concurrency} at once: done", file=sys.stderr)
    rust = best["Rust, relaypass", 32]["seconds"]
    rows = []
    for name in (*ours, *peers):
        cells = [name]
        for concurrency in (1, 32):
            result = best[name, concurrency]
            cells.append(f"{result['flows'] / result['seconds']:,.0f}")
            cells.append(f"{1000 * result['cpu_seconds'] / result['flows']:.2f} ms")
        cells.append(f"{100 * rust / best[name, 32]['seconds']:.0f} %")
        for concurrency in (1, 32):
            of_go = spent.get((POOLED_GO, concurrency), [])
            own = spent[name, concurrency]
            is_paired = len(of_go) == len(own)
            cells.append(f"{ratio(of_go, own):.2f}x" if is_paired else "–")
        rows.append(cells)
    head = [
        "1,000 whole flows",
        "flows/s, 1 at once",
        "CPU each",
        "flows/s, 32 at once",
        "CPU each",
        "of Rust's, goal 75 %",
        "per CPU second, pooled Go = 1, 1 at once",
        "32 at once",
    ]
    return table(head, rows)


def measure_binding(env: dict[str, str]) -> str:
    rows = []
    for name, command, goal in (
        ("Python, sync", [*PYTHON, str(BENCH / "binding.py")], 20),
        ("Python, asyncio", [*PYTHON, str(BENCH / "binding.py"), "asyncio"], 150),
        ("Node", [*NODE, str(BENCH / "binding.mjs")], 50),
        ("Kotlin", [*KOTLIN, "tests.bench.BindingKt"], 30),
        ("Swift", [*SWIFT, "binding"], 30),
    ):
        micros = statistics.median(run(command, env)["micros"] for _ in range(3))
        rows.append([name, f"{micros:.1f} µs", f"under {goal} µs"])
    return table(["a call that returns at once", "cost", "goal"], rows)


@contextmanager
def services() -> Iterator[dict[str, str]]:
    """PostgreSQL and Redis, for as long as they are needed."""
    process = subprocess.Popen(
        [ROOT / "tests/services/run"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(timeout=30)


def measure_recover(env: dict[str, str]) -> str:
    rows = []
    for name in ("SQLite", "PostgreSQL"):
        millis = []
        for closed in (1_000, 1_000_000):
            with services() as urls, tempfile.TemporaryDirectory() as folder:
                place = ["sqlite", folder] if name == "SQLite" else ["postgres", urls["postgres"]]
                millis.append(run([*RECOVER, *place, str(closed)], env)["millis"])
        few, many = millis
        rows.append([name, f"{few:.1f} ms", f"{many:.1f} ms", f"{many / few:.2f}x", "within 2x"])
        print(f"  {name}: done", file=sys.stderr)
    head = ["recover, 100 due", "1,000 finished", "1,000,000 finished", "ratio", "goal"]
    return table(head, rows)


def measure_recover_far(env: dict[str, str]) -> str:
    rows = []
    for name, way, goal in (
        ("answers after 100 ms", "slow", "at least 100 records/s"),
        ("never answers", "hanging", "under 120 s"),
    ):
        with tempfile.TemporaryDirectory() as folder:
            result = run([*RECOVER, way, folder], env)
        seconds, driven = result["seconds"], result["driven"]
        rows.append([name, f"{driven:,}", f"{seconds:.1f} s", f"{driven / seconds:.0f}", goal])
        print(f"  Persona {name}: done", file=sys.stderr)
    return table(["recover, 1,000 due, Persona …", "driven", "took", "records/s", "goal"], rows)


def measure_stalls(env: dict[str, str]) -> str:
    """How long an event loop cannot do anything else while 64 flows go on at once."""
    rows = []
    for name, command in (
        ("Node", [*NODE, str(BENCH / "flows.mjs")]),
        ("Python, asyncio", [*PYTHON, str(BENCH / "flows.py")]),
    ):
        rounds = [
            run([*command, str(FLOWS), "64", str(FLOWS), "stalls"], env) for _ in range(ROUNDS)
        ]
        worst = [result["stall_ms"] for result in rounds]
        idle = [result["idle_stall_ms"] for result in rounds]
        cells = [f"{statistics.median(it):.1f} ms" for it in (worst, idle)]
        rows.append([name, *cells, f"{max(worst):.1f} ms", "under 5 ms"])
    head = ["longest stall of an event loop, 1,000 flows, 64 at once"]
    head += ["median of 5 rounds", "without flows", "worst round", "goal"]
    return table(head, rows)


def measure_callbacks(env: dict[str, str]) -> str:
    rows = []
    for name, command, goal in (
        ("Python, sync", [*PYTHON, str(BENCH / "callback.py")], 100),
        ("Node", [*NODE, str(BENCH / "callback.mjs")], 100),
        ("Kotlin", [*KOTLIN, "tests.bench.CallbackKt"], 150),
        ("Swift", [*SWIFT, "callback"], 150),
    ):
        result = run(command, env)
        added = result["host"] - result["builtin"]
        row = [name, f"{result['builtin']:.0f} µs", f"{result['host']:.0f} µs", f"{added:.0f} µs"]
        rows.append([*row, f"under {goal} µs"])
    head = ["`get` of a known answer", "`memory:`", "a store in the language", "added", "goal"]
    return table(head, rows)


def main() -> None:
    print("packages…", file=sys.stderr)
    packages = measure_packages()
    print("pass…", file=sys.stderr)
    passes = measure_pass()
    with sandbox() as env:
        print("binding…", file=sys.stderr)
        binding = measure_binding(env)
        print("flows…", file=sys.stderr)
        flows = measure_flows(env)
        print("stalls…", file=sys.stderr)
        stalls = measure_stalls(env)
        print("instructions…", file=sys.stderr)
        instructions = measure_instructions(env)
        print("callbacks…", file=sys.stderr)
        callbacks = measure_callbacks(env)
        print("recover…", file=sys.stderr)
        recover = f"{measure_recover(env)}\n\n{measure_recover_far(env)}"
    print("gateway…", file=sys.stderr)
    gateway = measure_gateway()
    day = datetime.now(tz=timezone.utc).date().isoformat()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    tables = f"{passes}\n\n{flows}\n\n{instructions}\n\n{binding}\n\n{stalls}\n\n{callbacks}\n\n{recover}\n\n{gateway}\n\n{packages}"
    text = f"Measured on {day}, {machine}.\n\n{tables}\n"
    print(text)
    if "--write" in sys.argv:
        page = ROOT / "docs/benchmarks.md"
        marks = r"(?s)(?<=<!-- table -->\n).*(?=<!-- end -->)"
        page.write_text(re.sub(marks, lambda _: text, page.read_text()))


main()
